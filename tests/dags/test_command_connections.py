"""Commands find connections where Airflow keeps them, and need no Airflow where all of them are set."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from credit_exchange.adapters.connections import resolve_by_command
from credit_exchange.cli.main import main
from credit_exchange.errors import ConfigurationError, RetriableError
from credit_exchange.steps.context import Exchange

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
]


@pytest.fixture
def kept(airflow_database: None) -> Iterator[str]:
    """The id of a connection that only Airflow's metadata database knows."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(
            Connection(conn_id="credit_kept", conn_type="http", host="https://a.example/b", login="l", password="p@:/")
        )
    yield "credit_kept"
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="credit_kept").delete()


def test_what_airflows_database_keeps_is_found(kept: str) -> None:
    found = resolve_by_command(kept)
    assert (found.base_url, found.login, found.password) == ("https://a.example/b", "l", "p@:/")


def test_what_is_set_for_the_process_wins(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_KEPT", "https://c.example/d")
    assert resolve_by_command(kept).base_url == "https://c.example/d"


def test_what_nobody_knows_is_told_with_what_to_do(airflow_database: None) -> None:
    with pytest.raises(ConfigurationError, match="没有定义连接 credit_nowhere；请设置 AIRFLOW_CONN_CREDIT_NOWHERE"):
        resolve_by_command("credit_nowhere")


def test_a_database_that_cannot_be_asked_is_not_taken_for_a_missing_connection(
    kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.secrets.metastore import MetastoreBackend

    def broken(*_given: Any, **_named: Any) -> None:
        raise OSError("postgresql://airflow:secret@nowhere")

    monkeypatch.setattr(MetastoreBackend, "get_connection", broken)
    with pytest.raises(RetriableError, match="OSError") as raised:
        resolve_by_command(kept)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("configured", [False, True])
def test_a_command_that_has_all_its_connections_needs_no_airflow(configured: bool, tmp_path: Any) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_CREDIT_CHINA": "https://c.example/d",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    if configured:
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "postgresql://nobody@127.0.0.1:9/nothing"
    program = (
        "import sys\n"
        "from credit_exchange.adapters.connections import resolve_by_command\n"
        "assert resolve_by_command('credit_china').base_url == 'https://c.example/d'\n"
        "try:\n    sys.argv[1] == 'True' or resolve_by_command('credit_fuzhou')\n"
        "except Exception as error:\n    print(type(error).__name__)\n"
        "assert 'airflow' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(configured)], env=environment, capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stdout) == (0, "" if configured else "ConfigurationError\n"), done.stderr


@pytest.mark.parametrize(("command", "in_airflow"), [("backlog", True), ("watchdog", False)])
def test_every_command_but_the_watchdog_looks_there(
    database_url: str, kept: str, monkeypatch: pytest.MonkeyPatch, command: str, in_airflow: bool
) -> None:
    opened: list[Exchange] = []
    with_resolver = Exchange.open

    def remember(*given: Any, **named: Any) -> Exchange:
        opened.append(with_resolver(*given, **named))
        return opened[-1]

    monkeypatch.setattr(Exchange, "open", remember)
    assert main([command]) == 0
    if in_airflow:
        assert opened[0].connection(kept).login == "l"
    else:
        with pytest.raises(ConfigurationError):
            opened[0].connection(kept)
