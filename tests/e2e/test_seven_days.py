"""A past week by `airflow backfill create`, in any order and with a department that fails, ends as the week in order.

The same city three times under a real scheduler, and once as seven nights in order in this process. That takes about a
quarter of an hour, as long as all of CI may take, so `make test` leaves it out: `make seven-days` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import pytest
from airflow_town import DAG_ID, VOLUME, AirflowTown, airflow_town, newest_due
from town import assert_same, nights_in_order

from credit_exchange.laptop.airflow_processes import AirflowProcesses
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.settings import REPOSITORY

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(7200)]

DAYS = 7
PATIENCE = 3600.0
"""Seconds for one backfill; a week takes about three minutes on two idle cores."""
FEEDS = sorted(path.stem for path in (REPOSITORY / "include" / "feeds").glob("*.yml"))
"""Every department of the city with all its defects, hence every form of feed."""
ABSENT = "fz_wjw_permit"
"""Does not deliver on the middle day: a department whose file withdraws records of two days before, reinstates some of
four days before and corrects yesterday's, so that a day out of its order could do harm."""
MIDDLE = DAYS // 2

BACKFILLS: dict[str, list[tuple[int, int, *tuple[str, ...]]]] = {
    "backwards": [(0, 6, "--run-backwards")],
    "backwards-one-by-one": [(0, 6, "--run-backwards", "--max-active-runs", "1")],
    "three-ranges": [(2, 3), (4, 6), (0, 1)],
}
"""First day, last day and options of each command. Up to ten runs of a backfill go side by side unless it says less:
the first is a week at once, begun with its newest day, the second a week strictly backwards."""


@dataclass
class Week:
    """A backfilled week, after the department has delivered late and its red tasks were cleared."""

    place: AirflowTown
    backfills: list[tuple[int, int, *tuple[str, ...]]]
    ended: dict[str, str]
    """Business date -> state of its run before the clearing."""
    red: dict[tuple[str, str, int], str]
    """(business date, task, map index) -> state of what was not good before the clearing."""
    before: dict[str, Any]
    """The town's state before the clearing."""

    def asked(self) -> list[list[str]]:
        """The business dates of each backfill in the order in which the command says that they are taken."""
        keys = [str(day) for day in self.place.town.days]
        return [
            keys[first : last + 1][:: -1 if "--run-backwards" in options else 1]
            for first, last, *options in self.backfills
        ]


@pytest.fixture(scope="module")
def until() -> date:
    """The last day of the week: the same for every town, also when the tests run past 01:30."""
    return newest_due()


