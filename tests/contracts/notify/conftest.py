"""What tests of notifications share: servers to be told by, and a private Airflow home, set before anything imports
Airflow.

Settings stand in its airflow.cfg and not in AIRFLOW__ variables: those would leak into processes other tests start.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

sys.path.insert(0, str(Path(__file__).parent))

from servers import Mailbox, Robot

from credit_exchange.config.connections import from_environment
from credit_exchange.config.loader import load
from credit_exchange.laptop.ports import free_port
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


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    extra = {"to": "a@city.example, b@city.example", "from_email": "x@city.example", "disable_ssl": True}
    value = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra | {"disable_tls": True}}
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_SMTP", json.dumps(value))
    yield box
    controller.stop()


@pytest.fixture
def robot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Robot]:
    server = Robot()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/cgi-bin/webhook/send?key=secret"
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_WEBHOOK", json.dumps({"conn_type": "http", "password": url}))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent_server() -> Iterator[tuple[int, list[socket.socket]]]:
    """A server that takes connections and says nothing: its port, and the connections."""
    taken: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=work)
    thread.start()
    yield listener.getsockname()[1], taken
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for connection in taken:
        connection.close()
