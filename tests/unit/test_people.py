"""Names in what is said of a record: none of them shines through another one."""

from __future__ import annotations

import pytest

from credit_exchange.steps import people


@pytest.mark.parametrize("hidden", [["陈榕", "陈榕生"], ["陈榕生", "陈榕"]])
def test_a_name_that_begins_like_another_leaves_nothing_of_it(hidden: list[str]) -> None:
    """A corrected name is hidden beside the one that stands, in whatever order the database gives them."""
    told = people.without("陈榕生即原先登记的陈榕，申请撤下", hidden)
    assert "榕" not in told
    assert "陈*" in told
    assert "生即" not in told


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("00000000000000002026", "00000000000000002026"),
        ("2026-08-20 10:00:00", "2026-08-20 10:00:00"),
        ("00000000000000000000", "00000000000000000000"),
        ("00110105194912310021", "******************"),
        ("陈榕生?11010519491231002X", "陈**?******************"),
        ("E12345678", "*********"),
    ],
)
def test_a_shifted_column_in_the_place_of_the_order_shows_nobody(order: str, shown: str) -> None:
    assert people.in_order(order, ["陈榕生"], ["E12345678"]) == shown
