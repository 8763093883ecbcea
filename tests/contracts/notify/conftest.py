"""A private Airflow home for tests of notifications, set before anything imports Airflow.

Settings stand in its airflow.cfg and not in AIRFLOW__ variables: those would leak into processes other tests start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from credit_exchange.config.connections import from_environment
from credit_exchange.config.loader import load
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import connect

REPOSITORY = Path(__file__).resolve().parents[3]

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


@pytest.fixture
def exchange(database_url: str) -> Iterator[Exchange]:
    engine = connect(database_url)
    yield Exchange(config=load(), engine=engine, resolve=from_environment)
    engine.dispose()
