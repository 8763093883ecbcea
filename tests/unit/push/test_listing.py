"""A list is read to its end, or not at all."""

from __future__ import annotations

import pytest

from credit_exchange.config.platform import RetryPolicy
from credit_exchange.steps.push.dialects.listing import Listed, NoList, pages

POLICY = RetryPolicy(attempts=2, first_seconds=0.01, max_seconds=0.01)


def given(*sizes: tuple[int, int]) -> list[int]:
    """Read pages of these sizes, each with the total that it tells; return the sizes of those that were given."""
    told = iter(sizes)

    def read(number: int) -> tuple[int, list[Listed]]:
        total, size = next(told)
        return total, [Listed("permit", f"r{number}-{one}", 1) for one in range(size)]

    return [len(page) for page in pages(POLICY, read)]


def test_a_list_ends_where_its_total_is_reached_whatever_that_was_before() -> None:
    assert given((0, 0)) == [0]
    assert given((5, 2), (5, 2), (5, 1)) == [2, 2, 1]
    assert given((5, 2), (4, 2)) == [2, 2], "one was taken down meanwhile"
    assert given((4, 2), (5, 2), (5, 1)) == [2, 2, 1], "one was added meanwhile"


def test_an_empty_page_before_the_total_is_asked_for_again_and_then_is_no_end() -> None:
    """Else all that was not given would count as missing, and be sent again."""
    assert given((5, 2), (5, 0), (5, 2), (5, 1)) == [2, 2, 1]
    with pytest.raises(NoList, match="第 2 页没有记录，而平台称共有 5 条，只给出 2 条"):
        given((5, 2), (5, 0), (5, 0))
