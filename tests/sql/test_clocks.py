"""The statutory clocks go by business time, as a run that tries out another day sees them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

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


def test_what_may_not_be_published_any_more_and_never_was_has_no_clock_but_when_it_was_late_before(
    exchange: Exchange,
) -> None:
    """Secret after all, or withdrawn in time: nobody was to send it. Withdrawn when it was overdue already: overdue."""
    names = ("在办", "后来涉密", "及时撤下", "逾期后撤下")
    merge(exchange, batch(exchange, [row(exchange, name) for name in names], DAY))
    release(exchange)
    changed = [
        row(exchange, "后来涉密", fields={"SECRET": "是"}),
        row(exchange, "及时撤下", operation="withdraw", reason="撤销"),
    ]
    merge(exchange, batch(exchange, changed, date(2026, 11, 19)))
    late = [row(exchange, "逾期后撤下", operation="withdraw", reason="撤销")]
    merge(exchange, batch(exchange, late, date(2026, 11, 20)))
    statement = "select document_no, state from report.clock inner join report.record using (record_id)"
    assert len(query(exchange, statement)) == 4  # not decided yet
    release(exchange)
    clocks = query(exchange, statement)
    assert {clock["document_no"]: clock["state"] for clock in clocks} == {"在办": "red", "逾期后撤下": "red"}


def test_the_scorecard_counts_each_record_once_and_rates_what_was_reported(exchange: Exchange) -> None:
    """及时率 is of what was reported; what was not yet, is in 上报率."""
    merge(exchange, batch(exchange, [row(exchange, f"{n}号") for n in range(1, 6)], DAY))
    merge(exchange, batch(exchange, [row(exchange, "6号", fields={"SECRET": "是"})], date(2026, 11, 13)))
    release(exchange)
    met = (
        "update exchange.release set state = 'delivered', settled_at = '{}' where platform in ({}) and record_id = '{}'"
    )
    ids = [r["record_id"] for r in query(exchange, "select record_id from report.record order by document_no")]
    with exchange.engine.begin() as connection:
        for place, (day, platforms) in enumerate(
            [("2026-11-19 23:59", "'fuzhou', 'fujian'"), ("2026-11-12 01:00", "'china'"), ("2026-11-20", "'fuzhou'")]
        ):
            connection.exec_driver_sql(met.format(f"{day}+08", platforms, ids[place]))
    (score,) = query(exchange, "select * from report.scorecard")
    counted = {name: score[name] for name in ("reportable_records", "reported_records", "timely_records")}
    assert counted == {"reportable_records": 5, "reported_records": 3, "timely_records": 2}
    assert (str(score["reported_rate"]), str(score["timely_rate"])) == ("0.6000", "0.6667")
    assert (score["rows_delivered"], score["rows_passed"], score["accepted_rate"]) == (6, 6, 1)


def test_the_scorecard_expects_no_batch_that_did_not_have_to_come(exchange: Exchange) -> None:
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
            " state, stage, digest) select 'f', 'd', 'd', 'permit', '2023', date '2026-11-20' + n,"
            " case n when 2 then 'missing' else 'complete' end, 'merged', case n when 1 then 'sm3' end"
            " from generate_series(1, 4) as n"
        )
    (score,) = query(exchange, "select batches_missing, batches_expected from report.scorecard")
    assert score == {"batches_missing": 1, "batches_expected": 2}


def test_the_days_are_worked_out_anew_when_a_plan_comes_or_changes_or_the_years_go_on(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the watchdog tells people: the next night works by the new plan."""
    shutil.copytree(exchange.config.root / "calendar", tmp_path / "calendar")
    exchange.config = replace(exchange.config, root=tmp_path)
    plan = tmp_path / "calendar" / "2027.yml"
    day = "select is_workday, provisional from exchange.calendar_day where day = '2027-01-01'"
    sync_reference(exchange)
    for days, expected in (
        ("days_off: []", {"is_workday": True, "provisional": False}),  # it says what was guessed
        ("days_off: [2027-01-01]", {"is_workday": False, "provisional": False}),
        ("days_worked: [2027-01-01]", {"is_workday": True, "provisional": False}),
    ):
        plan.write_text(f"year: 2027\nsource: 试\n{days}\n", encoding="utf-8")
        assert sync_reference(exchange)
        assert not sync_reference(exchange)
        assert query(exchange, day) == [expected]
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2027-01-02T01:30:00")
    assert sync_reference(exchange)
    assert query(exchange, "select max(day)::text as last from exchange.calendar_day") == [{"last": "2029-12-31"}]


def test_real_time_counts_again_as_soon_as_no_other_is_set(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = "select digest from exchange.reference where kind = 'business_now'"
    sync_reference(exchange)
    assert [r["digest"] for r in query(exchange, remembered)] == ["2026-11-23T01:30:00+08:00"]
    monkeypatch.delenv("CREDIT_EXCHANGE_NOW")
    sync_reference(exchange)
    assert query(exchange, remembered) == []
