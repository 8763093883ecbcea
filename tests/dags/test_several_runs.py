"""A business date with several runs, and a run that Airflow knows and we do not, or that we know by another date."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from sqlalchemy import text

from credit_exchange.adapters import tasks
from credit_exchange.config.loader import load
from credit_exchange.steps.alerts import close_mended, open_incidents, raise_alert
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import close_night, newest_run, open_night, remember_cause, run_again
from credit_exchange.stores.database import connect

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient."),
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
DAY = date(2026, 11, 22)
FAILED = "feed f_permit"


@pytest.fixture
def exchange(client: Any, database_url: str) -> Any:
    """One date of which a run was begun by hand, failed, and was backfilled, which failed in the same way."""
    opened = Exchange(load(), connect(database_url))
    for run_id in ("run 1", "backfill 1"):
        open_night(opened, run_id, DAY, "backfill")
        remember_cause(opened.engine, run_id, FAILED, "某局没有报送")
        close_night(opened, run_id, [FAILED])
    yield opened
    opened.engine.dispose()


def test_the_run_that_was_cleared_last_is_the_newest_of_its_date(
    client: Any, exchange: Exchange, in_airflow: dict[str, str]
) -> None:
    """Its first start may be long before that of another run of the date."""
    assert "某局没有报送" in client.get("/night?date=2026-11-22").text
    assert newest_run(exchange, DAY) == "backfill 1"
    in_airflow["run 1"] = "running"
    run_again(exchange, "run 1")
    assert "正在重新运行" in client.get("/night?date=2026-11-22").text
    remember_cause(exchange.engine, "run 1", FAILED, None)
    close_night(exchange, "run 1", [])
    page = client.get("/night?date=2026-11-22").text
    assert "某局没有报送" not in page
    assert "/runs/run%201" in page
    assert newest_run(exchange, DAY) == "run 1"


def test_what_the_run_that_was_cleared_last_says_closes_the_alert(exchange: Exchange) -> None:
    key = f"night:{DAY}:{FAILED}"
    raise_alert(exchange, key, "warning", "某局没有完成")
    close_mended(exchange)
    assert open_incidents(exchange, key) == [key]
    run_again(exchange, "run 1")
    remember_cause(exchange.engine, "run 1", FAILED, None)
    close_mended(exchange)
    assert open_incidents(exchange, key) == []


def test_why_a_platform_failed_last_is_told_by_the_run_that_was_cleared_last(client: Any, exchange: Exchange) -> None:
    remember_cause(exchange.engine, "backfill 1", "platform fuzhou", "早先的原因")
    run_again(exchange, "run 1")
    remember_cause(exchange.engine, "run 1", "platform fuzhou", "最近的原因")
    page = client.get("/platforms").text
    assert "最近的原因" in page
    assert "早先的原因" not in page


def test_the_links_at_the_top_judge_a_date_by_the_run_that_was_cleared_last(client: Any, exchange: Exchange) -> None:
    remember_cause(exchange.engine, "backfill 1", "summary", "汇总出错")
    run_again(exchange, "run 1")
    close_night(exchange, "run 1", [])
    assert 'class="good" aria-current="date"' in client.get("/night?date=2026-11-22").text


def test_a_run_that_never_got_as_far_as_its_date_is_not_taken_for_another_one(client: Any, exchange: Exchange) -> None:
    """A key in the future, broken files, a database from a backup: the button of its tasks leads to the page."""
    close_night(exchange, "backfill 1", [])
    page = client.get("/night?run_id=manual__lost").text
    assert '<section class="verdict bad">' in page
    assert "manual__lost" in page
    assert "没有登记业务日期" in page
    assert "没有登记业务日期" not in client.get("/night?run_id=backfill%201").text
    assert "没有登记业务日期" not in client.get("/night").text


def test_a_run_that_takes_the_name_of_a_deleted_one_carries_the_date_of_its_own_key(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts a run by hand may choose its name, and Airflow takes one again whose run was deleted."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    run_again(exchange, "run 1")  # by a task of the new run that does not wait for 开始
    run = SimpleNamespace(run_id="run 1", logical_date=None, partition_key="2026-11-15", run_type="manual")
    tasks.OpenNight(task_id="open_night").execute({"dag_run": run})
    close_night(exchange, "run 1", [])
    asked = "select business_date, outcome, failed_parts, causes, finished_at is not null from exchange.night"
    with exchange.engine.connect() as connection:
        found = {row[0]: tuple(row[1:]) for row in connection.execute(text(f"{asked} where run_id <> 'backfill 1'"))}
    assert found == {
        DAY: ("partial", [FAILED], {FAILED: "某局没有报送"}, True),
        date(2026, 11, 15): ("good", [], {}, True),
    }


@pytest.mark.parametrize("key", [None, "2026-11-22"])
def test_a_cleared_run_keeps_its_date_and_its_row(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """One without a key too, however long ago it took the last business date of that day."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    run = SimpleNamespace(run_id="run 1", logical_date=None, partition_key=key, run_type="manual")
    tasks.OpenNight(task_id="open_night").execute({"dag_run": run})
    with exchange.engine.connect() as connection:
        rows = connection.execute(
            text("select business_date, outcome from exchange.night where run_id = 'run 1'")
        ).all()
        assert connection.execute(text("select count(*) from exchange.night")).scalar_one() == 2
    assert [tuple(row) for row in rows] == [(DAY, None)]
