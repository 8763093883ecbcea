"""Whatever form a department chooses, the current table says the same."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validate_bench import PERMIT, PERSON

from credit_exchange.core.text import BLANK_WORDS
from credit_exchange.steps.validate.newness import sequence_key

SAME_BENCH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)

PERMIT_2016 = {
    "XK_WSH": PERMIT["XK_WSH"],
    "XK_XMMC": PERMIT["XK_XKWS"],
    "XK_SPLB": PERMIT["XK_XKLB"],
    "XK_NR": PERMIT["XK_NR"],
    "XK_XDR": PERMIT["XK_XDR_MC"],
    "XK_XDR_SHXYM": PERMIT["XK_XDR_SHXYM"],
    "XK_FR": PERMIT["XK_FRDB"],
    "XK_JDRQ": PERMIT["XK_JDRQ"],
    "XK_JZQ": PERMIT["XK_YXQZI"],
    "XK_XZJG": PERMIT["XK_XKJG"],
    "XK_ZT": "0",
    "DFBM": "350100",
    "SJC": "2026-08-20",
}
OLD: dict[str, Any] = {"schema_version": "v2016", "constants": {"XK_XKJGDM": PERMIT["XK_XKJGDM"]}}


def frame(bench: Any, row: dict[str, str], **options: Any) -> dict[str, str]:
    """The normalised row without what is absent."""
    return dict(bench.sheet([row], **options).frame.iloc[0].dropna())


def test_a_row_of_2016_says_what_the_current_one_says(permit: Any) -> None:
    now, then = frame(permit, PERMIT), frame(permit, PERMIT_2016, **OLD)
    standing_in = {"XK_YXQZ": now["XK_JDRQ"], "XK_LYDW": PERMIT["XK_XKJG"], "XK_LYDWDM": PERMIT["XK_XKJGDM"]}
    assert then == now | standing_in
    assert permit.judge([PERMIT_2016], whole=True, **OLD) == [set()]


@pytest.mark.parametrize("mark", ["'", "' ", "`"])
def test_the_mark_of_a_text_cell_makes_no_other_record(permit: Any, mark: str) -> None:
    options = {"operation": {"column": "操作", "withdraw": ["撤销"]}, "sequence": "次序"}
    plain, marked = (
        permit.sheet([{code: lead + value for code, value in row.items()}], **options)
        for lead in ("", mark)
        for row in [PERMIT | {"_operation": "撤销", "_sequence": "7"}]
    )
    assert dict(marked.frame.iloc[0].dropna()) == dict(plain.frame.iloc[0].dropna())
    assert marked.operation.tolist() == ["withdraw"]
    assert marked.sequence.tolist() == plain.sequence.tolist()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"XK_XDR_SHXYM": "92340603MA2UK1TD00"}, {"XK_XDR_LB": "个体工商户"}),
        (
            {"XK_XDR_SHXYM": "", "XK_XDR_ZDM": "26017703-X"},
            {"XK_XDR_SHXYM": "00000000000000000X", "XK_XDR_ZZJG": "26017703X"},
        ),
        (
            {"XK_XDR_SHXYM": "", "XK_FR": "", "XK_XDR_SFZ": "11010519491231002x"},
            {"XK_XDR_LB": "自然人", "XK_XDR_ZJLX": "身份证", "XK_XDR_ZJHM": "11010519491231002X"},
        ),
        ({"XK_ZT": "1"}, {"XK_ZT": "2"}),
    ],
    ids=["sole trader", "organisation code only", "natural person", "revoked"],
)
def test_what_2016_could_not_say_is_derived(permit: Any, change: dict[str, str], expected: dict[str, str]) -> None:
    found = frame(permit, PERMIT_2016 | change, **OLD)
    assert {k: found[k] for k in expected} == expected
    assert permit.judge([PERMIT_2016 | change], whole=True, **OLD) == [set()]


def test_two_types_of_2016_become_one_list(penalty: Any) -> None:
    old = {"CF_CFLB1": "警告", "CF_CFLB2": "罚款"}
    assert frame(penalty, old, schema_version="v2016")["CF_CFLB"] == "警告;罚款"
    assert frame(penalty, old | {"CF_CFLB2": "无"}, schema_version="v2016")["CF_CFLB"] == "警告"


@SAME_BENCH
@given(
    word=st.sampled_from([*BLANK_WORDS, "null", "Null", "　", " － ", "\t"]),
    pad=st.sampled_from(["", " ", "\u3000", "\t", "\ufeff"]),
    code=st.sampled_from(["XK_XDR_GSZC", "XK_FRDB", "XK_YXQZI", "XK_XKLB", "XK_NR", "BZ"]),
)
def test_every_way_to_say_nothing_is_nothing(permit: Any, word: str, pad: str, code: str) -> None:
    said, left_out = PERMIT | {code: pad + word + pad}, {k: v for k, v in PERMIT.items() if k != code}
    assert frame(permit, said) == frame(permit, left_out)


@SAME_BENCH
@given(
    st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Z"]), min_size=9, max_size=30).filter(
        lambda text: text[0] not in "'`"  # by which spreadsheets mark a text: no part of it
    )
)
def test_free_text_keeps_its_own_characters(permit: Any, text: str) -> None:
    assert frame(permit, PERMIT | {"XK_NR": f"　{text}\t"}).get("XK_NR") == text


@pytest.mark.parametrize(("unit", "said"), [("wan_yuan", "0.2"), ("yuan", "2,000.00"), ("fen", "２00000")])
def test_amounts_are_kept_in_wan_yuan(penalty: Any, unit: str, said: str) -> None:
    assert frame(penalty, {"CF_NR_FK": said}, units={"CF_NR_FK": unit})["CF_NR_FK"] == "0.2"


@pytest.mark.parametrize(
    ("said", "kept", "statutory"),
    [
        ("警告&警告&警告", "警告", None),
        ("罚款；没收违法所得、没收非法财物", "罚款;没收违法所得;没收非法财物", None),
        ("罚款,限制从业", "罚款;其他-限制从业", "罚款;限制从业"),
        ("其他-责令退还，并道歉;罚款", "其他-责令退还，并道歉;罚款", "责令退还，并道歉;罚款"),
        ("吊销营业执照", "吊销执照", None),
    ],
)
def test_types_of_penalty_are_split_and_the_statutory_type_is_kept(
    penalty: Any, said: str, kept: str, statutory: str | None
) -> None:
    found = frame(penalty, {"CF_CFLB": said})
    assert (found["CF_CFLB"], found.get("STATUTORY_TYPE")) == (kept, statutory)


def test_look_ups_and_constants_of_the_feed(permit: Any) -> None:
    found = frame(
        permit,
        {"XK_XKLB": "01", "XK_ZT": ""},
        values={"XK_XKLB": {"01": "普通"}},
        constants={"XK_ZT": "1", "XK_XKJGDM": "11230500001755309F"},
    )
    assert (found["XK_XKLB"], found["XK_ZT"], found["XK_XKJGDM"]) == ("普通", "1", "11230500001755309F")


def test_a_serial_number_is_a_date_in_workbooks_only(permit: Any) -> None:
    book = {"source": {"form": "xlsx", "path": "x.xlsx"}}
    assert frame(permit, {"XK_JDRQ": "46254"}, **book)["XK_JDRQ"] == "2026-08-20"
    assert permit.sheet([{"XK_JDRQ": "46254"}]).unreadable["XK_JDRQ"].tolist() == [True]


@pytest.mark.parametrize("source", [{"form": "xlsx", "path": "x"}, {"form": "table"}, {"form": "csv", "path": "x"}])
def test_dates_that_are_dates_are_read_whatever_the_department_writes(permit: Any, source: dict[str, str]) -> None:
    if source["form"] == "table":
        source = source | {"connection": "c", "table": "t", "updated_at": "u"}
    sheet = permit.sheet([{"XK_JDRQ": "2026-08-20"}], source=source, date_formats=["%Y/%m/%d"])
    assert sheet.unreadable["XK_JDRQ"].tolist() == [source["form"] == "csv"]


@pytest.mark.parametrize("zone", ["", "+08", "+08:00", "+0800"])
def test_a_day_with_its_midnight_in_shanghai_is_a_day(permit: Any, zone: str) -> None:
    assert frame(permit, {"XK_JDRQ": f"2026-08-20T00:00:00{zone}"})["XK_JDRQ"] == "2026-08-20"
    assert permit.sheet([{"XK_JDRQ": "2026-08-20T00:00:00Z"}]).unreadable["XK_JDRQ"].tolist() == [True]


def test_sequences_sort_as_they_mean() -> None:
    given_order = [
        "2026/9/1 8:05",
        "2026-09-01 10:00:00",
        "2026-09-01T10:00:00.5",
        "２０２６年９月１日 10:01",
        "2026-09-01T02:02:00Z",
        "2026-09-01t10:03:00+08:00",
        "2026-09-01 03:04:00,120+01",
        "2026-09-01 24:00",
        "2026.10.01",
    ]
    keys = sequence_key(pd.Series(given_order, dtype="str")).tolist()
    assert keys == sorted(keys)
    numbers = sequence_key(pd.Series(["9", "9.5", "10.0", "010.25", "12345678901234567890"], dtype="str")).tolist()
    assert numbers == sorted(numbers)
    assert sequence_key(pd.Series(["10.0"], dtype="str"))[0] == sequence_key(pd.Series(["10"], dtype="str"))[0]


@pytest.mark.parametrize(
    "said",
    [
        "9" * 21,
        "-5",
        "2.02601E+13",
        "2026-02-30",
        "2026-09-01 25:00",
        "2026/9/1 8:05 下午",
        "2026-9-1 8:05 pm",
        "x" * 65,
    ],
)
def test_what_puts_nothing_in_an_order_is_said_so(permit: Any, said: str) -> None:
    sheet = permit.sheet([{"_sequence": said}, {"_sequence": ""}, {"_sequence": "V-0001"}])
    assert sheet.unordered.tolist() == [True, False, False]
    assert sheet.sequence.tolist() == ["", "", "V-0001"]


def test_a_natural_person_in_the_current_table(permit: Any) -> None:
    assert frame(permit, PERMIT | PERSON)["XK_XDR_LB"] == "自然人"


@pytest.mark.parametrize("written", ["撤 销", "撤　销", "Ｄ", "d", "\u200b撤销"])
def test_a_withdrawal_in_another_width_or_case_is_no_record(permit: Any, written: str) -> None:
    feed = {"operation": {"column": "操作", "withdraw": ["撤销", "D"], "reinstate": ["恢复"], "upsert": ["新增"]}}
    rows = [{"_operation": written}, {"_operation": "恢复 "}, {"_operation": "新 增"}, {"_operation": ""}]
    sheet = permit.sheet(rows, **feed)
    assert sheet.operation.tolist() == ["withdraw", "reinstate", "upsert", "upsert"]
    assert not sheet.strange.any()


@pytest.mark.parametrize("written", ["撤消", "撤销该记录", "0"])
def test_an_operation_that_nobody_agreed_to_is_not_guessed_at(permit: Any, written: str) -> None:
    feed = {"operation": {"column": "操作", "withdraw": ["撤销"], "upsert": ["新增"]}}
    rows = [{"_operation": written}, {"_operation": "新增"}, {"_operation": " "}, {"_operation": "撤销"}]
    assert permit.sheet(rows, **feed).strange.tolist() == [True, False, False, False]
