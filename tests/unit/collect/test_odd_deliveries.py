"""What the readers promise of deliveries that look right and are not: no row vanishes, no text changes in silence."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook
from test_readers import (
    COLUMNS,
    HEADER,
    csv_of,
    layout,
    lines,
    problems,
    records,
    rowdata_of,
    workbook,
    xlsx_of,
    zipped,
)

from credit_exchange.config.feed import HttpSource, XlsxSource
from credit_exchange.errors import FatalError, HoldForPerson
from credit_exchange.steps.collect import archive as archive_module
from credit_exchange.steps.collect import delimited
from credit_exchange.steps.collect.delimited import read_delimited
from credit_exchange.steps.collect.delivery import parse_manifest
from credit_exchange.steps.collect.own_csv import MAX_ROW, Cut, own_rows
from credit_exchange.steps.collect.pages import read_pages
from credit_exchange.steps.collect.rows import report_ruined_numbers
from credit_exchange.steps.collect.workbook import read_workbook

ROW = "<ROW><名称>甲</名称><文号>1</文号></ROW>"


# --- text


@pytest.mark.parametrize("row", ['甲,"关于"三无"的决定",1,', '""甲,,1,', '甲,,1,"a"b', '甲,"""x"y",1,'])
def test_a_row_with_misplaced_quotes_is_a_problem_whatever_the_other_rows_hold(row: str) -> None:
    chunks = csv_of(f"{HEADER}\n{row}\n" + "乙,,2,\n" * 200)
    assert problems(chunks) == [(2, "ROW01", "")]
    assert len(records(chunks)) == 201


def test_well_placed_quotes_stay_on_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited._SlowReader, "chunks", lambda _: pytest.fail("the slow way was taken"))
    monkeypatch.setattr(delimited, "BLOCK", 7)
    body = '"甲","","""引""号","x"\r\n"乙,丙",",","""",""""\r\n丁,,"4",""'
    found = [["甲", "", '"引"号', "x"], ["乙,丙", ",", '"', '"'], ["丁", "", "4", ""]]
    assert records(csv_of(f"{HEADER}\r\n{body}")) == found


@pytest.mark.parametrize("slow", ["", '乙,"关于"三无"的决定",2,\n'])
def test_a_row_of_delimiters_is_nothing_and_the_lines_below_keep_their_numbers(slow: str) -> None:
    body = "甲,,1,\n,,,\n \t,\u3000,,\n丙,,3,\n,,,乱\n" + slow + ",,,\n" * 3
    whole = f"{HEADER}\n{body}".replace("\n", ",\n").replace("备注,", "备注,不用", 1) + ",,,,留\n"
    chunks = csv_of(whole, ignore=["不用"])
    found = [2, 5, 6, *([7] if slow else []), 11 if slow else 10]
    assert lines(chunks) == found
    assert problems(chunks) == ([(7, "ROW01", "")] if slow else [])
    assert records(chunks)[-1] == ["", "", "", ""]


def test_a_row_of_nulls_of_a_table_is_a_row() -> None:
    raw = io.BytesIO(f"{HEADER}\n甲,,1,\n,,,\n".encode())
    assert lines(read_delimited(raw, layout(), ",", "utf-8", 10, number_rows=True)) == [1, 2]


def test_a_carriage_return_in_a_value_counts_as_a_line_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for block in range(20, 60):
        monkeypatch.setattr(delimited, "BLOCK", block)
        chunks = csv_of(f'{HEADER}\n甲,,1,"上\r下"\n乙,,2,\n', encoding="utf-8")
        assert lines(chunks) == [2, 4]
        assert records(chunks)[0][3] == "上\r下"


def test_lines_in_another_encoding_are_never_taken_for_text() -> None:
    chinese, utf8 = f"{HEADER}\n甲公司,,1,\n".encode("gb18030"), "福州公司,,2,好人\n".encode()
    for declared in ("auto", "gb18030"):
        with pytest.raises(FatalError, match="第 3 行：是 UTF-8 编码"):
            csv_of(chinese + utf8, declared)
    assert len(records(csv_of(chinese + "联通公司,,2,\n".encode("gb18030")))) == 2


