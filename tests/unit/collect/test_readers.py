"""What the readers promise: every row of a delivery is given out once, with its line and its problems."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from credit_exchange.config.feed import Feed, RowdataZipSource, XlsxSource
from credit_exchange.config.loader import load
from credit_exchange.errors import FatalError, HoldForPerson
from credit_exchange.steps.collect import delimited
from credit_exchange.steps.collect.archive import checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.delimited import read_delimited
from credit_exchange.steps.collect.rowdata import read_rowdata
from credit_exchange.steps.collect.rows import RawChunk
from credit_exchange.steps.collect.workbook import read_workbook

HEADER = "名称,代码,文号,备注"
COLUMNS = {"XK_XDR_MC": "名称", "XK_XDR_SHXYM": "代码", "XK_WSH": ["文号", "文号(新)"], "BZ": "备注"}


def layout(**more: Any) -> Layout:
    dataset = load(Path(__file__).resolve().parents[3] / "include").datasets["permit"]
    constants = {code: "1" for code, field in dataset.fields.items() if field.required and code not in COLUMNS}
    feed = Feed.model_validate(
        {
            "department": {"code": "fz_test", "name": "福州市测试局"},
            "dataset": "permit",
            "owner": "x",
            "contact": "x",
            "source": {"form": "csv", "path": "a"},
            "columns": COLUMNS,
            "constants": constants,
        }
        | more
    )
    return Layout("t", feed, dataset)


def csv_of(content: str | bytes, encoding: str = "auto", rows: int = 1000, **more: Any) -> list[RawChunk]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(read_delimited(io.BytesIO(raw), layout(**more), ",", encoding, rows))


def records(chunks: Iterable[RawChunk]) -> list[list[str]]:
    return [list(row) for chunk in chunks for row in chunk.frame.itertuples(index=False)]


def lines(chunks: Iterable[RawChunk]) -> list[int]:
    return [int(line) for chunk in chunks for line in chunk.line_no]


def test_names_of_one_column_that_differ_in_case_or_width_are_one_column() -> None:
    columns = {**COLUMNS, "BZ": "bz", "XK_WSH": ["文号(新)", "文号（新）"]}
    assert records(csv_of("名称,代码,文号（新）,bz\n甲,乙,丙,丁\n", columns=columns)) == [["甲", "乙", "丙", "丁"]]


def problems(chunks: Iterable[RawChunk]) -> list[tuple[int, str, str]]:
    return [(int(c.line_no[p[0]]), p[1], p[2]) for c in chunks for p in c.row_problems]


def test_a_row_that_goes_on_from_line_to_line_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is long, and all of them are one row, which would have to be held as a whole."""
    monkeypatch.setattr(delimited, "MAX_ROW", 1000)
    endless = '"x\n",' * 200_000
    for head in ("", HEADER + "\n"):
        file = io.BytesIO((head + endless).encode())
        with pytest.raises(FatalError, match="没有正确闭合"):
            list(read_delimited(file, layout(), ",", "utf-8", 1000))
        assert file.tell() < len(endless) / 2


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_names_survive_every_encoding(codec: str) -> None:
    chunks = csv_of(f"{HEADER}\n䶮𬭎㛃公司,,文1,　x\n".encode(codec))
    assert records(chunks) == [["䶮𬭎㛃公司", "", "文1", "　x"]]
    assert str(chunks[0].frame.dtypes.iloc[0]) == "str"


@pytest.mark.parametrize("tail", ["", "\n", "\r\n", "\n\n\n"])
def test_line_numbers_and_the_last_row(tail: str) -> None:
    chunks = csv_of(f"{HEADER}\n甲,,1,\n乙,,2,{tail}", rows=1)
    assert [len(c.frame) for c in chunks] == [1, 1]
    assert lines(chunks) == [2, 3]
    assert list(chunks[1].frame.index) == [0]


