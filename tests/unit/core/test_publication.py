"""Publication windows: the rule in force on the decision date decides, clipped and extended as the rules say."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.core import publication as pub
from credit_exchange.errors import ConfigurationError

ROWS = [  # the time line of the rules, as the catalogue gives it
    {"since": date(2026, 4, 1), "basis": "36号", "minor": (0, 3), "general": (3, 12), "serious": (12, 36)},
    {"since": date(2019, 1, 1), "basis": "790号", "minor": [12, 12], "general": [12, 12], "serious": [36, 36]},
    {"since": date(2019, 7, 1), "basis": "527号", "minor": [3, 12], "general": [3, 12], "serious": [6, 36]},
    {"from": date(2023, 5, 1), "to": date(2026, 3, 31), "basis": "58号", "minor": [3, 36], "general": [3, 36],
     "serious": [12, 36]},
]  # fmt: skip
CLASSES = pub.class_map(
    minor=["警告", "通报批评"],
    general=["罚款", "没收", "暂扣", "其他"],
    serious=["吊销", "降低资质等级", "责令停产停业", "责令关闭", "限制从业", "行政拘留"],
    simple_procedure=["简易程序"],
)
D = date.fromisoformat


@pytest.mark.parametrize(
    ("decided", "severity", "given_end", "ban_end", "expected"),
    [
        ("2026-04-01", "general", None, None, ("2026-07-01", "2027-04-01", "2027-04-01")),
        ("2026-03-31", "general", None, None, ("2026-06-30", "2029-03-31", "2029-03-31")),
        ("2026-04-01", "minor", None, None, ("2026-04-01", "2026-07-01", "2026-07-01")),
        ("2026-04-01", "serious", "2026-05-01", None, ("2027-04-01", "2029-04-01", "2027-04-01")),
        ("2026-04-01", "serious", "2099-12-31", None, ("2027-04-01", "2029-04-01", "2029-04-01")),
        ("2026-04-01", "serious", "2028-01-01", None, ("2027-04-01", "2029-04-01", "2028-01-01")),
        ("2026-04-01", "serious", "2028-01-01", "2031-04-01", ("2027-04-01", "2029-04-01", "2031-04-01")),
        ("2026-04-01", "serious", None, "2028-04-01", ("2027-04-01", "2029-04-01", "2029-04-01")),
        ("2019-06-30", "serious", None, None, ("2022-06-30", "2022-06-30", "2022-06-30")),
        ("2019-07-01", "serious", None, None, ("2020-01-01", "2022-07-01", "2022-07-01")),
        ("2020-02-29", "general", None, None, ("2020-05-29", "2021-02-28", "2021-02-28")),
    ],
)
def test_windows_of_publication(decided: str, severity, given_end: str | None, ban_end: str | None, expected):
    given_day, ban_day = (D(x) if x else None for x in (given_end, ban_end))
    assert pub.window(D(decided), severity, given_day, ban_day, ROWS) == tuple(map(D, expected))
    columns = [pd.Series([None, x], dtype="str", index=[5, 9]) for x in (decided, severity, given_end, ban_end)]
    table = pub.windows(*columns, ROWS)
    assert table.loc[5].isna().all()
    assert tuple(table.loc[9]) == expected
    assert list(table.columns) == ["min_end", "max_end", "end"]


def test_a_decision_no_rule_covers_is_not_guessed():
    with pytest.raises(ConfigurationError, match="2018-12-31"):
        pub.window(D("2018-12-31"), "general", None, None, ROWS)
    with pytest.raises(ConfigurationError):
        pub.window(D("2026-04-02"), "general", None, None, ROWS[1:])
    s = pd.Series(["2018-12-31", "2026-04-01", ""], dtype="str")
    table = pub.windows(s, pd.Series(["general", "unknown", "minor"], dtype="str"), None, None, ROWS)
    assert table.isna().all(axis=None)
    assert len(pub.windows(s.iloc[:0], s.iloc[:0], None, None, ROWS)) == 0


def test_the_more_favourable_new_rule_applies_only_behind_its_switch():
    old, today = D("2025-06-01"), D("2026-11-23")
    assert pub.window(old, "general", None, None, ROWS).end == D("2028-06-01")
    assert pub.window(old, "general", None, None, ROWS, more_favourable_on=today).end == D("2026-06-01")
    assert pub.window(old, "general", None, None, ROWS, more_favourable_on=D("2026-03-31")).end == D("2028-06-01")
    for before in ("2025-01-01", "2018-12-31"):  # by an older rule, or by none, no decision is judged anew
        assert pub.window(D("2026-05-01"), "serious", None, None, ROWS, more_favourable_on=D(before)).end == D(
            "2029-05-01"
        )
    young = D("2024-01-01")  # the rule before it would end it after three months
    rows = [{**ROWS[0], "since": D("2020-01-01")}, {**ROWS[1], "since": D("2023-01-01")}]
    assert pub.window(young, "minor", None, None, rows, more_favourable_on=D("2021-01-01")).end == D("2025-01-01")
    ended = D("2019-07-01")  # over before the new rule: nothing to straddle
    assert pub.window(ended, "general", None, None, ROWS, more_favourable_on=today).end == D("2020-07-01")


def test_periods_are_read_from_mappings_and_objects_and_checked():
    row = SimpleNamespace(since=D("2026-04-01"), basis="36号", minor=(0, 3), general=(3, 12), serious=(12, 36))
    assert pub.periods_from([row]) == pub.periods_from(ROWS[:1]) == pub.periods_from(pub.periods_from([row]))
    assert [p.since.year for p in pub.periods_from(ROWS)] == [2019, 2019, 2023, 2026]
    for wrong in ({"minor": None}, {"since": None}, {"general": (12, 3)}):
        with pytest.raises(ConfigurationError, match="公示期"):
            pub.periods_from([{**ROWS[0], **wrong}])
    with pytest.raises(ConfigurationError, match="同一天"):
        pub.periods_from([ROWS[0], ROWS[0]])


@settings(max_examples=200, deadline=None)
@given(st.dates(D("2019-01-01"), D("2090-01-01")), st.sampled_from(pub.SEVERITIES), st.none() | st.dates())
def test_the_end_lies_within_the_window_unless_a_ban_lasts_longer(decided: date, severity, given_end: date | None):
    w = pub.window(decided, severity, given_end, None, ROWS)
    assert decided <= w.min_end <= w.end <= w.max_end


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-12-01", 1, "2027-01-01"),
        ("9999-12-31", 3, "9999-12-31"),
    ],
)
def test_months_end_where_the_month_ends(day: str, months: int, expected: str):
    assert pub.add_months(D(day), months) == D(expected)


def test_types_are_told_apart_by_every_mark_that_stands_between_them():
    for mark in ";；&、,，":
        assert pub.split_types(f"警告{mark} 罚款{mark}{mark}警告{mark} ") == ["警告", "罚款"]
    assert pub.split_types(" 警告&罚款", ()) == ["警告&罚款"]


def test_what_nobody_knows_is_of_the_class_of_其他():
    strict = {**CLASSES, "其他": "serious"}
    for types in ([], ["闻所未闻"], ["其他-责令改正"]):
        assert pub.severity_of(types, None, strict) == "serious"
    assert pub.severity_of(["警告及其他"], None, strict) == "minor"


@pytest.mark.parametrize(
    ("types", "procedure", "expected"),
    [
        ("警告", None, "minor"),
        ("警告&警告&警告", "", "minor"),
        ("警告;罚款", "普通程序", "general"),
        ("没收违法所得；罚款", None, "general"),
        ("罚款、吊销许可证", None, "serious"),
        ("罚款", "简易程序", "minor"),
        ("吊销执照", "简易程序", "serious"),
        ("其他-责令关闭", None, "serious"),
        ("其他-通报批评", None, "minor"),
        ("其他-责令改正", None, "general"),
        ("闻所未闻", None, "general"),
        ("", None, "general"),
        (None, None, "general"),
    ],
)
def test_the_strictest_type_decides_the_class(types: str | None, procedure: str | None, expected: str):
    column = pd.Series(["警告", types], dtype="str", index=[3, 4])
    procedures = pd.Series([None, procedure], dtype="str", index=[3, 4])
    assert pub.severities(column, procedures, CLASSES).tolist() == ["minor", expected]
    assert pub.severity_of(pub.split_types(types or ""), procedure, CLASSES) == expected
    if procedure != "简易程序":
        assert pub.severities(column, None, CLASSES).loc[4] == expected
