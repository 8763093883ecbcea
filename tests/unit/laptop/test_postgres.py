"""The embedded PostgreSQL keeps its data, asks for passwords, listens on loopback only, and survives a crash."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import yaml

from credit_exchange.errors import FatalError
from credit_exchange.laptop.ports import free_port
from credit_exchange.laptop.postgres import _SETTINGS, EmbeddedPostgres, open_log
from credit_exchange.laptop.settings import REPOSITORY
from credit_exchange.steps.collect.batches import only_one
from credit_exchange.stores import database
from credit_exchange.stores.database import connect, transaction


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="credit-exchange-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_data_survives_a_stop_and_the_port_may_change(directory: Path) -> None:
    for expected in (1, 2):
        with EmbeddedPostgres(directory / "postgres", free_port(), durable=False) as server:
            server.create_role("exchange")
            server.create_database("exchange", owner="exchange")
            with psycopg.connect(plain(server.url("exchange", "exchange"))) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (i int)")
                connection.execute("INSERT INTO kept VALUES (1)")
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (expected,)


def test_without_the_password_nobody_gets_in(pg_server: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres:wrong@127.0.0.1:{pg_server.port}/postgres", connect_timeout=5)
    passwords = pg_server.data.with_name("postgres.passwords")
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    with pg_server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_a_server_that_a_killed_parent_left_is_replaced(directory: Path) -> None:
    first = EmbeddedPostgres(directory / "postgres", free_port(), durable=False)
    first.start()
    second = EmbeddedPostgres(directory / "postgres", free_port(), durable=False)
    with second:
        assert second.running()
    first.stop()


def test_a_restart_of_the_server_is_waited_for_and_a_lock_that_went_with_its_session_is_no_failure(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, restarted = threading.Event(), threading.Event()

    def until_restarted(_seconds: float) -> None:
        refused.set()
        restarted.wait(60)

    monkeypatch.setattr(database, "time", SimpleNamespace(sleep=until_restarted))
    with EmbeddedPostgres(directory / "postgres", free_port(), durable=False) as server:
        server.create_database("exchange")
        engine = connect(server.url("exchange"))
        with only_one(engine, "feed", date(2026, 11, 22)):
            server.stop()
        found = []

        def work() -> None:
            with only_one(engine, "feed", date(2026, 11, 22)), transaction(engine) as connection:
                found.append(connection.exec_driver_sql("select 1").scalar_one())

        thread = threading.Thread(target=work)
        thread.start()
        assert refused.wait(60)
        server.start()
        restarted.set()
        thread.join(60)
        assert found == [1]
        engine.dispose()


def test_a_stale_lock_file_does_not_stop_the_start(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", free_port(), durable=False) as server:
        pass
    # the pid of a living process that is no PostgreSQL, as after a reboot
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n")
    with server:
        assert server.running()


def test_lost_passwords_are_told_with_the_remedy(directory: Path) -> None:
    with EmbeddedPostgres(directory / "postgres", free_port(), durable=False) as server:
        pass
    (directory / "postgres.passwords").unlink()
    with pytest.raises(FatalError, match="请恢复原来的文件"):
        server.start()
    assert not server.running()


def test_a_taken_port_is_told_as_that_and_not_as_a_wrong_password(pg_server: EmbeddedPostgres, directory: Path) -> None:
    server = EmbeddedPostgres(directory / "postgres", pg_server.port, durable=False)
    with pytest.raises(FatalError, match=f"端口 {pg_server.port} 已被别的程序占用"):
        server.start()
    assert not server.running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to keep the data elsewhere")
def test_root_finds_its_data_again_below_a_closed_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "postgres", free_port(), durable=False)
    try:
        with server:
            server.create_database("kept")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        again = EmbeddedPostgres(closed / "postgres", free_port(), durable=False)
        assert again.cluster == server.cluster != again.data
        with again, again.connect("kept") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.delete()
    assert not server.cluster.exists()


def test_the_log_of_the_server_shows_neither_statements_nor_rows(pg_server: EmbeddedPostgres) -> None:
    with pg_server.connect() as connection:
        connection.execute("create temporary table person (name text primary key)")
        for values in ("('林测试'), ('林测试')", "(%s), (%s)"):
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute(f"insert into person values {values}", ["林测试"] * 2 if "%" in values else None)
    log = (pg_server.cluster / "server.log").read_text(encoding="utf-8")
    assert "duplicate key" in log, "this is where it tells of errors"
    assert "林测试" not in log


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    """The directory is the server's user's: root would write, and give away, whatever file the link names."""
    other = tmp_path / "other"
    other.write_text("ours")
    (tmp_path / "server.log").symlink_to(other)
    with pytest.raises(FatalError, match=r"server\.log 打不开"):
        open_log(tmp_path / "server.log", None)
    assert other.read_text() == "ours"


def test_the_servers_of_laptop_and_production_are_told_the_same_about_their_logs() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
    given = dict(word.split("=") for word in compose["services"]["postgres"]["command"] if "=" in word)
    said = {name: value for name, value in _SETTINGS.items() if name.startswith("log_")}
    assert {name: value for name, value in given.items() if name.startswith("log_")} == said