def test_blank_lines_and_line_breaks_in_quotes_keep_the_line_numbers() -> None:
    chunks = csv_of(f'\n{HEADER}\n甲,,1,"a\nb"\n\n乙,,2,"说""x"""\n')
    assert lines(chunks) == [3, 6]
    assert [r[3] for r in records(chunks)] == ["a\nb", '说"x"']


def test_arrow_and_csv_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "".join(f'名{n},"c,{n}",文{n},\r\n' for n in range(2500))
    fast = csv_of(f"{HEADER}\r\n{body}")
    monkeypatch.setattr(delimited, "_look", lambda *_: delimited._Look(False, True))
    slow = csv_of(f"{HEADER}\r\n{body}")
    assert records(fast) == records(slow)
    assert lines(fast) == lines(slow)
    assert [len(c.frame) for c in fast] == [1000, 1000, 500]


def test_rows_longer_than_a_block_of_arrow_are_read_like_the_others() -> None:
    texts = [f"名{n}" + "长" * (250_000 if n % 7 == 3 else n) for n in range(40)]
    content = "名称,文号\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts))
    chunks = csv_of(content, rows=5)
    assert [len(chunk.frame) for chunk in chunks] == [5] * 8
    assert [record[0] for record in records(chunks)] == texts
    assert lines(chunks) == list(range(2, 42))


class _SlowDisk(io.BytesIO):
    """A file of a slow disk, on which the reads of two threads mix."""

    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0.02 if size and size > 100_000 else 0.0005)
        return super().read(size)


def test_what_arrow_still_reads_ahead_takes_nothing_from_what_is_read_after_it() -> None:
    texts = [f"名{n}" + "长" * (250_000 if n % 7 == 3 else n) for n in range(40)]
    content = "名称,文号\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts))
    chunks = list(read_delimited(_SlowDisk(content.encode()), layout(), ",", "auto", 5))
    assert [record[0] for record in records(chunks)] == texts


def test_short_and_long_rows_are_reported_and_nothing_after_them_is_lost() -> None:
    body = [f"名{n},,文{n},备注{n}" for n in range(3000)]
    body[1500] = "只有一列"
    body[2500] += ",多,余"
    chunks = csv_of("\n".join([HEADER, *body]) + "\n", rows=700)
    assert len(records(chunks)) == 3000
    assert lines(chunks) == list(range(2, 3002))
    assert problems(chunks) == [(1502, "ROW01", ""), (2502, "ROW01", "")]


def test_more_than_one_percent_of_odd_rows_refuse_the_file() -> None:
    with pytest.raises(FatalError, match="10 行中有 2 行"):
        csv_of(f"{HEADER}\n" + "a,,1,\n" * 8 + "a\nb\n")


def test_a_file_cut_off_in_a_row_is_refused() -> None:
    with pytest.raises(FatalError, match="第 3 行：文件在一行中间中断"):
        csv_of(f"{HEADER}\n甲,,1,\n乙,,")


@pytest.mark.parametrize("content", ['甲,"没关,1,\n乙,,2,\n', '甲,"没关,1,\n乙,"x",2,\n丙,,3,\n'])
def test_an_unclosed_quote_never_swallows_rows(content: str) -> None:
    with pytest.raises(FatalError, match="第 2 行：引号"):
        csv_of(f"{HEADER}\n{content}")


def test_a_row_with_broken_quotes_is_one_problem() -> None:
    chunks = csv_of(f'{HEADER}\n甲,"a"b,1,\n' + "乙,,2,\n" * 200 + '丙,"x\ny",3,\n')
    assert problems(chunks) == [(2, "ROW01", "")]
    assert len(records(chunks)) == 202


def test_a_line_without_end_is_refused_without_being_read_whole() -> None:
    with pytest.raises(FatalError, match="第 2 行：长度超过"):
        csv_of(f"{HEADER}\n甲,,1," + "x" * 3_000_000)


