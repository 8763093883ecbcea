"""What every session of ours relies on. A pooler that drops it is refused: times would be another zone's, and no
statement would end."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from credit_exchange.errors import ConfigurationError
from credit_exchange.stores.database import connect, raw

ENCRYPTION_REQUESTS = (80877103, 80877104)


@pytest.fixture
def pooler(database_url: str) -> Iterator[str]:
    """The database's URL through a pooler that ignores the startup parameter `options`, as PgBouncer can be told to."""
    url = make_url(database_url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, (url.host, url.port)), daemon=True).start()
        yield url.set(port=server.getsockname()[1]).render_as_string(hide_password=False)


def _serve(server: socket.socket, target: tuple[str | None, int | None]) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_session, args=(client, socket.create_connection(target)), daemon=True).start()  # type: ignore[arg-type]


def _session(client: socket.socket, behind: socket.socket) -> None:
    with client, behind, suppress(OSError):
        while (message := _startup(client))[0] in ENCRYPTION_REQUESTS:
            client.sendall(b"N")
        names = message[1].rstrip(b"\0").split(b"\0")
        kept = [part for pair in zip(names[::2], names[1::2], strict=True) if pair[0] != b"options" for part in pair]
        body = struct.pack(">I", message[0]) + b"\0".join(kept) + b"\0\0"
        behind.sendall(struct.pack(">I", len(body) + 4) + body)
        threading.Thread(target=_copy, args=(behind, client), daemon=True).start()
        _copy(client, behind)


def _startup(client: socket.socket) -> tuple[int, bytes]:
    (length,) = struct.unpack(">I", client.recv(4, socket.MSG_WAITALL))
    body = client.recv(length - 4, socket.MSG_WAITALL)
    return struct.unpack(">I", body[:4])[0], body[4:]


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_session_without_its_settings_does_nothing(pooler: str) -> None:
    engine = connect(pooler)
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL：.*丢掉了会话的设置.*请直接连接 PostgreSQL"):
        engine.connect()
    engine.dispose()


def test_a_time_zone_of_the_environment_is_told_as_the_cause(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq puts it above the session's own, on a machine that runs in another zone."""
    monkeypatch.setenv("PGTZ", "America/New_York")
    engine = connect(database_url)
    with pytest.raises(ConfigurationError, match=r"环境变量 PGTZ"):
        engine.connect()
    engine.dispose()


def test_no_session_waits_for_ever(database_url: str) -> None:
    """Neither for a server that is gone, nor for a lock, nor with a transaction that its process has forgotten."""
    engine = connect(database_url)
    with engine.connect() as connection:
        found = dict(
            connection.exec_driver_sql(
                "select name, setting::bigint from pg_settings where name in "
                "('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"
            ).all()
        )
        given = raw(connection).info.get_parameters()
    engine.dispose()
    assert found == {
        "statement_timeout": 1_800_000, "lock_timeout": 600_000, "idle_in_transaction_session_timeout": 600_000,
    }  # fmt: skip
    assert (given["connect_timeout"], given["tcp_user_timeout"], given["keepalives_idle"]) == ("5", "60000", "30")


def test_an_error_of_the_database_names_no_value(database_url: str) -> None:
    engine = connect(database_url)
    with engine.connect() as connection, pytest.raises(ProgrammingError) as failed:
        connection.execute(text("select * from nothing where name = :name"), {"name": "林某某"})
    engine.dispose()
    assert "林某某" not in str(failed.value)