def test_one_damaged_byte_below_a_header_of_codes_is_one_bad_row() -> None:
    rows = "".join(f"福州公司{n},,{n},好\n" for n in range(5)).encode()
    chunks = csv_of(b"XK_XDR_MC,XK_XDR_SHXYM,XK_WSH,BZ\n" + rows + b"\xed\xa0\x80,,7,\n" + "末,,8,\n".encode())
    assert problems(chunks) == [(7, "S18", "XK_XDR_MC")]
    assert [r[0] for r in records(chunks)][4::2] == ["福州公司4", "末"]
    damaged = "XK_XDR_MC,XK_WSH\n福州公司,1\n".encode("gb18030") + b"\xff\xff,2\n"
    assert records(csv_of(damaged))[0][0] == "福州公司"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HEADER.encode("utf-16"), "UTF-16"),
        ("XK_XDR_MC,XK_WSH\n".encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04abc", "工作簿"),
        (b"\n<!DOCTYPE html><title>login</title>", "网页"),
        (b"\x1f\x8b\x08", "压缩包"),
    ],
)
def test_what_is_no_csv_is_called_by_its_name(content: bytes, kind: str) -> None:
    with pytest.raises(FatalError, match=rf"文件是 ?{kind}.*另存为 CSV"):
        csv_of(content)


def test_a_carriage_return_in_the_first_line_of_a_damaged_file_is_no_crash() -> None:
    chunks = csv_of(f"{HEADER}\r甲,,1,\n".encode() + b"\xff\xff,,2,\n")
    assert problems(chunks) == [(3, "S18", "XK_XDR_MC")]


def test_a_new_column_that_no_text_may_hold_is_named_by_its_place() -> None:
    wanted = layout(contract={"new_columns": "quarantine"})
    wanted.check([*HEADER.split(","), "新\x00列"], "第 1 行")
    assert wanted.new_columns == ["第 5 列"]


def test_a_manifest_nested_too_deeply_is_unreadable() -> None:
    with pytest.raises(FatalError, match="无法读取"):
        parse_manifest(b'{"rows":' * 5000, "清单")


def ruined(chunks: Any) -> list[tuple[int, str, str]]:
    for chunk in chunks:
        report_ruined_numbers(chunk, layout().texts)
    return problems(chunks)


def test_a_long_number_that_a_spreadsheet_ruined_is_a_problem_wherever_a_text_belongs() -> None:
    body = "甲,9.13501E+17,2.02601E+11,\n乙,,2,1.5e+15\n丙+丁,,3,a 1.5E+3\n戊,,+4,E+11\n1E+11,,5,-1E+11\n"
    chunks = csv_of(f"{HEADER}\n{body}", rows=2)
    found = [(2, "NUM01", "XK_XDR_SHXYM"), (2, "NUM01", "XK_WSH"), (3, "NUM01", "BZ"), (6, "NUM01", "XK_XDR_MC")]
    assert ruined(chunks) == found
    message = chunks[0].row_problems[0][3]
    assert "科学计数法" in message
    assert "文本格式" in message
    assert "9.13501" not in message


# --- workbooks


def test_a_record_that_begins_like_a_note_is_a_record() -> None:
    chunks = xlsx_of(
        workbook(
            [
                HEADER.split(","),
                ["填表说明：", "逐项填写"],
                ["第二行说明"],
                ["甲", None, "1"],
                ["注：丙公司", "9", "2", "x"],
                [None, "说明：待补", "3", "y"],
                ["只有名称"],
            ]
        )
    )
    assert lines(chunks) == [4, 5, 6, 7]
    assert [r[0] for r in records(chunks)] == ["甲", "注：丙公司", "", "只有名称"]


def test_a_number_too_long_for_a_cell_is_a_problem_in_every_column() -> None:
    chunks = xlsx_of(workbook([HEADER.split(","), ["甲", None, "1", 123456789012345678], ["乙", None, "2", 999999.5]]))
    assert problems(chunks) == [(2, "NUM01", "BZ")]


def test_rows_in_a_sheet_without_header_are_not_passed_over_in_silence() -> None:
    book = Workbook()
    assert book.active is not None
    names = [*COLUMNS, "XK_NR", "XK_JDRQ", "XK_ZT", "XK_XKLB"]
    book.active.append(names)
    book.active.append(["甲"] * 8)
    notes = book.create_sheet("说明")
    notes.append(["字段", "类型", "说明"])
    wide = layout(columns={name: name for name in names})

    def read() -> list[Any]:
        out = io.BytesIO()
        book.save(out)
        return list(read_workbook(out, wide, XlsxSource(form="xlsx", path="a"), 10))

    assert len(records(read())) == 1
    more = book.create_sheet("续表")
    more.append([])
    more.append(["乙"] * 8)
    with pytest.raises(FatalError, match="第 3 个工作表没有表头，却有像数据的行"):
        read()


