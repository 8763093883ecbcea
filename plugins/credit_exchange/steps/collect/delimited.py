"""Reads CSV and other delimited text in bounded memory (reliability C1, C3, C9, C10, C14).

A quick look over the bytes decides: regular text goes through Arrow's parser, block by block; text with line breaks in
quotes, damaged bytes or other oddities through Python's csv module. When Arrow meets a row of another width, the rest
of the file goes through csv as well.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from credit_exchange.core.text import as_mask
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.encoding import BLOCK, Encoding, detect, line_in_utf8, recode
from credit_exchange.steps.collect.lent import Lent, Whole
from credit_exchange.steps.collect.own_csv import Cut, own_rows
from credit_exchange.steps.collect.rows import BROKEN_ROW, ChunkBuilder, RawChunk, frame_of

MAX_LINE = 1024 * 1024
"""Bytes (and characters) of one line."""
MAX_ROW = 16 * MAX_LINE
"""Characters of a row of several lines: no line of it may be long, and no row is so long."""
csv.field_size_limit(MAX_LINE)  # else a value of 131,072 characters ends the reading; a line is bounded by us
_ARROW_BLOCK = 256 * 1024
"""Bytes that Arrow parses at a time; a longer row is one of those that it leaves to csv."""
_MAX_RAGGED = 0.01
_NO_TEXT = {
    b"PK\x03\x04": "工作簿或压缩包",
    bytes.fromhex("d0cf11e0a1b11ae1"): "旧版 .xls 工作簿",
    b"\x1f\x8b": "压缩包",
    b"Rar!": "压缩包",
    b"7z\xbc\xaf": "压缩包",
    b"%PDF": " PDF 文档",
    b"\xff\xfe": " UTF-16 编码的文本",
    b"\xfe\xff": " UTF-16 编码的文本",
}
"""How files begin that are no CSV, and what they are."""
_CUT = f"本行超过{MAX_LINE}字节，该列只保留了开头或没有保留；请部门核对该列的内容，缩短后重新报送"
_CONTROLS = bytes(set(range(32)) - {9, 10, 13})
_REPLACED = "\ufffd".encode()
_NONCHARACTERS = (_REPLACED, "\ufffe".encode(), "\uffff".encode())
_NONCHARACTERS_BEGIN = b"\xef\xbf"  # all of them; hardly anything else does, so that one search does for three


@dataclass(frozen=True)
class _Look:
    """What a quick look over the bytes found."""

    regular: bool
    quotes: bool


def read_delimited(
    file: IO[bytes], layout: Layout, delimiter: str, declared: str, chunk_rows: int, *, number_rows: bool = False
) -> Iterator[RawChunk]:
    """Yield the rows below the header; line_no is the line of the file (with `number_rows` the number of the row).
    A row of delimiters and blanks is none, as in a workbook; with `number_rows` it is a row of a table, and is one.

    Raises FatalError for a file without header, cut off, with an unclosed quote, with a line over 1 MiB, or with more
    than 1 % of its rows of another width than the header; HoldForPerson as Layout.check.
    """

    def is_header(line: str) -> bool:
        return layout.matches(next(csv.reader([line], delimiter=delimiter), [])) > 0

    _is_text(file, layout.where)
    encoding = detect(file, declared, is_header)
    if encoding.codec == "gb18030" and (line := line_in_utf8(file)):
        raise FatalError(
            f"{layout.where}第 {line} 行：是 UTF-8 编码，文件其他部分是 GB18030 编码；请部门用同一种编码重新导出后报送"
        )
    if not encoding.sound:
        reader = _SlowReader(file, encoding, layout, delimiter, chunk_rows, number_rows)
        yield from reader.chunks()
        return
    with tempfile.TemporaryFile() as recoded:
        if encoding.codec != "utf-8":
            recode(file, encoding, recoded)
            file, encoding = recoded, Encoding("utf-8", 0, True)
        look = _look(file, encoding.bom, layout.where, delimiter, not number_rows)
        slow = _SlowReader(file, encoding, layout, delimiter, chunk_rows, number_rows)
        if look.regular and slow.header_line:
            done = yield from _fast(file, slow, look, delimiter, chunk_rows)
            if done is None:
                return
            slow.skip = done
        yield from slow.chunks()


def _is_text(file: IO[bytes], where: str) -> None:
    """Refuse what is no text of an encoding that is read, by its name: its header would only be said to be wrong."""
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    kind = next((name for begin, name in _NO_TEXT.items() if head.startswith(begin)), None)
    if kind is None and head[:64].count(b"\0") * 4 > len(head[:64]):
        kind = "UTF-16 编码的文本"
    if kind is None and head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<html", b"<!doctype", b"<?xml")):
        kind = "网页或 XML"
    if kind:
        raise FatalError(f"{where}：文件是{kind}，不是约定的 CSV 文本；请部门另存为 CSV（UTF-8）后重新报送")


def _look(file: IO[bytes], start: int, where: str, delimiter: str, bounded: bool = True) -> _Look:
    """Look over the text: line lengths, line breaks in quotes, misplaced quotes, blank lines, control characters.

    Only where lines are `bounded` does one that is too long refuse the file: no quote of ours is unclosed.
    """
    regular, quotes = True, False
    # a whole value in quotes; Arrow reads "a"b as ab where csv sees a broken row
    beside = b"[^%b\\r\\n]" % re.escape(delimiter.encode())
    quoted = re.compile(rb'"(?<!%b")[^"\n]*(?:""[^"\n]*)*"(?!%b)' % (beside, beside))
    begun = b""
    line, since, tail, odd = 1, 0, b"", False
    ended = False
    file.seek(start)
    while block := file.read(BLOCK):
        joined = tail + block
        if b"\r" in joined and joined.count(b"\r\n") + joined.endswith(b"\r") < joined.count(b"\r"):
            regular = False
        first = min((p for p in (block.find(b"\n"), block.find(b"\r")) if p >= 0), default=-1)
        too_long = since + (first if first >= 0 else len(block)) > MAX_LINE
        if too_long and bounded:
            raise FatalError(f"{where}第 {line} 行：长度超过 {MAX_LINE} 字节，可能有引号没有闭合；请部门重新导出后报送")
        since = since + len(block) if first < 0 else len(block) - 1 - max(block.rfind(b"\n"), block.rfind(b"\r"))
        if (
            too_long
            or len(block.translate(None, _CONTROLS)) < len(block)
            or (_NONCHARACTERS_BEGIN in joined and any(c in joined for c in _NONCHARACTERS))
        ):
            regular = False
        joined = joined.replace(b"\r\n", b"\n") if b"\r" in joined else joined
        if ended and block.strip(b"\r\n"):
            regular = False  # text after blank lines, which Arrow would not count
        stripped = joined.rstrip(b"\r\n")
        if b"\n\n" in stripped:
            regular = False
        ended = len(joined) - len(stripped) > 1 or (ended and not stripped)
        if regular:
            lines, _, begun = (begun + block).rpartition(b"\n")
            regular = b'"' not in lines or b'"' not in quoted.sub(b"", lines)
        if b'"' in block:
            quotes = True
            pieces = block.split(b"\n")
            odd_pieces = [piece.count(b'"') & 1 for piece in pieces]
            odd_pieces[0] ^= odd
            if any(odd_pieces[:-1]):
                regular = False
            odd = bool(odd_pieces[-1])
        elif b"\n" in block and odd:
            regular = False
        line += block.count(b"\n")
        tail = block[-2:]
    return _Look(regular and not odd and b'"' not in quoted.sub(b"", begun), quotes)


def _fast(
    file: IO[bytes], slow: _SlowReader, look: _Look, delimiter: str, chunk_rows: int
) -> Generator[RawChunk, None, int | None]:
    """Yield chunks by Arrow; return None when all is read, else how many rows were given out before an odd one."""
    layout = slow.layout
    names = [str(position) for position in range(len(slow.filled))]
    wanted = [(name, columns) for name, columns in zip(names, slow.filled, strict=True) if columns]
    file.seek(slow.encoding.bom)
    for _ in range(slow.header_line):
        file.readline(MAX_LINE)
    given = 0
    pending: list[pa.RecordBatch] = []
    waiting = 0

    def chunk(table: pa.Table) -> RawChunk:
        nonlocal given
        first = given + 1 + (0 if slow.number_rows else slow.header_line)
        lines = np.arange(first, first + table.num_rows, dtype=np.int64)
        given += table.num_rows
        if not slow.number_rows and (nothing := _blank(table)).any():
            table, lines = table.filter(pa.array(~nothing)), lines[~nothing]
        columns = dict.fromkeys(layout.columns, pa.repeat(pa.scalar("", pa.large_string()), table.num_rows))
        for name, targets in wanted:
            array = table.column(name).combine_chunks()
            columns |= dict.fromkeys(targets, array)
        return RawChunk(frame_of(columns, table.num_rows), lines)

    source = Lent(file)
    try:
        batches = pa_csv.open_csv(
            pa.PythonFile(source, mode="r"),
            # small blocks, none parsed ahead: each costs many times its size in memory
            read_options=pa_csv.ReadOptions(column_names=names, block_size=_ARROW_BLOCK, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, quote_char='"' if look.quotes else False, newlines_in_values=False
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()),
                strings_can_be_null=False,  # those that are ignored as well: they tell whether a row is blank
            ),
        )
        for batch in batches:
            pending.append(batch)
            waiting += batch.num_rows
            del batch
            while waiting >= chunk_rows:
                table = pa.Table.from_batches(pending)
                full, table = chunk(table.slice(0, chunk_rows)), table.slice(chunk_rows)
                pending, waiting = table.to_batches(), table.num_rows
                del table  # what is given out is a copy
                yield full
                del full
        if waiting:
            yield chunk(pa.Table.from_batches(pending))
    except pa.ArrowInvalid:
        # a row of another width, or nothing below the header: csv says which and goes on from here
        return given
    finally:
        source.take_back()
    return None


def _blank(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Where nothing stands in any column; mostly the first column tells that there is no such row."""
    nothing: npt.NDArray[np.bool_] = np.ones(table.num_rows, dtype=np.bool_)
    for column in table.columns:
        nothing &= as_mask(pc.equal(pc.utf8_trim_whitespace(column), "").combine_chunks())
        if not nothing.any():
            break
    return nothing


