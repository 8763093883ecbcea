"""What `make run` prints while a night works: each step with the department or platform that it is for."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from credit_exchange.laptop.airflow_api import AirflowApi
from credit_exchange.laptop.follow import Follower


def instance(task_id: str, index: int, state: str, rendered: str | None, name: str) -> dict[str, Any]:
    """A task instance as Airflow's REST API gives it; one that was not run bears its number as its name."""
    return {
        "id": f"{task_id}-{index}",
        "task_id": task_id,
        "task_display_name": name,
        "map_index": index,
        "rendered_map_index": rendered,
        "state": state,
        "try_number": 1,
        "start_date": "2026-11-25T01:30:00+08:00",
        "end_date": "2026-11-25T01:30:02+08:00",
    }


class Airflow(AirflowApi):
    """Airflow's answers about one run that has ended."""

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self._tasks = tasks

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return {"state": "failed"}

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self._tasks


def test_a_step_that_was_not_run_is_told_by_its_department() -> None:
    said = io.StringIO()
    airflow = Airflow(
        [
            instance("feeds.merge", 0, "success", "福州市教育局 · 行政许可", "归并"),
            instance("feeds.collect", 1, "failed", "福州市应急管理局 · 行政处罚", "采集"),
            instance("feeds.merge", 1, "upstream_failed", "1", "feeds.merge"),
        ]
    )
    state = Follower(airflow, Console(file=said, width=120), lambda: None).follow("nightly_exchange", "a run")
    assert state == "failed"
    assert "✗ 采集 福州市应急管理局 · 行政处罚：失败（2.0 秒）" in said.getvalue()
    assert "– 归并 福州市应急管理局 · 行政处罚：未运行，前一步失败" in said.getvalue()


def test_a_step_that_has_not_begun_takes_its_departments_name_from_nobody() -> None:
    """Until a step knows its department, Airflow has the feed's id for it."""
    said = io.StringIO()
    airflow = Airflow(
        [
            instance("feeds.validate", 0, "success", "福州市应急管理局 · 行政处罚", "校验"),
            instance("feeds.merge", 0, "scheduled", "fz_yjj_penalty", "归并"),
        ]
    )
    Follower(airflow, Console(file=said, width=120), lambda: None).follow("nightly_exchange", "a run")
    assert "✓ 校验 福州市应急管理局 · 行政处罚：完成" in said.getvalue()
