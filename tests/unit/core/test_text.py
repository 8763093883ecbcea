"""Text: what departments type is cleaned without changing what it says."""

from __future__ import annotations

import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.core import text
from credit_exchange.errors import ConfigurationError

FORMS = ("%Y/%m/%d", "%Y-%m-%d", "%Y%m%d", "%Y年%m月%d日")


def series(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str", index=[i * 10 for i in range(len(values))], name="c")


def values(s: pd.Series) -> list[str | None]:
    assert s.dtype == "str"
    return [None if v is np.nan or v is None or v != v else v for v in s]


def test_names_are_trimmed_and_keep_their_brackets():
    s = series("\u3000\t福州（中国） 公司\u200b\u00a0\r\n", None, " ")
    assert values(text.clean(s)) == ["福州（中国） 公司", None, ""]
    assert text.clean(s).index.equals(s.index)
    assert text.clean(s).name == "c"


def test_the_mark_of_a_text_cell_is_no_part_of_the_text():
    s = series("'350100", "' =甲", "`文1", "'", "'十三五'规划", "'90s'", "甲'乙", "甲", "", None, "'一\n二")
    assert values(text.without_text_marker(s)) == [
        "350100", "=甲", "文1", "", "'十三五'规划", "'90s'", "甲'乙", "甲", "", None, "一\n二",
    ]  # fmt: skip
    s = series('="0123"', '=" 文\n号 "', '=""', "='文'", '="a"&"b"', '="a', 'x="a"', '="', None)
    assert values(text.without_text_marker(s)) == [
        "0123", "文\n号", "", "='文'", '="a"&"b"', '="a', 'x="a"', '="', None,
    ]  # fmt: skip
    s = series("='a", "=b")
    assert text.without_text_marker(s).tolist() == s.tolist()


def test_codes_become_ascii_upper_case():
    assert values(text.clean_code(series(" ９１ａ\u200bＸ\u3000", None))) == ["91AX", None]


def test_what_departments_write_for_nothing_is_blank():
    assert text.blank(series("", "无", "/", "／", "-", "－", "null", "NULL", " — ", "\\N", "\u3000", None)).all()
    assert not text.blank(series("无锡", "0", "-1", "无。")).any()


@pytest.mark.parametrize(
    "mark",
    [
        *("\u00ad", "\u034f", "\u061c", "\u180e", "\u200b", "\u200f", "\u202a", "\u202c", "\u202e", "\u2060", "\u2063"),
        *("\u2066", "\u2069", "\u206f", "\ufe00", "\ufe0f", "\ufeff"),
    ],
)
def test_marks_of_direction_and_others_that_nobody_sees_are_no_part_of_what_is_compared(mark: str) -> None:
    """Copied numbers bring them along; two records that look the same would be published side by side."""
    assert values(text.clean(series(f"{mark}甲公司{mark}"))) == ["甲公司"]
    assert values(text.clean_code(series(f"{mark}9{mark}1"))) == ["91"]
    assert values(text.document_no_key(series(f"榕罚〔2026〕{mark}1号{mark}"))) == ["榕罚〔2026〕1号"]
    assert values(text.name_key(series(f"甲{mark}公司"))) == ["甲公司"]
    assert text.blank(series(mark)).all()


@pytest.mark.parametrize(
    "space", [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and code not in range(0x1C, 0x20)]
)
def test_white_space_of_every_kind_is_no_part_of_what_is_compared(space: str) -> None:
    assert values(text.clean(series(f"{space}甲公司{space}"))) == ["甲公司"]
    assert values(text.document_no_key(series(f"榕罚〔2026〕{space}1号{space}"))) == ["榕罚〔2026〕1号"]
    assert values(text.name_key(series(f"甲{space}公司"))) == ["甲公司"]
    assert text.blank(series(space)).all()


def test_document_numbers_meet_in_one_form_and_keep_leading_zeros():
    s = series(
        "榕环罚（2019）第５０号", "榕环罚【2019】50 号", "榕环罚[2019]50号", "榕环罚〔2019〕50号", "榕环罚［2019］50号"
    )
    assert set(values(text.document_no_key(s))) == {"榕环罚〔2019〕50号"}
    assert values(text.document_no_key(series("00261", None, "ab—1"))) == ["00261", None, "AB-1"]


def test_names_are_compared_without_spaces_and_bracket_styles():
    s = series("福州（中国）有限 公司", "福州(中国)有限公司", "福州【中国】有限公司\u200b", "福州〔中国〕有限公司")
    assert set(values(text.name_key(s))) == {"福州(中国)有限公司"}
    assert values(text.name_key(series("买买提•艾力", "Abc  Ltd"))) == ["买买提·艾力", "ABCLTD"]


def test_characters_no_platform_takes_are_found():
    bad = series("a\x00", "\x1fb", "\ufffd", "\x0b", "\uffff")
    assert text.bad_characters(bad).all()
    assert not text.bad_characters(series("a\tb\r\n", "𬭚", None, "")).any()
    assert text.bad_characters(pd.Series(["x\ud800", None, "ok"], dtype=object)).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2026/2/3", "2026-02-03"),
        ("2026-02-03 00:00:00", "2026-02-03"),
        ("2026-02-03T00:00:00.000", "2026-02-03"),
        ("20260203", "2026-02-03"),
        ("2026年2月03日", "2026-02-03"),
        (" 2099/12/31\t", "2099-12-31"),
        ("9999-12-31", "9999-12-31"),
        ("2026-02-03 10:00:00", None),
        ("2026-02-30", None),
        ("2026-13-01", None),
        ("202623", None),
        ("２０２６-02-03", None),
        ("26/2/3", None),
        ("2026-02/03", None),
        ("1899-12-31", None),
        ("1900/01/01", None),
        ("0000-00-00", None),
        ("", None),
        (None, None),
        ("45000", None),
    ],
)
def test_dates_are_read_strictly(given_text: str | None, expected: str | None):
    assert values(text.parse_dates(series("2020-01-01", given_text, given_text), FORMS)) == [
        "2020-01-01",
        expected,
        expected,
    ]


