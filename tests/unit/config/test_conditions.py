"""Conditions that can never hold are told, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from credit_exchange.config.catalog import CatalogField, Condition, Dataset
from credit_exchange.config.conditions import DERIVED_WORDS, foreign, misread
from credit_exchange.core.publication import SEVERITIES

DAY = CatalogField(code="XK_JDRQ", name="许可决定日期", type="date")
TEXT = CatalogField(code="XK_NR", name="许可内容")
WORDS = {"type": "enum", "values": ["普通", "特许"]}


def condition(field: str, op: str, value: object) -> Condition:
    return Condition.model_validate({"field": field, "op": op, "value": value})


def test_the_severities_are_those_that_are_found() -> None:
    assert DERIVED_WORDS["_severity"] == SEVERITIES


@pytest.mark.parametrize(
    ("field", "op", "right", "wrong"),
    [
        ("_severity", "eq", "minor", "轻微"),
        ("_severity", "ne", "serious", "轻微"),
        ("_severity", "in", ["minor", "general"], ["minor", "轻微"]),
        ("_severity", "not_in", ["general"], ["轻微"]),
        ("_minor", "eq", "1", "是"),
        *(
            (field, op, "2026-04-01", wrong)
            for field in ("XK_JDRQ", "_decided_on")
            for op, wrong in [
                ("eq", "2026/04/01"),
                ("ne", "20260401"),
                ("ge", "2026-4-1"),
                ("le", "四月"),
                ("gt", "2026-02-30"),
                ("lt", "2026"),
            ]
        ),
        ("XK_JDRQ", "in", ["2026-04-01"], ["2026-04-01", "20260402"]),
        ("XK_JDRQ", "not_in", ["2026-04-01"], ["20260402"]),
    ],
)
def test_a_value_that_the_field_never_has_is_told(field: str, op: str, right: Any, wrong: Any) -> None:
    of = DAY if field == "XK_JDRQ" else None
    assert misread(condition(field, op, right), of) is None
    told = misread(condition(field, op, wrong), of)
    assert told
    assert field in told
    assert (wrong if isinstance(wrong, str) else wrong[-1]) in told
    assert "minor" not in told.partition("不会是")[2], "only what is wrong is told as wrong"


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("_severity", "present", None),
        ("_severity", "contains", "min"),
        ("XK_JDRQ", "absent", None),
        ("XK_JDRQ", "contains", "2026-04"),
        ("XK_NR", "eq", "2026/04/01"),
    ],
)
def test_what_may_hold_is_not_told(field: str, op: str, value: object) -> None:
    assert misread(condition(field, op, value), DAY if field == "XK_JDRQ" else TEXT) is None


@pytest.mark.parametrize(
    ("given", "op", "value", "told"),
    [
        ({}, "eq", "特种", ["特种"]),
        ({}, "in", ["特种", "一般"], ["特种", "一般"]),
        ({}, "in", ["特种", "普通"], []),
        ({}, "eq", "普通", []),
        ({}, "ne", "特种", []),
        ({}, "not_in", ["特种"], []),
        ({"other_prefix": "其他-"}, "eq", "其他-备案", []),
        ({"separator": ";"}, "eq", "普通;特许", []),
        ({"type": "text", "values": []}, "eq", "特种", []),
    ],
)
def test_values_that_no_code_list_has_are_told_where_none_of_a_condition_has(
    given: dict[str, Any], op: str, value: object, told: list[str]
) -> None:
    field = CatalogField.model_validate({"code": "XK_LB", "name": "类别", **WORDS, **given})
    dataset = cast(Dataset, SimpleNamespace(fields={"XK_LB": field}))
    assert list(foreign(condition("XK_LB", op, value), dataset)) == told
    assert list(foreign(condition("XK_NR", op, value), dataset)) == []
