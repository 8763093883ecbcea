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
