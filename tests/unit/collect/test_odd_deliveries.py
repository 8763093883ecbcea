"""What the readers promise of deliveries that look right and are not: no row vanishes, no text changes in silence."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from test_readers import HEADER, csv_of, layout, lines, problems, records, rowdata_of, workbook, xlsx_of, zipped

from credit_exchange.config.feed import HttpSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect import delimited
from credit_exchange.steps.collect.delivery import parse_manifest
from credit_exchange.steps.collect.pages import read_pages

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


def test_lines_in_another_encoding_are_never_taken_for_text() -> None:
    chinese, utf8 = f"{HEADER}\n甲公司,,1,\n".encode("gb18030"), "福州公司,,2,好人\n".encode()
    for declared in ("auto", "gb18030"):
        with pytest.raises(FatalError, match="第 3 行：是 UTF-8 编码"):
            csv_of(chinese + utf8, declared)
    assert len(records(csv_of(chinese + "联通公司,,2,\n".encode("gb18030")))) == 2


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


# --- JSON


def pages_of(*items: dict[str, Any]) -> Any:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("page-00001.json", json.dumps({"data": {"items": items}}))
    return list(read_pages(file, layout(), HttpSource(form="http", connection="s", path="/x"), 100))


def test_an_empty_second_name_of_a_key_hides_nothing() -> None:
    chunks = pages_of(
        *({"名称": "甲", "文号": "1", "备注": "补录", "BZ": value} for value in (None, "", "其他")),
    )
    assert [r[3] for r in records(chunks)][:2] == ["补录", "补录"]
    assert problems(chunks) == [(3, "ROW01", "BZ")]
