"""The incidents that our tables cannot hold: that they cannot be reached, or take nothing more. They are told without
them.

That one was told is kept in a file of this machine's temporary directory until it is over, so that who looks every few
minutes tells it once. Each machine that looks tells it: none knows of another's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from sqlalchemy.exc import OperationalError

from credit_exchange.core import business_time
from credit_exchange.errors import RetriableError, is_full
from credit_exchange.steps.alerts import Alert, Channel, send
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import transaction

_GONE = "交换自己的数据库连接不上"
_REACH_IT = "请检查 PostgreSQL 是否在运行（磁盘满了它也会停）、网络和 CREDIT_EXCHANGE_DATABASE_URL"
_FULL = "交换自己的数据库写不进去：磁盘满了"
_MAKE_ROOM = "请在 PostgreSQL 的机器上腾出空间"
_DETAIL = "采集、发布、上报和撤下都不能进行，其他问题也无从{lost}；{remedy}；恢复后清除失败的任务（含下游）"


def reach(exchange: Exchange, channels: Sequence[Channel]) -> None:
    """Return when our database answers. Raises RetriableError when it does not, after people were told, once."""
    try:
        with transaction(exchange.engine, attempts=2):
            pass
    except OperationalError:
        pass
    else:
        _over("gone")
        return
    _tell("gone", _GONE, _DETAIL.format(lost="查看", remedy=_REACH_IT), channels)
    raise RetriableError(f"{_GONE}；{_REACH_IT}")


@contextmanager
def writable(channels: Sequence[Channel]) -> Iterator[None]:
    """Record and tell incidents within. Raises RetriableError when the database has no room, after people were told."""
    try:
        yield
    except (OperationalError, psycopg.errors.DiskFull) as error:
        if not is_full(error):
            raise
    else:
        _over("full")
        return
    _tell("full", _FULL, _DETAIL.format(lost="登记", remedy=_MAKE_ROOM), channels)
    raise RetriableError(f"{_FULL}；{_MAKE_ROOM}")


def _tell(kind: str, what: str, detail: str, channels: Sequence[Channel]) -> None:
    """Tell an incident on each channel that did not take it yet."""
    told = _told(kind)
    alert = Alert(f"database:{kind}", "critical", what, detail, None, business_time.now(), 1)
    told |= {one.name for one in channels if one.name not in told and send(one, alert, set()) == "sent"}
    with suppress(OSError):  # where nothing can be kept it is told again, which is better than never
        _keep(_file(kind), told)


def _over(kind: str) -> None:
    with suppress(OSError):  # what somebody else put there is not ours to take away
        _file(kind).unlink(missing_ok=True)


def _file(kind: str) -> Path:
    """Return where it is kept that it was told. Raises FileNotFoundError where no temporary directory has room."""
    return Path(tempfile.gettempdir()) / f"credit-exchange-database-{kind}-{os.getuid()}"


def _told(kind: str) -> set[str]:
    """Return on which channels it was told; what somebody else put there says nothing, nor does a full machine."""
    with suppress(OSError):
        file = _file(kind)
        if file.lstat().st_uid == os.getuid() and not file.is_symlink():
            return set(file.read_text(encoding="utf-8").split())
    return set()


def _keep(file: Path, told: set[str]) -> None:
    handle, part = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write("\n".join(sorted(told)))
        Path(part).replace(file)
    finally:  # on a full disk too: looks are many
        Path(part).unlink(missing_ok=True)
