"""The checks that the catalogue's rules name: vectorised, pure, each giving True where a row fails.

A check gets the sheet, the rule with its parameters and one field, and answers for all rows at once. Which rows a rule
applies to at all (its conditions `when`, the operation) is worked out here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.config import checks as declared
from credit_exchange.config.catalog import BOUNDS, Condition, Dataset, Rule, SchemaVersion
from credit_exchange.config.catalog_problems import CODE, KIND
from credit_exchange.core.identifiers import id_card_valid, is_placeholder, uscc_valid
from credit_exchange.core.numbers_in_text import MOBILE, id_number_inside, scrub_free_text
from credit_exchange.core.text import BoolArray, as_arrow, as_mask, bad_characters, map_distinct
from credit_exchange.steps.validate.normalise import ID_CARD, SOLE_TRADER_PREFIX, Sheet
from credit_exchange.steps.validate.own import Numbers, holds_name, holds_number, own_numbers

LONG_TERM = "2099-12-31"


@dataclass
class Case:
    """A chunk before its judges. `kind` is legal, person or sole_trader, NaN where the category says nothing known.
    `code` is the code that says who the subject is, NaN where none does that passes its check."""

    dataset: Dataset
    version: SchemaVersion
    sheet: Sheet
    kind: pd.Series[Any]
    code: pd.Series[Any]
    identified: BoolArray
    business_date: date
    _placeholders: dict[str, BoolArray] = field(default_factory=dict)
    _upserts: BoolArray | None = None
    _held: dict[str, BoolArray] = field(default_factory=dict)
    _numbers: Numbers | None = None

    def upserts(self) -> BoolArray:
        """Where a row is a record, not an order about one."""
        if self._upserts is None:
            self._upserts = (self.sheet.operation == "upsert").to_numpy()
        return self._upserts

    def held(self, condition: Condition) -> BoolArray:
        """Where a condition holds; many rules share one, so it is looked at once."""
        key = condition.model_dump_json()
        if key not in self._held:
            self._held[key] = holds(self, condition)
        return self._held[key]

    def numbers(self) -> Numbers:
        """The numbers of the rows' own documents, but for identity cards of 18 characters."""
        if self._numbers is None:
            self._numbers = own_numbers(self.dataset.identity.subject, self.sheet.frame, self.kind)
        return self._numbers

    def column(self, code: str) -> pd.Series[Any]:
        """A field, or the derived `_subject_kind` or `_subject_code`."""
        derived = {KIND: self.kind, CODE: self.code}.get(code)
        return self.sheet.frame[code] if derived is None else derived

    def present(self, code: str) -> BoolArray:
        """Where a field is not blank."""
        return self.column(code).notna().to_numpy()

    def readable(self, code: str) -> BoolArray:
        """Where a date or amount stands that could be read."""
        wrong = self.sheet.unreadable.get(code)
        return self.present(code) if wrong is None else self.present(code) & ~wrong

    def placeholder(self, code: str) -> BoolArray:
        """Where a field holds one of the data set's placeholder codes."""
        if code not in self._placeholders:
            column = self.column(code)
            allowed = pa.array(self.dataset.placeholder_codes, type=pa.large_string())
            self._placeholders[code] = is_placeholder(column) | as_mask(pc.is_in(as_arrow(column), value_set=allowed))
        return self._placeholders[code]


Check = Callable[[Case, Rule, str], BoolArray]
CHECKS: dict[str, Check] = {}
"""By the names that rules use; `config.checks` says what each of them takes."""


def _check(function: Check) -> Check:
    """Register a check under its function's name."""
    assert function.__name__ in declared.CHECKS, f"say in config/checks.py what {function.__name__} takes"
    CHECKS[function.__name__] = function
    return function


def fields_of(dataset: Dataset, version: SchemaVersion, rule: Rule) -> list[str]:
    """The fields a rule reports on: its own, else those its check means (all required, all with a length, all texts).

    A required field that the schema version never carried is waived.
    """
    chosen = list(rule.fields)
    if not chosen:
        every = dataset.fields.values()
        if rule.check == "required":
            chosen = [f.code for f in every if f.required]
        elif rule.check == "max_length":
            chosen = [f.code for f in every if f.length and f.type in ("text", "code", "enum")]
        else:
            chosen = [f.code for f in every if f.type in ("text", "code", "enum")]
    if rule.check == "required":
        return [code for code in chosen if code not in version.waived]
    reported = declared.CHECKS[rule.check].reported
    return chosen if reported == "each" else [chosen[0 if reported == "first" else -1]]


def applies(case: Case, rule: Rule) -> BoolArray:
    """The rows a rule speaks about. Withdrawals and reinstatements need nothing but their identity."""
    if rule.check == "identity":
        return np.ones(len(case.sheet.frame), dtype=np.bool_)
    mask = case.upserts()
    for condition in rule.when:
        mask = mask & case.held(condition)
    return mask


