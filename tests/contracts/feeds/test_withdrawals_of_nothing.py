"""A department's withdrawal of a record that it never delivered is kept, told once and listed, until it is settled."""

from __future__ import annotations

import io
from argparse import Namespace
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from rich.console import Console
from test_whole_way import CSV, GOOD, ORDERED, Way, way_of

from credit_exchange.cli.actions import ACTIONS
from credit_exchange.core import business_time
from credit_exchange.errors import FatalError
from credit_exchange.steps import orders, watchdog
from credit_exchange.ui.pages import Pages
from credit_exchange.ui.render import page

__all__ = ["way_of"]
FIRST = date(2026, 9, 1)
OPERATION = {"column": "操作", "withdraw": ["撤销"], "reinstate": ["恢复"], "reason_column": "原因", "unknown_days": 3}
RECORDS = "select record_id from exchange.withdrawal_order"


@pytest.fixture
def way(way_of: Callable[..., Way]) -> Way:
    return way_of(CSV, operation=OPERATION)


def delivered(way: Way, day: int, *rows: tuple[int, str]) -> None:
    """A delivery of these document numbers with their operation."""
    lines = [GOOD | ORDERED | {"XK_WSH": f"榕市监许〔2026〕{number}号", "操作": word} for number, word in rows]
    content = "\n".join([",".join(GOOD | ORDERED), *(",".join(line.values()) for line in lines)]) + "\n"
    on = FIRST + timedelta(days=day)
    way.put(content, f"{on:%Y%m%d}.csv")
    assert way.run(on)["quarantined"] == 0


def waits(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """So many days go by."""
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", (business_time.now() + timedelta(days=days)).isoformat())


def found(way: Way) -> list[watchdog.Finding]:
    return [one for one in watchdog.check(way.exchange) if one.incident_key.startswith("nowhere:")]


def test_it_is_told_once_a_feed_after_some_days_and_listed(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(way, 0, (1, ""), (7, "撤销"), (8, "撤销"))
    assert found(way) == []
    delivered(way, 1, (1, ""), (7, "撤销"))  # said again: it waits since the first day
    waits(monkeypatch, 4)
    for is_new in (True, False):
        (one,) = found(way)
        assert (one.incident_key, one.is_new) == ("nowhere:t", is_new)
        assert "2 条" in one.subject
        assert "〔2026〕" not in one.subject + one.detail
    known = {row["record_id"] for row in way.rows(RECORDS)}
    told = Pages(way.exchange.engine).quarantine("", "", None)
    assert all(record_id in page("quarantine.html", **told) for record_id in known)
    assert "等待记录的撤下（2）" in page("quarantine.html", **told)
    listed = told["nowhere"]
    assert {row["record_id"] for row in listed} == known
    assert {row["line_no"] for row in listed} == {3, 4}
    out = io.StringIO()
    ACTIONS["backlog"](way.exchange, Namespace(), Console(file=out, width=60))
    assert all(record_id in out.getvalue() for record_id in known)
    assert "只列出" not in out.getvalue()


def test_a_list_that_is_cut_off_says_how_many_there_are(way: Way) -> None:
    delivered(way, 0, (1, ""), *((number, "撤销") for number in range(7, 110)))
    shown = page("quarantine.html", **Pages(way.exchange.engine).quarantine("", "", None))
    assert "等待记录的撤下（103，列出最早的 100）" in shown
    out = io.StringIO()
    ACTIONS["backlog"](way.exchange, Namespace(), Console(file=out, width=80))
    assert "共 103 条，只列出最早的 100 条" in out.getvalue()


def test_when_the_record_comes_or_the_order_is_taken_back_it_is_over(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(way, 0, (7, "撤销"), (8, "撤销"), (9, "撤销"))
    waits(monkeypatch, 4)
    assert "3 条" in found(way)[0].subject
    delivered(way, 1, (7, ""))  # it comes, and is withdrawn at once
    assert [row["status"] for row in way.rows("select status from report.record")] == ["withdrawn"]
    assert "2 条" in found(way)[0].subject
    delivered(way, 2, (8, "恢复"))
    assert "1 条" in found(way)[0].subject
    (left,) = Pages(way.exchange.engine).quarantine("t", "", None)["nowhere"]
    orders.order(way.exchange, left["record_id"], "reinstate", "office", "写错", "", "tester")
    assert found(way) == []
    with pytest.raises(FatalError, match="没有记录"):
        orders.order(way.exchange, left["record_id"], "reinstate", "office", "写错", "", "tester")
    with pytest.raises(FatalError, match="没有记录"):
        orders.order(way.exchange, left["record_id"], "withdraw", "office", "写错", "", "tester")
