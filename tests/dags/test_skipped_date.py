"""A business date that somebody stated is not to be exchanged: no schedule that comes to it later exchanges it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException

from credit_exchange.adapters import notifiers, tasks
from credit_exchange.config.feed import CsvSource, RowdataZipSource, XlsxSource
from credit_exchange.config.loader import config_root, load
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


def judge(kind: str, feeds: list[str] | None, states: dict[str, str]) -> Any:
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


def test_where_the_beginning_said_nothing_what_was_not_run_is_told(skipped: Exchange) -> None:
    """Only a run that 开始 gave no feeds has none."""
    begin("scheduled")
    with pytest.raises(AirflowFailException, match=r"feeds\.collect"):
        judge("scheduled", None, NOTHING)


@pytest.mark.parametrize("kind", ["backfill", "manual"])
def test_who_starts_a_run_of_it_has_changed_his_mind(skipped: Exchange, kind: str) -> None:
    assert begin(kind) == skipped.config.ids("feed")


def test_its_page_says_that_it_is_left_out_also_when_the_schedule_has_been_there(
    client: Any, skipped: Exchange
) -> None:
    open_night(skipped, "scheduled__1", DAY, "scheduled")
    close_night(skipped, "scheduled__1", [])
    page = client.get(f"/night?date={DAY}").text
    assert "有意不交换：迁移机房（office）" in page
    assert "全部完成，没有" not in page


def test_a_date_before_any_feed_delivers_is_a_night_without_deliveries(
    client: Any, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So where a first date lies before all that is configured: nobody is said not to have delivered."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    monkeypatch.setattr(notifiers, "tell", lambda _exchange: 0)
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(configured(tmp_path, valid_from="2026-11-09")))
    hint = f"night --date {DAY}"
    assert hint in client.get(f"/night?date={DAY}").text
    assert begin("backfill") == []
    assert judge("backfill", [], NOTHING) == {"failed": 0}
    page = client.get(f"/night?date={DAY}").text
    assert "这一天不由它们报送" in page
    assert hint not in page
    assert len(begin("backfill", "2026-11-09")) == 1


def test_the_beginning_of_a_night_looks_after_the_feeds_that_are_not_due(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    root = configured(tmp_path, valid_from="2026-11-09")
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(root))
    monkeypatch.setenv("CREDIT_EXCHANGE_INBOX", str(tmp_path))
    exchange = Exchange(load(), connect(database_url))
    source = exchange.config.feed("fz_zjj_permit").source
    assert isinstance(source, CsvSource | XlsxSource | RowdataZipSource)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
            " state, stage) values ('fz_zjj_permit', 'd', 'd', 'permit', '2023', '2026-11-07', 'complete', 'merged')"
        )
    delivered = tmp_path / source.name_for(date(2026, 11, 7))
    delivered.parent.mkdir(parents=True)
    delivered.touch()
    assert begin("backfill") == []
    assert open_incidents(exchange, "belated:") == ["belated:fz_zjj_permit:2026-11-07"]
    exchange.engine.dispose()


def test_without_any_feed_nothing_is_called_a_night(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    root = configured(tmp_path, valid_from="2026-11-09")
    for path in (root / "feeds").iterdir():
        path.unlink()
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(root))
    with pytest.raises(AirflowFailException, match="没有报送源"):
        begin("scheduled")


def configured(root: Path, valid_from: str) -> Path:
    """The shipped configuration with one feed only, which delivers from a date."""
    for folder in ("catalog", "feeds", "platforms", "sharing", "calendar"):
        shutil.copytree(config_root() / folder, root / folder)
    only = root / "feeds" / "fz_zjj_permit.yml"
    for path in (root / "feeds").glob("*.yml"):
        if path != only:
            path.unlink()
    only.write_text(f"{only.read_text(encoding='utf-8')}valid_from: {valid_from}\n", encoding="utf-8")
    return root
