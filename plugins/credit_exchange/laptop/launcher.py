"""`make run`: everything on one machine, started in order, followed, stopped without a trace."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import FrameType

import psycopg
from rich.console import Console

from credit_exchange.adapters.runs import DAG_ID
from credit_exchange.core import business_time
from credit_exchange.errors import ConfigurationError, FatalError, RetriableError, without_values
from credit_exchange.laptop.airflow_processes import AirflowProcesses, migrate
from credit_exchange.laptop.follow import Follower
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.processes import Supervisor, adopt_orphans, end_leftovers, kill_descendants
from credit_exchange.laptop.room import shortages, told
from credit_exchange.laptop.sandbox import Sandbox
from credit_exchange.laptop.settings import Laptop

EXIT_GOOD, EXIT_BROKEN, EXIT_PART_FAILED, EXIT_INTERRUPTED = 0, 1, 2, 130
_DAG_TIMEOUT_S = 180.0
_LOOK_EVERY_S = 5.0


class Stopped(BaseException):
    """Somebody asked the launcher to stop (Ctrl-C, SIGTERM, the terminal closed)."""


class Launcher:
    """One run of the laptop."""

    def __init__(self, laptop: Laptop, console: Console, *, once: bool = False, faults: bool = False) -> None:
        """once: end after the night. faults: broken deliveries and misbehaving platforms."""
        self._laptop = laptop
        self._console = console
        self._once = once
        self._faults = faults
        self._supervisor = Supervisor(laptop.record_file, self._say)
        self._server: EmbeddedPostgres | None = None
        self._sandbox: Sandbox | None = None
        self._look_at = 0.0
        self._short = False

    def run(self) -> int:
        """Do all of it and return the exit status: 0 good, 1 something is broken, 2 a part of the night failed.

        After Ctrl-C or SIGTERM: 0 when the night had ended well, 2 when a part of it had failed, 130 before its end.
        """
        adopt_orphans()
        status = EXIT_INTERRUPTED
        try:
            with _locked(self._laptop), _signals():
                try:
                    airflow = self._start()
                    status = self._night(airflow)
                    if not self._once:
                        self._stay()
                finally:
                    self._stop()
        except Stopped:
            pass
        except (FatalError, RetriableError, OSError, psycopg.Error) as error:
            words = told(error, self._places())
            self._console.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
            return EXIT_BROKEN
        return status

    def _start(self) -> AirflowProcesses:
        laptop = self._laptop
        for name in end_leftovers(laptop.record_file):
            self._say(f"已结束上次被强行停止时留下的 {name}")
        laptop.ports.require_free()
        self._say("127.0.0.1 上的端口（可用括号里的变量更换）：")
        for line in laptop.ports.lines():
            self._say(f"  {line}")
        laptop.write_credentials()
        begun = time.monotonic()
        self._server = laptop.start_server()
        self._say(f"PostgreSQL 已启动，数据在 {self._server.cluster}")
        environment = laptop.environment(self._server)
        if migrate(laptop, environment):
            self._say("数据库结构已是最新")
        airflow = AirflowProcesses(laptop, environment, self._supervisor)
        airflow.start()
        self._sandbox = Sandbox(laptop, environment, faults=self._faults)
        business_date = business_time.last_business_date()
        if self._sandbox.deliver(business_date, self._server):
            self._say(f"沙箱城市已报送业务日期 {business_date} 的数据")
        self._sandbox.start(self._supervisor)
        self._say("正在启动 Airflow，约需十到三十秒……")
        airflow.wait_until_ready(tick=self._tick)
        self._say(f"全部就绪（{time.monotonic() - begun:.0f} 秒）：{laptop.ui_url}")
        self._say(f"用户 operator（运维）、reviewer（复核）、viewer（查看）；密码在 {laptop.passwords_file}")
        return airflow

    def _night(self, airflow: AirflowProcesses) -> int:
        business_date = business_time.last_business_date()
        run_id, known_state = self._find_or_start(airflow, business_date)
        state = known_state or Follower(airflow.api, self._console, self._tick).follow(DAG_ID, run_id)
        # imported here: it reads our tables through SQLAlchemy, which would delay the first line on the terminal
        from sqlalchemy.exc import SQLAlchemyError

        from credit_exchange.cli.night_summary import print_summary

        try:
            print_summary(airflow.environment["CREDIT_EXCHANGE_DATABASE_URL"], business_date)
        except SQLAlchemyError as error:
            raise RetriableError(without_values(error)) from None
        page = f"{self._laptop.ui_url}/exchange/night?date={business_date}"
        if state == "success":
            self._say(f"\n业务日期 {business_date} 的夜间交换全部完成：{page}")
            return EXIT_GOOD
        self._console.print(
            f"\n业务日期 {business_date} 的夜间交换没有全部完成；哪一部分、为什么、怎么办：{page}\n"
            f"处理后清除红色的任务（含下游）：{self._laptop.ui_url}/dags/{DAG_ID}/runs/{run_id}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return EXIT_PART_FAILED

    def _find_or_start(self, airflow: AirflowProcesses, business_date: date) -> tuple[str, str | None]:
        """Return the night's run id, and its state when it has succeeded already; starts it when there is none."""
        key = business_date.isoformat()
        end = time.monotonic() + _DAG_TIMEOUT_S
        while True:
            self._tick()
            try:
                existing = [run for run in airflow.api.runs(DAG_ID) if run.get("partition_key") == key]
                for wanted in ({"success"}, {"running", "queued"}):
                    for run in existing:
                        if run["state"] in wanted:
                            done = run["state"] == "success"
                            self._say(f"业务日期 {key} 的交换{'早已完成' if done else '正在运行'}")
                            airflow.api.unpause(DAG_ID)
                            return run["dag_run_id"], "success" if done else None
                run_id = airflow.api.trigger(DAG_ID, key)
                airflow.api.unpause(DAG_ID)
                self._say(f"业务日期 {key} 的交换已开始：{self._laptop.ui_url}/dags/{DAG_ID}")
                return run_id, None
            except RetriableError as error:
                # not parsed yet: the DAG processor needs a few seconds after its start
                if time.monotonic() > end:
                    raise FatalError(self._why_no_dag(airflow)) from error
                time.sleep(0.5)

    def _why_no_dag(self, airflow: AirflowProcesses) -> str:
        errors = airflow.api.call("GET", "/api/v2/importErrors").get("import_errors", [])
        reasons = "\n".join(f"{error['filename']}:\n{error['stack_trace'][-1500:]}" for error in errors)
        log = self._laptop.log("dag-processor")
        return f"过了 {_DAG_TIMEOUT_S:.0f} 秒，Airflow 仍没有读到 DAG {DAG_ID}（日志 {log}）。{reasons}".rstrip()

    def _stay(self) -> None:
        self._say(f"\nAirflow 界面：{self._laptop.ui_url}　全部停止：Ctrl-C")
        delivered = business_time.last_business_date()
        while True:
            self._tick()
            time.sleep(1.0)
            if self._server and self._sandbox and business_time.last_business_date() != delivered:
                delivered = business_time.last_business_date()
                self._sandbox.deliver(delivered, self._server)

    def _places(self) -> list[Path]:
        ours = [self._laptop.home, self._laptop.home / "logs" / "tasks"]  # without room for its log no task runs
        return ours if self._server is None else [*ours, self._server.cluster]

    def _look_at_disks(self) -> None:
        """Say when a disk gets full: Airflow can record nothing then, and a night stands still without a word."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        short = shortages(self._places())
        if short and not self._short:
            self._console.print("\n".join(short), style="red", markup=False, highlight=False, soft_wrap=True)
        self._short = bool(short)

    def _tick(self) -> None:
        self._look_at_disks()
        if self._server is not None and not self._server.running():
            self._say("PostgreSQL 停了，正在重新启动")
            self._server.start()
        self._supervisor.tick()

    def _stop(self) -> None:
        # from here on only the stop itself matters: another Ctrl-C must not cut it short and leave processes behind
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        running = self._supervisor.names_running()
        if running:
            self._say(f"正在停止 {'、'.join(running)} 和 PostgreSQL……")
        begun = time.monotonic()
        self._supervisor.stop()
        if self._server is not None:
            self._server.stop()
        kill_descendants()
        if running:
            self._say(f"已全部停止（{time.monotonic() - begun:.0f} 秒）")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def stop(laptop: Laptop, timeout: float = 60.0) -> bool:
    """Ask the launcher of this home to stop and wait for it; returns False when none runs.

    Raises FatalError when it still runs after `timeout` seconds.
    """
    found = laptop.running()
    if found is None:
        return False
    pid, _ = found
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while (still := laptop.running()) and still[0] == pid:
        if time.monotonic() > end:
            raise FatalError(f"启动器（进程 {pid}）过了 {timeout:.0f} 秒还没有停止；请查看它的终端，或结束该进程")
        time.sleep(0.2)
    return True


@contextmanager
def _locked(laptop: Laptop) -> Iterator[None]:
    """Hold the home; raises ConfigurationError when another launcher holds it. The kernel lets go when we die."""
    with laptop.lock_file.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _, runs = laptop.running() or (0, laptop)
            raise ConfigurationError(
                f"已经在 {laptop.home} 运行，见 {runs.ui_url}；用 make stop 停止它，"
                "或用 CREDIT_EXCHANGE_HOME 和别的端口另开一个"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n{json.dumps(asdict(laptop.ports))}")
        lock.flush()
        yield


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into Stopped, also where the parent had SIGINT ignored (background jobs)."""

    def raise_stopped(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, raise_stopped)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
