"""Records travel together up to the platform's limits, and up to what those that failed before still may."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from credit_exchange.steps.push.groups import groups


class Row(NamedTuple):
    """A record of three bytes."""

    record_id: str
    data: bytes = b"abc"


@pytest.mark.parametrize(
    ("waiting", "limits", "expected"),
    [
        ("", {}, ""),
        ("abcde", {"records": 2}, "ab cd e"),
        ("abcde", {"size": 18}, "ab cd e"),  # an envelope of ten bytes, and twice three and one between
        ("abcde", {"size": 17}, "a b c d e"),
        ("abc", {"size": 5}, "a b c"),  # what fits nowhere goes by itself: the platform says what it thinks of it
        ("abcde", {"bounds": {"c": 1}}, "ab c de"),
        ("abcde", {"bounds": {"a": 1}}, "a bcde"),
        ("abcdefg", {"bounds": {"b": 3, "e": 2}}, "abc de fg"),
        ("abcdef", {"records": 3, "bounds": {"a": 5}}, "abc def"),
    ],
)
def test_as_many_travel_together_as_the_platform_and_each_of_them_allow(
    waiting: str, limits: dict[str, Any], expected: str
) -> None:
    made = groups(map(Row, waiting), **{"records": 10, "size": 1_000, "overhead": (10, 1), "bounds": {}} | limits)
    assert " ".join("".join(row.record_id for row in group) for group in made) == expected
