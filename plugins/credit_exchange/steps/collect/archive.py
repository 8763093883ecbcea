"""Zip files from outside: looked through before anything is unpacked (reliability C11)."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO

from credit_exchange.errors import FatalError

MAX_ENTRIES = 10_000
MAX_RATIO = 100
_BY_THE_SYSTEM = re.compile(
    r"(?:^|[/\\])(?:__MACOSX[/\\]|\._[^/\\]*$|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE
)
_SMALL = 1024 * 1024
"""Members below this size are harmless whatever their ratio."""


@contextmanager
def checked_zip(
    file: IO[bytes], where: str, max_bytes: int, max_entries: int | None = None
) -> Iterator[zipfile.ZipFile]:
    """Open a zip after checking its directory: number, size and ratio of members, names, links, encryption.

    max_bytes: bytes of all members unpacked. max_entries: how many members, else MAX_ENTRIES. `zipfile` itself stops at
    each member's declared size and checks its CRC, so the declared sizes are binding. Raises FatalError; also when a
    member turns out damaged inside the block.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, where, max_bytes, max_entries or MAX_ENTRIES)
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        # ValueError: an offset before the beginning, a name not in the encoding it claims (and which the text quotes)
        raise FatalError(
            f"{where}：不是完好的 zip 文件（{type(error).__name__}），可能没有写完；请部门重新报送"
        ) from None


def data_members(archive: zipfile.ZipFile) -> list[str]:
    """The members that are files of the department's, by name: no folders, and not what a Mac or Windows adds."""
    return sorted(name for name in archive.namelist() if name[-1] != "/" and not _BY_THE_SYSTEM.search(name))


def _check(archive: zipfile.ZipFile, where: str, max_bytes: int, max_entries: int) -> None:
    members = archive.infolist()
    if len(members) > max_entries:
        raise FatalError(
            f"{where}：zip 内有 {len(members)} 个文件，超过上限 {max_entries}，未打开；请部门核对后重新报送"
        )
    total = 0
    names: set[str] = set()
    for number, member in enumerate(members, start=1):
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or "\x00" in member.orig_filename:
            raise FatalError(f"{where}：zip 内第 {number} 个文件的路径指向压缩包之外，未打开；请部门重新打包报送")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise FatalError(f"{where}：zip 内第 {number} 个文件是符号链接，未打开；请部门重新打包报送")
        if member.flag_bits & 0x1:
            raise FatalError(f"{where}：zip 内第 {number} 个文件已加密；请部门不加密重新报送")
        if member.filename in names:
            raise FatalError(f"{where}：zip 内第 {number} 个文件与另一个文件同名，未打开；请部门重新打包报送")
        names.add(member.filename)
        total += member.file_size
        if member.file_size > _SMALL and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise FatalError(
                f"{where}：zip 内第 {number} 个文件解压后超过压缩大小的 {MAX_RATIO} 倍，未打开；请部门核对后重新报送"
            )
    if total > max_bytes:
        raise FatalError(f"{where}：zip 解压后共 {total} 字节，超过上限 {max_bytes}，未打开；请部门核对后重新报送")
