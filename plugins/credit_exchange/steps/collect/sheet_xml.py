"""What calamine does not tell of a sheet: cells with an error, formulas that nobody worked out, the calendar of 1904,
and how far its cells reach, which has to be known before calamine opens it.

Both kinds of cells come as blanks, and a value would vanish unseen. The sheet's own XML is asked, streaming: a search
over its bytes first, which says "nothing of the kind" of most sheets, and a parser only for the others.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from lxml import etree

from credit_exchange.errors import FatalError

_SAFE: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
_BLOCK = 1024 * 1024
_OVERLAP = 128
_LONGEST_TEXT = 256 * 1024
"""Bytes from one tag to the next one; a cell holds 32,767 characters."""
_MAX_DIRECTORY = 16 * 1024 * 1024
_SUSPECT = re.compile(rb"""<(?:[^\s<>/"']{1,60}:)?f[\s/>]|\st\s{0,9}=\s{0,9}(?:"e"|'e')""")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_CELL = re.compile(
    rb"""<(?:[^\s<>/"']{1,60}:)?c(?=[\s/>])"""
    rb"""(?: r="([A-Z]{1,3})([0-9]{1,7})"(?: [a-z]{1,2}="[A-Za-z0-9]{0,12}")*\s?(/?>(?:</)?))?"""
)
"""The tag of a cell, with its place and how it ends where it is written as programs write it."""
_MOST_CELLS = 2**25
"""calamine makes room for all cells from the first to the last, 32 bytes each: one stray cell may cost 500 GB."""
_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_ERROR = "单元格是公式错误（如#REF!、#N/A），没有值；请更正公式，或粘贴为数值后重新报送"
_NO_RESULT = "单元格是公式，但没有保存计算结果；请用Excel或WPS打开保存，或粘贴为数值后重新报送"


class Flaw(NamedTuple):
    """A cell that holds something and no value: what stands there, and the reason (without it) for people."""

    text: str
    message: str


def counts_from_1904(archive: zipfile.ZipFile) -> bool:
    """Tell whether bare numbers mean days since 1904-01-01 (workbooks made on a Mac)."""
    name = _member(archive, "xl/workbook.xml")
    properties = _parsed(archive, name).find("{*}workbookPr") if name else None
    return properties is not None and str(properties.get("date1904", "")).lower() in ("1", "true", "on")


def check_extent(archive: zipfile.ZipFile, sheet: str, where: str) -> None:
    """Raise FatalError when the cells that hold something reach so far that there is no room for all between them.

    Cells with a format only do not count. What the sheet says of itself is not asked: not all programs keep it true.
    """
    name = _sheet_member(archive, sheet)
    if name is None:
        return  # flaws_of tells
    with archive.open(name) as file:
        reach = _reach(file)
    if reach is None:
        with archive.open(name) as file:
            reach = _followed(file, where)
    rows, columns = reach
    if rows * columns > _MOST_CELLS:
        raise FatalError(
            f"{where}：工作表的内容一直延伸到第 {rows} 行、第 {_letters(columns)} 列，区域过大，未打开；"
            "多半是远处的单元格中误填了内容，请部门清除多余的内容后重新报送"
        )


def _reach(file: IO[bytes]) -> tuple[int, int] | None:
    """Return how many rows and columns there are up to the last cells that hold something, by the bytes of their tags;
    None where one is not written as programs write them."""
    rows, columns, rest = 0, 0, b""
    while block := file.read(_BLOCK):
        block = rest + block
        end = max(block.rfind(b"<"), 0)  # all before it is whole
        found = set[tuple[bytes, bytes]]()
        for letters, digits, ends in _CELL.findall(block, 0, end):
            if not letters:
                return None
            if ends == b">":
                found.add((letters, digits))
        rows = max([rows, *(int(digits) for digits in {digits for _, digits in found})])
        columns = max([columns, *(_column(letters.decode()) + 1 for letters in {letters for letters, _ in found})])
        rest = block[end:]
        if len(rest) > _LONGEST_TEXT:
            return None
    return rows, columns


def _followed(file: IO[bytes], where: str) -> tuple[int, int]:
    """:func:`_reach` by following the XML, each cell placed as calamine places it: it need not say where it stands."""
    rows = columns = row = column = 0
    events: Any = etree.iterparse(file, events=("start", "end"), tag=("{*}row", "{*}c"), **_SAFE)
    for event, element in events:
        if element.tag.endswith("}row") or element.tag == "row":
            if event == "start":
                row, column = _row_number(element, row, where), 0
        elif event == "start":
            continue
        else:
            place = _REFERENCE.fullmatch(str(element.get("r", "")).replace("$", "").upper())
            if place is not None:
                row, column = int(place[2]), _column(place[1]) + 1
            elif element.get("r") is None:
                column += 1
            else:
                raise _damaged(where)
            if len(element):
                rows, columns = max(rows, row), max(columns, column)
        if event == "end":
            _let_go(element)
    return rows, columns


def flaws_of(archive: zipfile.ZipFile, sheet: str, where: str) -> Iterator[tuple[int, dict[int, Flaw]]]:
    """Yield (row, column -> flaw), both from 0 and rows ascending, of every row that has some.

    Raises FatalError when the sheet's XML cannot be found or followed: what it hides would be lost.
    """
    damaged = _damaged(where)
    try:
        name = _sheet_member(archive, sheet)
        if name is None:
            raise damaged
        with archive.open(name) as file:
            if not _suspect(file):
                return
        with archive.open(name) as file:
            yield from _flaws(file, where)
    except etree.XMLSyntaxError:
        raise damaged from None


def _damaged(where: str) -> FatalError:
    return FatalError(f"{where}：工作表的内容不完整或行列顺序错乱，无法核对公式；请部门重新另存为 .xlsx 后报送")


def _row_number(row: Any, before: int, where: str) -> int:
    """Return the number of a row, from 1, which need not say it. Raises FatalError where no sheet has such a row."""
    told = row.get("r")
    number = before + 1 if told is None else int(told) if told.isascii() and told.isdigit() and len(told) < 9 else 0
    if not 0 < number <= _MAX_ROWS:
        raise _damaged(where)
    return number


def _let_go(element: Any) -> None:
    element.clear()
    while (earlier := element.getprevious()) is not None:
        element.getparent().remove(earlier)


def _flaws(file: IO[bytes], where: str) -> Iterator[tuple[int, dict[int, Flaw]]]:
    damaged = _damaged(where)
    row, column, last = -1, -1, -1
    found: dict[int, Flaw] = {}
    events: Any = etree.iterparse(file, events=("start", "end"), tag=("{*}row", "{*}c"), **_SAFE)
    for event, element in events:
        is_row = element.tag.endswith("}row") or element.tag == "row"
        if event == "start":
            if is_row:
                row = _row_number(element, row + 1, where) - 1
                column, found = -1, {}
            continue
        if is_row:
            if found:
                if row <= last:
                    raise damaged
                last = row
                yield row, found
        elif (reference := element.get("r")) is None:
            column += 1
        else:
            place = _REFERENCE.fullmatch(reference.replace("$", "").upper())
            if place is None or int(place[2]) != row + 1:
                raise damaged
            column = _column(place[1])
        if not is_row:
            if column >= _MAX_COLUMNS:
                raise damaged
            if flaw := _flaw(element):
                found[column] = flaw
        _let_go(element)


def _flaw(cell: Any) -> Flaw | None:
    kind, formula, value = cell.get("t"), cell.find("{*}f"), cell.find("{*}v")
    text = value.text if value is not None else None
    if kind == "e":
        return Flaw(text or "#ERROR!", _ERROR)
    # a formula that gives "" has an empty value of type str: that one is blank
    if formula is None or text or (kind == "str" and value is not None) or cell.find("{*}is") is not None:
        return None
    return Flaw("=" + (formula.text or ""), _NO_RESULT)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _letters(column: int) -> str:
    """Return what a column is called, counted from 1."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _suspect(file: IO[bytes]) -> bool:
    """Search the bytes for a formula or an error; a sheet that is not in an encoding like ASCII is suspect as well."""
    tail = file.read(4)
    if b"\x00" in tail or tail[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    while block := file.read(_BLOCK):
        if _SUSPECT.search(tail + block):
            return True
        tail = (tail + block)[-_OVERLAP:]
    return False


def _sheet_member(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Find the member of a sheet by the workbook and its relations, as Excel does."""
    book, relations = _member(archive, "xl/workbook.xml"), _member(archive, "xl/_rels/workbook.xml.rels")
    if book is None or relations is None:
        return None
    for element in _parsed(archive, book).iterfind("{*}sheets/{*}sheet"):
        if element.get("name") != sheet:
            continue
        wanted = next((v for k, v in element.attrib.items() if str(k).endswith("}id")), None)
        for relation in _parsed(archive, relations):
            if isinstance(relation.tag, str) and relation.get("Id") == wanted:
                target = str(relation.get("Target", "")).replace("\\", "/")
                path = target.lstrip("/") if target.startswith("/") else "xl/" + target
                return _member(archive, posixpath.normpath(path))
    return None


def _member(archive: zipfile.ZipFile, path: str) -> str | None:
    """Return a member's name as it is written; neither case nor the kind of slash says anything."""
    wanted = path.lower()
    return next((name for name in archive.namelist() if name.replace("\\", "/").lower() == wanted), None)


def _parsed(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        raw = file.read(_MAX_DIRECTORY)
    return etree.fromstring(raw, etree.XMLParser(**_SAFE))