@pytest.mark.parametrize("bad", ["\x00", "\ufffd", "\x07"])
def test_damaged_text_is_a_row_s_problem(bad: str) -> None:
    chunks = csv_of(f"{HEADER}\n甲,,1,a{bad}b\n乙,,2,\n")
    assert problems(chunks) == [(2, "S18", "BZ")]
    assert len(records(chunks)) == 2


def test_undecodable_bytes_are_kept_visible_and_only_their_row_suffers() -> None:
    raw = f"{HEADER}\n甲,,1,".encode() + b"\xd6\xff\n" + "乙,,2,好\n".encode()
    chunks = csv_of(raw)
    assert problems(chunks) == [(2, "S18", "BZ")]
    assert [r[3] for r in records(chunks)] == ["\\xd6\\xff", "好"]


def test_headers_are_checked_and_data_never_shown() -> None:
    with pytest.raises(FatalError, match=r"^福州市测试局（t）第 1 行：缺少列：XK_WSH（文号 / ") as caught:
        csv_of("名称,代码,张三\n甲,,1\n")
    assert "张三" not in str(caught.value)
    with pytest.raises(FatalError, match="第 2 列是 XK_XDR_MC 的 2 个列之一"):
        csv_of("文号,名称,名称\n1,2,3\n")
    with pytest.raises(HoldForPerson, match="新列 '处罚种类'（第 5 列）"):
        csv_of(f"{HEADER},处罚种类\n")
    for name in ("张三", "填报人：张三", "ZhangSan", "a_11010519491231002X"):
        with pytest.raises(HoldForPerson, match="出现新列 （第 5 列）") as held:
            csv_of(f"{HEADER},{name}\n")
        assert name not in str(held.value)
    table = {"form": "table", "connection": "c", "table": "t", "updated_at": "u"}
    for name, shown in (("extra", "'extra'"), ("张三", ""), ("a11010519491231002X", "")):
        with pytest.raises(HoldForPerson, match=f"出现新列 {shown}（第 5 列），"):
            layout(source=table).unknown(name, 5, "")
    chunks = csv_of(f"{HEADER},新列\n甲,,1,,z\n", contract={"new_columns": "quarantine"})
    assert records(chunks) == [["甲", "", "1", ""]]
    assert records(csv_of(f" {HEADER},x\n甲,,1,,z\n", ignore=["X "])) == [["甲", "", "1", ""]]
    assert records(csv_of("文号（新）,名称\n1,甲\n")) == [["甲", "", "1", ""]]
    with pytest.raises(FatalError, match="没有表头行"):
        csv_of("\ufeff\n\n")


def test_operations_and_sequence_come_beside_the_fields() -> None:
    given = {"operation": {"column": "操作", "withdraw": ["撤销"], "reason_column": "原因"}, "sequence": "时间"}
    (chunk,) = csv_of(f"{HEADER},操作,时间,原因\n甲,,1,,撤销,2026,错\n", **given)
    assert list(chunk.frame.columns)[-3:] == ["_operation", "_reason", "_sequence"]
    assert records([chunk])[0][-3:] == ["撤销", "错", "2026"]
    with pytest.raises(
        FatalError, match=r"缺少列：operation\.column（操作）；.*更正 feeds/.*\.yml 的 operation\.column"
    ):
        csv_of(f"{HEADER},时间\n", **given)


# --- workbooks


def workbook(rows: list[list[Any]]) -> io.BytesIO:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def xlsx_of(file: io.BytesIO, **more: Any) -> list[RawChunk]:
    source = XlsxSource.model_validate({"form": "xlsx", "path": "a"} | more)
    return list(read_workbook(file, layout(), source, 1000))


def test_a_template_with_notes_dates_and_numbers() -> None:
    chunks = xlsx_of(
        workbook(
            [
                ["行政许可信息表"],
                ["表格说明：请勿改动"],
                HEADER.split(","),
                ["甲", "9135", "文1", date(2026, 1, 5)],
                ["乙", 913501000037001683, "文2", 350100.0],
                [],
                ["丙", None, "文3", datetime(2026, 1, 5, 8, 30)],
                ["填表说明：", None],
                ["1、逐项填写"],
            ]
        )
    )
    assert lines(chunks) == [4, 5, 7]
    assert [r[3] for r in records(chunks)] == ["2026-01-05", "350100", "2026-01-05 08:30:00"]
    assert problems(chunks) == [(5, "NUM01", "XK_XDR_SHXYM")]


