"""What the reader of workbooks promises of cells that calamine shows as blanks, of calendars and of merged cells."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from python_calamine import CalamineWorkbook
from test_readers import HEADER, layout, lines, problems, records, xlsx_of

from credit_exchange.config.feed import XlsxSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect import sheet_xml
from credit_exchange.steps.collect.rows import RawChunk
from credit_exchange.steps.collect.sheet_xml import check_extent, flaws_of
from credit_exchange.steps.collect.workbook import _Merged, read_workbook

DATED = {"columns": {"XK_XDR_MC": "名称", "XK_WSH": "文号", "XK_JDRQ": "日期", "BZ": "备注"}}
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def book_of(*rows: list[Any], merge: str = "", epoch: Any = None, at: int = 1) -> io.BytesIO:
    """A workbook whose first sheet holds these rows from this column on."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=at):
            sheet.cell(number, column, value)
    if merge:
        sheet.merge_cells(merge)
    if epoch:
        book.epoch = epoch
    return saved(book)


def saved(book: Workbook) -> io.BytesIO:
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def with_sheet(xml: str, tag: str = "worksheet") -> io.BytesIO:
    """A workbook whose only sheet is this XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(book_of(["x"])) as given, zipfile.ZipFile(out, "w") as archive:
        for name in given.namelist():
            archive.writestr(name, xml if name.endswith("sheet1.xml") else given.read(name))
    out.seek(0)
    return out


def dated(file: io.BytesIO) -> list[RawChunk]:
    return list(read_workbook(file, layout(**DATED), XlsxSource(form="xlsx", path="a"), 1000))


# --- cells with no value to show


def test_an_error_and_a_formula_without_result_are_problems_of_their_row_and_field() -> None:
    chunks = xlsx_of(book_of(HEADER.split(","), ["甲", "#REF!", "1"], ["乙", None, "2", "=1+1"], ["丙", None, "3"]))
    assert problems(chunks) == [(2, "CELL01", "XK_XDR_SHXYM"), (3, "CELL01", "BZ")]
    assert [r[1:] for r in records(chunks)] == [["#REF!", "1", ""], ["", "2", "=1+1"], ["", "3", ""]]
    told = [problem[3] for problem in chunks[0].row_problems]
    assert "公式错误" in told[0]
    assert "没有保存计算结果" in told[1]


def test_rows_that_hold_nothing_else_are_counted_wherever_they_stand() -> None:
    for at in (1, 3):
        chunks = xlsx_of(book_of(HEADER.split(","), ["=A1"], [None, None, "1"], [None, "#N/A"], [], ["=B1"], at=at))
        assert lines(chunks) == [2, 3, 4, 6]
        assert [line for line, *_ in problems(chunks)] == [2, 4, 6]


def test_a_row_of_blanks_is_nothing() -> None:
    assert lines(xlsx_of(book_of(HEADER.split(","), ["甲"], [" ", None, "\u3000"], ["乙"]))) == [2, 4]


def test_what_a_formula_gave_is_a_value_and_an_empty_text_is_a_blank() -> None:
    cells = (
        '<c r="A2" t="str"><f>X</f><v>甲</v></c><c r="B2" t="str"><f>X</f><v></v></c>'
        '<c r="C2"><f>1</f><v>7</v></c><c r="D2" t="inlineStr"><f/><is><t>x</t></is></c>'
    )
    header = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADER.split(","))
    rows = f'<row r="1">{header}</row><row r="2">{cells}</row>'
    chunks = xlsx_of(with_sheet(f'<worksheet xmlns="{NAMESPACE}"><sheetData>{rows}</sheetData></worksheet>'))
    assert records(chunks) == [["甲", "", "7", "x"]]
    assert problems(chunks) == [(2, "NUM01", "XK_WSH")]


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_errors_are_found_whatever_the_xml_s_spelling(prefix: str) -> None:
    p = prefix
    header = "".join(f"<{p}c t='inlineStr'><{p}is><{p}t>{name}</{p}t></{p}is></{p}c>" for name in HEADER.split(","))
    row = f"<{p}row><{p}c t='inlineStr'><{p}is><{p}t>甲</{p}t></{p}is></{p}c><{p}c t = 'e'/></{p}row>"
    space = f"xmlns:x='{NAMESPACE}'" if p else f"xmlns='{NAMESPACE}'"
    xml = f"<{p}worksheet {space}><{p}sheetData><{p}row>{header}</{p}row>{row}</{p}sheetData></{p}worksheet>"
    with zipfile.ZipFile(with_sheet(xml)) as archive:
        assert [(number, sorted(flaws)) for number, flaws in flaws_of(archive, "Sheet", "t")] == [(1, [1])]


def test_flaws_are_found_in_bounded_memory() -> None:
    cell = '<c t="e"><v>#N/A</v></c>' * 4
    xml = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{f"<row>{cell}</row>" * 20_000}</sheetData></worksheet>'
    with zipfile.ZipFile(with_sheet(xml)) as archive:
        tracemalloc.start()
        assert sum(len(flaws) for _, flaws in flaws_of(archive, "Sheet", "t")) == 80_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
        tracemalloc.stop()


def test_a_sheet_whose_rows_cannot_be_followed_is_refused() -> None:
    for rows in ('<row r="2"><c r="A3" t="e"/></row>', '<row r="x"/><row><c t="e"/></row>'):
        xml = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{rows}</sheetData></worksheet>'
        with zipfile.ZipFile(with_sheet(xml)) as archive, pytest.raises(FatalError, match="顺序错乱"):
            list(flaws_of(archive, "Sheet", "t"))


# --- calendars


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_dates_and_bare_numbers_are_read_by_the_workbook_s_calendar(epoch: Any) -> None:
    serial = 46027 if epoch is None else 44565  # 2026-01-05
    chunks = dated(
        book_of(
            ["名称", "文号", "日期", "备注"],
            ["甲", "1", date(2026, 1, 5), 44565],
            ["乙", "2", serial],
            ["丙", "3", str(serial)],
            epoch=epoch,
        )
    )
    found = [r[2] for r in records(chunks)]
    assert found[0] == "2026-01-05"
    assert found[1:] == (["46027", "46027"] if epoch is None else ["2026-01-05", "44565"])
    assert records(chunks)[0][3] == "44565"
    assert problems(chunks) == ([] if epoch is None else [(4, "NUM01", "XK_JDRQ")])


# --- merged cells


def test_a_value_merged_over_several_rows_is_not_lost_in_silence() -> None:
    rows = [["甲", "9", "1", "同上"], ["乙", "8", "2"], ["丙", "7", "3"], ["丁", "6", "4"]]
    chunks = xlsx_of(book_of(HEADER.split(","), *rows, merge="D2:D4"))
    assert problems(chunks) == [(3, "ROW01", "BZ"), (4, "ROW01", "BZ")]
    chunks = xlsx_of(book_of(["行政许可信息表"], [], HEADER.split(","), *rows, ["说明：", None], merge="A1:D2"))
    assert problems(chunks) == []


def test_what_is_merged_beyond_the_columns_is_not_looked_at_for_each_row() -> None:
    rows = [["甲", "9", "1", "同上"], ["乙", "8", "2", "x"]]
    book = CalamineWorkbook.from_filelike(book_of(HEADER.split(","), *rows, merge="D2:XFD3"))
    assert _Merged(book.get_sheet_by_index(0), 0).columns(2, 4) == [3]


@pytest.mark.parametrize("cell", ["XFD50000", "AAA1048576"])
def test_a_stray_cell_far_away_is_told_before_room_is_made_for_all_that_lies_between(cell: str) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEADER.split(","))
    book.active[cell] = "x"
    with pytest.raises(FatalError, match=rf"第 {cell[3:]} 行.*第 {cell[:3]} 列.*请部门清除多余的内容后重新报送"):
        xlsx_of(saved(book))


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="90000000"><c><v>1</v></c></row>',
        '<row r="90000000"><c r="A90000000"><v>1</v></c></row>',
        '<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>',
        '<row><c r="D90000000"><v>1</v></c></row>',
        f'<row r="2"><c x="{"y" * 300}" r="XFD1048576"><v>1</v></c></row>',
        """<row r="2"><c x=' r="A1"' r="XFD1048576"><v>1</v></c></row>""",
        '<row r="1048576">' + "<c><v>1</v></c>" * 100 + "</row>",
        '<row r="2"><c r="XFD1048576"><v>1</v></c></row>',
    ],
)
@pytest.mark.parametrize("says", ["", '<dimension ref="A1:D2"/>'])
def test_no_way_to_write_a_cell_far_away_ends_the_process(rows: str, says: str) -> None:
    """calamine asks for room for all that lies between, and a process that gets none ends at once."""
    head = "".join(f'<c r="{c}1"><v>1</v></c>' for c in "ABCD")
    sheet = f'<worksheet xmlns="{NAMESPACE}">{says}<sheetData><row r="1">{head}</row>{rows}</sheetData></worksheet>'
    with zipfile.ZipFile(with_sheet(sheet)) as archive, pytest.raises(FatalError, match=r"延伸到|顺序错乱"):
        check_extent(archive, "Sheet", "某局")


def test_a_large_sheet_is_not_followed_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_followed", None)
    with zipfile.ZipFile(book_of(*([["甲", "9135", "文1", None, 5]] * 30_000))) as archive:
        check_extent(archive, "Sheet", "某局")


def test_cells_far_away_that_only_have_a_format_take_no_room() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEADER.split(","))
    book.active.append(["甲", "9135", "文1", "2026-01-05"])
    book.active["XFD50000"].font = Font(bold=True)
    assert sum(len(chunk.frame) for chunk in xlsx_of(saved(book))) == 1
