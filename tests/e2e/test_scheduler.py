"""Nights under a real scheduler: by themselves, and as a backfill beside them, backwards, with a failing department."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from airflow_town import DAG_ID, FINISHED, VOLUME, AirflowTown, airflow_town, newest_due
from town import assert_same, nights_in_order

from credit_exchange.config.labels import feed_label
from credit_exchange.core.identifiers import id_card_valid
from credit_exchange.laptop.airflow_processes import AirflowProcesses
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import migrate

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

BACKFILLED, SCHEDULED = 3, 2
PATIENCE = 600.0
"""Seconds; all of it takes two minutes on two idle cores, and many times that on busy ones."""
FEEDS = ("fz_cgw_penalty", "fz_gulou_permit", "fz_hbj_penalty", "fz_jtj_penalty", "fz_scjg_permit", "fz_zwfw_permit")
"""CSV, a full list as CSV, zipped XML, XLSX, a front table, an HTTP service that reports some of the same records."""
ABSENT = "fz_cgw_penalty"
"""The department that does not deliver in the middle of the backfill."""


@pytest.fixture(scope="module")
def place() -> Iterator[AirflowTown]:
    """Five delivered days; the schedule begins with the last two, the backfill takes the three before, newest first.

    Both start at once and run side by side; one file of the backfill's middle day is kept back.
    """
    newest = newest_due()
    first = newest - timedelta(days=SCHEDULED - 1)
    with airflow_town(feeds=FEEDS, days=BACKFILLED + SCHEDULED, first=first, until=newest) as made:
        made.keep_back(ABSENT, made.town.days[BACKFILLED // 2])
        with AirflowProcesses(made.laptop, made.environment, made.supervisor):
            made.wait("the DAG", lambda: DAG_ID in {dag for (dag,) in made.rows("select dag_id from dag")}, 300)
            past = made.town.days[:BACKFILLED]
            made.backfill(past[0], past[-1], "--run-backwards")
            yield made


def keys(made: AirflowTown, which: slice) -> set[str]:
    return {day.isoformat() for day in made.town.days[which]}


def labels(made: AirflowTown) -> dict[str, list[str]]:
    """What the rows of each mapped task must be called, in Chinese."""
    exchange: Exchange = made.town.exchange
    feeds = [feed_label(exchange.config, feed) for feed in sorted(exchange.config.feeds)]
    platforms = [exchange.config.platform(name).name for name in sorted(exchange.config.platforms)]
    return {"feeds.collect": feeds, "feeds.validate": feeds, "feeds.merge": feeds, "push": platforms}


def test_two_scheduled_nights_run_by_themselves(place: AirflowTown) -> None:
    expected = keys(place, slice(BACKFILLED, None))
    runs = place.wait_finished("scheduled", expected, PATIENCE)
    assert set(runs) == expected
    for run in runs.values():
        assert run["state"] == "success", place.complaint(run["dag_run_id"])
    nights = place.town.query("select * from exchange.night where kind = 'scheduled' order by business_date")
    assert [night["business_date"] for night in nights] == place.town.days[BACKFILLED:]
    assert [night["run_id"] for night in nights] == [runs[key]["dag_run_id"] for key in sorted(runs)]
    assert {(night["outcome"], tuple(night["failed_parts"])) for night in nights} == {("good", ())}
    # one after the other
    assert nights[0]["finished_at"] <= nights[1]["started_at"]


def test_every_mapped_row_is_named_by_department_or_platform(place: AirflowTown) -> None:
    (run, *_) = place.wait_finished("scheduled", keys(place, slice(BACKFILLED, None)), PATIENCE).values()
    found: dict[str, list[tuple[int, str]]] = {}
    for ti in place.instances(run["dag_run_id"]):
        if ti["map_index"] >= 0:
            found.setdefault(ti["task_id"], []).append((ti["map_index"], ti["rendered_map_index"]))
    assert {task: [name for _, name in sorted(rows)] for task, rows in found.items()} == labels(place)


def test_a_backfill_runs_backwards_and_a_missing_delivery_fails_only_its_department(place: AirflowTown) -> None:
    past = keys(place, slice(None, BACKFILLED))
    runs = place.wait_finished("backfill", past, PATIENCE)
    failed_day = place.town.days[BACKFILLED // 2].isoformat()
    for key, run in runs.items():
        assert run["state"] == ("failed" if key == failed_day else "success"), place.complaint(run["dag_run_id"])
    order = place.rows(
        "select r.partition_key from backfill_dag_run b join dag_run r on r.id = b.dag_run_id order by b.sort_ordinal"
    )
    assert [key for (key,) in order] == sorted(past, reverse=True)

    index = place.place_of(ABSENT)
    run_id = runs[failed_day]["dag_run_id"]
    red = {
        (ti["task_id"], ti["map_index"]): ti["state"]
        for ti in place.instances(run_id)
        if ti["state"] not in ("success", "skipped")
    }
    assert red == {
        ("feeds.collect", index): "failed",
        ("feeds.validate", index): "upstream_failed",
        ("feeds.merge", index): "upstream_failed",
        ("verdict", -1): "failed",
    }
    (night,) = place.town.query("select * from exchange.night where run_id = :r", r=run_id)
    assert (night["kind"], night["outcome"], night["failed_parts"]) == ("backfill", "partial", [f"feed {ABSENT}"])
    (alert,) = place.town.query("select * from exchange.alert where incident_key like 'night:%'")
    assert alert["incident_key"] == f"night:{failed_day}:feed {ABSENT}"
    assert alert["cleared_at"] is None


def test_nights_side_by_side_do_not_disturb_each_other(place: AirflowTown) -> None:
    """Only the missing delivery is asked for again; no other task needs a second try."""
    scheduled = place.wait_finished("scheduled", keys(place, slice(BACKFILLED, None)), PATIENCE)
    backfilled = place.wait_finished("backfill", keys(place, slice(None, BACKFILLED)), PATIENCE)
    again = {
        (run["partition_key"], ti["task_id"], ti["rendered_map_index"]): ti["try_number"]
        for run in (*scheduled.values(), *backfilled.values())
        for ti in place.instances(run["dag_run_id"])
        if ti["try_number"] > 1
    }
    absent = feed_label(place.town.exchange.config, ABSENT)
    assert again == {(place.town.days[BACKFILLED // 2].isoformat(), "feeds.collect", absent): 3}


def test_the_late_delivery_is_taken_by_clearing_the_red_task(place: AirflowTown) -> None:
    runs = place.wait_finished("backfill", keys(place, slice(None, BACKFILLED)), PATIENCE)
    failed_day = place.town.days[BACKFILLED // 2]
    run_id = runs[failed_day.isoformat()]["dag_run_id"]
    index = place.place_of(ABSENT)
    before = {(ti["task_id"], ti["map_index"]): ti["try_number"] for ti in place.instances(run_id)}

    place.deliver(ABSENT, failed_day)
    place.clear(run_id, ABSENT)
    place.wait("the repaired run", lambda: place.api.run(DAG_ID, run_id)["state"] in FINISHED, PATIENCE)
    assert place.api.run(DAG_ID, run_id)["state"] == "success", place.complaint(run_id)
    # what was good is not done again: other departments keep their tries
    after = {(ti["task_id"], ti["map_index"]): ti["try_number"] for ti in place.instances(run_id)}
    again = {key for key in after if after[key] != before[key]}
    assert {key for key in again if key[0].startswith("feeds.")} == {
        (f"feeds.{step}", index) for step in ("collect", "validate", "merge")
    }
    (night,) = place.town.query("select * from exchange.night where run_id = :r", r=run_id)
    assert (night["outcome"], night["failed_parts"]) == ("good", [])
    (batch,) = place.town.query(
        "select * from exchange.batch where feed = :f and business_date = :d", f=ABSENT, d=failed_day
    )
    assert (batch["stage"], batch["was_missing"]) == ("merged", True)
    assert place.town.query("select * from exchange.alert where cleared_at is null") == []


def test_backfilled_nights_are_no_late_news(place: AirflowTown) -> None:
    assert place.town.query("select * from exchange.alert where incident_key like 'late:%'") == []
    query = "select count(*) from deadline d join dag_run r on r.id = d.dagrun_id where r.run_type = 'backfill'"
    assert place.rows(query) == [(0,)]


def test_the_end_is_that_of_the_same_nights_in_order(place: AirflowTown, tmp_path: Path) -> None:
    """Backwards, beside the scheduled nights and with a repair: the same records, here and at every platform."""
    place.server.create_database("reference", owner="exchange")
    url = place.server.url("reference", "exchange")
    migrate(url)
    days = place.town.days
    wanted = nights_in_order(tmp_path, url, days=len(days), volume=VOLUME, until=days[-1])
    assert len(wanted["records"]) > 500
    assert_same(place.town.state(), wanted)
    for platform in place.town.platforms.values():
        assert not platform.ledger.repeated()
        assert not platform.ledger.backwards()
        assert not platform.errors


def test_pages_are_behind_the_login(place: AirflowTown) -> None:
    day = place.town.days[-1]
    for path in (f"/exchange/night?date={day}", "/exchange/quarantine", "/exchange/platforms", "/exchange/batch/1"):
        url = place.laptop.ui_url + path
        assert requests.get(url, timeout=(5, 60), allow_redirects=False).status_code == 401, path
        login = {"username": "viewer", "password": place.laptop.password("viewer")}
        answer = requests.post(f"{place.laptop.ui_url}/auth/token", json=login, timeout=(5, 60))
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        page = requests.get(url, headers=headers, timeout=(5, 60))
        assert page.status_code == 200, (path, page.text[:500])
        assert "text/html" in page.headers["Content-Type"]
        assert str(day) in page.text or "night" not in path


def leaves(value: Any) -> Iterator[Any]:
    """All leaf values and keys of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_airflow_holds_ids_and_counts_only(place: AirflowTown) -> None:
    """XComs, rendered fields and asset events: whole numbers, ids, dates and addresses of pages, nothing a row says."""
    plain = re.compile(r"[A-Za-z0-9_./?=&:%+\- {}()|'\[\],]{0,200}")
    told: Counter[str] = Counter()
    for table, column in (
        ("xcom", "value"), ("rendered_task_instance_fields", "rendered_fields"), ("asset_event", "extra"),
    ):  # fmt: skip
        for (stored,) in place.rows(f"select {column}::text from {table}"):
            told[table] += 1
            for leaf in leaves(json.loads(stored)):
                fine = leaf is None or isinstance(leaf, int) or (isinstance(leaf, str) and plain.fullmatch(leaf))
                assert fine, f"{table}: {str(leaf)[:80]!r}"
    assert all(told[table] for table in ("xcom", "asset_event")), told


def test_no_log_names_a_person(place: AirflowTown) -> None:
    people = {row["subject_name"] for row in place.town.query("select subject_name from exchange.record")}
    names = sorted(name for name in people if len(name) >= 3)
    assert names
    pattern = re.compile("|".join(map(re.escape, names)))
    logs = [log for log in place.laptop.home.rglob("*.log") if log.is_file()]
    logs += list((place.server.cluster).glob("server.log"))
    for log in logs:
        text = log.read_text(errors="replace")
        spoken = json_unescaped(text)
        assert not pattern.search(spoken), log
        ids = re.findall(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", spoken)
        assert not id_card_valid(pd.Series(ids, dtype="str")).any(), log


def json_unescaped(text: str) -> str:
    """The text with JSON's escapes of Chinese characters undone, as a person reads it."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


def test_a_stop_leaves_no_process(place: AirflowTown) -> None:
    place.supervisor.stop()
    left = [line for line in place.living() if "postgres" not in line]
    assert not left
