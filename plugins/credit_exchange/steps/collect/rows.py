"""Chunks of delivered rows: what the readers of all forms give to the validation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.text import as_arrow, as_mask, bytes_of

NUMERIC_CELL = "NUM01"
"""A number stands where a text belongs: leading zeros and digits beyond the 15th may be lost already; or what was left
of a long one."""
BROKEN_ROW = "ROW01"
"""A row with too few or too many values, or with broken quotes."""
FLAWED_CELL = "CELL01"
"""A cell of a workbook with an error or with a formula that nobody worked out: something stands there, and no value."""
DAMAGED_TEXT = "S18"
"""Text that cannot be decoded, was decoded wrongly before (U+FFFD), or holds characters no text may hold (NUL): the id
of the catalogue's own rule for it, which may not be declared, and cannot see what was undecodable."""

_PLUS = ord("+")
Problem = tuple[int, str, str, str]

# forbidden by XML 1.0 and by PostgreSQL's text and jsonb, or left behind by a wrong decoding
_SCIENTIFIC = r"^\s*[0-9](?:\.[0-9]+)?[Ee]\+[0-9]{2,3}\s*$"
_SCIENTIFIC_MESSAGE = (
    "长号码成了科学计数法（形如1.23457E+11，多为Excel所改），后面的数字已丢失；"
    "请将该列设为文本格式，重新填入原号码后报送"
)
_DAMAGED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd\ufffe\uffff]")


@dataclass
class RawChunk:
    """A part of a delivery as text, not yet judged.

    frame: one ``str`` column per field of the feed, blanks as "", index 0..n-1; `_operation`, `_reason` and `_sequence`
    where the feed declares them. line_no: the line (CSV), row of the sheet (XLSX) or number of the row,
    from 1: where a person would look.
    row_problems: (position in the frame, rule id, field or "", message without values) found by the reader.
    """

    frame: pd.DataFrame
    line_no: npt.NDArray[np.int64]
    row_problems: list[Problem] = field(default_factory=list)


class ChunkBuilder:
    """Collects rows and gives them out as chunks."""

    def __init__(self, columns: Sequence[str], chunk_rows: int) -> None:
        self._columns = list(columns)
        self._chunk_rows = chunk_rows
        self._rows: list[list[str]] = []
        self._lines: list[int] = []
        self._problems: list[Problem] = []
        self.rows = 0

    def add(self, line_no: int, values: list[str], problems: Sequence[tuple[str, str, str]] = ()) -> RawChunk | None:
        """Take a row (values in column order; problems as rule id, field, message); return a chunk when one is full."""
        position = len(self._rows)
        self._problems.extend((position, *problem) for problem in problems)
        if _DAMAGED.search("\n".join(values)):
            values = self._damaged(position, values)
        self._rows.append(values)
        self._lines.append(line_no)
        self.rows += 1
        return self._flush() if len(self._rows) >= self._chunk_rows else None

    def rest(self) -> Iterator[RawChunk]:
        """Yield the last chunk, if any."""
        if self._rows:
            yield self._flush()

    def _damaged(self, position: int, values: list[str]) -> list[str]:
        kept = []
        for column, value in zip(self._columns, values, strict=True):
            if _DAMAGED.search(value):
                message = "文字损坏（编码错误或含控制字符），请用正确编码重新导出"
                self._problems.append((position, DAMAGED_TEXT, column, message))
                value = printable(value)
            kept.append(value)
        return kept

    def _flush(self) -> RawChunk:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._columns)
        frame = frame_of(
            {
                name: pa.array(values, type=pa.large_string())
                for name, values in zip(self._columns, columns, strict=True)
            },
            len(self._rows),
        )
        chunk = RawChunk(frame, np.asarray(self._lines, dtype=np.int64), self._problems)
        self._rows, self._lines, self._problems = [], [], []
        return chunk


def report_ruined_numbers(chunk: RawChunk, columns: Sequence[str]) -> None:
    """Add a problem for every value of these columns that is a long number as a spreadsheet shows it: its digits are
    gone. Looks at the text only where a "+" stands somewhere in a column: this runs over every row of every delivery.
    """
    for column in columns:
        array = as_arrow(chunk.frame[column])
        if not (bytes_of(array) == _PLUS).any():
            continue
        positions = np.flatnonzero(as_mask(pc.match_substring_regex(array, _SCIENTIFIC)))
        chunk.row_problems += [(int(p), NUMERIC_CELL, column, _SCIENTIFIC_MESSAGE) for p in positions]


def printable(value: str) -> str:
    r"""Return text that can be stored, bytes that could not be decoded written as ``\xd6``: nothing is lost."""
    raw = value.encode("utf-8", "surrogateescape" if not _lone(value) else "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def _lone(value: str) -> bool:
    """Tell whether there are surrogates that stand for no undecodable byte."""
    return any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in value)


def frame_of(columns: dict[str, Any], rows: int) -> pd.DataFrame:
    """Return Arrow arrays of text as a frame of ``str`` columns with the index 0..rows-1."""
    return pd.DataFrame(
        {name: pd.array(array, dtype="str") for name, array in columns.items()}, index=pd.RangeIndex(rows)
    )
