"""Which withdrawals and reinstatements of departments count as new (accepted), and which say again what stands."""

from __future__ import annotations

from datetime import date

import pytest
from merging import batch, row

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge

W, R = "withdraw", "reinstate"
NINE, TEN, ELEVEN = (f"2026-11-19 {hour}:00:00" for hour in ("09", "10", "11"))
Said = tuple[str, int, str, str]
"""Feed, day of November, its own sequence, operation."""

STORIES: dict[str, tuple[list[Said], str]] = {
    "the first withdrawal": ([("a", 19, "", W)], "new"),
    "withdrawn already": ([("a", 19, "", W), ("a", 20, "", W)], "again"),
    "withdrawn already, as another feed said": ([("a", 19, "", W), ("b", 20, "", W)], "again"),
    "never withdrawn": ([("a", 19, "", R)], "new"),
    "taken back": ([("a", 19, "", W), ("a", 20, "", R)], "new"),
    "withdrawn once more after it was taken back": ([("a", 19, "", W), ("a", 20, "", R), ("a", 21, "", W)], "new"),
    "reinstated once more by a feed without update times": (
        [("a", 19, "", R), ("a", 20, "", W), ("a", 21, "", R)],
        "new",
    ),
    "withdrawn once more within the day": (
        [("a", 19, NINE, W), ("b", 19, TEN, R), ("c", 19, ELEVEN, W)],
        "new",
    ),
    "the same of the same moment": ([("a", 19, NINE, W), ("b", 19, NINE, R), ("c", 19, NINE, R)], "again"),
    "the opposite of the same moment": ([("a", 19, NINE, W), ("b", 19, NINE, R)], "new"),
    "of two of one moment the withdrawal stands": (
        [("a", 19, NINE, R), ("b", 19, NINE, W), ("a", 20, "", W)],
        "again",
    ),
    "of two of one moment the withdrawal stands, whichever came first": (
        [("a", 19, NINE, W), ("b", 19, NINE, R), ("a", 20, "", W)],
        "again",
    ),
    "withdrawn at the moment at which it was taken back": (
        [("a", 18, "", W), ("b", 19, NINE, R), ("c", 19, NINE, W)],
        "new",
    ),
    "late: nothing stood then": ([("a", 21, "", W), ("a", 20, "", W)], "new"),
    "late: something else stood then": ([("a", 19, "", R), ("a", 21, "", W), ("a", 20, "", W)], "new"),
    "the newest by day, whatever the sequence": ([("a", 19, ELEVEN, W), ("a", 20, NINE, R), ("a", 21, "", R)], "again"),
    "the newest by sequence within a day": ([("a", 19, ELEVEN, W), ("b", 19, NINE, R), ("a", 20, "", W)], "again"),
    "a reinstatement comes again by the overlap of a table": (
        [("a", 19, NINE, R), ("b", 19, TEN, W), ("a", 20, NINE, R)],
        "again",
    ),
    "another feed's of the very update time": ([("a", 19, NINE, R), ("b", 19, TEN, W), ("b", 20, NINE, R)], "new"),
    "a reinstatement with a later update time": ([("a", 19, NINE, R), ("b", 19, TEN, W), ("a", 20, ELEVEN, R)], "new"),
    "a reinstatement of the time of the withdrawal": ([("a", 19, NINE, W), ("a", 20, NINE, R)], "new"),
    "a withdrawal of the time of the reinstatement": ([("a", 19, NINE, R), ("a", 20, NINE, W)], "new"),
    "a reinstatement that was seen later before": (
        [("b", 19, TEN, W), ("a", 21, NINE, R), ("a", 20, NINE, R)],
        "new",
    ),
}


@pytest.mark.parametrize("story", list(STORIES))
def test_an_order_counts_as_new_unless_it_says_what_stands(exchange: Exchange, story: str) -> None:
    said, counts = STORIES[story]
    merge(exchange, batch(exchange, [row(exchange, "1号")], date(2026, 11, 17)))
    for feed, day, sequence, operation in said:
        order = row(exchange, "1号", operation=operation, sequence=sequence)
        done = merge(exchange, batch(exchange, [order], date(2026, 11, day), feed=f"fz_{feed}_permit"))
    assert (done["rows_accepted"], done["rows_unchanged"]) == ((1, 0) if counts == "new" else (0, 1))
