"""Zip files from outside: looked through before anything is unpacked (reliability C11)."""

from __future__ import annotations

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
_SMALL = 1024 * 1024
"""Members below this size are harmless whatever their ratio."""


@contextmanager
def checked_zip(file: IO[bytes], where: str, max_bytes: int) -> Iterator[zipfile.ZipFile]:
    """Open a zip after checking its directory: number, size and ratio of members, names, links, encryption.

    max_bytes: bytes of all members unpacked. `zipfile` itself stops at each member's declared size and checks its CRC,
    so the declared sizes are binding. Raises FatalError; also when a member turns out damaged inside the block.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, where, max_bytes)
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise FatalError(
            f"{where}: not a sound zip file ({type(error).__name__}), perhaps half-written; "
            "the department must deliver it again"
        ) from None


def _check(archive: zipfile.ZipFile, where: str, max_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > MAX_ENTRIES:
        raise FatalError(f"{where}: the zip has {len(members)} members, more than {MAX_ENTRIES}; it is not opened")
    total = 0
    names: set[str] = set()
    for number, member in enumerate(members, start=1):
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or "\x00" in member.orig_filename:
            raise FatalError(f"{where}: member {number} of the zip points outside of it; it is not opened")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise FatalError(f"{where}: member {number} of the zip is a symbolic link; it is not opened")
        if member.flag_bits & 0x1:
            raise FatalError(f"{where}: member {number} of the zip is encrypted; deliver it without")
        if member.filename in names:
            raise FatalError(f"{where}: member {number} of the zip has the name of another one; it is not opened")
        names.add(member.filename)
        total += member.file_size
        if member.file_size > _SMALL and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise FatalError(f"{where}: member {number} of the zip unpacks to {MAX_RATIO} times its size or more")
    if total > max_bytes:
        raise FatalError(f"{where}: the zip unpacks to {total} bytes, more than {max_bytes}; it is not opened")
