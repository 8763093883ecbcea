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
_MAX_DIRECTORY = 16 * 1024 * 1024
_SUSPECT = re.compile(rb"""<(?:[^\s<>/"']{1,60}:)?f[\s/>]|\st\s{0,9}=\s{0,9}(?:"e"|'e')""")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_EXTENT = re.compile(
    rb"""<(?:[^\s<>/"']{1,60}:)?dimension\s[^<>]{0,200}?ref="[A-Z]{1,3}[0-9]{1,7}:([A-Z]{1,3})([0-9]{1,7})\""""
)
_FILLED = re.compile(
    rb"""<(?:[^\s<>/"']{1,60}:)?c\s[^<>]{0,200}?\br\s{0,9}=\s{0,9}["']\$?([A-Za-z]{1,3})\$?([0-9]{1,7})["'][^<>]{0,200}(?<!/)>(?!</)(?=[^\x00]{2})"""
)
_LONGEST_CELL = 600
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

    What the sheet says of itself is enough where that is small; cells with a format only are in it, and do not count.
    """
    name = _sheet_member(archive, sheet)
    if name is None:
        return  # flaws_of tells
    with archive.open(name) as file:
        block = file.read(_BLOCK)
        told = _EXTENT.search(block)
        if told and int(told[2]) * (_column(told[1].decode()) + 1) <= _MOST_CELLS:
            return
        rows, columns, column = 0, 0, ""
        while block:
            found = _FILLED.findall(block)
            rows = max([rows, *(int(number) for number in {number for _, number in found})])
            for letters in {letters.decode().upper() for letters, _ in found}:
                if _column(letters) >= columns:
                    columns, column = _column(letters) + 1, letters
            more = file.read(_BLOCK)
            block = block[-_LONGEST_CELL:] + more if more else b""
    if rows * columns > _MOST_CELLS:
        raise FatalError(
            f"{where}：工作表的内容一直延伸到第 {rows} 行、第 {column} 列，区域过大，未打开；"
            "多半是远处的单元格中误填了内容，请部门清除多余的内容后重新报送"
        )


def flaws_of(archive: zipfile.ZipFile, sheet: str, where: str) -> Iterator[tuple[int, dict[int, Flaw]]]:
    """Yield (row, column -> flaw), both from 0 and rows ascending, of every row that has some.

    Raises FatalError when the sheet's XML cannot be found or followed: what it hides would be lost.
    """
    damaged = FatalError(f"{where}：工作表的内容不完整或行列顺序错乱，无法核对公式；请部门重新另存为 .xlsx 后报送")
    try:
        name = _sheet_member(archive, sheet)
        if name is None:
            raise damaged
        with archive.open(name) as file:
            if not _suspect(file):
                return
        with archive.open(name) as file:
            yield from _flaws(file, damaged)
    except etree.XMLSyntaxError:
        raise damaged from None


def _flaws(file: IO[bytes], damaged: FatalError) -> Iterator[tuple[int, dict[int, Flaw]]]:
    row, column, last = -1, -1, -1
    found: dict[int, Flaw] = {}
    events: Any = etree.iterparse(file, events=("start", "end"), tag=("{*}row", "{*}c"), **_SAFE)
    for event, element in events:
        is_row = element.tag.endswith("}row") or element.tag == "row"
        if event == "start":
            if is_row:
                number = element.get("r")
                row = row + 1 if number is None else int(number) - 1 if number.isascii() and number.isdigit() else -1
                if not 0 <= row < _MAX_ROWS:
                    raise damaged
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
        element.clear()
        while (earlier := element.getprevious()) is not None:
            element.getparent().remove(earlier)


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
