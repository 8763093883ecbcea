"""Which expectations the catalogue means: one for each rule and field it reports on, and what a department reads of it.

Apart from `expectations`, so that a plan can be made without importing Great Expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from credit_exchange.config.catalog import Dataset, Effect, Rule, SchemaVersion
from credit_exchange.steps.validate.checks import fields_of

_UNITS = {"wan_yuan": "万元", "yuan": "元", "fen": "分"}


@dataclass(frozen=True)
class Planned:
    """One expectation: a rule on one field, its verdict column and what the department reads."""

    rule: Rule
    field: str
    column: str
    message: str

    @property
    def effect(self) -> Effect:
        """What happens to a row that fails."""
        return self.rule.on_failure


def plan(dataset: Dataset, version: SchemaVersion, units: Mapping[str, str] | None = None) -> list[Planned]:
    """The expectations of a data set and schema version, in the catalogue's order.

    units: in what a feed gives its amounts, by field; 万元 where nothing is said.
    """
    planned: list[Planned] = []
    for rule in dataset.rules:
        for code in fields_of(dataset, version, rule):
            column = f"{len(planned):03d} {rule.id} {code}"
            planned.append(Planned(rule, code, column, message_of(dataset, rule, code, units)))
    return planned


def message_of(dataset: Dataset, rule: Rule, code: str, units: Mapping[str, str] | None = None) -> str:
    """The rule's message for one field: {name}, {length}, {values}, {limit} and {unit} filled in."""
    spec = dataset.fields.get(code)
    known = {
        "name": spec.name if spec else code,
        "length": str(spec.length or "") if spec else "",
        "values": "、".join(spec.values) if spec else "",
        "limit": rule.limit or "",
        "unit": _UNITS[(units or {}).get(code, "wan_yuan")],
    }
    text = rule.message
    for key, value in known.items():
        text = text.replace("{" + key + "}", value)
    return text
