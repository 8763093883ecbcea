"""Which expectations the catalogue means: one for each rule and field it reports on, and what a department reads of it.

Apart from `expectations`, so that a plan can be made without importing Great Expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from credit_exchange.config.catalog import Dataset, Effect, Rule, SchemaVersion
from credit_exchange.config.feed import Feed
from credit_exchange.steps.validate.checks import fields_of

_UNITS = {"wan_yuan": "万元", "yuan": "元", "fen": "分"}
_DATES = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss"}


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


def plan(dataset: Dataset, version: SchemaVersion, feed: Feed | None = None) -> list[Planned]:
    """The expectations of a data set and schema version, in the catalogue's order.

    feed: who reads the messages: in what it gives amounts (万元 where nothing is said) and in which form dates.
    """
    planned: list[Planned] = []
    for rule in dataset.rules:
        for code in fields_of(dataset, version, rule):
            column = f"{len(planned):03d} {rule.id} {code}"
            planned.append(Planned(rule, code, column, message_of(dataset, version, rule, code, feed)))
    return planned


def message_of(dataset: Dataset, version: SchemaVersion, rule: Rule, code: str, feed: Feed | None = None) -> str:
    """What a department that delivers this version reads of a rule on one field.

    {name}, {first} (the rule's first field), {length}, {values}, {limit}, {unit} and {date} are filled in. Fields are
    called what they are called in the department's table, and amounts and dates asked for as its feed takes them.
    """
    spec = dataset.fields.get(code)
    units = feed.units if feed else {}
    known = {
        "name": _name(dataset, version, code, units),
        "first": _name(dataset, version, rule.fields[0], units) if rule.fields else "",
        "length": str(spec.length or "") if spec else "",
        "values": "、".join(spec.values) if spec else "",
        "limit": rule.limit or "",
        "unit": _unit(units, code),
        "date": _date(feed.date_formats[0] if feed else "%Y-%m-%d"),
    }
    text = version.messages.get(code, {}).get(rule.id, rule.message)
    for key, value in known.items():
        text = text.replace("{" + key + "}", value)
    return text


def _name(dataset: Dataset, version: SchemaVersion, code: str, units: Mapping[str, str]) -> str:
    told = {field.code: field.name for field in version.fields}
    if found := [told[old] for old in version.origins(code) if old in told]:
        return "、".join(found)
    spec = dataset.fields.get(code)
    if spec is None:
        return code
    return spec.name.replace("（万元）", f"（{_unit(units, code)}）") if spec.unit else spec.name


def _unit(units: Mapping[str, str], code: str) -> str:
    return _UNITS[units.get(code, "wan_yuan")]


def _date(form: str) -> str:
    for directive, shown in _DATES.items():
        form = form.replace(directive, shown)
    return form if "hh" in form else f"{form}（不带时间）"
