"""Seven nights in any order, with a department that fails in the middle, leave the same records here and out there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from town import Town, assert_same, town

from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.steps.night import NightResult

FEEDS = ["fz_gulou_permit", "fz_scjg_permit", "fz_wjw_permit", "fz_zjj_permit", "fz_zwfw_permit"]
"""A full file with withdrawals, a table and a service that disagree about the same records, withdrawals with
reinstatements, and legacy codes that are linked later."""
FRONT = "AIRFLOW_CONN_CITY_FRONT_DATABASE"
Run = Callable[[int], NightResult]


def outcome(
    server: EmbeddedPostgres, template: str, directory: Path, name: str, nights: Callable[[Town, Run], None]
) -> dict[str, Any]:
    """Run these nights on a fresh database and fresh platforms; return the state they leave."""
    server.create_database(name, template=template)
    with town(directory, server.url(name), days=7, volume=0.05) as place:
        nights(place, lambda number: place.night(place.days[number], feeds=FEEDS))
        place.check_receivers()
        state = place.state()
    server.drop_database(name)
    return state


@pytest.fixture(scope="module")
def in_order(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What seven nights in order leave."""

    def nights(_place: Town, run: Run) -> None:
        for number in range(7):
            assert run(number).good

    directory = tmp_path_factory.mktemp("in_order")
    state = outcome(pg_server, migrated_template, directory, "nights_in_order", nights)
    assert {row["status"] for row in state["records"]} == {"current", "withdrawn"}
    return state


@pytest.mark.timeout(900)
def test_backwards(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path, in_order: dict[str, Any]
) -> None:
    def nights(_place: Town, run: Run) -> None:
        for number in reversed(range(7)):
            assert run(number).good

    assert_same(outcome(pg_server, migrated_template, tmp_path, "nights_backwards", nights), in_order)


@contextmanager
def file_missing(place: Town, number: int) -> Iterator[None]:
    """The file of fz_wjw_permit does not come; afterwards it is there."""
    path = Path(place.environment["CREDIT_EXCHANGE_INBOX"]) / "fz_wjw" / f"xzxk_{place.days[number]:%Y%m%d}.csv"
    path.rename(path.with_suffix(".late"))
    yield
    path.with_suffix(".late").rename(path)


@contextmanager
def front_database_down() -> Iterator[None]:
    """The front database does not answer; afterwards it does."""
    right = os.environ[FRONT]
    os.environ[FRONT] = '{"conn_type": "generic", "extra": {"url": "sqlite:////no/such/place/front.db"}}'
    yield
    os.environ[FRONT] = right


@pytest.mark.timeout(900)
def test_three_ranges_out_of_order_with_departments_failing_and_cleared(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path, in_order: dict[str, Any]
) -> None:
    def nights(place: Town, run: Run) -> None:
        for number in (4, 5):
            assert run(number).good
        with front_database_down(), file_missing(place, 0):
            assert set(run(0).failed) == {"feed fz_scjg_permit", "feed fz_wjw_permit"}
        assert run(1).good
        with front_database_down():
            assert set(run(6).failed) == {"feed fz_scjg_permit"}
        with file_missing(place, 2):
            assert set(run(2).failed) == {"feed fz_wjw_permit"}
        assert run(3).good
        cleared = [(0, "fz_scjg_permit"), (2, "fz_wjw_permit"), (6, "fz_scjg_permit"), (0, "fz_wjw_permit")]
        for number, feed in cleared:
            assert place.night(place.days[number], feeds=[feed]).good

    assert_same(outcome(pg_server, migrated_template, tmp_path, "nights_in_ranges", nights), in_order)
