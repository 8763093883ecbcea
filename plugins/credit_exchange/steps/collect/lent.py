"""A file that others read from for a while, and do not close."""

from __future__ import annotations

import io
import threading
from typing import IO


class Lent(io.RawIOBase):
    """A file for Arrow to read from, which it does not close, and reads no more once it is taken back.

    A thread of Arrow reads ahead, also for a while after an error: whoever reads the file next would miss those bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._reading = threading.Lock()
        self._over = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; none once it is taken back."""
        with self._reading:
            return b"" if self._over else self._file.read(size)

    def take_back(self) -> None:
        """Let nothing be read from here any more; what is being read is waited for."""
        with self._reading:
            self._over = True


class Whole(io.RawIOBase):
    """The file from where it stands, for a text wrapper that shall not close it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes; return how many."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
