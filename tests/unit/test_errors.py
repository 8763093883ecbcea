"""An error that nobody foresaw is told by its kind and place, with the system's word for it and no row's values."""

from __future__ import annotations

import errno
import tempfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from credit_exchange.cli import main
from credit_exchange.config.loader import load
from credit_exchange.errors import without_values
from credit_exchange.steps import night


def told(error: Exception) -> str:
    try:
        raise error
    except Exception as raised:  # noqa: BLE001 - what is told of any of them
        return without_values(raised)


def test_a_full_disk_is_told_as_such_without_the_path() -> None:
    text = told(OSError(errno.ENOSPC, "words of a driver", "/tmp/张三.csv"))
    assert text.startswith("这台机器的磁盘（多半是临时目录）没有空间")
    assert "builtins.OSError, No space left on device at " in text
    assert "张三" not in text
    assert "words of a driver" not in text


@pytest.mark.parametrize(
    ("error", "begins"),
    [(psycopg.errors.DiskFull("张三"), "数据库的磁盘满了"), (KeyError("张三"), "意外错误")],
    ids=["full", "a bug"],
)
def test_a_part_of_a_night_and_a_command_call_a_full_disk_no_unforeseen_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, begins: str
) -> None:
    """Who reads it would look for a mistake in the program."""

    def work() -> dict[str, int]:
        raise error

    monkeypatch.setattr(night, "remember_cause", lambda *_given: None)
    exchange: Any = SimpleNamespace(config=load(), engine=None)
    result = night.NightResult(date(2026, 11, 22))
    night._part(exchange, result, "release", lambda _line: None, work)
    assert result.failed["release"].startswith(begins)
    assert main._unexpected(error).startswith(begins)


def test_a_command_names_the_file_that_found_no_room() -> None:
    full = main._unexpected(OSError(errno.ENOSPC, "No space left", "/data/退回.xlsx"))
    assert full.startswith("/data/退回.xlsx: No space left；磁盘满了")
    assert "磁盘满了" not in main._unexpected(OSError(errno.EACCES, "denied", "/data/退回.xlsx"))


def test_temporary_directories_that_take_nothing_are_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full or read-only, Python finds no directory that takes a few bytes and calls them not found."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "full")])
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.gettempdir()
    assert without_values(raised.value).startswith("这台机器没有能写的临时目录（满了、只读或不存在）")
    assert told(FileNotFoundError(errno.ENOENT, "words")).startswith("unexpected ")


def test_the_words_of_other_errors_stay_untold() -> None:
    assert "张三" not in told(ValueError("张三 35010219900101123X"))
    assert "张三" not in told(OSError("张三"))


def test_what_the_database_does_not_know_yet_leads_to_the_migration() -> None:
    text = told(psycopg.errors.UndefinedTable("relation exchange.key_check of 张三 does not exist"))
    assert "SQLSTATE 42P01（数据库结构可能比程序旧，请运行 airflow db migrate）" in text
    assert "张三" not in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.AdminShutdown("terminating connection of 张三"), "与数据库的连接断了"),
        (psycopg.errors.CannotConnectNow("the database system is starting up"), "与数据库的连接断了"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), "与数据库的连接断了"),
        (psycopg.errors.DiskFull("could not extend file for 张三"), "数据库的磁盘满了"),
        (psycopg.errors.TooManyConnections("sorry"), "数据库没有内存或连接可用"),
        (psycopg.errors.LockNotAvailable("canceling statement of 张三"), "数据库里有别的运行或命令"),
        (psycopg.errors.QueryCanceled("canceling statement of 张三"), "数据库里有别的运行或命令"),
        (psycopg.errors.DeadlockDetected("deadlock detected: 张三"), "数据库里有别的运行或命令"),
    ],
)
def test_a_database_that_is_gone_is_told_first_and_what_to_do(error: Exception, words: str) -> None:
    for one in (error, OperationalError("select 张三", {}, error)):
        text = told(one)
        assert text.startswith(words)
        assert "再重新运行" in text
        assert "张三" not in text


@pytest.mark.parametrize("error", [psycopg.errors.UniqueViolation(), OSError(5, "")])
def test_a_database_that_is_there_is_not_told_to_be_gone(error: Exception) -> None:
    assert told(error).startswith("unexpected ")
