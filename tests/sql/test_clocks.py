"""The statutory clocks go by business time, as a run that tries out another day sees them."""

from __future__ import annotations

from datetime import date

import pytest
from merging import batch, query, row

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.reference import sync_reference
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect

DAY = date(2026, 11, 12)


KNOWN = {  # the seventh working day after the decision, and whether it rests on a plan that is not published yet
    "2026-02-13": ("2026-03-02", False),  # Spring Festival with two worked Saturdays
    "2026-04-29": ("2026-05-12", False),
    "2026-09-18": ("2026-09-29", False),
    "2026-09-28": ("2026-10-13", False),
    "2026-12-22": ("2026-12-31", False),
    "2026-12-23": ("2027-01-01", True),
}


def test_a_clock_in_working_days_knows_the_plans_of_the_holidays(exchange: Exchange) -> None:
    rows = [row(exchange, f"{place}号", decided_on=decided) for place, decided in enumerate(KNOWN)]
    merge(exchange, batch(exchange, rows, DAY))
    release(exchange)
    clocks = query(exchange, "select started_on, red_on, provisional from report.clock")
    assert {str(c["started_on"]): (str(c["red_on"]), c["provisional"]) for c in clocks} == KNOWN


@pytest.mark.parametrize(("now", "state"), [("2026-11-17", "running"), ("2026-11-18", "amber"), ("2026-11-20", "red")])
def test_what_was_not_sent_turns_amber_and_red_in_business_time(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, now: str, state: str
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"{now}T01:30:00")
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    release(exchange)
    assert [clock["state"] for clock in query(exchange, "select state from report.clock")] == [state]


def test_what_was_decided_before_the_calendar_begins_is_red_and_provisional(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", decided_on="2015-06-01")], DAY))
    release(exchange)
    (clock,) = query(exchange, "select state, red_on, provisional from report.clock")
    assert (clock["state"], clock["red_on"].year, clock["provisional"]) == ("red", 2015, True)


@pytest.mark.parametrize(("now", "state"), [("2026-11-19", "met"), ("2026-11-20", "met_late")])
def test_what_was_sent_was_sent_in_business_time(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, now: str, state: str
) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    release(exchange)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"{now}T01:30:00")
    engine = connect(exchange.engine.url.render_as_string(hide_password=False))
    (first, *_) = query(exchange, "select outbox_id from exchange.release where platform = 'fuzhou'")
    told = {"outbox_ids": [first["outbox_id"]], "states": ["delivered"], "codes": [""], "messages": [""]}
    with engine.begin() as connection:
        connection.execute(sql.load("push/set_aside"), told)
    engine.dispose()
    (clock,) = query(exchange, "select met_at, state from report.clock")
    assert (clock["met_at"].isoformat(), clock["state"]) == (f"{now}T01:30:00+08:00", state)


def test_real_time_counts_again_as_soon_as_no_other_is_set(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = "select digest from exchange.reference where kind = 'business_now'"
    sync_reference(exchange)
    assert [r["digest"] for r in query(exchange, remembered)] == ["2026-11-23T01:30:00+08:00"]
    monkeypatch.delenv("CREDIT_EXCHANGE_NOW")
    sync_reference(exchange)
    assert query(exchange, remembered) == []
