"""A night killed at each named point and run again: nothing lost, twice, backwards or leaked, and then quiet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from town import Town, town

from credit_exchange.laptop.postgres import EmbeddedPostgres

POINTS = (
    "validate.before_commit",
    "merge.after_staging",
    "merge.before_commit",
    "merge.after_commit",
    "release.before_commit",
    "push.before_claim",
    "push.after_claim",
    "push.after_attempt_row",
    "push.after_send",
    "push.after_record",
)
FEEDS = ["fz_gulou_permit"]
"""The whole file of fifteen days, with changes and withdrawals every night."""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """A city with a night for each point."""
    pg_server.create_database("restarts", template=migrated_template)
    directory = tmp_path_factory.mktemp("restarts")
    with town(directory, pg_server.url("restarts"), days=len(POINTS), volume=0.05) as made:
        yield made


def killed(place: Town, day: str, point: str) -> None:
    """Run the night in a process that kills itself at this point."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("plugins", "config", "include/sandbox", "tests/e2e"))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("night_process.py")), day, *FEEDS],
        env={**os.environ, **place.environment, "PYTHONPATH": path, "CREDIT_EXCHANGE_FAULT": f"{point}:kill"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, f"not killed at {point}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("point", POINTS)
def test_a_night_killed_and_run_again_keeps_every_promise(place: Town, point: str) -> None:
    day = place.days[POINTS.index(point)]
    killed(place, str(day), point)
    again = place.night(day, feeds=FEEDS)
    assert again.good, again.failed
    (told,) = place.query("select * from report.batch where business_date = :day", day=day)
    assert (told["state"], told["rows_delivered"]) == ("complete", len(place.key(FEEDS[0], day)))
    place.check_receivers()
    left = place.query(
        "select platform, state from exchange.outbox where state not in ('delivered', 'superseded', 'cancelled')"
    )
    assert left == []
    before = place.traces()
    third = place.night(day, feeds=FEEDS)
    assert third.good, third.failed
    assert place.traces() == before
