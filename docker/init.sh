#!/usr/bin/env bash
# Once before everything else: schemas of Airflow and of the exchange, the bucket of landing, the first administrator.
# Running it again changes nothing.
set -euo pipefail
: "${ADMIN_USER:?}" "${ADMIN_PASSWORD:?}" "${CREDIT_EXCHANGE_LANDING:?}"

airflow db migrate # our own database as well, through ExchangeDBManager

python - <<'PY'
import os

import fsspec

filesystem, path = fsspec.core.url_to_fs(os.environ["CREDIT_EXCHANGE_LANDING"])
filesystem.makedirs(path, exist_ok=True)
PY

# by the library and not by `airflow users create`: a password on the command line stands in the process list
python - <<'PY'
import os

from airflow.providers.fab.www.app import create_app

app = create_app(enable_plugins=False)
with app.app_context():
    security = app.appbuilder.sm
    if security.find_user(username=os.environ["ADMIN_USER"]) is None:
        security.add_user(
            username=os.environ["ADMIN_USER"],
            first_name="Credit",
            last_name="Exchange",
            email=os.environ.get("ADMIN_EMAIL") or "admin@localhost",
            role=security.find_role("Admin"),
            password=os.environ["ADMIN_PASSWORD"],
        )
PY