def holds(case: Case, condition: Condition) -> BoolArray:
    """Where a condition of `when` holds. Values of a field with a separator are looked at one by one."""
    column = case.column(condition.field)
    there: BoolArray = column.notna().to_numpy()
    op, value = condition.op, condition.value
    if op == "present":
        return there
    if op == "absent":
        return ~there
    if op in ("eq", "ne", "in", "not_in"):
        wanted = pa.array([value] if isinstance(value, str) else value, type=pa.large_string())
        found = as_mask(pc.is_in(as_arrow(column), value_set=wanted))
        return found if op in ("eq", "in") else ~found
    spec = case.dataset.fields.get(condition.field)
    if op in ("contains", "contains_any", "contains_only"):
        return _contains(
            column, op, [value] if isinstance(value, str) else list(value or []), spec.separator if spec else None
        )
    bound = str(value)
    if spec is not None and spec.type == "decimal":
        return _decimals(case, condition.field, lambda number: BOUNDS[op](number, Decimal(bound)))
    return as_mask(_ARROW[op](as_arrow(column), bound))


_ARROW: dict[str, Any] = {"ge": pc.greater_equal, "le": pc.less_equal, "gt": pc.greater, "lt": pc.less}


def _contains(column: pd.Series[Any], op: str, wanted: list[str], separator: str | None) -> BoolArray:
    def test(value: str) -> str | None:
        if separator:
            items = set(value.split(separator))
            ok = items <= set(wanted) if op == "contains_only" else bool(items & set(wanted))
        else:
            ok = value in wanted if op == "contains_only" else any(word in value for word in wanted)
        return "1" if ok else None

    return map_distinct(column, test).notna().to_numpy()


def _decimals(case: Case, code: str, test: Callable[[Decimal], bool]) -> BoolArray:
    """Where a readable amount satisfies `test`, asked once for each distinct amount."""
    column = case.column(code).where(case.readable(code))
    return map_distinct(column, lambda value: "1" if test(Decimal(value)) else None).notna().to_numpy()


# --- presence ---------------------------------------------------------------------------------------------------------


