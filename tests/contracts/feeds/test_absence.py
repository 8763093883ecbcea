"""A delivery that does not come where the contract allows it: nobody is alarmed, and what comes later is not lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from credit_exchange.errors import ConfigurationError, NotDelivered
from credit_exchange.steps.alerts import open_incidents
from credit_exchange.steps.collect import collect
from credit_exchange.steps.collect.batches import Batch, newest
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.night import run_night
from credit_exchange.steps.validate import validate

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 3, 6) + timedelta(days=n) for n in range(4))
NATIONAL_DAY, WORKED_SATURDAY = date(2026, 10, 1), date(2026, 10, 10)
CSV = {"form": "csv", "path": "t/{date}.csv", "settle_seconds": 0}
HEADER = "行政相对人名称,统一社会信用代码,决定书文号,决定日期,备注\n"
OPEN = Callable[..., Exchange]


def deliver(inbox: Path, day: date) -> Path:
    path = inbox / "t" / f"{day:%Y%m%d}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER, encoding="utf-8")
    return path


def taken(exchange: Exchange, day: date) -> Batch:
    """Collect, validate and merge what there is of a date, as a night does."""
    batch_id = collect(exchange, "t", day)
    validate(exchange, batch_id)
    merge(exchange, batch_id)
    found = newest(exchange.engine, "t", day)
    assert found is not None
    return found


@pytest.mark.parametrize("day", [SATURDAY, SUNDAY, NATIONAL_DAY])
def test_who_delivers_on_working_days_is_not_asked_for_on_the_others(exchange_of: OPEN, inbox: Path, day: date) -> None:
    batch = taken(exchange_of(CSV, contract={"missing": "fail_on_workdays"}), day)
    assert (batch.stage, batch.state, batch.problem) == ("merged", "complete", None)


@pytest.mark.parametrize("day", [FRIDAY, MONDAY, WORKED_SATURDAY])
def test_on_a_working_day_nothing_is_a_gap(exchange_of: OPEN, inbox: Path, day: date) -> None:
    exchange = exchange_of(CSV, contract={"missing": "fail_on_workdays"})
    with pytest.raises(NotDelivered, match="没有收到"):
        collect(exchange, "t", day)
    batch = newest(exchange.engine, "t", day)
    assert batch is not None
    assert (batch.stage, batch.state) == ("expected", "missing")


def test_what_is_delivered_on_a_day_off_is_taken(exchange_of: OPEN, inbox: Path) -> None:
    deliver(inbox, SATURDAY)
    assert taken(exchange_of(CSV, contract={"missing": "fail_on_workdays"}), SATURDAY).digest


def test_what_is_still_being_written_is_a_gap_on_any_day(exchange_of: OPEN, inbox: Path) -> None:
    deliver(inbox, SATURDAY)
    exchange = exchange_of(CSV | {"settle_seconds": 3600}, contract={"missing": "accept"})
    with pytest.raises(NotDelivered, match="可能没有写完"):
        collect(exchange, "t", SATURDAY)


def test_what_comes_after_nobody_waited_for_it_is_told_until_it_is_taken(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    for day in (FRIDAY, SATURDAY):
        taken(exchange, day)
    assert open_incidents(exchange, "belated:") == []
    deliver(inbox, SATURDAY)
    deliver(inbox, SUNDAY)
    taken(exchange, SUNDAY)
    assert open_incidents(exchange, "belated:") == [f"belated:t:{SATURDAY}"]
    assert taken(exchange, SATURDAY).digest
    assert open_incidents(exchange, "belated:") == []


def test_while_the_inbox_is_away_nobody_says_that_it_was_taken(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    taken(exchange, SATURDAY)
    path = deliver(inbox, SATURDAY)
    taken(exchange, SUNDAY)
    path.unlink()
    path.parent.rmdir()
    inbox.rmdir()
    with pytest.raises(Exception, match="投放目录"):
        collect(exchange, "t", MONDAY)
    assert open_incidents(exchange, "belated:") == [f"belated:t:{SATURDAY}"]


def test_a_night_before_a_feed_begins_passes_it_over_and_asking_for_it_is_refused(
    exchange_of: OPEN, inbox: Path
) -> None:
    exchange = exchange_of(CSV, valid_from=MONDAY.isoformat())
    assert run_night(exchange, SUNDAY).failed == {}
    assert newest(exchange.engine, "t", SUNDAY) is None
    with pytest.raises(ConfigurationError, match=f"业务日期 {SUNDAY} 不由它报送"):
        run_night(exchange, SUNDAY, feeds=["t"])
    assert list(run_night(exchange, MONDAY).failed) == ["feed t"]