# --- zip and XML


@pytest.mark.parametrize("inside", [f"<ROWS>{ROW}</ROWS>", f"{ROW}\n<row/>", f'{ROW}\n<a:ROW xmlns:a="u"/>'])
def test_rows_in_another_place_or_spelling_refuse_the_file(inside: str) -> None:
    with pytest.raises(FatalError, match=r"第 1 个文件第 \d 行：ROWDATA 之下只能有 ROW 元素"):
        rowdata_of(zipped(("a.xml", f"<ROWDATA>{inside}</ROWDATA>")))


def test_a_field_under_two_names_is_a_problem_and_an_empty_one_hides_nothing() -> None:
    both = "<ROW><名称>乙</名称><文号>3</文号><XK_WSH>{}</XK_WSH></ROW>"
    chunks = rowdata_of(zipped(("a.xml", f"<ROWDATA>{both.format('')}{both.format('4')}</ROWDATA>")))
    assert records(chunks)[0][2] == "3"
    assert problems(chunks) == [(2, "ROW01", "XK_WSH")]


def test_a_zip_with_a_wrong_offset_or_an_undecodable_name_is_refused_without_quoting_it() -> None:
    good = zipped(("张三.xml", f"<ROWDATA>{ROW}</ROWDATA>")).getvalue()
    name = good.replace("张三".encode(), b"\xff\xff" + "张三".encode()[2:])
    offset = bytearray(good)
    offset[good.rindex(b"PK\x05\x06") + 16 + 3] = 0x7F
    for broken in (name, bytes(offset)):
        with pytest.raises(FatalError, match="不是完好的 zip") as caught:
            rowdata_of(io.BytesIO(broken))
        assert "三" not in str(caught.value)


def test_text_and_attributes_that_no_column_holds_are_told() -> None:
    counted = ROW.replace("<ROW>", "<ROW num='1'>")
    whole = f"<ROWDATA>{{}}{counted}{{}}{ROW}{{}}</ROWDATA>"
    assert problems(rowdata_of(zipped(("a.xml", whole.format("", "\n", ""))))) == []
    inside = f"<ROWDATA>{ROW.replace('<文号>', '散落<文号>')}{ROW.replace('</文号>', '</文号>散落')}</ROWDATA>"
    assert problems(rowdata_of(zipped(("a.xml", inside)))) == [(1, "ROW01", ""), (2, "ROW01", "")]
    for place in range(3):
        texts = ["", "", ""]
        texts[place] = "散落"
        with pytest.raises(FatalError, match="ROW 之外有文字") as caught:
            rowdata_of(zipped(("a.xml", whole.format(*texts))))
        assert "散落" not in str(caught.value)
    named = ROW.replace("<ROW>", '<ROW 备注="x">')
    assert problems(rowdata_of(zipped(("a.xml", f"<ROWDATA>{named}</ROWDATA>")))) == [(1, "ROW01", "BZ")]
    with pytest.raises(HoldForPerson, match="ROW 属性：出现新列"):  # a withdrawal would be taken for a record
        rowdata_of(zipped(("a.xml", "<ROWDATA>" + ROW.replace("<ROW>", "<ROW 操作='D'>") + "</ROWDATA>")))


def test_what_a_mac_adds_to_a_zip_is_no_data() -> None:
    good = f"<ROWDATA>{ROW}</ROWDATA>"
    added = [
        ("__MACOSX/._a.xml", b"\x00\x05\x16\x07"),
        ("._a.xml", b"\x00"),
        (".DS_Store", b"Bud1"),
        ("x/._b.xml", b""),
    ]
    assert len(records(rowdata_of(zipped(*added, ("报送/a.xml", good), ("报送\\b.XML", good))))) == 2
    with pytest.raises(FatalError, match=r"zip 内没有 \*\.xml 文件"):
        rowdata_of(zipped(*added))


@pytest.mark.parametrize("declared", ["GB2312", "gbk", "GB18030"])
def test_names_beyond_the_declared_chinese_encoding_are_read(declared: str) -> None:
    xml = f'<?xml version="1.0" encoding="{declared}"?>\n<ROWDATA>{ROW.replace("甲", "䶮𬭎㛃公司")}</ROWDATA>'
    assert records(rowdata_of(zipped(("a.xml", xml.encode("gb18030")))))[0][0] == "䶮𬭎㛃公司"
    hostile = f'<?xml version="1.0" encoding="{declared}"?><!DOCTYPE a><ROWDATA>{ROW}</ROWDATA>'.encode("gb18030")
    with pytest.raises(FatalError, match="DOCTYPE"):
        rowdata_of(zipped(("a.xml", hostile)))