@pytest.fixture(scope="module")
def in_order(
    until: date, pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What seven nights in order leave."""
    pg_server.create_database("seven_days_in_order", template=migrated_template)
    url = pg_server.url("seven_days_in_order")
    return nights_in_order(tmp_path_factory.mktemp("in_order"), url, days=DAYS, volume=VOLUME, until=until)


@pytest.fixture(scope="module", params=BACKFILLS)
def week(request: pytest.FixtureRequest, until: date, in_order: dict[str, Any]) -> Iterator[Week]:
    """Run the backfills one after the other, then deliver what was missing and clear.

    Nothing runs by schedule, so that these nights are all there are; a schedule beside a backfill is test_scheduler's.
    """
    backfills = BACKFILLS[request.param]
    with airflow_town(feeds=FEEDS, days=DAYS, first=until, until=until) as place:
        place.environment["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = "False"
        days = place.town.days
        late = days[MIDDLE]
        place.keep_back(ABSENT, late)
        with AirflowProcesses(place.laptop, place.environment, place.supervisor):
            place.wait("the DAG", lambda: DAG_ID in {dag for (dag,) in place.rows("select dag_id from dag")}, 300)
            for first, last, *options in backfills:
                place.backfill(days[first], days[last], *options)
                place.wait_finished("backfill", {str(day) for day in days[first : last + 1]}, PATIENCE)
                # before that Airflow refuses another one of the same DAG
                place.wait("the end of the backfill", lambda: not running(place), 300)
            runs = place.runs("backfill")
            ended = {key: run["state"] for key, run in runs.items()}
            red = {
                (key, ti["task_id"], ti["map_index"]): ti["state"]
                for key, run in runs.items()
                for ti in place.instances(run["dag_run_id"])
                if ti["state"] not in ("success", "skipped")
            }
            before = place.town.state()
            place.deliver(ABSENT, late)
            place.clear(runs[str(late)]["dag_run_id"], ABSENT)
            place.wait_finished("backfill", {str(late)}, PATIENCE)
            yield Week(place, backfills, ended, red, before)


def running(place: AirflowTown) -> bool:
    return bool(place.rows("select id from backfill where completed_at is null"))


def test_each_backfill_takes_its_days_in_the_order_asked_for(week: Week) -> None:
    rows = week.place.rows("select backfill_id, partition_key from backfill_dag_run order by backfill_id, sort_ordinal")
    taken = [[key for number, key in rows if number == backfill] for backfill in sorted({number for number, _ in rows})]
    assert taken == week.asked()
    assert all(run["run_type"] == "backfill" for run in week.place.api.runs(DAG_ID))


def test_one_backfill_begins_when_the_other_has_ended(week: Week) -> None:
    begun = week.place.rows(
        "select partition_key from task_instance join dag_run using (dag_id, run_id)"
        " where task_id = 'open_night' order by task_instance.start_date"
    )
    keys = iter(key for (key,) in begun)
    for asked, (_, _, *options) in zip(week.asked(), week.backfills, strict=True):
        part = list(islice(keys, len(asked)))
        assert part == asked if "--max-active-runs" in options else set(part) == set(asked)


def test_a_missing_delivery_fails_its_department_and_its_day_alone(week: Week) -> None:
    failed = str(week.place.town.days[MIDDLE])
    index = week.place.place_of(ABSENT)
    assert week.ended == {str(day): "success" for day in week.place.town.days} | {failed: "failed"}
    assert week.red == {
        (failed, "feeds.collect", index): "failed",
        (failed, "feeds.validate", index): "upstream_failed",
        (failed, "feeds.merge", index): "upstream_failed",
        (failed, "verdict", -1): "failed",
    }


def test_after_the_clearing_every_night_is_good_and_every_delivery_taken(week: Week) -> None:
    runs = week.place.runs("backfill")
    assert {key: run["state"] for key, run in runs.items()} == {str(day): "success" for day in week.place.town.days}
    nights = week.place.town.query("select outcome, failed_parts from exchange.night")
    assert [(night["outcome"], night["failed_parts"]) for night in nights] == [("good", [])] * DAYS
    batches = week.place.town.query("select feed, business_date, stage, was_missing from exchange.batch")
    assert len(batches) == DAYS * len(FEEDS)
    assert {batch["stage"] for batch in batches} == {"merged"}
    late = [(batch["feed"], batch["business_date"]) for batch in batches if batch["was_missing"]]
    assert late == [(ABSENT, week.place.town.days[MIDDLE])]
    assert week.place.town.query("select * from exchange.alert where cleared_at is null") == []
    waiting = "state in ('ready', 'sending', 'awaiting_receipt', 'unknown', 'retry')"
    assert week.place.town.query(f"select * from report.delivery where {waiting}") == []


def test_here_and_at_each_platform_every_record_is_as_after_seven_nights_in_order(
    week: Week, in_order: dict[str, Any]
) -> None:
    """Content, status and withdrawal of every record; ids and content of all that a platform shows."""
    assert {row["status"] for row in in_order["records"]} == {"current", "withdrawn", "expired"}
    assert {row["action"] for row in in_order["orders"]} == {"withdraw", "reinstate"}
    assert len(in_order["records"]) > 1000
    assert all(in_order[platform] for platform in week.place.town.platforms)
    # what was missing mattered for every part, so an end that is the same has really taken it
    assert [part for part in in_order if week.before[part] == in_order[part]] == []
    assert_same(week.place.town.state(), in_order)


def test_what_was_withdrawn_is_shown_nowhere(week: Week) -> None:
    records = week.place.town.query("select record_id, document_no, status from report.record")
    away = {row["record_id"] for row in records if row["status"] != "current"}
    for shown in week.place.town.held_by_platforms().values():
        assert not away & {record_id for _, record_id in shown}
    # 信用中国 knows no record ids, but the numbers of documents
    numbers = {row["document_no"] for row in records if row["record_id"] in away}
    numbers -= {row["document_no"] for row in records if row["record_id"] not in away}
    assert numbers
    assert not numbers & {number for _, number, _, _ in week.place.town.platforms["china"].current()}


def test_the_platforms_got_everything_once_and_never_backwards(week: Week) -> None:
    week.place.town.check_receivers()


def test_defects_are_refused_as_in_order(week: Week) -> None:
    """As many rows of each batch as the answer key says; without them and without conflicts the end says little."""
    batches = week.place.town.query("select feed, business_date, rows_quarantined from report.batch")
    refused = {(batch["feed"], batch["business_date"]): batch["rows_quarantined"] for batch in batches}
    assert sum(refused.values()) > 100
    assert refused == {
        (feed, day): sum(line["outcome"] == "quarantined" for line in week.place.town.key(feed, day))
        for feed in FEEDS
        for day in week.place.town.days
    }
    assert week.place.town.query("select * from exchange.record where sources > 1")
