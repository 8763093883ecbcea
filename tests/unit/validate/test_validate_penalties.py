"""From a department's penalty to what the public may see of it, by the shipped catalogue and rules."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from validate_bench import KEYS, PENALTY

from credit_exchange.config.catalog import Publication
from credit_exchange.config.loader import load
from credit_exchange.config.sharing_engine import Decision, RuleSet
from credit_exchange.steps.survivorship import Claim, resolve
from credit_exchange.steps.validate.accepted import Contents
from credit_exchange.steps.validate.identity import identify
from credit_exchange.steps.windows import Windows
from credit_exchange.steps.wishes import gone

TODAY = date(2026, 11, 23)
PENALTY_2016 = {
    "CF_WSH": "榕消罚〔2026〕7号",
    "CF_CFMC": "占用消防通道",
    "CF_CFLB1": "罚款",
    "CF_SY": "占用消防车通道",
    "CF_YJ": "消防法第六十条",
    "CF_XDR_MC": "福州示例贸易有限公司",
    "CF_XDR_SHXYM": "9135010026017703XW",
    "CF_FR": "林某甲",
    "CF_JG": "罚款人民币2000元",
    "CF_JDRQ": "2026/08/20",
    "CF_XZJG": "福州市消防救援支队",
    "CF_ZT": "0",
    "DFBM": "350100",
    "SJC": "2026-08-20",
}
PERMIT_2016 = {
    "XK_WSH": "榕教许〔2026〕1号",
    "XK_XMMC": "办学许可",
    "XK_SPLB": "普通",
    "XK_NR": "准予办学",
    "XK_XDR": "福州示例贸易有限公司",
    "XK_XDR_SHXYM": "9135010026017703XW",
    "XK_JDRQ": "2026/08/20",
    "XK_XZJG": "福州市教育局",
    "XK_ZT": "0",
    "DFBM": "350100",
    "SJC": "2026-08-20",
}
AGENCY = "11230500001755309F"
OF_2016: dict[str, dict[str, Any]] = {
    "permit": {"schema_version": "v2016", "constants": {"XK_XKJGDM": AGENCY}},
    "penalty": {"schema_version": "v2016", "constants": {"CF_CFJGDM": AGENCY}},
}


def content(bench: Any, row: dict[str, str], **options: Any) -> dict[str, str]:
    """What is kept of an accepted row."""
    assert {rule for rule, _ in bench.judge([row], whole=True, **options)[0]} <= {"S03-representative"}
    sheet = bench.sheet([row], **options)
    who = identify(bench.dataset, KEYS, sheet.frame)
    table = Contents(bench.dataset, KEYS).table(sheet, who, np.array([2]), np.array([0]))
    return dict(json.loads(table["content"][0].as_py()))


def decision(bench: Any, content_: dict[str, str], platform: str = "fujian") -> Decision:
    """What the shipped rules say of a content."""
    return RuleSet(load().sharing, bench.dataset, platform, TODAY).decide(content_)


@pytest.mark.parametrize(
    ("said", "effect"), [("", "release"), ("0", "release"), ("1", "withhold"), ("2", "release"), ("3", "withhold")]
)
def test_a_penalty_of_2016_that_was_revoked_is_shown_nowhere(penalty: Any, said: str, effect: str) -> None:
    kept = content(penalty, PENALTY_2016 | {"CF_ZT": said}, **OF_2016["penalty"])
    assert decision(penalty, kept).effect == effect
    assert ("STATUS" in kept) == (said in ("1", "2", "3"))  # what is in order says nothing


@pytest.mark.parametrize("said", ["", "0", "1", "2", "3"])
@pytest.mark.parametrize("name", ["permit", "penalty"])
def test_what_a_department_keeps_inside_the_government_is_not_published(
    request: pytest.FixtureRequest, name: str, said: str
) -> None:
    bench = request.getfixturevalue(name)
    row = PERMIT_2016 | {"XK_SYFW": said} if name == "permit" else PENALTY_2016 | {"CF_SYFW": said}
    kept = content(bench, row, **OF_2016[name])
    shown = decision(bench, kept)
    assert shown.effect == ("release" if said in ("", "0") else "withhold")
    assert shown.effect == "withhold" or {"USE_SCOPE", "SECRET"} <= set(shown.drop_fields)


def test_a_state_or_scope_nobody_understands_waits_for_a_person(permit: Any, penalty: Any) -> None:
    strange = PENALTY_2016 | {"CF_ZT": "7", "CF_SYFW": "内部"}
    held = {("S15-status", "STATUS"), ("S15-scope", "USE_SCOPE")}
    assert penalty.judge([strange], whole=True, **OF_2016["penalty"]) == [held]
    assert ("S15-scope", "USE_SCOPE") in permit.judge(
        [PERMIT_2016 | {"XK_SYFW": "9"}], whole=True, **OF_2016["permit"]
    )[0]


@pytest.mark.parametrize(
    ("types", "severity", "rule"),
    [
        ("警告", "minor", "SH-33-WARNING-ONLY"),
        ("警告;通报批评", "minor", "SH-33-WARNING-ONLY"),
        ("警告并处罚款", "general", ""),
        ("罚款并吊销营业执照", "serious", ""),
        ("通报批评、责令停产停业", "serious", ""),
        ("责令停产、停业", "serious", ""),
        ("罚款;责令停业整顿", "serious", ""),
        ("降低资质", "serious", ""),
        ("限制生产经营", "serious", ""),
        ("拘留10日", "serious", ""),
        ("警告处罚", "minor", "SH-33-WARNING-ONLY"),
    ],
)
def test_a_warning_with_a_fine_in_one_phrase_is_no_mere_warning(
    penalty: Any, types: str, severity: str, rule: str
) -> None:
    amount = PENALTY["CF_NR_FK"] if "罚款" in types else ""
    kept = content(penalty, PENALTY | {"CF_CFLB": types, "CF_NR_FK": amount})
    assert kept["_severity"] == severity
    assert decision(penalty, kept).deciding_rule == (rule or "SH-10-PENALTY-LEGAL")


def test_what_can_be_no_amount_is_not_sent_as_one(penalty: Any) -> None:
    """A number of a document or a person that slipped into the column of amounts."""
    for said in ("350102199001011234", "13805912345", "1E30"):
        assert ("S08-limit", "CF_NR_FK") in penalty.judge([{"CF_NR_FK": said}])[0]
    assert penalty.judge([{"CF_NR_FK": "1822800"}]) == [{("S08-unit", "CF_NR_FK")}]  # the largest fine there was
    assert penalty.judge([{"CF_NR_FK": "18228000000"}], units={"CF_NR_FK": "yuan"}) == [{("S08-unit", "CF_NR_FK")}]


@pytest.mark.parametrize(("unit", "word"), [("wan_yuan", "万元"), ("yuan", "元"), ("fen", "分")])
def test_a_department_is_asked_for_its_amounts_in_its_own_unit(penalty: Any, unit: str, word: str) -> None:
    told = penalty.messages(units={"CF_NR_FK": unit, "CF_NR_WFFF": unit})
    for rule in ("S08", "S08-limit", "S08-unit"):
        for code in ("CF_NR_FK", "CF_NR_WFFF"):
            about = [text for rule_id, field, text in told if (rule_id, field) == (rule, code)]
            assert len(about) >= 1
            for text in about:
                assert f"以{word}" in text, text
                assert word == "万元" or "（万元）" not in text, "its column is not called so"


@pytest.mark.parametrize("newer", ["told", "silent"])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"CF_GSJZQ": "2026-12-01"}, {"CF_GSJZQ": "2026-12-01", "_severity": "general"}),
        ({"CF_GSJZQ": "2026-09-01"}, {"CF_GSJZQ": "2026-11-20", "_severity": "general"}),
        ({"CF_GSJZQ": "2030-01-01"}, {"CF_GSJZQ": "2027-08-20", "_severity": "general"}),
        ({"BAN_END": "2030-01-01"}, {"CF_GSJZQ": "2030-01-01", "_severity": "general"}),
        ({"PROCEDURE": "简易程序"}, {"CF_GSJZQ": "2026-11-20", "_severity": "minor"}),
        ({}, {"CF_GSJZQ": "2027-08-20", "_severity": "general"}),
    ],
)
def test_an_end_that_was_worked_out_never_outdoes_one_that_was_said(
    penalty: Any, said: dict[str, str], expected: dict[str, str], newer: str
) -> None:
    """Two departments about one penalty: the one that says nothing of it must not lengthen its publication."""
    told, silent = (content(penalty, PENALTY | change) for change in (said, {"CF_NR": "罚款二千元"}))
    days = {"told": "2026-08-21", "silent": "2026-08-21", newer: "2026-08-25"}
    claims = [
        Claim("fz_a_penalty", "fz_a", (days["told"], "", 1), told),
        Claim("fz_b_penalty", "fz_b", (days["silent"], "", 1), silent),
    ]
    windows = Windows(penalty.dataset)
    kept, _ = resolve(penalty.dataset, claims, windows)
    assert {name: kept[name] for name in expected} == expected
    assert resolve(penalty.dataset, claims[:1], windows)[0] == told


def test_a_data_set_without_periods_is_shown_to_the_end_that_its_records_say(permit: Any) -> None:
    """A list of names has an end and no classes; what ends it is its own statute, not that of penalties."""
    publication = Publication(end_field="XK_YXQZI", basis="样例办法第九条")
    listed = permit.dataset.model_copy(update={"publication": publication})
    windows = Windows(listed)
    given = {"XK_JDRQ": "2026-08-20", "XK_YXQZI": "2026-11-24"}
    assert windows.completed(given) == windows.said(given) == given
    until = windows.columns(pd.DataFrame([given]), pd.Series(["upsert"]))
    assert (until[0], list(until[1])) == (None, ["2026-11-24"])
    decision = gone(listed, "expired")
    assert decision is not None
    assert decision.legal_basis == "公示期届满，停止公示（样例办法第九条）"


def test_an_expired_penalty_has_the_statute_of_its_end(penalty: Any) -> None:
    decision = gone(penalty.dataset, "expired")
    assert decision is not None
    assert decision.legal_basis == "公示期届满，停止公示（发改委令第36号）"