@pytest.mark.parametrize(
    ("declared", "written", "says"),
    [
        ("GBK", "utf-8", "声明的编码是 GBK，内容却是 UTF-8"),
        ("UTF-8", "gb18030", "第 2 行：文字与 XML 声明的编码不符"),
        ("x-unknown", "utf-8", "声明的编码不能识别"),
    ],
)
def test_text_in_another_encoding_than_declared_is_refused_as_such(declared: str, written: str, says: str) -> None:
    row = "<ROW><XK_XDR_MC>福州市测试有限公司</XK_XDR_MC><XK_WSH>1</XK_WSH></ROW>"
    xml = f'<?xml version="1.0" encoding="{declared}"?>\n<ROWDATA>{row}</ROWDATA>'
    with pytest.raises(FatalError, match=says) as caught:
        rowdata_of(zipped(("a.xml", xml.encode(written))))
    assert "福州市测试有限公司" not in str(caught.value)


def test_bytes_that_no_chinese_encoding_knows_are_refused_with_their_line() -> None:
    xml = b'<?xml version="1.0" encoding="GB2312"?>\n<ROWDATA>\n' + b"<ROW><a>\xff\xff</a></ROW></ROWDATA>"
    with pytest.raises(FatalError, match="第 3 行：文字与 XML 声明的编码不符"):
        rowdata_of(zipped(("a.xml", xml)))


# --- JSON


def pages_of(*items: dict[str, Any]) -> Any:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("page-00001.json", json.dumps({"data": {"items": items}}))
    return list(read_pages(file, layout(), HttpSource(form="http", connection="s", path="/x"), 100))


def test_as_many_pages_are_read_as_the_feed_may_collect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_ENTRIES", 2)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for page in (99_998, 99_999, 100_000):
            items = [{"名称": "甲", "文号": str(page)}]
            archive.writestr(f"page-{page:05}.json", json.dumps({"data": {"items": items}}))
    source = HttpSource(form="http", connection="s", path="/x", max_pages=100_000)
    [chunk] = read_pages(file, layout(), source, 100)
    numbers = [value for record in records([chunk]) for value in record if value.isdigit()]
    assert numbers == ["99998", "99999", "100000"]


def test_a_key_that_stands_twice_is_one_bad_row() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        items = '{"名称": "甲", "文号": "1", "文号": "2"}, {"名称": "乙", "文号": "3"}'
        archive.writestr("page-00001.json", f'{{"data": {{"items": [{items}]}}}}')
    chunks = list(read_pages(file, layout(), HttpSource(form="http", connection="s", path="/x"), 100))
    assert problems(chunks) == [(1, "ROW01", "")]
    assert len(records(chunks)) == 2
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("page-00001.json", '{"data": {"items": [], "items": []}}')
    with pytest.raises(FatalError, match="无法读取"):
        list(read_pages(file, layout(), HttpSource(form="http", connection="s", path="/x"), 100))


def test_an_empty_second_name_of_a_key_hides_nothing() -> None:
    chunks = pages_of(
        *({"名称": "甲", "文号": "1", "备注": "补录", "BZ": value} for value in (None, "", "其他")),
    )
    assert [r[3] for r in records(chunks)][:2] == ["补录", "补录"]
    assert problems(chunks) == [(3, "ROW01", "BZ")]


def test_a_number_that_nobody_can_write_out_is_a_value_of_its_row_and_stops_no_other() -> None:
    file = io.BytesIO()
    numbers = ("1e999999999", "-1E-999999999999999999999", "0e99999999", "9" * 5000, "0.200000")
    items = ",".join(f'{{"名称": "甲", "文号": "1", "备注": {number}}}' for number in numbers)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("page-00001.json", f'{{"data": {{"items": [{items}]}}}}')
    chunks = list(read_pages(file, layout(), HttpSource(form="http", connection="s", path="/x"), 100))
    assert [record[3] for record in records(chunks)] == list(numbers)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_values_of_a_row_that_is_too_long_are_those_before_the_end_of_the_line(end: str) -> None:
    rows = own_rows(io.BytesIO(f"a,b,c{end}{'x' * MAX_ROW},2,3{end}".encode()), 3)
    (_, header), (_, cut) = rows
    assert header == ["a", "b", "c"]
    assert [len(value) for value in cut] == [10_000, 1, 1]
    assert isinstance(cut, Cut)
    assert cut.at == [0]
