"""Sharing rules: the strictest wins, nothing without a rule, floors that no rule lifts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credit_exchange.config.catalog import Condition
from credit_exchange.config.labels import DECISION_WORDS
from credit_exchange.config.loader import load
from credit_exchange.config.sharing import SharingRule
from credit_exchange.config.sharing_engine import Decision, RuleSet, holds

DAY = date(2026, 11, 23)
PERMIT, PENALTY = load().datasets["permit"], load().datasets["penalty"]


def rule(effect: str, id_: str = "T-1", **given_: Any) -> SharingRule:
    base = {
        "id": id_,
        "name": "试验",
        "legal_basis": f"依据 {id_}",
        "datasets": ["*"],
        "platforms": ["*"],
        "effect": effect,
        "valid_from": date(2020, 1, 1),
    }
    return SharingRule(**{**base, **given_})


def decide(*rules: SharingRule, content: dict[str, str] | None = None) -> Any:
    return RuleSet(rules, PERMIT, "fuzhou", DAY).decide(content or {"XK_XDR_MC": "某公司"})


STRICTNESS = ["withhold", "hold", "release"]


@pytest.mark.parametrize("order", list(permutations(STRICTNESS)))
def test_the_strictest_effect_wins_in_any_order(order: tuple[str, ...]) -> None:
    rules = [rule(effect, f"T-{n}") for n, effect in enumerate(order)]
    assert decide(*rules).effect == "withhold"
    assert decide(*[r for r in rules if r.effect != "withhold"]).effect == "hold"


@given(st.lists(st.sampled_from(["release", "mask", "drop_field", "withhold", "hold", "fallback"]), max_size=6))
def test_nothing_goes_out_unless_a_rule_releases_it_and_none_forbids(effects: list[str]) -> None:
    rules = []
    for n, effect in enumerate(effects):
        more: dict[str, Any] = {}
        if effect in ("mask", "drop_field"):
            more["fields"] = ["XK_NR"]
        if effect == "mask":
            more["mask"] = "free_text"
        if effect == "fallback":
            effect, more["fallback"] = "withhold", True
        rules.append(rule(effect, f"T-{n}", **more))
    forbidden = {"withhold", "hold"} & set(effects)
    expected = "release" in effects and not forbidden
    assert (decide(*rules).effect == "release") == expected


def test_without_a_rule_nothing() -> None:
    decision = decide()
    assert (decision.effect, decision.deciding_rule) == ("withhold", "NO-RULE")
    assert "NO-RULE" in DECISION_WORDS, "pages call it by a name, as all that no rule decides"


def test_a_fallback_only_explains() -> None:
    fallback = rule("withhold", "T-F", fallback=True)
    told = decide(fallback)
    assert (told.effect, told.deciding_rule, told.legal_basis) == ("withhold", "T-F", "依据 T-F")
    assert told.rules == (("T-F", 1, "withhold"),)
    assert decide(fallback, rule("release", "T-R")).effect == "release"


def test_a_rule_counts_on_its_days_only() -> None:
    old = rule("release", valid_to=date(2026, 11, 22))
    assert decide(old).effect == "withhold"
    assert decide(rule("release", valid_to=DAY)).effect == "release"


def test_drop_beats_mask_and_floors_cannot_be_lifted() -> None:
    decision = decide(
        rule("release"),
        rule("mask", "T-2", fields=["XK_NR"], mask="free_text"),
        rule("drop_field", "T-3", fields=["XK_NR"]),
    )
    assert "XK_NR" in decision.drop_fields
    assert "XK_NR" not in dict(decision.mask_fields)
    assert {"XK_FR_ZJHM", "XK_FR_ZJLX", "XK_XDR_ZJHM", "SECRET"} <= set(decision.drop_fields)
    assert dict(decision.mask_fields)["BZ"] == "free_text"


def test_a_name_that_is_dropped_is_still_known_as_a_name() -> None:
    decision = decide(rule("release"), rule("drop_field", "T-2", fields=["XK_XDR_MC", "XK_ZT"]))
    assert {"XK_XDR_MC", "XK_ZT"} <= set(decision.drop_fields)
    assert dict(decision.mask_fields)["XK_XDR_MC"] == "person_name"  # by which it is found in the texts
    assert "XK_ZT" not in dict(decision.mask_fields)


@pytest.mark.parametrize("kinds", list(permutations(["free_text", "id_number", "person_name"])))
def test_the_strictest_mask_of_a_field_wins_in_any_order(kinds: tuple[Any, ...]) -> None:
    masks = [rule("mask", f"T-{kind.upper()}", fields=["XK_XDR_MC", "BZ"], mask=kind) for kind in kinds]
    shown = dict(decide(rule("release"), *masks).mask_fields)
    assert (shown["XK_XDR_MC"], shown["BZ"]) == ("person_name", "person_name")


def test_another_floor_means_that_every_record_is_looked_at_again() -> None:
    def with_representative(code: str) -> Any:
        subject = PERMIT.identity.subject.model_copy(update={"representative_id_type": code})
        identity = PERMIT.identity.model_copy(update={"subject": subject})
        return RuleSet((rule("release"),), PERMIT.model_copy(update={"identity": identity}), "fuzhou", DAY)

    one, other = with_representative("XK_FR_ZJLX"), with_representative("XK_FRDB")
    assert one.decide({}).drop_fields != other.decide({}).drop_fields
    assert one.digest() != other.digest()


@pytest.mark.parametrize(
    ("op", "value", "holds_for", "not_for"),
    [
        ("eq", "是", "是", "否"),
        ("in", ["甲", "乙"], "乙", "丙"),
        ("not_in", ["甲"], "乙", "甲"),
        ("contains", "警告", "警告;罚款", "罚款"),
        ("contains_only", ["警告", "通报批评"], "警告;通报批评", "警告;罚款"),
        ("contains_any", ["吊销"], "吊销许可证", "罚款"),
        ("present", None, "x", ""),
        ("absent", None, "", "x"),
        ("ge", "2026-04-01", "2026-04-01", "2026-03-31"),
        ("lt", "2026-04-01", "2026-03-31", "2026-04-01"),
        ("ne", "是", "否", "是"),
        ("ne", "是", "", "是"),
        ("gt", "2026-04-01", "2026-04-02", "2026-04-01"),
        ("le", "2026-04-01", "2026-04-01", "2026-04-02"),
        ("le", "2026-04-01", "2026-04-01", ""),
        ("lt", "2026-04-01", "2026-03-31", ""),
    ],
)
def test_conditions(op: str, value: Any, holds_for: str, not_for: str) -> None:
    condition = Condition(field="X", op=op, value=value)  # type: ignore[arg-type]
    assert holds(condition, {"X": holds_for})
    assert not holds(condition, {"X": not_for})
    assert holds(condition, {}) == holds(condition, {"X": ""}), "an absent field is an empty one"


def test_a_rule_concerns_the_data_sets_and_platforms_that_it_names() -> None:
    for named in (
        {"datasets": ["permit"]},
        {"platforms": ["fuzhou"]},
        {"datasets": ["permit"], "platforms": ["fuzhou"]},
    ):
        rules = (rule("release", "T-1"), rule("withhold", "T-2", **named))
        for dataset, platform in ((PERMIT, "fuzhou"), (PERMIT, "china"), (PENALTY, "fuzhou")):
            concerned = dataset.dataset in named.get("datasets", [dataset.dataset])
            concerned = concerned and platform in named.get("platforms", [platform])
            decision = RuleSet(rules, dataset, platform, DAY).decide({})
            assert (decision.effect == "withhold") == concerned


def test_decisions_that_differ_in_anything_are_kept_apart() -> None:
    """They are stored by their digest, and what is sent is worked out from what is stored."""
    one = Decision("release", "T-1", "依据", (("T-1", 1, "release"),), ("XK_NR",), (("XK_FRDB", "person_name"),))
    others = [
        replace(one, effect="hold"),
        replace(one, deciding_rule="T-2"),
        replace(one, legal_basis=""),
        replace(one, rules=()),
        replace(one, drop_fields=()),
        replace(one, mask_fields=()),
        replace(one, mask_fields=(("XK_FRDB", "free_text"),)),
    ]
    assert len({decision.digest() for decision in (one, replace(one), *others)}) == 1 + len(others)


def test_other_rules_mean_that_every_record_is_looked_at_again() -> None:
    base = rule("release", "T-1")
    for other in ((), (rule("release", "T-2"),), (base, rule("hold", "T-2")), (rule("release", "T-1", version=2),)):
        assert RuleSet((base,), PERMIT, "fuzhou", DAY).digest() != RuleSet(other, PERMIT, "fuzhou", DAY).digest()
    later = rule("hold", "T-2", valid_from=date(2027, 1, 1))
    assert RuleSet((base,), PERMIT, "fuzhou", DAY).digest() == RuleSet((base, later), PERMIT, "fuzhou", DAY).digest()


@pytest.mark.parametrize(
    ("amount", "effect"),
    [("9.5", "release"), ("20", "withhold"), ("19.999999", "release"), ("100", "withhold"), ("", "release")],
)
def test_amounts_are_compared_as_numbers(amount: str, effect: str) -> None:
    large = rule("withhold", "T-1", match=[Condition(field="CF_NR_FK", op="ge", value="20")])
    rules = RuleSet((large, rule("release", "T-2")), PENALTY, "fuzhou", DAY)
    assert rules.decide({"CF_NR_FK": "1"}).effect == "release"
    assert rules.decide({"CF_NR_FK": amount}).effect == effect


WORDS = ["", "自然人", "法人", "涉密", "简易程序", "2026-01-01", "2026-06-01", "警告;罚款", "\0"]
OPS = ["eq", "ne", "in", "not_in", "contains", "contains_any", "contains_only", "present", "absent", "ge", "lt"]


@example([("A", "eq", "\0")], [{"A": "\0", "B": ""}, {"A": "法人", "B": ""}])
@example([("A", "eq", "涉密"), ("A", "present", "涉密")], [{"A": "", "B": ""}, {"A": "法人", "B": ""}])
@given(
    st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(OPS), st.sampled_from(WORDS[1:])), max_size=5),
    st.lists(st.fixed_dictionaries({"A": st.sampled_from(WORDS), "B": st.sampled_from(WORDS)}), min_size=2, max_size=8),
)
def test_contents_that_the_rules_cannot_tell_apart_get_one_decision(
    conditions: list[tuple[str, str, str]], contents: list[dict[str, str]]
) -> None:
    rules = []
    for n, (name, op, word) in enumerate(conditions):
        value: Any = [word] if op in ("in", "not_in", "contains_any", "contains_only") else word
        value = None if op in ("present", "absent") else value
        condition = Condition(field=name, op=op, value=value)  # type: ignore[arg-type]
        rules.append(rule("withhold" if n % 2 else "release", f"T-{n}", match=[condition]))
    rule_set = RuleSet(tuple(rules), PERMIT, "fuzhou", DAY)
    decided: dict[tuple[str, ...], Any] = {}
    for content in contents:
        alone = RuleSet(tuple(rules), PERMIT, "fuzhou", DAY).decide(content)
        for told in (content, {code: value for code, value in content.items() if value}):  # absent is empty
            assert decided.setdefault(rule_set.key(told), alone) == alone
            assert rule_set.decide(told) == alone


def test_the_note_of_another_kind_is_free_text_and_masked_without_a_rule() -> None:
    decision = decide(rule("release"))
    assert dict(decision.mask_fields)["XK_XKLB"] == "free_text"


def test_a_code_that_organisations_and_persons_share_goes_out_for_what_is_not_sealed() -> None:
    subject = PERMIT.identity.subject.model_copy(update={"id_number": "XK_XDR_SHXYM"})
    identity = PERMIT.identity.model_copy(update={"subject": subject})
    fields = [f.model_copy(update={"personal": "id_number"}) if f.code == "XK_XDR_SHXYM" else f
              for f in PERMIT.current.fields]  # fmt: skip
    versions = [PERMIT.current.model_copy(update={"fields": fields}), *PERMIT.versions[1:]]
    shared = PERMIT.model_copy(update={"identity": identity, "versions": versions})
    assert "XK_XDR_SHXYM" not in RuleSet((rule("release"),), shared, "fuzhou", DAY).decide({}).drop_fields
    assert "XK_XDR_ZJHM" in RuleSet((rule("release"),), shared, "fuzhou", DAY).decide({}).drop_fields


def test_what_is_not_shared_leaves_for_nobody() -> None:
    """`sharing: none` in the catalogue is a promise: who adds a data set need not know to repeat it in a rule."""
    fields = [f.model_copy(update={"sharing": "none"} if f.code == "XK_XKBH" else {}) for f in PERMIT.current.fields]
    current = PERMIT.current.model_copy(update={"fields": fields})
    closed = PERMIT.model_copy(update={"versions": [current, *PERMIT.versions[1:]]})
    rules = (rule("release"), rule("mask", "T-2", fields=["XK_XKBH"], mask="free_text"))
    open_, shut = (RuleSet(rules, one, "fuzhou", DAY) for one in (PERMIT, closed))
    assert "XK_XKBH" not in open_.decide({}).drop_fields
    assert set(shut.decide({}).drop_fields) == {*open_.decide({}).drop_fields, "XK_XKBH"}
    assert "XK_XKBH" not in dict(shut.decide({}).mask_fields)
