"""A business date that somebody stated is not to be exchanged: no schedule that comes to it later exchanges it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException

from credit_exchange.adapters import notifiers, tasks
from credit_exchange.config.loader import load
from credit_exchange.steps.alerts import open_incidents
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import close_night, open_night, skip
from credit_exchange.stores.database import connect

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient."),
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
DAY = date(2026, 11, 8)


@pytest.fixture
def skipped(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    """An exchange of which a date is left out, and operators that may be called by themselves."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    monkeypatch.setattr(notifiers, "tell", lambda _exchange: 0)
    exchange = Exchange(load(), connect(database_url))
    skip(exchange, DAY, DAY, "迁移机房", "office")
    yield exchange
    exchange.engine.dispose()


def begin(kind: str, key: str = DAY.isoformat()) -> Any:
    """What 开始 gives in a run of this kind."""
    run = SimpleNamespace(run_id=f"{kind}__1", partition_key=key, run_type=kind)
    return tasks.OpenNight(task_id="open_night").execute({"dag_run": run})


def judge(kind: str, feeds: list[str], states: dict[str, str]) -> Any:
    """The verdict on a run of this kind."""
    run = SimpleNamespace(run_id=f"{kind}__1", dag_id="nightly_exchange")
    ti = SimpleNamespace(
        get_task_states=lambda **_: {run.run_id: states},
        xcom_pull=lambda task_ids: {"open_night": feeds, "platforms": []}[task_ids],
    )
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    return verdict.execute({"dag_run": run, "ti": ti})


NOTHING = {"open_night": "success", "feeds.collect": "skipped", "feeds.validate": "skipped", "feeds.merge": "skipped"}


def test_the_schedule_passes_over_it_and_nobody_is_alarmed(skipped: Exchange) -> None:
    """So after a pause, and where Airflow's database is new and the schedule begins again."""
    assert begin("scheduled") == []
    assert judge("scheduled", [], NOTHING) == {"failed": 0}
    assert open_incidents(skipped, "night:") == []
    assert begin("scheduled", "2026-11-09") == skipped.config.ids("feed")


def test_what_else_fails_in_such_a_run_is_told(skipped: Exchange) -> None:
    begin("scheduled")
    with pytest.raises(AirflowFailException, match="汇总"):
        judge("scheduled", [], NOTHING | {"summary": "failed"})


@pytest.mark.parametrize("kind", ["backfill", "manual"])
def test_who_starts_a_run_of_it_has_changed_his_mind(skipped: Exchange, kind: str) -> None:
    assert begin(kind) == skipped.config.ids("feed")
    with pytest.raises(AirflowFailException, match=r"feeds\.collect"):
        judge(kind, [], NOTHING)


def test_its_page_says_that_it_is_left_out_also_when_the_schedule_has_been_there(
    client: Any, skipped: Exchange
) -> None:
    open_night(skipped, "scheduled__1", DAY, "scheduled")
    close_night(skipped, "scheduled__1", [])
    page = client.get(f"/night?date={DAY}").text
    assert "有意不交换：迁移机房（office）" in page
    assert "全部完成，没有" not in page
