"""Conditions that can never hold as they are written: a rule that keeps something back would do nothing, in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from credit_exchange.config.catalog import CatalogField, Condition, Dataset, SubjectKind, is_day

DERIVED_WORDS: dict[str, tuple[str, ...]] = {
    "_subject_kind": get_args(SubjectKind),
    "_severity": ("minor", "general", "serious"),
    "_minor": ("1", "0"),
}
"""What may stand in the attributes that rules look at beside the fields."""
DECIDED = "_decided_on"
_ONE_OF = ("eq", "ne", "in", "not_in")


def misread(condition: Condition, field: CatalogField | None) -> str | None:
    """Return what is wrong with the value that a field or derived attribute is compared with; None: nothing."""
    words = DERIVED_WORDS.get(condition.field)
    if words and condition.op in _ONE_OF:
        wrong = [value for value in _values(condition) if value not in words]
        if wrong:
            return f"{condition.field} 只会是 {'、'.join(words)}，不会是 {'、'.join(wrong)}，条件不会成立；请更正"
    if condition.field == DECIDED or (field is not None and field.type == "date"):
        wrong = [value for value in _values(condition) if not is_day(value)]
        if wrong and condition.op in (*_ONE_OF, "ge", "le", "gt", "lt"):
            return (
                f'{condition.field} 是日期，应与 "2026-04-01" 这样写的日期比较，不能与 {"、".join(wrong)} 比较；请更正'
            )
    return None


def foreign(condition: Condition, dataset: Dataset) -> Iterator[str]:
    """Yield the values that a code list does not have, of a condition that holds for none of its values."""
    field = dataset.fields.get(condition.field)
    if field is None or not field.values or field.other_prefix or field.separator or condition.op not in ("eq", "in"):
        return
    values = _values(condition)
    if not any(value in field.values for value in values):
        yield from values


def _values(condition: Condition) -> list[str]:
    return [condition.value] if isinstance(condition.value, str) else list(condition.value or [])
