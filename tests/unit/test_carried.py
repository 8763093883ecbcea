"""Contents of older tables come in the current codes and words, whole, and nothing else of them does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from credit_exchange.config.catalog import CatalogField, Dataset
from credit_exchange.steps import carried


def field(code: str, **given: Any) -> CatalogField:
    return CatalogField.model_validate({"code": code, "name": code, **given})


def version(**given: Any) -> SimpleNamespace:
    codes = given.pop("codes", ())
    return SimpleNamespace(**({"fields": [field(c) for c in codes], "crosswalk": {}, "join": {}, "values": {}} | given))


NOW = [
    field("NAME"),
    field("KIND", type="enum", values=["普通", "特许"], separator=";"),
    field("STATE", type="enum", values=["有效", "无效"]),
    field("NOTE"),
    field("FREE"),
]
DATASET = cast(
    Dataset,
    SimpleNamespace(
        dataset="permit",
        name="行政许可",
        fields={one.code: one for one in NOW},
        versions=[
            version(codes=[one.code for one in NOW], crosswalk={"NAME": "NAME", "ODD": "NAME"}),
            version(
                codes=["XM", "LB", "KIND", "A", "B", "NAME", "GONE", "STATE"],
                crosswalk={"XM": "NAME", "LB": "KIND", "KIND": "KIND", "STATE": "STATE", "NAME": "NOTE", "GONE": ""},
                join={"NOTE": ["A", "B"]},
                values={
                    "KIND": {"旧普": "普通", "旧特": "特许", "作废": ""},
                    "STATE": {"旧效": "有效", "无效": "有效"},
                },
            ),
            version(
                codes=["MC", "C"],
                crosswalk={"MC": "NAME", "FREE": "FREE", "KLASS": "KIND"},
                join={"NOTE": ["C"], "LOST": ["MC"]},
                values={"FREE": {"旧普": "普通"}, "KIND": {"普": "普通"}},
            ),
        ],
    ),
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"NAME": "甲", "_severity": "minor"}, {"NAME": "甲", "_severity": "minor"}),
        ({"XM": "甲"}, {"NAME": "甲"}),
        ({"MC": "甲"}, {"NAME": "甲"}),
        ({"NAME": "新", "XM": "旧"}, {"NAME": "新"}),
        ({"XM": "较新", "MC": "最旧"}, {"NAME": "较新"}),
        ({"XM": "甲", "GONE": "乙", "WHAT": "丙"}, {"NAME": "甲"}),
        ({"A": "一", "B": "二"}, {"NOTE": "一;二"}),
        ({"B": "二"}, {"NOTE": "二"}),
        ({"C": "三", "NAME": "甲"}, {"NOTE": "三", "NAME": "甲"}),
        ({"LB": "旧普"}, {"KIND": "普通"}),
        ({"LB": "旧普;旧特;其他"}, {"KIND": "普通;特许;其他"}),
        ({"LB": "作废;旧特"}, {"KIND": "特许"}),
        ({"LB": "作废", "XM": "甲"}, {"NAME": "甲"}),
        ({"KIND": "旧普;特许"}, {"KIND": "普通;特许"}),
        ({"KIND": "作废"}, {}),
        ({"STATE": "旧效"}, {"STATE": "有效"}),
        ({"STATE": "无效"}, {"STATE": "无效"}),
        ({"STATE": "旧效", "XM": "甲"}, {"STATE": "有效", "NAME": "甲"}),
        ({"FREE": "旧普"}, {"FREE": "旧普"}),  # no code list
        ({"KIND": "普"}, {"KIND": "普"}),  # said of what another field had
        ({"KLASS": "普"}, {"KIND": "普通"}),
    ],
)
def test_a_content_comes_in_current_codes_and_words(content: dict[str, str], told: dict[str, str]) -> None:
    assert carried.carried_content(DATASET, content) == told


def test_columns_are_carried_row_by_row() -> None:
    given = {
        "NAME": ["新", None, None, None],
        "XM": ["旧", "旧", None, None],
        "MC": ["更旧", None, "更旧", None],
        "A": ["一", None, None, ""],
        "B": ["二", "二", None, ""],
    }
    columns = {code: pa.array(values, pa.large_string()) for code, values in given.items()}
    found = {code: column.to_pylist() for code, column in carried.carried(DATASET, columns).items()}
    assert found == {"NAME": ["新", "旧", "更旧", None], "NOTE": ["一;二", "二", None, ";"]}


def test_what_became_of_old_codes_is_known_both_ways() -> None:
    assert carried.renames(DATASET) == {
        "XM": ["NAME"], "LB": ["KIND"], "A": ["NOTE"], "B": ["NOTE"], "MC": ["NAME", "LOST"], "C": ["NOTE"],
        "KLASS": ["KIND"],
    }  # fmt: skip
    assert carried.renames(None) == {}
    assert carried.old_codes(DATASET, "NAME") == ["XM", "MC"]
    assert carried.gone_codes(DATASET) == ["A", "B", "C", "GONE", "LB", "MC", "XM"]


def test_codes_of_which_nothing_is_said_are_told() -> None:
    told = ["NAME", "XM", "GONE", "A", "B", "C", "MC", "_minor"]
    assert carried.unplaced(DATASET, [*told, "WHAT", "ODD"]) == ["WHAT", "ODD"]
    assert carried.strange(DATASET, ["NAME", "_minor", "XM"]) == ["XM"]
