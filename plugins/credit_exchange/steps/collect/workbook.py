"""Reads XLSX by calamine: header found by its names, notes skipped, dates as ISO text, numeric identifiers reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from credit_exchange.config.feed import XlsxSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect.archive import checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.rows import BROKEN_ROW, NUMERIC_CELL, ChunkBuilder, RawChunk

MAX_UNPACKED = 500 * 1024 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ROUNDED = 1e15
"""From here on a number has lost digits and would be shown as 1.23E+17: it was a number of something, no amount."""
_NOTE_CELLS = 2
"""A note stands in one cell or beside its label; a row with more is a record, whatever its first cell begins with."""
_NUMERIC_MESSAGE = "单元格是数字格式，前导零和第15位以后的数字可能已丢失；请将该列设为文本格式后重新填写"


def check_workbook(file: IO[bytes], where: str) -> None:
    """Refuse what is no XLSX or unpacks to too much. Raises FatalError."""
    if file.read(8) == _OLE:
        raise FatalError(f"{where}：是旧版 .xls 或加了密码的工作簿；请部门不设密码另存为 .xlsx 后重新报送")
    file.seek(0)
    with checked_zip(file, where, MAX_UNPACKED) as archive:
        if "xl/workbook.xml" not in archive.namelist() and "[Content_Types].xml" not in archive.namelist():
            raise FatalError(f"{where}：文件是 zip，但不是工作簿；请部门报送 .xlsx")
    file.seek(0)


def read_workbook(file: IO[bytes], layout: Layout, source: XlsxSource, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows below the header; line_no is the row of the sheet."""
    check_workbook(file, layout.where)
    try:
        with CalamineWorkbook.from_filelike(file) as workbook:
            sheet, header_row = _find(workbook, layout, source)
            yield from _read(sheet, header_row, layout, source, chunk_rows)
    except CalamineError as error:
        raise FatalError(
            f"{layout.where}：工作簿无法读取（{type(error).__name__}）；请部门重新另存为 .xlsx 后报送"
        ) from None


def _find(workbook: CalamineWorkbook, layout: Layout, source: XlsxSource) -> tuple[CalamineSheet, int]:
    """Return the sheet and the number (from 0) of its header row: the row with the most known names."""
    names = [meta.name for meta in workbook.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    if source.sheet is not None:
        if source.sheet not in names:
            raise FatalError(
                f"{layout.where}：工作簿中没有工作表 {source.sheet!r}；请部门核对，或更正报送源的 source.sheet"
            )
        names = [source.sheet]
    found: tuple[CalamineSheet, int] | None = None
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
            continue
        if found:
            raise FatalError(f"{layout.where}：有两个工作表都有表头；请在报送源的 source.sheet 中写明用哪一个")
        found = sheet, best_row
    if not found:
        raise FatalError(
            f"{layout.where}：前 {source.header_search_rows} 行中没有表头；请部门使用模板且不合并表头单元格，"
            "或把新的列名加入报送源的 columns"
        )
    return found


def _read(
    sheet: CalamineSheet, header_row: int, layout: Layout, source: XlsxSource, chunk_rows: int
) -> Iterator[RawChunk]:
    builder = ChunkBuilder(layout.columns, chunk_rows)
    position = {column: index for index, column in enumerate(layout.columns)}
    filled: list[list[str]] = []
    named: list[bool] = []
    notes = tuple(source.note_prefixes)
    in_note = False
    for number, row in enumerate(sheet.iter_rows()):
        if number < header_row:
            continue
        if number == header_row:
            header = [_label(cell) for cell in row]
            filled, named = layout.check(header, f"第 {number + 1} 行"), [bool(name) for name in header]
            continue
        cells = [(index, cell) for index, cell in enumerate(row) if cell != "" and cell is not None]
        if not cells:
            continue
        first = cells[0][1]
        if len(cells) <= _NOTE_CELLS and isinstance(first, str) and first.strip().startswith(notes):
            in_note = True
            continue
        if in_note and len(cells) == 1:
            continue  # a note goes on over several rows of one cell each
        in_note = False  # and ends with the next record
        values = [""] * len(position)
        problems: list[tuple[str, str, str]] = []
        for index, cell in cells:
            if not named[index]:
                problems.append((BROKEN_ROW, "", f"第{index + 1}列没有列名却有内容，请核对是否错列"))
                continue
            for column in filled[index]:
                values[position[column]] = _text(cell)
                if (column in layout.identifiers and _is_number(cell)) or _is_rounded(cell):
                    problems.append((NUMERIC_CELL, column, _NUMERIC_MESSAGE))
        chunk = builder.add(number + 1, values, problems)
        if chunk:
            yield chunk
    yield from builder.rest()


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
