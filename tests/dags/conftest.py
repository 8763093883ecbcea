"""A private Airflow home for DAG tests, set before anything imports Airflow.

Settings stand in its airflow.cfg and not in AIRFLOW__ variables: those would leak into processes other tests start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

REPOSITORY = Path(__file__).resolve().parents[2]

# each test process its own: those side by side would otherwise share the one that pytest made before it began them
_name = f"credit-exchange-airflow-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-"
if _name not in os.environ.get("AIRFLOW_HOME", ""):
    _home = Path(tempfile.mkdtemp(prefix=_name))
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


@pytest.fixture
def in_airflow() -> dict[str, str]:
    """The state of each run in Airflow; under `paused` the DAG that is."""
    return {"run 1": "running"}


@pytest.fixture
def client(database_url: str, in_airflow: dict[str, str]) -> Iterator[Any]:
    """The pages over one row of everything."""
    from fastapi.testclient import TestClient
    from pages_seed import HOSTILE, RECORD, SEED

    from credit_exchange.core.text import document_key
    from credit_exchange.stores.database import connect
    from credit_exchange.ui.app import LOGIN, MAY_READ, build
    from credit_exchange.ui.pages import Pages

    engine = connect(database_url)
    try:
        with engine.begin() as connection:
            for statement in SEED:
                given = {"hostile": HOSTILE, "number": document_key(HOSTILE), "record": RECORD}
                connection.execute(text(statement), given)
        app = build(
            Pages(engine, lambda run_id: in_airflow.get(run_id, ""), lambda dag: in_airflow.get("paused") == dag)
        )
        app.dependency_overrides = {LOGIN: lambda: None, MAY_READ: lambda: None}
        with TestClient(app) as opened:
            yield opened
    finally:
        engine.dispose()
