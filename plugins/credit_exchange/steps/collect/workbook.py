"""Reads XLSX by calamine: header found by its names, notes skipped, dates as ISO text, numeric identifiers reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from lxml.etree import XMLSyntaxError
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from credit_exchange.config.feed import XlsxSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect.archive import checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.rows import BROKEN_ROW, FLAWED_CELL, NUMERIC_CELL, ChunkBuilder, RawChunk
from credit_exchange.steps.collect.sheet_xml import Flaw, check_extent, counts_from_1904, flaws_of

MAX_UNPACKED = 500 * 1024 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ROUNDED = 1e15
"""From here on a number has lost digits and would be shown as 1.23E+17: it was a number of something, no amount."""
_NOTE_CELLS = 2
"""A note stands in one cell or beside its label; a row with more is a record, whatever its first cell begins with."""
_FIRST_1904, _LAST_DAY = date(1904, 1, 1), 100_000
_SERIAL = re.compile(r"\s*\d{5}(?:\.0+)?\s*")
_MERGED_MESSAGE = "单元格与上面的行合并，本行没有值；请取消合并，逐行填写后重新报送"
_SERIAL_MESSAGE = "1904日期系统的工作簿中以文本填写了日期序号，无法确定是哪一天；请按YYYY-MM-DD填写"
_NUMERIC_MESSAGE = "单元格是数字格式，前导零和第15位以后的数字可能已丢失；请将该列设为文本格式后重新填写"


def check_workbook(file: IO[bytes], where: str) -> None:
    """Refuse what is no XLSX or unpacks to too much. Raises FatalError."""
    head = file.read(512)
    if head.startswith(_OLE):
        raise FatalError(f"{where}：是旧版 .xls 或加了密码的工作簿；请部门不设密码另存为 .xlsx 后重新报送")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):  # what many systems call an Excel export
        raise FatalError(f"{where}：是网页或 XML 表格，只是改了扩展名；请部门在 Excel 中打开，另存为 .xlsx 后重新报送")
    file.seek(0)
    with checked_zip(file, where, MAX_UNPACKED) as archive:
        if "xl/workbook.xml" not in archive.namelist() and "[Content_Types].xml" not in archive.namelist():
            raise FatalError(f"{where}：文件是 zip，但不是工作簿；请部门报送 .xlsx")
    file.seek(0)


def read_workbook(file: IO[bytes], layout: Layout, source: XlsxSource, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows below the header; line_no is the row of the sheet."""
    check_workbook(file, layout.where)
    try:
        with (
            CalamineWorkbook.from_filelike(file) as workbook,
            checked_zip(file, layout.where, MAX_UNPACKED) as archive,
        ):
            names = _sheets(workbook, layout, source)
            for name in names:
                check_extent(archive, name, layout.where)
            sheet, header_row = _find(workbook, names, layout, source)
            rows = _whole_rows(sheet, flaws_of(archive, sheet.name, layout.where))
            merged = _Merged(sheet, header_row)
            yield from _read(rows, merged, header_row, layout, source, chunk_rows, counts_from_1904(archive))
    except (CalamineError, XMLSyntaxError) as error:
        raise FatalError(
            f"{layout.where}：工作簿无法读取（{type(error).__name__}）；请部门重新另存为 .xlsx 后报送"
        ) from None


