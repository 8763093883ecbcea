"""What is delivered in an unusual size or quality, or with columns that have fallen empty, waits for a person."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from validate_bench import feed

from credit_exchange.steps.validate import volume
from credit_exchange.steps.validate.fill import Fill, Filled, objection_to_gaps
from credit_exchange.steps.validate.volume import History


@pytest.mark.parametrize(
    ("delivered", "rejected", "contract", "history", "held"),
    [
        (100, 0, {}, (5, 100.0), False),
        (49, 0, {}, (5, 100.0), True),
        (49, 0, {}, (2, 100.0), False),
        (501, 0, {}, (5, 100.0), True),
        (0, 0, {}, (5, 100.0), False),
        (0, 0, {"empty": "fail"}, (0, 0.0), True),
        (3, 0, {"volume": {"min_rows": 5}}, (0, 0.0), True),
        (10, 6, {"bad_rows_max_share": 0.5}, (0, 0.0), True),
        (10, 5, {"bad_rows_max_share": 0.5}, (0, 0.0), False),
    ],
)
def test_a_delivery_of_unusual_size_or_quality_waits_for_a_person(
    delivered: int, rejected: int, contract: dict[str, Any], history: tuple[int, float], held: bool
) -> None:
    assert (volume.objection(feed(contract=contract), delivered, rejected, History(*history, [])) is not None) == held


def test_an_empty_full_delivery_is_never_taken_for_a_good_one() -> None:
    assert volume.objection(feed(transfer="full"), 0, 0, History(5, 100.0, [])) is not None


def counted(*kinds: tuple[str, int, int]) -> Filled:
    """Of each kind so many rows, in so many of which the representative stands; the name stands in all."""
    return {kind: {"rows": rows, "filled": {"XK_XDR_MC": rows, "XK_FRDB": there}} for kind, rows, there in kinds}


FULL = counted(("legal", 100, 95))
GONE = counted(("legal", 100, 20))


@pytest.mark.parametrize(
    ("now", "history", "bounds", "held"),
    [
        (GONE, [FULL] * 3, {}, True),
        (FULL, [FULL] * 3, {}, False),
        (counted(("legal", 100, 50)), [FULL] * 3, {}, False),  # more than half of what is usual
        (GONE, [FULL] * 2, {}, False),  # too few to know what is usual
        (GONE, [FULL, FULL, counted(("legal", 10, 10))], {}, False),
        (counted(("legal", 10, 0)), [FULL] * 3, {}, False),  # so few may well be empty by chance
        (GONE, [counted(("legal", 100, 70))] * 3, {}, False),  # as is a field that was empty now and then
        (GONE, [GONE, FULL, FULL, FULL], {}, False),  # a person approved it the time before
        (GONE, [FULL, GONE, FULL, FULL], {}, True),
        (GONE, [FULL] * 3, {"hold_filled_below": 0.2}, False),
        (GONE, [FULL] * 3, {"hold_filled_below": 0}, False),
        (GONE, [FULL] * 3, {"baseline_after": 4}, False),
        (counted(("person", 100, 0)), [counted(("legal", 80, 80), ("person", 20, 0))] * 3, {}, False),
        (counted(("legal", 80, 80), ("person", 20, 0)), [counted(("legal", 80, 80), ("person", 20, 20))] * 3, {}, True),
        (counted(("person", 100, 20)), [counted(("person", 100, 80))] * 3, {}, True),  # four in five is usual
        (counted(("legal", 100, 0)), [counted(("", 100, 100))] * 3, {}, False),
    ],
)
def test_a_field_that_falls_empty_waits_for_a_person(
    now: Filled, history: list[Filled], bounds: dict[str, Any], held: bool, permit: Any
) -> None:
    fill = Fill()
    fill.counts = now
    shares = fill.shares(feed(contract={"volume": bounds}), history)
    objection = objection_to_gaps(permit.dataset, shares)
    assert (objection is not None) == held
    if held and "person" not in now:
        assert objection is not None
        assert "法人及非法人组织的法定代表人平常95%有值、本次20%" in objection
        assert "行政相对人名称" not in objection


def test_only_contents_are_counted_and_each_kind_of_subject_by_itself() -> None:
    fill = Fill()
    frame = pd.DataFrame({"XK_XDR_MC": ["甲", "乙", "丙", None], "XK_FRDB": ["丁", None, None, None]}, dtype="str")
    kind = pd.Series(["legal", "legal", "person", None], dtype="str")
    for _ in range(2):
        fill.add(frame, kind, pd.Series(["upsert", "withdraw", "upsert", "upsert"], dtype="str"))
    assert fill.counts == {
        "legal": {"rows": 2, "filled": {"XK_XDR_MC": 2, "XK_FRDB": 2}},
        "person": {"rows": 2, "filled": {"XK_XDR_MC": 2, "XK_FRDB": 0}},
        "": {"rows": 2, "filled": {"XK_XDR_MC": 0, "XK_FRDB": 0}},
    }


def test_of_many_fields_that_fell_empty_the_first_are_named_and_all_are_counted(permit: Any) -> None:
    codes = list(permit.dataset.fields)[:6]
    history: list[Filled] = [{"": {"rows": 30, "filled": dict.fromkeys(codes, 30)}}] * 3
    fill = Fill()
    fill.counts = {"": {"rows": 30, "filled": dict.fromkeys(codes, 0)}}
    objection = objection_to_gaps(permit.dataset, fill.shares(feed(), history))
    assert objection is not None
    assert objection.count("平常100%有值") == 5
    assert "等6处" in objection
