"""A whole run of the DAG in one process: what fails stays alone, is shown, and is finished by running again."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from credit_exchange.stores.database import connect

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient."),
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
BROKEN = "fz_scjg_permit"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The steps' own work is tested elsewhere; here they only say that they ran; one feed's file is wrong."""
    from credit_exchange.adapters import tasks

    state: dict[str, Any] = {"ran": []}

    def collect(self: Any, exchange: Any, context: Any) -> int:
        state["ran"].append(("collect", self.feed, context["label"]))
        merged = (
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, "
            "generation, stage, state) values (%s, 'd', '部门', 'permit', 'v', '2026-11-20', 1, 'merged', 'complete') "
            "on conflict (feed, business_date, generation) do update set stage = 'merged' returning batch_id"
        )
        with exchange.engine.begin() as connection:
            return int(connection.exec_driver_sql(merged, (self.feed,)).scalar_one())

    def later(name: str) -> Any:
        def work(self: Any, exchange: Any, context: Any) -> dict[str, int]:
            state["ran"].append((name, getattr(self, "feed", getattr(self, "platform", ""))))
            return {"rows": 1}

        return work

    monkeypatch.setattr(tasks.Collect, "step", collect)
    monkeypatch.setattr(tasks.Validate, "step", later("validate"))
    monkeypatch.setattr(tasks.Merge, "step", later("merge"))
    monkeypatch.setattr(tasks.Release, "work", later("release"))
    monkeypatch.setattr(tasks.Push, "work", later("push"))
    return state


@pytest.fixture
def run(airflow_database: None, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.definitions import dag as stored

    shutil.copytree(REPOSITORY / "include", tmp_path / "include", ignore=shutil.ignore_patterns("sandbox", "sql"))
    for path in (tmp_path / "include" / "feeds").glob("*.yml"):
        if path.stem not in (BROKEN, "fz_gulou_permit", "fz_hbj_penalty"):
            path.unlink()
    with (tmp_path / "include" / "feeds" / f"{BROKEN}.yml").open("a") as file:
        file.write("\n: [")
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(tmp_path / "include"))
    monkeypatch.setenv("CREDIT_EXCHANGE_RETRY_SECONDS", "0")
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T02:00:00")
    dag = DagBag(str(REPOSITORY / "dags" / "nightly_exchange.py")).dags["nightly_exchange"]
    dag.deadline = None  # `dag.test` of this version cannot finish a run that has one
    original = stored.SerializedDAG.create_dagrun

    def with_key(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["partition_key"] = "2026-11-20"
        kwargs["partition_date"] = self.timetable._decode_partition_date("2026-11-20")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(stored.SerializedDAG, "create_dagrun", with_key)
    return partial(dag.test, logical_date=None)  # as the schedule has it; a run that is given one is refused


def rows(url: str, query: str) -> list[Any]:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(query)).mappings())
    finally:
        engine.dispose()


def test_a_failing_feed_stops_only_itself_and_the_night_ends_visibly_failed(
    run: Any, steps: dict[str, Any], database_url: str
) -> None:
    from airflow.utils.session import create_session

    finished = run()
    states = {(ti.task_id, ti.map_index): str(ti.state) for ti in finished.get_task_instances()}
    assert str(finished.state) == "failed"
    assert states[("verdict", -1)] == "failed"
    assert states[("release", -1)] == states[("summary", -1)] == "success"
    assert sum(state == "success" for (task, _), state in states.items() if task == "push") == 3
    merged = {state for (task, _), state in states.items() if task == "feeds.merge"}
    assert merged == {"success", "upstream_failed"}
    assert len({feed for name, feed, *_ in steps["ran"] if name == "merge"}) == len(
        {feed for name, feed, *_ in steps["ran"] if name == "collect"}
    )
    assert all(" · " in label for name, _, label in (r for r in steps["ran"] if len(r) == 3))
    [night] = rows(database_url, "select * from exchange.night")
    assert str(night["business_date"]) == "2026-11-20"
    assert (night["outcome"], night["failed_parts"]) == ("partial", [f"feed {BROKEN}"])
    [alert] = rows(database_url, "select * from exchange.alert")
    assert alert["incident_key"] == f"night:2026-11-20:feed {BROKEN}"
    assert alert["detail"].startswith("环节：采集；原因")
    assert f"{BROKEN}.yml 第 " in alert["detail"]
    assert "清除它的「采集」（含下游）" in alert["detail"]
    with create_session() as session:
        from airflow.models.asset import AssetEvent

        events = session.query(AssetEvent).all()
        assert [event.extra["business_date"] for event in events] == ["2026-11-20"]
        assert [event.partition_key for event in events] == ["2026-11-20"]

    file = Path(os.environ["CREDIT_EXCHANGE_CONFIG"]) / "feeds" / f"{BROKEN}.yml"
    file.write_text(file.read_text(encoding="utf-8").removesuffix("\n: ["), encoding="utf-8")
    again = run()
    assert str(again.state) == "success"
    assert [n["outcome"] for n in rows(database_url, "select * from exchange.night order by night_id")][-1] == "good"
    [alert] = rows(database_url, "select * from exchange.alert")
    assert alert["cleared_at"] is not None