class _SlowReader:
    """Python's csv over lines of bounded length, with line numbers and a report of every odd row."""

    def __init__(
        self, file: IO[bytes], encoding: Encoding, layout: Layout, delimiter: str, chunk_rows: int, number_rows: bool
    ) -> None:
        self.layout = layout
        self.encoding = encoding
        self.number_rows = number_rows
        self.skip = 0
        self.rows = 0
        self._file = file
        self._delimiter = delimiter
        self._chunk_rows = chunk_rows
        self._ends_with_newline = True
        self._line = ""
        self._row_size = 0
        self.header_line = 0
        self.filled: list[list[str]] = []
        self._header(self._records())

    def _lines(self) -> Iterator[str]:
        self._file.seek(self.encoding.bom)
        errors = "strict" if self.encoding.sound else "surrogateescape"
        text = io.TextIOWrapper(io.BufferedReader(Whole(self._file)), self.encoding.codec, errors=errors, newline="")
        number = 0
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise FatalError(
                    f"{self.layout.where}第 {number} 行：长度超过 {MAX_LINE} 个字符，可能有引号没有闭合；"
                    "请部门重新导出后报送"
                )
            self._ends_with_newline = line[-1] in "\r\n"
            self._line = line
            self._row_size += len(line)
            if self._row_size > MAX_ROW:
                raise self._unclosed(number)
            yield line

    def _records(self) -> Iterator[tuple[int, list[str] | None]]:
        """Yield (first line, values); None for a row with broken quotes."""
        if self.number_rows:
            yield from own_rows(self._file, len(self.filled) or None)
            return
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            self._row_size = 0
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error:
                if reader.line_num != line:
                    raise self._unclosed(line) from None
                yield line, None
                continue
            if self.filled and reader.line_num > line and len(values) != len(self.filled):
                raise self._unclosed(line)  # it swallowed the rows after it
            if values:
                yield line, values

    def _unclosed(self, line: int) -> FatalError:
        return FatalError(
            f"{self.layout.where}第 {line} 行：引号没有正确闭合；请部门将内容中的引号写成两个，重新导出后报送"
        )

    def _as_it_is(self) -> list[str]:
        """The values of the line just read, its quotes taken as they come."""
        return next(csv.reader([self._line.replace('"', "")], delimiter=self._delimiter), [])

    def _header(self, records: Iterator[tuple[int, list[str] | None]]) -> None:
        line, header = next(((n, v) for n, v in records if v is None or any(x.strip() for x in v)), (1, None))
        if header is None:
            raise FatalError(
                f"{self.layout.where}：没有表头行（只有空行，或第 {line} 行的引号不成对）；"
                "没有数据的报送也要有表头，请部门补上后重新报送"
            )
        self.filled = self.layout.check(header, f"第 {line} 行")
        self._unnamed = [index for index, name in enumerate(header) if not name.strip()]
        # Arrow cannot tell that a column without a name is filled, or where a header of several lines ends
        self.header_line = line if not self._unnamed and not any("\n" in n or "\r" in n for n in header) else 0
        self._header_at = line

    def chunks(self) -> Iterator[RawChunk]:
        builder = ChunkBuilder(self.layout.columns, self._chunk_rows)
        position = {column: index for index, column in enumerate(self.layout.columns)}
        width = len(self.filled)
        ragged = 0
        last: tuple[int, bool] = (0, False)
        for line, row in self._records():
            if line <= self._header_at:
                continue
            if row is not None and len(row) == 1 and width > 1 and not row[0].strip():
                continue  # a line of blanks
            self.rows += 1
            if self.rows <= self.skip:
                continue
            if not self.number_rows and row is not None and not any(value.strip() for value in row):
                last = line, len(row) < width
                continue  # delimiters and nothing else; of a table it is a row
            problems = self._problems(row, width)
            short = row is None or len(row) < width
            ragged += row is None or len(row) != width
            last = line, short
            values = [""] * len(position)
            for columns, value in zip(self.filled, self._as_it_is() if row is None else row, strict=False):
                for column in columns:
                    values[position[column]] = value
            if chunk := builder.add(self.rows if self.number_rows else line, values, problems):
                yield chunk
        if last[1] and not self._ends_with_newline:
            raise FatalError(f"{self.layout.where}第 {last[0]} 行：文件在一行中间中断；请部门重新报送")
        if ragged > 1 and ragged > _MAX_RAGGED * self.rows:
            raise FatalError(
                f"{self.layout.where}：{self.rows} 行中有 {ragged} 行的列数与表头（{width} 列）不同；"
                "请部门核对分隔符和引号，重新导出后报送"
            )
        yield from builder.rest()

    def _problems(self, row: Sequence[str] | None, width: int) -> list[tuple[str, str, str]]:
        if row is None:
            return [(BROKEN_ROW, "", "引号不成对，无法分列；请将内容中的引号写成两个")]
        if isinstance(row, Cut):
            columns = [column for index in row.at if index < width for column in self.filled[index]]
            return [(BROKEN_ROW, column, _CUT) for column in columns or [""]]
        if len(row) != width:
            return [(BROKEN_ROW, "", f"本行有{len(row)}列，表头有{width}列；内容中的分隔符须用引号括起")]
        if any(row[index].strip() for index in self._unnamed):
            return [(BROKEN_ROW, "", "没有列名的列中有内容，请核对是否错列")]
        return []