def test_excel_serials_only_where_the_feed_says_so():
    # a year or a month typed where Excel wanted a day is no serial number
    s = series("43713", "43713.0", "20000", "80000", "19999", "80001", "2026", "202612", "43713.5", "20260203")
    assert values(text.parse_dates(s, FORMS, excel_serial=True)) == [
        "2019-09-05", "2019-09-05", "1954-10-03", "2119-01-11", None, None, None, None, None, "2026-02-03",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["%y-%m-%d", "%Y-%m", "%Y-%m-%d %Y", "%d %b %Y", "%"])
def test_a_date_format_that_cannot_be_strict_is_refused(form: str):
    with pytest.raises(ConfigurationError, match="日期格式"):
        text.parse_dates(series("2026-02-03"), (form,))


def test_a_format_with_time_reads_the_day():
    assert values(text.parse_dates(series("2026-02-03 10:20:30"), ("%Y-%m-%d %H:%M:%S",))) == ["2026-02-03"]


@settings(max_examples=100, deadline=None)
@given(st.dates(), st.sampled_from(["%Y/%m/%d", "%Y-%m-%d", "%Y%m%d", "%Y年%m月%d日"]))
def test_every_day_written_in_a_format_is_read_back(day, form: str):
    written = form.replace("%Y", f"{day.year:04}").replace("%m", f"{day.month:02}").replace("%d", f"{day.day:02}")
    expected = None if day.isoformat() in {"0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01"} else day.isoformat()
    assert values(text.parse_dates(series(written), FORMS)) == [expected]


def test_amounts_are_exact_and_badly_grouped_ones_refused():
    s = series("1,234.50", "0.200000", "-0.00", "+7", "1E3", "1e-6", "12345678901234567890123456789012.10", "007", ".5")
    assert values(text.parse_decimals(s)) == [
        "1234.5", "0.2", "0", "7", "1000", "0.000001", "12345678901234567890123456789012.1", "7", "0.5",
    ]  # fmt: skip
    wrong = series(
        "1,23", "1,2345", "5万", "１", "3.", ".", ".5.", "NaN", "inf", "1e999", "0x1", "1_000", "", None, "--1"
    )
    assert text.parse_decimals(wrong).isna().all()


@settings(max_examples=200, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15))
def test_an_amount_keeps_its_value_and_its_canonical_form_is_stable(amount: Decimal):
    [canonical] = values(text.parse_decimals(series(format(amount, "f"))))
    assert canonical is not None
    assert Decimal(canonical) == amount
    assert values(text.parse_decimals(series(canonical))) == [canonical]


def test_empty_and_all_absent_columns_pass_through():
    for s in (series(), series(None, None)):
        for function in (text.clean, text.clean_code, text.document_no_key, text.name_key, text.parse_decimals):
            assert function(s).isna().sum() == len(s)
        assert text.parse_dates(s, FORMS).isna().all()
        assert text.blank(s).all()
