"""What of this machine's disks keeps the laptop from working: full, without inodes, read-only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from credit_exchange.errors import ExchangeError, without_values

LOW_BYTES = 20 * 1024 * 1024
"""PostgreSQL's next piece of WAL has 16 MiB."""
_REMEDY = "请腾出空间（或把 CREDIT_EXCHANGE_HOME 设到别处）后再运行，做完的都保留"


def shortages(places: Iterable[Path]) -> list[str]:
    """Return a sentence for each disk, among those of these places and of temporary files, that takes nothing more."""
    found: dict[int, str] = {}
    with suppress(OSError):  # where no temporary directory is left, the error itself says so
        places = [*places, Path(tempfile.gettempdir())]
    for place in places:
        with suppress(OSError):
            there = next(path for path in (place, *place.parents) if path.exists())
            if words := _wrong(os.statvfs(there)):
                found.setdefault(there.stat().st_dev, f"{place} 所在的磁盘{words}；{_REMEDY}")
    return list(found.values())


def _wrong(disk: os.statvfs_result) -> str:
    if disk.f_flag & os.ST_RDONLY:
        return "只读"
    free = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and free < LOW_BYTES:  # a tmpfs without a limit says that it has none at all
        return f"几乎满了（还剩 {free / 2**20:.1f} MiB）"
    if disk.f_files and not disk.f_favail:
        return "放不下更多文件（inode 用完了）"
    return ""


def told(error: Exception, places: Iterable[Path]) -> str:
    """Return what ended a command of the laptop, in words for who looks at its terminal, and which disks are full."""
    words = str(error)
    if not isinstance(error, ExchangeError):
        name = getattr(error, "filename", None)
        words = f"{name}：{without_values(error)}" if name else without_values(error)
    return "\n".join([words, *shortages(places)])
