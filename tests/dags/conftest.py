"""A private Airflow home for DAG tests, set before anything imports Airflow.

Settings stand in its airflow.cfg and not in AIRFLOW__ variables: those would leak into processes other tests start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

if "credit-exchange-airflow-" not in os.environ.get("AIRFLOW_HOME", ""):
    _home = Path(tempfile.mkdtemp(prefix="credit-exchange-airflow-"))
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    (_home / "airflow.cfg").write_text(
        f"""
[core]
dags_folder = {REPOSITORY}/dags
plugins_folder = {REPOSITORY}/plugins
load_examples = False
fernet_key = Fg1dWWMisk0tvRh0axTTWEG43auN3i5Uon7Nk59ATyA=
simple_auth_manager_users = viewer:viewer,admin:admin
[api_auth]
jwt_secret = {"x" * 64}
[api]
secret_key = {"y" * 32}
[database]
sql_alchemy_conn = sqlite:///{_home}/airflow.db
[logging]
base_log_folder = {_home}/logs
logging_level = WARNING
""",
        encoding="utf-8",
    )
    os.environ["AIRFLOW_HOME"] = str(_home)


@pytest.fixture(scope="module")
def airflow_database() -> None:
    """Airflow's tables in the private home."""
    from airflow.utils import db

    db.initdb()
