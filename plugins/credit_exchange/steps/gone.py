"""The one incident that our tables cannot hold: that they cannot be reached. It is told without them.

That it was told is kept in a file of this machine's temporary directory until the database answers again, so that who
looks every few minutes tells it once. Each machine that looks tells it: none knows of another's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import OperationalError

from credit_exchange.core import business_time
from credit_exchange.errors import RetriableError
from credit_exchange.steps.alerts import Alert, Channel, send
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import transaction

_WHAT = "交换自己的数据库连接不上"
_REMEDY = "请检查 PostgreSQL 是否在运行、网络和 CREDIT_EXCHANGE_DATABASE_URL"
_DETAIL = f"采集、发布、上报和撤下都不能进行，其他问题也无从查看；{_REMEDY}；恢复后清除失败的任务（含下游）"


def reach(exchange: Exchange, channels: Sequence[Channel]) -> None:
    """Return when our database answers. Raises RetriableError when it does not, after people were told, once."""
    file = Path(tempfile.gettempdir()) / f"credit-exchange-database-gone-{os.getuid()}"
    try:
        with transaction(exchange.engine, attempts=2):
            pass
    except OperationalError:
        pass
    else:
        with suppress(OSError):  # what somebody else put there is not ours to take away
            file.unlink(missing_ok=True)
        return
    told = _told(file)
    alert = Alert("database:gone", "critical", _WHAT, _DETAIL, None, business_time.now(), 1)
    told |= {one.name for one in channels if one.name not in told and send(one, alert, set()) == "sent"}
    with suppress(OSError):  # where nothing can be kept it is told again, which is better than never
        _keep(file, told)
    raise RetriableError(f"{_WHAT}；{_REMEDY}")


def _told(file: Path) -> set[str]:
    """Return on which channels it was told; what somebody else put there says nothing."""
    with suppress(OSError):
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