def test_a_workbook_without_header_or_no_workbook_is_refused() -> None:
    with pytest.raises(FatalError, match="行中没有表头"):
        xlsx_of(workbook([["x", "y"], ["甲", "1"]]))
    with pytest.raises(FatalError, match="不是完好的 zip"):
        xlsx_of(io.BytesIO(b"name,code\n"))
    with pytest.raises(FatalError, match=r"旧版 \.xls"):
        xlsx_of(io.BytesIO(bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 100))
    with pytest.raises(FatalError, match="是网页或 XML 表格，只是改了扩展名"):
        xlsx_of(io.BytesIO("\ufeff\r\n<html><table>".encode()))
    with pytest.raises(FatalError, match="没有工作表 '名单'"):
        xlsx_of(workbook([HEADER.split(",")]), sheet="名单")


# --- zip and XML


def zipped(*members: tuple[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out


def rowdata_of(file: io.BytesIO) -> list[RawChunk]:
    return list(read_rowdata(file, layout(), RowdataZipSource(form="rowdata_zip", path="a"), 2))


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]><ROWDATA><ROW><名称>&x;</名称></ROW></ROWDATA>', "DOCTYPE"),
        ("<ROWDATA><ROW><名称>甲</名称></ROW>", "第 1 个文件第 1 行：不是格式正确的 XML"),
        ("<ROWDATA><ROW><名称>甲 & 乙</名称></ROW></ROWDATA>", "不是格式正确的 XML"),
        ("<ROWS/>", "根元素应为 ROWDATA"),
        ("", "不是格式正确的 XML|没有 XML 元素"),
        ("<ROWDATA><ROW><名称>甲</名称></ROW></ROWDATA>", "缺少列：XK_WSH"),
    ],
)
def test_hostile_and_broken_xml_is_refused(xml: str, says: str) -> None:
    with pytest.raises(FatalError, match=says):
        rowdata_of(zipped(("a.xml", xml)))


def test_rowdata_rows_in_order_with_their_problems() -> None:
    row = "<ROW><名称>{}</名称><文号>{}</文号></ROW>"
    content = "".join(row.format(f"名{n}", n) for n in range(4)) + row.format("<b/>", 9)
    content = f"<ROWDATA>{content}</ROWDATA>"
    chunks = rowdata_of(zipped(("x/a.xml", content.encode("utf-16")), ("readme.txt", "x")))
    assert [len(c.frame) for c in chunks] == [2, 2, 1]
    assert lines(chunks) == [1, 2, 3, 4, 5]
    assert problems(chunks) == [(5, "ROW01", "")]


def test_dangerous_zips_are_not_opened() -> None:
    link = zipfile.ZipInfo("a.xml")
    link.external_attr = 0o120777 << 16
    for name, file in {
        "压缩包之外": zipped(("../a.xml", "x")),
        "倍，未打开": zipped(("a.xml", b"0" * 20_000_000)),
        "有 10001 个文件": zipped(*((f"{n}.xml", "") for n in range(10_001))),
        "解压后共": zipped(("a.xml", "x" * 2000), compression=zipfile.ZIP_STORED),
    }.items():
        with pytest.raises(FatalError, match=name), checked_zip(file, "t", 1000 if name == "解压后共" else 10**9):
            pass
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(FatalError, match="符号链接"), checked_zip(out, "t", 1000):
        pass
    encrypted = bytearray(zipped(("a.xml", "x")).getvalue())
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FatalError, match="已加密"), checked_zip(io.BytesIO(bytes(encrypted)), "t", 1000):
        pass
