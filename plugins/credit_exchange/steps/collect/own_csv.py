"""Rows of the CSV that the collect step wrote itself, from a front table: its quotes are sound, its rows of any length.

A row that is too long is given out with its long values cut, as one bad row; the rest of the delivery goes on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import IO

MAX_ROW = 1024 * 1024
"""Bytes of a row that is read as it is."""
_MAX_PARSED = 16 * 1024 * 1024
"""Bytes of a longer row that are looked at, so that the columns behind a long value are still known."""
_KEPT = 10_000
"""Characters that are kept of a value in such a row: more than any field takes."""
_PIECE = 1024 * 1024
_VALUE = re.compile(r'(?:^|,)(?:"([^"]*(?:""[^"]*)*)(?:"|\Z)|([^,"\n]*))')


class Cut(list[str]):
    """The values of a row that is too long; `at`: the places of those that were cut or are missing."""

    def __init__(self, values: list[str], at: list[int]) -> None:
        super().__init__(values)
        self.at = at


def own_rows(file: IO[bytes], width: int | None) -> Iterator[tuple[int, list[str]]]:
    """Yield (number from 1, values) of every row, the header among them, in bounded memory. width: the header's."""
    file.seek(0)
    number, parts, size, quotes = 0, list[bytes](), 0, 0
    while piece := file.readline(_PIECE):
        quotes += piece.count(b'"')
        size += len(piece)
        if size - len(piece) < _MAX_PARSED:
            parts.append(piece)
        if quotes & 1 or piece[-1:] != b"\n":
            continue
        number += 1
        row = b"".join(parts)
        yield number, _plain(row) if size <= MAX_ROW else _cut(row[:_MAX_PARSED], width)
        parts, size, quotes = [], 0, 0


def _plain(row: bytes) -> list[str]:
    return next(csv.reader([row.decode(errors="surrogateescape")]), [""])


def _cut(row: bytes, width: int | None) -> Cut:
    text = row.decode(errors="ignore").removesuffix("\n").removesuffix("\r")  # at most the last character is cut in two
    values, long = list[str](), list[int]()
    for match in _VALUE.finditer(text):
        quoted, plain = match.groups()
        value = plain if quoted is None else quoted.replace('""', '"')
        if len(value) > _KEPT:
            long.append(len(values))
        values.append(value[:_KEPT])
    missing = range(len(values), width or 0)
    return Cut(values + [""] * len(missing), [*long, *missing])
