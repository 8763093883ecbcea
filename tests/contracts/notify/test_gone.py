"""Our own database is gone: no night can say so, and the watchdog does, once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psycopg
import pytest
from servers import Robot
from sqlalchemy.exc import OperationalError

from credit_exchange.cli.main import main
from credit_exchange.errors import RetriableError
from credit_exchange.laptop.ports import free_port
from credit_exchange.steps import gone
from credit_exchange.steps.alerts import Alert, ChannelFailed
from credit_exchange.steps.context import Exchange


def test_a_database_that_is_gone_is_told_without_it_once_until_it_is_back(
    database_url: str,
    robot: Robot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing else can tell: the nights that fail have no table to write their alerts to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    away = f"postgresql://reader:secret@127.0.0.1:{free_port()}/exchange"
    for url, status, told in ((away, 1, 1), (away, 1, 1), (database_url, 0, 1), (away, 1, 2)):
        monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", url)
        assert main(["watchdog"]) == status
        assert len(robot.bodies) == told
    assert "交换自己的数据库连接不上" in str(robot.bodies[-1])
    shown = capsys.readouterr().err
    assert "请检查 PostgreSQL" in shown
    assert "secret" not in shown + str(robot.bodies)


def test_a_database_that_is_gone_is_told_again_where_nobody_took_the_message(
    robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    for robot.errcode, told in ((93000, 1), (0, 2), (0, 2)):
        assert main(["watchdog"]) == 1
        assert len(robot.bodies) == told


def test_a_database_that_is_full_is_told_as_such_once_until_it_takes_incidents_again(
    database_url: str,
    exchange: Exchange,
    robot: Robot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It answers, so it is not gone; and what the watchdog finds has no place to be written to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-19")
    begin = """create function exchange.full() returns trigger language plpgsql as
        $$ begin raise exception 'no room for 张三' using errcode = 'disk_full'; end $$;
        create trigger full_now before insert or update on exchange.alert execute function exchange.full()"""
    end = "drop function exchange.full cascade"
    for change, status, full in ((begin, 1, 1), ("select", 1, 1), (end, 0, 1), (begin, 1, 2)):
        with exchange.engine.begin() as connection:
            connection.exec_driver_sql(change)
        assert main(["watchdog"]) == status
        assert str(robot.bodies).count("写不进去：磁盘满了") == full
    shown = capsys.readouterr().err
    assert "请在 PostgreSQL 的机器上腾出空间" in shown
    assert "张三" not in shown + str(robot.bodies)


def test_what_cannot_be_kept_keeps_nobody_from_looking(
    database_url: str,
    robot: Robot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Something of another's stands in its place: each look tells it, and leaves nothing more behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = tmp_path / f"credit-exchange-database-gone-{os.getuid()}"
    other.mkdir()
    away = f"postgresql://x@127.0.0.1:{free_port()}/x"
    for url, status, told in ((away, 1, 1), (away, 1, 2), (database_url, 0, 2)):
        monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", url)
        assert main(["watchdog"]) == status
        assert len(robot.bodies) == told
    assert list(tmp_path.iterdir()) == [other]
    assert "请检查 PostgreSQL" in capsys.readouterr().err


class Way:
    """A channel that counts what it takes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.works = True
        self.taken = 0

    def send(self, _: Alert) -> None:
        if not self.works:
            raise ChannelFailed("x")
        self.taken += 1


def test_whoever_took_the_message_is_told_once_and_whoever_did_not_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ways = [Way("mail"), Way("robot")]
    file = tmp_path / f"credit-exchange-database-full-{os.getuid()}"

    def taken(error: Exception, raised: type[Exception] = RetriableError) -> list[int]:
        with pytest.raises(raised), gone.writable(ways):
            raise error
        return [way.taken for way in ways]

    full = OperationalError("", {}, psycopg.errors.DiskFull())
    assert taken(OperationalError("", {}, psycopg.errors.AdminShutdown()), OperationalError) == [0, 0]
    ways[1].works = False
    assert taken(full) == [1, 0]
    ways[1].works = True
    assert taken(psycopg.errors.DiskFull()) == [1, 1]
    assert taken(full) == [1, 1]
    file.rename(tmp_path / "another")
    file.symlink_to(tmp_path / "another")  # whose it is nobody knows
    assert taken(full) == [2, 2]
    assert [taken(full), file.is_symlink()] == [[2, 2], False]
    file.rename(tmp_path / "credit-exchange-database-full-12345")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert taken(full) == [3, 3], "what another user wrote there says nothing"


def test_a_machine_without_a_temporary_directory_still_looks_and_tells(
    database_url: str, robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full as well: Python finds none then. What cannot be kept is told again."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "full")])
    away = f"postgresql://x@127.0.0.1:{free_port()}/x"
    for url, status, told in ((away, 1, 1), (database_url, 0, 1), (away, 1, 2)):
        monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", url)
        assert main(["watchdog"]) == status
        assert len(robot.bodies) == told
