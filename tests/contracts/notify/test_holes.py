"""Holes: business dates that were passed by are told to a person, once each, and never while they are being filled."""

from __future__ import annotations

import getpass
import re
import shlex
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from credit_exchange.cli.main import main
from credit_exchange.steps import alerts, watchdog
from credit_exchange.steps.alerts import Alert, notify
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import Kind, close_night, open_night, run_again
from credit_exchange.steps.watchdog import Finding

README = Path(__file__).resolve().parents[3] / "README.md"
At = Callable[[str], None]
D17 = date(2026, 11, 17)


class Listener:
    """A person who is told things."""

    name = "listener"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def send(self, alert: Alert) -> None:
        self.heard.append(alert.incident_key)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Set the business time."""
    return lambda moment: monkeypatch.setenv("CREDIT_EXCHANGE_NOW", moment)


def begin(exchange: Exchange, day: date, kind: Kind = "scheduled") -> None:
    open_night(exchange, f"{kind}_{day}", day, kind)


def finish(exchange: Exchange, day: date, kind: Kind = "scheduled") -> None:
    begin(exchange, day, kind)
    close_night(exchange, f"{kind}_{day}", [])


def november(*days: int) -> list[date]:
    return [date(2026, 11, day) for day in days]


def nights(exchange: Exchange, at: At, *days: int) -> None:
    """Nights of November that ran when they were due."""
    for day in november(*days):
        at(f"{day + timedelta(days=1)}T02:00:00")
        finish(exchange, day)


def holes(exchange: Exchange) -> list[Finding]:
    return [finding for finding in watchdog.check(exchange) if finding.incident_key.startswith("hole:")]


def keys(findings: list[Finding]) -> list[str]:
    return [finding.incident_key for finding in findings]


def test_a_business_date_that_was_passed_by_is_told_once_until_its_night_is_finished(
    exchange: Exchange, at: At
) -> None:
    person = Listener()
    nights(exchange, at, 16, 17, 19)
    for moment, is_new in (("20T09:00:00", True), ("20T09:05:00", False), ("23T07:00:00", False)):
        at(f"2026-11-{moment}")
        [finding] = holes(exchange)
        notify(exchange, [person])
        assert (finding.incident_key, finding.is_new) == ("hole:2026-11-18/2026-11-18", is_new)
        assert finding.severity == "warning"
        assert "业务日期 2026-11-18（共 1 天）" in finding.subject
        assert finding.link == "/exchange/night?date=2026-11-18"
    finish(exchange, date(2026, 11, 18), "backfill")
    assert holes(exchange) == []
    assert alerts.open_incidents(exchange, "hole:") == []
    assert person.heard == ["hole:2026-11-18/2026-11-18", "late:2026-11-20"]  # nothing ran after the 19th


def test_a_night_that_failed_in_part_is_no_hole(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 16, 18)
    open_night(exchange, "red", date(2026, 11, 17), "scheduled")
    close_night(exchange, "red", ["feed fz_scjg_permit"])  # told by its own verdict
    at("2026-11-19T12:00:00")
    assert watchdog.check(exchange) == []


@pytest.mark.parametrize("again", [run_again, lambda exchange, run: open_night(exchange, run, D17, "scheduled")])
def test_a_run_that_went_on_after_its_end_and_was_not_judged_is_told(
    exchange: Exchange, at: At, again: Callable[[Exchange, str], object]
) -> None:
    """Airflow calls a run a success also when a task of it was cleared alone, and failed then."""
    nights(exchange, at, 16, 17, 18)
    at("2026-11-19T01:00:00")
    again(exchange, f"scheduled_{D17}")
    assert watchdog.check(exchange) == [], "it may be running"
    at("2026-11-19T07:01:00")
    [told] = watchdog.check(exchange)
    assert told.incident_key == f"unjudged:scheduled_{D17}"
    assert "业务日期 2026-11-17 的一次运行重跑后没有判定" in told.subject
    assert "自 2026-11-19 01:00 起" in told.detail
    open_night(exchange, "command", D17, "command")
    close_night(exchange, "command", ["feed fz_scjg_permit"])
    assert watchdog.check(exchange) == [], "another run of the date has judged what is there"
    at("2026-11-19T08:00:00")
    run_again(exchange, "command")
    assert len(watchdog.check(exchange)) == 1
    close_night(exchange, f"scheduled_{D17}", ["feed fz_scjg_permit"])
    assert watchdog.check(exchange) == []


@pytest.mark.parametrize("kind", ["manual", "backfill", "command"])
def test_a_later_run_of_a_finished_date_that_never_reached_its_verdict_is_told(
    exchange: Exchange, at: At, kind: Kind
) -> None:
    """Stopped, killed or ended by hand: what it had collected by then may wait for its next step, and no other night
    does that."""
    nights(exchange, at, 16, 17, 18)
    at("2026-11-19T01:00:00")
    open_night(exchange, "again", D17, kind)
    assert watchdog.check(exchange) == [], "it may be running"
    at("2026-11-19T07:01:00")
    [told] = watchdog.check(exchange)
    assert told.incident_key == "unjudged:again"
    assert "业务日期 2026-11-17 的一次运行停在半路，没有判定" in told.subject
    assert "自 2026-11-19 01:00 起" in told.detail
    assert "python -m credit_exchange night --date 2026-11-17" in told.detail
    open_night(exchange, "command", D17, "command")
    close_night(exchange, "command", [])
    assert watchdog.check(exchange) == [], "another run of the date has judged what is there"


def test_a_run_that_stopped_before_another_of_its_date_ended_is_nobodys_trouble(exchange: Exchange, at: At) -> None:
    at("2026-11-18T01:30:00")
    open_night(exchange, "stopped", D17, "manual")
    at("2026-11-18T02:00:00")
    finish(exchange, D17, "scheduled")
    at("2026-11-18T12:00:00")
    assert watchdog.check(exchange) == []


def test_a_date_is_told_as_late_or_as_a_hole_and_never_as_both(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 10, 12)
    at("2026-11-15T07:00:00")
    late, hole = watchdog.check(exchange)
    assert (late.incident_key, hole.incident_key) == ("late:2026-11-13", "hole:2026-11-11/2026-11-11")
    at("2026-11-15T20:00:00")
    finish(exchange, date(2026, 11, 15), "manual")  # not due before 06:00: what came before it is late until then
    at("2026-11-16T05:59:00")
    assert keys(watchdog.check(exchange)) == ["late:2026-11-13", "hole:2026-11-11/2026-11-11"]
    at("2026-11-16T06:00:00")
    assert keys(watchdog.check(exchange)) == ["hole:2026-11-11/2026-11-11", "hole:2026-11-13/2026-11-14"]


@pytest.mark.parametrize("order", [(12, 13, 14, 15), (15, 14, 13, 12), (13, 12, 15, 14), (14, 13, 15, 12)])
def test_a_hole_is_the_same_incident_from_whichever_side_it_is_filled(
    exchange: Exchange, at: At, order: tuple[int, ...]
) -> None:
    person = Listener()
    nights(exchange, at, 10, 11, 16, 17)
    at("2026-11-18T12:00:00")
    [finding] = holes(exchange)
    assert notify(exchange, [person]) == 1
    left = set(november(*order))
    for number, day in enumerate(november(*order)):
        for hour in (0, 8):  # looked at while the night runs, and long after it should have ended
            at(f"2026-11-{19 + number}T{hour:02}:00:00")
            begin(exchange, day, "backfill")
            [again] = holes(exchange)
            assert (again.incident_key, again.is_new) == (finding.incident_key, False)
            assert all(str(end) in again.subject and str(end) in again.detail for end in (min(left), max(left)))
            assert f"（共 {len(left)} 天）" in again.subject
        finish(exchange, day, "backfill")
        left.remove(day)
    assert holes(exchange) == []
    notify(exchange, [person])
    assert [key for key in person.heard if key.startswith("hole:")] == ["hole:2026-11-12/2026-11-15"]


def test_a_schedule_that_catches_up_in_order_is_left_alone_until_it_stops(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 10)
    at("2026-11-16T06:00:00")
    assert keys(watchdog.check(exchange)) == ["late:2026-11-11"]
    finish(exchange, date(2026, 11, 15), "command")  # somebody runs the newest by hand: not late any more
    for hour, day in zip((6, 9, 12), november(11, 12, 13), strict=True):
        at(f"2026-11-16T{hour:02}:30:00")
        begin(exchange, day)
        assert watchdog.check(exchange) == []
        at(f"2026-11-16T{hour + 2:02}:30:00")
        finish(exchange, day)
        assert watchdog.check(exchange) == []  # between two nights
    at("2026-11-16T20:29:00")
    assert watchdog.check(exchange) == []
    at("2026-11-16T20:30:00")  # six hours without any night there: nobody is on the way to the 14th
    assert keys(watchdog.check(exchange)) == ["hole:2026-11-14/2026-11-14"]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_backfill_that_is_under_way_raises_nothing(exchange: Exchange, at: At, backwards: bool) -> None:
    nights(exchange, at, 1, 20)
    for number, day in enumerate(sorted(november(*range(2, 20)), reverse=backwards)):
        start = datetime(2026, 11, 21, 5) + timedelta(hours=4 * number)
        for moment, night in ((start, begin), (start + timedelta(hours=3), finish)):
            at(moment.isoformat())
            night(exchange, day, "backfill")
            assert holes(exchange) == []
    assert alerts.open_incidents(exchange, "hole:") == []


def test_a_night_that_began_and_never_ended_is_told_when_nothing_happens_any_more(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 10, 13)
    at("2026-11-14T10:00:00")
    begin(exchange, date(2026, 11, 12), "backfill")
    at("2026-11-14T15:59:00")
    assert watchdog.check(exchange) == []
    at("2026-11-14T16:00:00")
    [finding] = watchdog.check(exchange)
    assert finding.incident_key == "hole:2026-11-11/2026-11-12"
    assert "其中 2026-11-12 已开始未结束" in finding.detail


def test_what_lies_before_the_first_business_date_is_no_hole(
    exchange: Exchange, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("2026-11-20T07:00:00")
    assert watchdog.check(exchange) == []  # nothing ran yet, nothing is expected
    nights(exchange, at, 10, 12)
    at("2026-11-13T12:00:00")
    assert keys(watchdog.check(exchange)) == ["hole:2026-11-11/2026-11-11"]
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-12")
    assert watchdog.check(exchange) == []
    assert alerts.open_incidents(exchange, "hole:") == []
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-08")  # and what was configured is, without any night
    assert keys(watchdog.check(exchange)) == ["hole:2026-11-08/2026-11-09", "hole:2026-11-11/2026-11-11"]


def test_a_hole_does_not_fall_silent_by_growing_old(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 10, 12)
    at("2026-11-13T12:00:00")
    assert len(holes(exchange)) == 1
    at("2027-02-01T12:00:00")
    finish(exchange, date(2027, 1, 31))
    at("2027-02-02T02:00:00")
    assert keys(holes(exchange)) == ["hole:2026-11-11/2026-11-11", "hole:2026-11-13/2027-01-30"]


def test_another_hole_is_another_incident_also_right_beside_one_that_was_told(
    exchange: Exchange, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-09")
    nights(exchange, at, 11, 12)
    at("2026-11-13T12:00:00")
    assert keys(holes(exchange)) == ["hole:2026-11-09/2026-11-10"]
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-06")
    nights(exchange, at, 14)
    at("2026-11-15T12:00:00")
    first, *others = holes(exchange)
    assert (first.incident_key, first.is_new) == ("hole:2026-11-09/2026-11-10", False)
    assert "2026-11-09 至 2026-11-10" in first.subject
    assert keys(others) == ["hole:2026-11-06/2026-11-08", "hole:2026-11-13/2026-11-13"]
    assert all(finding.is_new for finding in others)
    assert not any(finding.is_new for finding in holes(exchange))


def test_the_remedy_is_the_command_of_the_readme_and_airflow_takes_it(exchange: Exchange, at: At) -> None:
    from airflow.cli.cli_parser import get_parser

    nights(exchange, at, 10, 14)
    at("2026-11-15T12:00:00")
    [finding] = holes(exchange)
    found = re.search(r"airflow (backfill create [ -~]+)", finding.detail)
    assert found
    given = get_parser().parse_args(shlex.split(found[1]))
    assert (given.dag_id, f"{given.from_date:%F %R}", f"{given.to_date:%F %R}") == (
        "nightly_exchange",
        "2026-11-11 00:00",
        "2026-11-13 23:59",
    )
    # a run that ended without its verdict, or was marked by hand, would else be passed over
    assert given.reprocess_behavior == "completed"
    [known] = re.findall(r"airflow (backfill create .*T23:59)", README.read_text(encoding="utf-8"))
    assert found[1].startswith(re.sub(r"11-01", "11-11", known).replace("11-07", "11-13"))


def test_a_hole_that_is_meant_is_told_no_more_and_who_said_so_is_kept(
    exchange: Exchange, at: At, capsys: pytest.CaptureFixture[str]
) -> None:
    nights(exchange, at, 10, 16)
    at("2026-11-17T12:00:00")
    assert keys(holes(exchange)) == ["hole:2026-11-11/2026-11-15"]
    [finding] = holes(exchange)
    command = re.search(r"python -m credit_exchange (skip [-0-9a-z ]+ --reason)", finding.detail)
    assert command
    given = command[1].replace("2026-11-15", "2026-11-12").split()
    assert main([*given, "迁移机房，张三 13805911234 已报备"]) == 0
    assert "2026-11-11、2026-11-12" in capsys.readouterr().out
    [finding] = holes(exchange)
    assert (finding.incident_key, finding.is_new) == ("hole:2026-11-11/2026-11-15", False)
    assert "业务日期 2026-11-13 至 2026-11-15（共 3 天）" in finding.subject
    assert main(["skip", "2026-11-15", "--reason", "同上"]) == 0
    assert main(["skip", "2026-11-13", "--reason", "同上"]) == 0
    assert "2026-11-14（共 1 天）" in holes(exchange)[0].subject  # no night is beside it, and it is told all the same
    assert main(["skip", "2026-11-14", "--reason", "同上"]) == 0
    assert holes(exchange) == []
    assert alerts.open_incidents(exchange, "hole:") == []
    with exchange.engine.connect() as connection:
        rows = connection.exec_driver_sql("select * from exchange.skipped_date order by business_date").all()
    assert [row.business_date for row in rows] == november(11, 12, 13, 14, 15)
    assert {row.skipped_by for row in rows} == {getpass.getuser()}
    assert rows[0].reason == "迁移机房，张三 *********** 已报备"


def test_a_date_that_is_skipped_is_not_late_either(exchange: Exchange, at: At) -> None:
    nights(exchange, at, 10)
    at("2026-11-12T07:00:00")
    assert keys(watchdog.check(exchange)) == ["late:2026-11-11"]
    assert main(["skip", "2026-11-11", "--reason", "停电"]) == 0
    assert watchdog.check(exchange) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["2026-11-10"], "已经运行过"),
        (["2026-11-20"], "已经过去"),
        (["2026-11-12", "--until", "2026-11-11"], "已经过去"),
    ],
)
def test_only_what_was_passed_by_is_skipped(
    exchange: Exchange, at: At, capsys: pytest.CaptureFixture[str], given: list[str], told: str
) -> None:
    nights(exchange, at, 10)
    at("2026-11-13T12:00:00")
    assert main(["skip", *given, "--reason", "停电"]) == 1
    assert told in capsys.readouterr().err


def test_a_night_that_is_on_its_way_is_not_skipped(
    exchange: Exchange, at: At, capsys: pytest.CaptureFixture[str]
) -> None:
    nights(exchange, at, 10)
    at("2026-11-12T01:30:00")
    open_night(exchange, "scheduled__11", date(2026, 11, 11), "scheduled")
    assert main(["skip", "2026-11-11", "--reason", "停电"]) == 1
    assert "正在运行" in capsys.readouterr().err
    at("2026-11-12T12:00:00")  # it died long ago
    assert main(["skip", "2026-11-11", "--reason", "停电"]) == 0
