"""Applies sharing rules to one record: pure, explainable, the strictest rule wins.

Order of strictness: withhold, hold, release. Of the fields: dropped, masked, sent. With no rule that releases, nothing
goes out; a fallback withhold then says why.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from credit_exchange.config.catalog import BOUNDS, Condition, Dataset, SubjectKind, is_number
from credit_exchange.config.sharing import MaskKind, SharingRule
from credit_exchange.core.canonical import canonical_json, sm3_hex

NO_RULE = "NO-RULE"
TREATMENT = 6
"""Counts how masks are carried out: what lies at a platform under an older way is released again where it differs."""
_NAME: MaskKind = "person_name"
_STRICTNESS = ("free_text", "id_number", _NAME)
"""Of masks: what shows less stands later, whatever the order of the rules."""
_CARRIED = {"crosswalk", "join", "values"}
_SPLIT = str.maketrans(dict.fromkeys(";；&、,，", "\n"))


@dataclass(frozen=True)
class Decision:
    """What happens to a record on one platform, with the rules that say so."""

    effect: Literal["release", "withhold", "hold"]
    deciding_rule: str
    legal_basis: str
    rules: tuple[tuple[str, int, str], ...] = ()
    drop_fields: tuple[str, ...] = ()
    mask_fields: tuple[tuple[str, str], ...] = field(default=())

    def digest(self) -> str:
        """Return the SM3 of the decision's content: equal decisions are stored once."""
        return sm3_hex(
            canonical_json(
                [
                    self.effect,
                    self.deciding_rule,
                    self.legal_basis,
                    [list(r) for r in self.rules],
                    list(self.drop_fields),
                    [list(m) for m in self.mask_fields],
                ]
            )
        )


def holds(condition: Condition, content: Mapping[str, str], amounts: Container[str] = ()) -> bool:
    """Whether one condition holds for a record's content (absent fields are empty). amounts: fields with numbers."""
    return _test_of(condition, amounts)(content.get(condition.field, ""))


def _test_of(condition: Condition, amounts: Container[str]) -> Callable[[str], bool]:
    wanted = condition.value
    if condition.op in BOUNDS and condition.field in amounts:
        compare, bound = BOUNDS[condition.op], Decimal(str(wanted))
        return lambda value: is_number(value) and compare(Decimal(value), bound)
    test = _TESTS[condition.op]
    return lambda value: test(value, wanted)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.translate(_SPLIT).split("\n") if part.strip()]


_TESTS: dict[str, Callable[[str, str | list[str] | None], bool]] = {
    "eq": lambda v, w: v == w,
    "ne": lambda v, w: v != w,
    "in": lambda v, w: v in (w or ()),
    "not_in": lambda v, w: v not in (w or ()),
    "contains": lambda v, w: str(w) in v,
    "contains_any": lambda v, w: any(str(x) in v for x in w or ()),
    "contains_only": lambda v, w: bool(_parts(v)) and all(any(x in part for x in w or ()) for part in _parts(v)),
    "present": lambda v, w: bool(v),
    "absent": lambda v, w: not v,
    "ge": lambda v, w: bool(v) and v >= str(w),
    "le": lambda v, w: bool(v) and v <= str(w),
    "gt": lambda v, w: bool(v) and v > str(w),
    "lt": lambda v, w: bool(v) and v < str(w),
}


_KIND = "_subject_kind"
_FILLED = {"contains", "contains_any", "contains_only", *BOUNDS}
"""Conditions that hold for no empty field."""
_EXACT = {"eq", "ne", "in", "not_in", "present", "absent"}


def _part(conditions: list[Condition], amounts: Container[str]) -> Callable[[str], str | None]:
    """Return a function that maps all values which these conditions cannot tell apart to the same.

    None stands for every word that no condition names: no text could, since a rule may name any.
    """
    if all(c.op in _EXACT for c in conditions):
        words = {w for c in conditions for w in ([c.value] if isinstance(c.value, str) else c.value or ())}
        return lambda value: value if not value or value in words else None
    tests = [_test_of(condition, amounts) for condition in conditions]
    return lambda value: "".join("1" if test(value) else "0" for test in tests)


class _Known:
    """What is known of a record's content from a rule that matches it, and from the kind of its subject."""

    def __init__(self, rule: SharingRule, kind: SubjectKind | None, amounts: Container[str]) -> None:
        self._conditions = [*rule.match, *([Condition(field=_KIND, op="eq", value=kind)] if kind else [])]
        self._amounts = amounts
        self._words: dict[str, list[str]] = {}
        for condition in self._conditions:
            if condition.op in ("eq", "in"):
                words = [condition.value] if isinstance(condition.value, str) else condition.value or []
                self._words[condition.field] = [word for word in words if self._may_be(condition.field, word)]
        self.nothing = any(not words for words in self._words.values())

    def sure(self, condition: Condition) -> bool:
        """Whether a condition holds for every such content."""
        if condition.field in self._words:
            words = self._words[condition.field]
            return all(holds(condition, {condition.field: word}, self._amounts) for word in words)
        filled = any(c.field == condition.field and c.op in _FILLED for c in self._conditions)
        return condition in self._conditions or (condition.op == "present" and filled)

    def _may_be(self, name: str, word: str) -> bool:
        return all(holds(c, {name: word}, self._amounts) for c in self._conditions if c.field == name)


