"""Shows a DAG run while it works: a bar on a terminal, one line for each finished task elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.laptop.airflow_api import AirflowApi

_FINISHED = {"success", "failed", "upstream_failed", "skipped", "removed"}
_SIGNS = {"success": "✓", "failed": "✗", "upstream_failed": "–", "skipped": "·", "removed": "·"}
_WORDS = {
    "success": "完成",
    "failed": "失败",
    "upstream_failed": "未运行，前一步失败",
    "skipped": "跳过",
    "removed": "已移除",
}
_UNANSWERED_LIMIT_S = 120.0


class Follower:
    """Follows one run by the REST API until it has ended."""

    def __init__(self, api: AirflowApi, console: Console, tick: Callable[[], None]) -> None:
        """Print to `console`; call `tick` between two looks, about every second."""
        self._api = api
        self._console = console
        self._tick = tick
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}
        self._labels: dict[tuple[str, int], str] = {}

    def follow(self, dag_id: str, run_id: str, timeout: float = 7200.0) -> str:
        """Return the run's final state, `success` or `failed`.

        Raises FatalError when the run takes longer than `timeout` seconds or Airflow stays silent for two minutes.
        """
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        end = time.monotonic() + timeout
        answered = time.monotonic()
        with bar:
            line = bar.add_task("夜间信用信息交换", total=None)
            while time.monotonic() < end:
                self._tick()
                try:
                    run = self._api.run(dag_id, run_id)
                    tasks = self._api.task_instances(dag_id, run_id)
                    answered = time.monotonic()
                except RetriableError as error:
                    # the API process may be on its way back: the supervisor restarts it
                    if time.monotonic() - answered > _UNANSWERED_LIMIT_S:
                        raise FatalError(f"看不到运行 {run_id} 的进展了：{error}") from error
                    time.sleep(1.0)
                    continue
                self._show(bar, line, tasks)
                if run["state"] in {"success", "failed"}:
                    return str(run["state"])
                time.sleep(1.0)
        raise FatalError(f"运行 {run_id} 过了 {timeout:.0f} 秒还没有结束；请在 Airflow 界面查看")

    def _show(self, bar: Progress, line: Any, tasks: list[dict[str, Any]]) -> None:
        # Airflow gives the display name to the first instance of a mapped task only; its siblings bear the same one
        for task in tasks:
            if task.get("task_display_name") not in (None, "", task["task_id"]):
                self._names[task["task_id"]] = task["task_display_name"]
        # a step that was not run is told by its number, one that has not begun by its feed's id: its siblings of the
        # same group and index have a name
        for task in tasks:
            place, told = (task["task_id"].split(".")[0], task["map_index"]), task.get("rendered_map_index")
            if told not in (None, "", str(task["map_index"])) and not (place in self._labels and told.isascii()):
                self._labels[place] = told
        tasks = [
            task
            | {
                "task_display_name": self._names.get(task["task_id"]),
                "rendered_map_index": self._labels.get((task["task_id"].split(".")[0], task["map_index"])),
            }
            for task in tasks
        ]
        finished = [task for task in tasks if task["state"] in _FINISHED]
        running = [label(task) for task in tasks if task["state"] == "running"]
        described = "、".join(running[:3]) + (" …" if len(running) > 3 else "") if running else "夜间信用信息交换"
        bar.update(line, total=len(tasks) or None, completed=len(finished), description=described)
        for task in sorted(finished, key=lambda one: str(one.get("end_date") or "")):
            # a retried task comes back under the same id with another try
            identity = f"{task['id']}:{task['try_number']}:{task['state']}"
            if identity in self._seen:
                continue
            self._seen.add(identity)
            if task["state"] == "failed":
                self._console.print(
                    f"{_SIGNS['failed']} {label(task)}：{_WORDS['failed']}{_seconds(task)}", style="red", markup=False
                )
            elif not self._console.is_terminal and task["state"] != "removed":
                text = f"{_SIGNS[task['state']]} {label(task)}：{_WORDS[task['state']]}{_seconds(task)}"
                self._console.print(text, markup=False, highlight=False)


def label(task: dict[str, Any]) -> str:
    """Return what a person calls a task instance: its display name and the department or platform it is for."""
    name = str(task.get("task_display_name") or task["task_id"])
    rendered = task.get("rendered_map_index")
    if rendered:
        return f"{name} {rendered}"
    return f"{name} {task['map_index']}" if int(task.get("map_index", -1)) >= 0 else name


def _seconds(task: dict[str, Any]) -> str:
    begun, ended = task.get("start_date"), task.get("end_date")
    if not begun or not ended:
        return ""
    return f"（{(datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds():.1f} 秒）"
