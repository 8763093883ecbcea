"""A laptop that has no room says so in a sentence, names the disk, and leaves no half-written file."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import psycopg
import pytest

from credit_exchange.errors import FatalError
from credit_exchange.laptop import placement
from credit_exchange.laptop.__main__ import main
from credit_exchange.laptop.room import LOW_BYTES, shortages, told


def disk(**given: int) -> os.statvfs_result:
    """A disk with a gigabyte and many inodes free, but for what is given."""
    names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "flag", "namemax")
    usual = dict.fromkeys(names, 2**20) | {"bsize": 1024, "frsize": 1024, "flag": 0}
    return os.statvfs_result(tuple((usual | given).values()))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"bavail": LOW_BYTES // 1024}, ""),
        ({"bavail": LOW_BYTES // 1024 - 1}, "几乎满了（还剩 20.0 MiB）"),
        ({"favail": 0}, "inode 用完了"),
        ({"favail": 0, "files": 0}, ""),
        ({"bavail": 0, "blocks": 0}, ""),
        ({"flag": os.ST_RDONLY}, "只读"),
    ],
    ids=["room", "just enough", "full", "no inodes", "no inodes to count", "no size", "read-only"],
)
def test_a_disk_that_takes_nothing_more_is_named_once_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, int], words: str
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _place: disk(**given))
    found = shortages([tmp_path / "not" / "made", tmp_path])
    assert len(found) == bool(words)
    for sentence in found:
        assert sentence.startswith(f"{tmp_path}/not/made 所在的磁盘")
        assert words in sentence
        assert "请腾出空间" in sentence
    assert told(FatalError("initdb 失败"), [tmp_path]).splitlines()[0] == "initdb 失败"


def test_the_disk_of_temporary_files_counts_and_what_cannot_be_looked_at_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statvfs(place: Path) -> os.statvfs_result:
        if place.name != "temporary":
            raise PermissionError(place)
        return disk(bavail=0)

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert [one.split("的磁盘")[0] for one in shortages([tmp_path])] == [f"{tmp_path}/temporary 所在"]
    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert shortages([tmp_path]) == []


def test_what_nobody_foresaw_is_told_in_a_sentence() -> None:
    assert told(psycopg.errors.DiskFull("张三"), []).startswith(
        "数据库的磁盘满了（空间或 inode 用完），请在 PostgreSQL 的机器上腾出空间"
    )
    full = told(OSError(errno.ENOSPC, "words", "/home/x/launcher.lock"), [])
    assert full.startswith("/home/x/launcher.lock：这台机器的磁盘（多半是临时目录）没有空间")


def test_a_home_that_cannot_be_made_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CREDIT_EXCHANGE_HOME", str(tmp_path / "file" / "home"))
    for command in ("run", "stop", "status"):
        assert main([command]) == 1
        shown = capsys.readouterr().out
        assert f"{tmp_path}/file/home" in shown
        assert "Not a directory" in shown


def test_a_private_file_that_finds_no_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(placement.os, "fdopen", full)
    with pytest.raises(OSError, match="full"):
        placement.write_private(tmp_path / "secrets.json", "{}")
    assert list(tmp_path.iterdir()) == []
