"""The errors of the exchange.

ExchangeError
├── FatalError            stop this part: a person must change something
│   └── ConfigurationError    a file under include/ (or a connection) is wrong; names file, place and remedy
├── RetriableError        the outside was not ready: the same step may simply be run again
│   ├── NotDelivered          a department's delivery is absent or still being written
│   └── LandingAway           our own object store cannot be reached, read or written
├── RejectRow             one row cannot be taken; it goes to quarantine with its reasons
└── HoldForPerson         nothing is broken, but a person has to decide before it goes on

Messages say what happened, where, and what to do. They never contain personal data.
"""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from typing import Any

_NOT_THERE = {"42P01", "42703", "42883"}
"""SQLSTATEs of a table, column or function that does not exist."""

_NO_CONNECTION = ("08", "57P")
_SCARCE = ("53",)
"""How SQLSTATEs begin of a server that is gone, ends or starts, and of one that lacks memory or connections."""

_DISK_FULL = "53100"
"""The SQLSTATE of a server whose data, WAL or temporary files find no room."""

_BUSY = ("55P03", "57014", "40")
"""SQLSTATEs, or how they begin, of what waited or took too long, or was one of two in each other's way."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_SPACE = "这台机器的磁盘（多半是临时目录）没有空间（或 inode 用完了），请腾出后再重新运行（做完的都保留）："
_NO_TEMPORARY = "这台机器没有能写的临时目录（满了、只读或不存在），请腾出空间后再重新运行（做完的都保留）："


class ExchangeError(Exception):
    """Base of all errors raised on purpose by the exchange."""


class FatalError(ExchangeError):
    """This part cannot go on until a person changes something."""


class ConfigurationError(FatalError):
    """A configuration file or connection is wrong; the message names file, place and remedy."""


class RetriableError(ExchangeError):
    """The outside was not ready; running the same step again may succeed."""


class NotDelivered(RetriableError):
    """A department's delivery is absent, half-written or still changing."""


class LandingAway(RetriableError):
    """The landing cannot be reached, read or written: whatever was to be kept there is not, whoever delivered it."""


class RejectRow(ExchangeError):
    """One row cannot be taken and goes to quarantine."""


class HoldForPerson(ExchangeError):
    """A person has to decide before this goes on, e.g. a delivery that shrank by half."""


def is_full(error: BaseException) -> bool:
    """Tell whether something could not be written because a disk is full: this machine's, or the database's."""
    return getattr(error, "errno", None) in _FULL or getattr(_driver(error), "sqlstate", None) == _DISK_FULL


def remedy_of(error: BaseException) -> str:
    """Return what a person does about a full disk, or a database that fails; "" where nothing of the kind is known."""
    return _of_this_machine(error) or _of_the_database(_driver(error))


def _driver(error: BaseException) -> Any:
    """Return the database driver's own error, which SQLAlchemy wraps; any other error as it is."""
    return getattr(error, "orig", None) or error


def without_values(error: BaseException) -> str:
    """Return what kind of error it was and where, without its message: class, the system's word for its number,
    SQLSTATE and constraint, our frames; before it what to do where the database is what fails."""
    driver = _driver(error)
    parts = [f"{type(error).__module__}.{type(error).__qualname__}"]
    if isinstance(error, OSError) and isinstance(error.errno, int):
        parts.append(os.strerror(error.errno))  # a full disk, too many files: nothing of a row
    sqlstate = getattr(driver, "sqlstate", None)
    if isinstance(sqlstate, str):
        hint = "（数据库结构可能比程序旧，请运行 airflow db migrate）" if sqlstate in _NOT_THERE else ""
        parts.append(f"SQLSTATE {sqlstate}{hint}")
    constraint = getattr(getattr(driver, "diag", None), "constraint_name", None)
    if isinstance(constraint, str):
        parts.append(f"constraint {constraint}")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "credit_exchange" in frame.filename] or list(frames)
    places = " > ".join(f"{frame.filename.rsplit('credit_exchange/', 1)[-1]}:{frame.lineno}" for frame in ours[-4:])
    what = f"unexpected {', '.join(parts)} at {places}; the message is left out because it may quote a row"
    return remedy_of(error) + what


def _of_this_machine(error: BaseException) -> str:
    """Return what a person does about a full disk of this machine, "" where something else is wrong.

    Where no temporary directory takes even a few bytes, Python says that there is none.
    """
    if getattr(error, "errno", None) in _FULL:
        return _NO_SPACE
    if not isinstance(error, FileNotFoundError) or error.filename is not None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    return _NO_TEMPORARY if frames and frames[-1].filename == tempfile.__file__ else ""


def _of_the_database(driver: Any) -> str:
    """Return what a person does about a database that fails, "" where something else is wrong."""
    sqlstate = getattr(driver, "sqlstate", None)
    if not any(kind.__name__ == "OperationalError" and kind.__module__ == "psycopg" for kind in type(driver).__mro__):
        return ""
    if not isinstance(sqlstate, str) or sqlstate.startswith(_NO_CONNECTION):
        return "与数据库的连接断了，请检查 PostgreSQL（磁盘满了它也会停），恢复后再重新运行（做完的都保留）："
    if sqlstate == _DISK_FULL:
        return "数据库的磁盘满了（空间或 inode 用完），请在 PostgreSQL 的机器上腾出空间，再重新运行（做完的都保留）："
    if sqlstate.startswith(_SCARCE):
        return "数据库没有内存或连接可用，请检查 PostgreSQL 的机器，恢复后再重新运行（做完的都保留）："
    if sqlstate.startswith(_BUSY):
        return "数据库里有别的运行或命令占着同样的数据，等了太久，请待它们结束后再重新运行（做完的都保留）："
    return ""