class RuleSet:
    """The rules in force on one day for one data set and platform.

    Decisions are remembered by what the rules can tell apart, so that a million records cost a dictionary look-up each.
    """

    def __init__(self, rules: tuple[SharingRule, ...], dataset: Dataset, platform: str, day: date) -> None:
        """Keep the rules that concern this data set and platform on this day."""
        self.dataset = dataset
        self.rules = tuple(
            rule
            for rule in rules
            if rule.in_force(day)
            and ("*" in rule.datasets or dataset.dataset in rule.datasets)
            and ("*" in rule.platforms or platform in rule.platforms)
        )
        conditions: dict[str, list[Condition]] = {}
        for rule in self.rules:
            for condition in rule.match:
                conditions.setdefault(condition.field, []).append(condition)
        self._amounts = {f.code for f in dataset.current.fields if f.type == "decimal"}
        self._parts = tuple((name, _part(some, self._amounts)) for name, some in conditions.items())
        self._known: dict[tuple[str | None, ...], Decision] = {}
        self._floor_drop = {f.code for f in dataset.current.fields if f.internal or f.personal == "id_number"}
        self._floor_drop -= {dataset.shared_code}  # an ID number in it is sealed, and what is sealed never leaves
        subject = dataset.identity.subject
        self._floor_drop |= {f for f in (subject.representative_id_type, subject.representative_id_number) if f}
        self._floor_drop |= {f.code for f in dataset.current.fields if f.sharing == "none"}
        self._names = {f.code for f in dataset.current.fields if f.personal == "name"}
        # the note of a 其他- value is free text as well
        self._floor_mask = {
            f.code: "free_text" for f in dataset.current.fields if f.personal == "text" or f.other_prefix
        }

    @property
    def looks_at(self) -> tuple[str, ...]:
        """The fields that these rules look at."""
        return tuple(name for name, _ in self._parts)

    def key(self, content: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return what these rules can tell apart of a content: equal in this, equal in the decision.

        Mostly it is whether something stands in a field, or which of a few words.
        """
        return tuple([part(content.get(name, "")) for name, part in self._parts])

    def digest(self) -> str:
        """Return the SM3 of the rules in force and of how they are carried out: another digest means that every record
        is looked at again."""
        catalogue = [f.model_dump(mode="json") for f in self.dataset.current.fields]
        # what was merged under an older version of the table is carried over by it
        older = [v.model_dump(mode="json", include=_CARRIED) for v in self.dataset.versions[1:]]
        rules = [r.model_dump(mode="json") for r in self.rules]
        floors = [sorted(self._floor_drop), sorted(self._floor_mask)]
        compared = {c.field for r in self.rules for c in r.match if c.op in BOUNDS} & self._amounts
        # versions before compared amounts as texts: where a rule has one, every record is looked at again
        as_numbers = [sorted(compared)] if compared else []
        return sm3_hex(canonical_json([TREATMENT, rules, catalogue, older, *floors, *as_numbers]))

    def decide(self, content: Mapping[str, str]) -> Decision:
        """Return the decision for a record's content (catalogue fields and derived `_` attributes)."""
        key = self.key(content)
        decision = self._known.get(key)
        if decision is None:
            if len(self._known) > 200_000:
                self._known.clear()
            decision = self._known[key] = self._decide(content)
        return decision

    def decide_by(self, rule: SharingRule, kind: SubjectKind | None = None) -> Decision | None:
        """Return the decision about records of which no more is known than that this rule matches them, and perhaps
        what kind their subject is: by those rules alone that surely match as well. None: it matches none of that kind.
        """
        known = _Known(rule, kind, self._amounts)
        if known.nothing:
            return None
        return self._by([r for r in self.rules if r is rule or all(map(known.sure, r.match))])

    def _decide(self, content: Mapping[str, str]) -> Decision:
        return self._by([r for r in self.rules if all(holds(c, content, self._amounts) for c in r.match)])

    def _by(self, matching: list[SharingRule]) -> Decision:
        told = tuple((r.id, r.version, r.effect) for r in matching)
        for effect in ("withhold", "hold"):
            for rule in matching:
                if rule.effect == effect and not rule.fallback:
                    return Decision(effect, rule.id, rule.legal_basis, told)
        release = next((r for r in matching if r.effect == "release"), None)
        if release is None:
            fallback = next((r for r in matching if r.fallback), None)
            if fallback is not None:
                return Decision("withhold", fallback.id, fallback.legal_basis, told)
            return Decision("withhold", NO_RULE, "没有规则准许向该平台提供：默认不提供", told)
        drop = set(self._floor_drop) | {f for r in matching if r.effect == "drop_field" for f in r.fields}
        mask = dict(self._floor_mask)
        for rule in matching:
            if rule.effect == "mask" and rule.mask:
                mask |= {f: max(mask.get(f, rule.mask), rule.mask, key=_STRICTNESS.index) for f in rule.fields}
        # a name that is dropped must not be readable in a text either: the mask says which it is
        kept = {f: m for f, m in mask.items() if f not in drop} | dict.fromkeys(drop & self._names, _NAME)
        masked = tuple(sorted(kept.items()))
        return Decision("release", release.id, release.legal_basis, told, tuple(sorted(drop)), masked)
