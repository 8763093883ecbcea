"""A delivery that does not come where the contract allows it: nobody is alarmed, and what comes later is not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from credit_exchange.cli.night_summary import show
from credit_exchange.errors import ConfigurationError, NotDelivered, RetriableError
from credit_exchange.steps.alerts import open_incidents
from credit_exchange.steps.collect import collect
from credit_exchange.steps.collect.absence import LOOKED_BACK
from credit_exchange.steps.collect.batches import Batch, newest
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.night import run_night
from credit_exchange.steps.orders import waive_batch
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


def test_the_summary_says_that_nothing_came_and_nobody_waits(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    taken(exchange, SATURDAY)
    show(exchange.engine, exchange.config, SATURDAY, Console(file=(told := StringIO()), width=120))
    assert "无报送" in told.getvalue()
    assert "完整" not in told.getvalue()


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


def test_what_comes_after_the_last_date_of_a_feed_the_next_night_tells(exchange_of: OPEN, inbox: Path) -> None:
    """So where a department has changed its form: no 采集 of the old file is left that could."""
    exchange = exchange_of(CSV, contract={"missing": "accept"}, valid_to=SATURDAY.isoformat())
    assert run_night(exchange, SATURDAY).good
    deliver(inbox, SATURDAY)
    assert run_night(exchange, SUNDAY).good
    assert open_incidents(exchange, "belated:") == [f"belated:t:{SATURDAY}"]
    assert run_night(exchange, SATURDAY, feeds=["t"]).good
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


def test_an_inbox_that_cannot_be_looked_at_is_told_as_such(
    exchange_of: OPEN, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mount that hangs: what has landed is used all the same, and what has not is nobody's absence."""
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    deliver(inbox, FRIDAY)
    landed = taken(exchange, FRIDAY)
    monkeypatch.setenv("CREDIT_EXCHANGE_INBOX", f"/{'x' * 300}")
    assert collect(exchange, "t", FRIDAY) == landed.batch_id
    with pytest.raises(RetriableError, match="请检查投放目录"):
        collect(exchange, "t", SATURDAY)


def test_of_one_file_for_every_date_nobody_can_say_that_an_earlier_one_came(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV | {"path": "all.csv"}, contract={"missing": "accept"})
    taken(exchange, SATURDAY)
    (inbox / "all.csv").write_text(HEADER, encoding="utf-8")
    assert taken(exchange, SUNDAY).digest
    assert open_incidents(exchange, "belated:") == []


def test_what_was_told_stays_told_also_when_a_month_has_passed(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    before = FRIDAY - timedelta(days=1)
    for n in range(-1, LOOKED_BACK + 1):
        collect(exchange, "t", FRIDAY + timedelta(days=n))
        if n == 0:
            deliver(inbox, FRIDAY)
    deliver(inbox, before)  # where nobody looks any more
    collect(exchange, "t", FRIDAY + timedelta(days=LOOKED_BACK))
    assert open_incidents(exchange, "belated:") == [f"belated:t:{FRIDAY}"]
    assert taken(exchange, FRIDAY).digest
    assert open_incidents(exchange, "belated:") == []


def test_what_is_waited_for_or_was_waived_is_told_elsewhere(exchange_of: OPEN, inbox: Path) -> None:
    strict, lenient = exchange_of(CSV), exchange_of(CSV, contract={"missing": "accept"})
    for day in (FRIDAY, SATURDAY, SUNDAY):
        with pytest.raises(NotDelivered):
            collect(strict, "t", day)
    waived = newest(strict.engine, "t", SATURDAY)
    assert waived is not None
    waive_batch(strict, waived.batch_id, "不再报送", "office")
    assert taken(lenient, SATURDAY).problem == waived.problem  # it stays as people closed it
    assert taken(lenient, SUNDAY).problem is None
    for day in (FRIDAY, SATURDAY, SUNDAY):
        deliver(inbox, day)
    collect(lenient, "t", MONDAY)
    assert open_incidents(lenient, "belated:") == [f"belated:t:{SUNDAY}"]


def test_while_nobody_can_say_which_days_are_worked_the_batch_says_why(
    exchange_of: OPEN, inbox: Path, tmp_path: Path
) -> None:
    exchange = exchange_of(CSV, contract={"missing": "fail_on_workdays"})
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2026.yml").write_text("year: [", encoding="utf-8")
    exchange.config = replace(exchange.config, root=tmp_path)
    with pytest.raises(ConfigurationError, match=r"2026\.yml"):
        collect(exchange, "t", SATURDAY)
    batch = newest(exchange.engine, "t", SATURDAY)
    assert batch is not None
    assert (batch.stage, batch.state) == ("expected", "failed")
    assert "2026.yml" in str(batch.problem)


def test_a_night_before_a_feed_begins_passes_it_over_and_asking_for_it_is_refused(
    exchange_of: OPEN, inbox: Path
) -> None:
    exchange = exchange_of(CSV, valid_from=MONDAY.isoformat())
    assert run_night(exchange, SUNDAY).failed == {}
    assert newest(exchange.engine, "t", SUNDAY) is None
    with pytest.raises(ConfigurationError, match=f"业务日期 {SUNDAY} 不由它报送"):
        run_night(exchange, SUNDAY, feeds=["t"])
    assert list(run_night(exchange, MONDAY).failed) == ["feed t"]


def test_what_began_before_a_feed_got_its_first_date_can_be_ended(exchange_of: OPEN, inbox: Path) -> None:
    """By the very command that is told where it is waived, held or came later."""
    assert list(run_night(exchange_of(CSV), SUNDAY).failed) == ["feed t"]
    exchange = exchange_of(CSV, valid_from=MONDAY.isoformat())
    assert list(run_night(exchange, SUNDAY, feeds=["t"]).failed) == ["feed t"]
    batch = newest(exchange.engine, "t", SUNDAY)
    assert batch is not None
    waive_batch(exchange, batch.batch_id, "尚未开始报送", "office")
    assert run_night(exchange, SUNDAY, feeds=["t"]).failed == {}