@_check
def required(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S01 and the conditional fields: nothing stands there."""
    return ~case.present(code)


@_check
def blank(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S03: something stands where nothing may."""
    return case.present(code)


@_check
def together(case: Case, rule: Rule, code: str) -> BoolArray:
    """S06: this field is blank although one of its companions is not."""
    others = np.zeros(len(case.sheet.frame), dtype=np.bool_)
    for other in rule.fields:
        others |= case.present(other) & (other != code)
    return ~case.present(code) & others


@_check
def identity(case: Case, rule: Rule, _code: str) -> BoolArray:
    """S16: agency, document number or subject is missing, so nobody can say which record this is.

    An order is not asked for its lengths (S14); a name, number or agency that no record can have identifies none.
    """
    who = case.dataset.identity
    overlong = np.zeros(len(case.sheet.frame), dtype=np.bool_)
    for code in (who.document_no, who.agency_code, who.subject.name):
        if case.dataset.fields[code].length:
            overlong |= max_length(case, rule, code)
    return ~case.identified | (overlong & ~case.upserts())


# --- code lists and texts ---------------------------------------------------------------------------------------------


@_check
def in_values(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S02, S04, S07: a value (or one of several) is neither in the code list nor behind its 其他- prefix."""
    spec = case.dataset.fields[code]
    known = frozenset(spec.values)

    def test(value: str) -> str | None:
        parts: Iterable[str] = value.split(spec.separator) if spec.separator else [value]
        ok = all(p in known or bool(spec.other_prefix and p.startswith(spec.other_prefix)) for p in parts)
        return None if ok else "1"

    return map_distinct(case.column(code), test).notna().to_numpy()


@_check
def not_equal(case: Case, rule: Rule, code: str) -> BoolArray:
    """S07-note: the value (or one of several) is `limit`."""
    spec = case.dataset.fields[code]
    return _contains(case.column(code), "contains_any", [rule.limit or ""], spec.separator or "\0")


@_check
def max_length(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S14: more characters than the field takes."""
    length = case.dataset.fields[code].length or 0
    return as_mask(pc.greater(pc.utf8_length(as_arrow(case.column(code))), length))


@_check
def characters(case: Case, _rule: Rule, code: str) -> BoolArray:
    """Characters that no platform takes: control characters, bytes decoded wrongly."""
    return bad_characters(case.column(code))


@_check
def no_person_number(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S19: a person's number stands where nobody expects one, and would leave unmasked: an identity card's, in a code
    also a mobile that is all of it, in a name any that would be masked in a text; anywhere the row's own.

    Decisions are counted in long numbers as well: in theirs only a card's number is one, and what is the row's own.
    """
    column = case.column(code)
    own = holds_number(column, case.numbers())
    is_code = case.dataset.fields[code].type == "code"
    if is_code or code == case.dataset.identity.document_no:
        found = own | id_number_inside(column, case.business_date, old=not is_code)
        return found | as_mask(pc.match_substring_regex(as_arrow(column), pattern=MOBILE)) if is_code else found
    return own | (case.present(code) & (scrub_free_text(column) != column).to_numpy())


@_check
def no_own_name(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S19-name: the name of the row's own natural person or operator stands where it would leave unmasked."""
    return holds_name(case.dataset.identity.subject, case.sheet.frame, case.kind, case.column(code))


@_check
def not_a_penalty(case: Case, rule: Rule, code: str) -> BoolArray:
    """S17: the text says that nobody was punished (`limit`: words separated by |) and no amount says otherwise."""
    words = (rule.limit or "").split("|")
    found = _contains(case.column(code), "contains_any", words, None)
    for spec in case.dataset.fields.values():
        if spec.type == "decimal" and found.any():
            found = found & ~_decimals(case, spec.code, lambda number: number > 0)
    return found


# --- identifiers ------------------------------------------------------------------------------------------------------


@_check
def uscc(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S03: a code stands that is neither valid (GB 32100) nor the placeholder, or that is an identity card's number.

    One number of a card in 31 is right as a unified code as well, and would leave as one.
    """
    column = case.column(code)
    return case.present(code) & (~uscc_valid(column) | id_card_valid(column)) & ~case.placeholder(code)


@_check
def agency_code(case: Case, rule: Rule, code: str) -> BoolArray:
    """S10: an agency's code is invalid or does not begin as a public body's does (`limit`: 11,12,13)."""
    prefixes = pa.array((rule.limit or "").split(","), type=pa.large_string())
    usual = as_mask(pc.is_in(pc.utf8_slice_codeunits(as_arrow(case.column(code)), 0, 2), value_set=prefixes))
    fine = (uscc_valid(case.column(code)) & usual) | case.placeholder(code)
    return case.present(code) & ~fine


@_check
def sole_trader_prefix(case: Case, rule: Rule, _code: str) -> BoolArray:
    """S05: 个体工商户 exactly where the unified code begins with 92. Fields: category, unified code."""
    code = rule.fields[1]
    begins = as_mask(pc.starts_with(as_arrow(case.column(code)), SOLE_TRADER_PREFIX))
    sole = (case.kind == "sole_trader").to_numpy()
    known = case.kind.notna().to_numpy() & case.present(code) & ~case.placeholder(code)
    return known & (begins != sole)


@_check
def id_card(case: Case, rule: Rule, code: str) -> BoolArray:
    """S04: the document is an identity card and its number breaks GB 11643. Fields: type, number; or number alone."""
    cards = case.present(code)
    if len(rule.fields) > 1:
        cards = cards & (case.column(rule.fields[0]) == ID_CARD).to_numpy()
    return cards & ~id_card_valid(case.column(code))


# --- dates and amounts ------------------------------------------------------------------------------------------------


@_check
def is_date(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S09: something stands that is no date."""
    wrong = case.sheet.unreadable.get(code)
    return np.zeros(len(case.sheet.frame), dtype=np.bool_) if wrong is None else wrong


@_check
def not_after_business_date(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S09: later than the business date of the delivery (and not merely unreadable)."""
    later = as_mask(pc.greater(as_arrow(case.column(code)), case.business_date.isoformat()))
    return later & case.readable(code)


@_check
def not_before(case: Case, rule: Rule, code: str) -> BoolArray:
    """S09: earlier than `limit`: a slip in the year, by which a penalty's publication would be over long since."""
    return case.readable(code) & as_mask(pc.less(as_arrow(case.column(code)), rule.limit))


@_check
def date_order(case: Case, rule: Rule, code: str) -> BoolArray:
    """S09: the second date is before the first. ISO text compares as the days do."""
    first = rule.fields[0]
    both = case.readable(first) & case.readable(code)
    return both & as_mask(pc.greater(as_arrow(case.column(first)), as_arrow(case.column(code))))


@_check
def not_long_term(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S09: the date that stands for "long-term" in a field where nothing can be long-term."""
    return (case.column(code) == LONG_TERM).to_numpy()


@_check
def amount(case: Case, _rule: Rule, code: str) -> BoolArray:
    """S08: no number, negative, or more decimals than the field takes."""
    scale = case.dataset.fields[code].scale
    wrong = case.sheet.unreadable.get(code, np.zeros(len(case.sheet.frame), dtype=np.bool_))

    def bad(number: Decimal) -> bool:
        exponent = number.as_tuple().exponent
        return number < 0 or (scale is not None and isinstance(exponent, int) and -exponent > scale)

    return wrong | _decimals(case, code, bad)


@_check
def at_most(case: Case, rule: Rule, code: str) -> BoolArray:
    """S08-unit: above `limit`, so that the unit is probably 元."""
    bound = Decimal(rule.limit or "0")
    return _decimals(case, code, lambda number: number > bound)