def _sheets(workbook: CalamineWorkbook, layout: Layout, source: XlsxSource) -> list[str]:
    """Return the names of the sheets that may hold the rows."""
    names = [meta.name for meta in workbook.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    if source.sheet is None:
        return names
    if source.sheet not in names:
        raise FatalError(
            f"{layout.where}：工作簿中没有工作表 {source.sheet!r}；请部门核对，或更正报送源的 source.sheet"
        )
    return [source.sheet]


def _find(
    workbook: CalamineWorkbook, names: list[str], layout: Layout, source: XlsxSource
) -> tuple[CalamineSheet, int]:
    """Return the sheet and the number (from 0) of its header row: the row with the most known names."""
    found: tuple[CalamineSheet, int] | None = None
    matched = 0
    others: dict[str, int] = {}  # sheets without a header, and the cells of their fullest row
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        best, best_row = 0, -1
        for number, row in enumerate(sheet.iter_rows()):
            if number >= source.header_search_rows:
                break
            matches = layout.matches([_label(cell) for cell in row])
            if matches > best:
                best, best_row = matches, number
        if best * 2 < min(len(layout.columns), 4):
            others[name] = max((sum(cell != "" for cell in row) for row in sheet.iter_rows()), default=0)
            continue
        if found:
            raise FatalError(f"{layout.where}：有两个工作表都有表头；请在报送源的 source.sheet 中写明用哪一个")
        found, matched = (sheet, best_row), best
    if found and (more := next((name for name, widest in others.items() if widest >= max(6, matched / 2)), None)):
        raise FatalError(
            f"{layout.where}：第 {names.index(more) + 1} 个工作表没有表头，却有像数据的行，不会读取；"
            "请部门并入有表头的工作表，或在报送源的 source.sheet 中写明用哪一个"
        )
    if not found:
        raise FatalError(
            f"{layout.where}：前 {source.header_search_rows} 行中没有表头；请部门使用模板且不合并表头单元格，"
            "或把新的列名加入报送源的 columns"
        )
    return found


def _whole_rows(sheet: CalamineSheet, flaws: Iterator[tuple[int, dict[int, Flaw]]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield (number from 0, cells from column A) of every row, with the flaws in their places.

    calamine begins at the first column with a value and ends at the last row with one; flaws may lie outside.
    """
    left = [""] * (sheet.start[1] if sheet.start else 0)
    ahead = next(flaws, None)
    for number, row in enumerate(sheet.iter_rows()):
        cells = left + row
        if ahead is not None and ahead[0] == number:
            cells, ahead = _with(cells, ahead[1]), next(flaws, None)
        yield number, cells
    while ahead is not None:
        yield ahead[0], _with([], ahead[1])
        ahead = next(flaws, None)


def _with(cells: list[Any], flaws: dict[int, Flaw]) -> list[Any]:
    cells = cells + [""] * (max(flaws) + 1 - len(cells))
    for column, flaw in flaws.items():
        cells[column] = flaw
    return cells


class _Merged:
    """Cells below the header that are merged over several rows: only the first row of each has the value."""

    def __init__(self, sheet: CalamineSheet, header_row: int) -> None:
        ranges = sheet.merged_cell_ranges or []
        self._ahead = sorted(
            (one for one in ranges if one[1][0] > max(one[0][0], header_row) and one[0][0] != header_row),
            key=lambda one: one[0][0],
            reverse=True,
        )
        self._open: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def columns(self, row: int, width: int) -> list[int]:
        """Return which of the first `width` columns have their value in a row above; rows must be asked in order."""
        while self._ahead and self._ahead[-1][0][0] < row:
            self._open.append(self._ahead.pop())
        if not self._open:
            return []
        self._open = [one for one in self._open if one[1][0] >= row]
        return [column for first, last in self._open for column in range(first[1], min(last[1] + 1, width))]


def _read(
    rows: Iterable[tuple[int, list[Any]]],
    merged: _Merged,
    header_row: int,
    layout: Layout,
    source: XlsxSource,
    chunk_rows: int,
    from_1904: bool,
) -> Iterator[RawChunk]:
    builder = ChunkBuilder(layout.columns, chunk_rows)
    position = {column: index for index, column in enumerate(layout.columns)}
    filled: list[list[str]] = []
    named: list[bool] = []
    notes = tuple(source.note_prefixes)
    in_note = False
    for number, row in rows:
        if number < header_row:
            continue
        if number == header_row:
            header = [_label(cell) for cell in row]
            filled, named = layout.check(header, f"第 {number + 1} 行"), [bool(name) for name in header]
            continue
        cells = [(index, cell) for index, cell in enumerate(row) if not _is_blank(cell)]
        if not cells:
            continue
        first = cells[0][1]
        if len(cells) <= _NOTE_CELLS and isinstance(first, str) and first.strip().startswith(notes):
            in_note = True
            continue
        if in_note and len(cells) == 1 and not isinstance(first, Flaw):
            continue  # a note goes on over several rows of one cell each
        in_note = False  # and ends with the next record
        values = [""] * len(position)
        problems: list[tuple[str, str, str]] = []
        for index, cell in cells:
            if index >= len(named) or not named[index]:
                problems.append((BROKEN_ROW, "", f"第{index + 1}列没有列名却有内容，请核对是否错列"))
                continue
            for column in filled[index]:
                values[position[column]], problem = _value(cell, column, layout, from_1904)
                if problem:
                    problems.append(problem)
        for index in merged.columns(number, len(filled)):
            if _is_blank(row[index]):
                problems += [(BROKEN_ROW, column, _MERGED_MESSAGE) for column in filled[index]]
        chunk = builder.add(number + 1, values, problems)
        if chunk:
            yield chunk
    yield from builder.rest()


def _value(cell: Any, column: str, layout: Layout, from_1904: bool) -> tuple[str, tuple[str, str, str] | None]:
    """Return a cell as text, and its problem as (rule id, field, message)."""
    if isinstance(cell, Flaw):
        return cell.text, (FLAWED_CELL, column, cell.message)
    if from_1904 and column in layout.dates:
        if isinstance(cell, float) and cell.is_integer() and 0 <= cell <= _LAST_DAY:
            cell = _FIRST_1904 + timedelta(days=int(cell))  # calamine knows the calendar of cells with a date's format
        elif isinstance(cell, str) and _SERIAL.fullmatch(cell):
            return cell, (NUMERIC_CELL, column, _SERIAL_MESSAGE)
    if (column in layout.identifiers and _is_number(cell)) or _is_rounded(cell):
        return _text(cell), (NUMERIC_CELL, column, _NUMERIC_MESSAGE)
    return _text(cell), None


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _label(cell: Any) -> str:
    return cell.strip() if isinstance(cell, str) else _text(cell)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float, date, time, timedelta)) and not isinstance(cell, bool)


def _is_rounded(cell: Any) -> bool:
    return isinstance(cell, float) and abs(cell) >= _ROUNDED


def _text(cell: Any) -> str:
    """Return a cell as text: dates as ISO, whole numbers without ".0", truth as TRUE or FALSE."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _ROUNDED else format(cell, ".15g")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time.min else cell.isoformat(" ", "seconds")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)
