"""Airflow's processes on this machine: schema, start, readiness, stop."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import requests

from credit_exchange.errors import FatalError
from credit_exchange.laptop.airflow_api import AirflowApi
from credit_exchange.laptop.processes import Child, Supervisor
from credit_exchange.laptop.settings import REPOSITORY, Laptop

COMMANDS = {
    "api-server": ["airflow", "api-server"],
    # logs are read from the shared folder; the log servers would listen on all interfaces
    "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
}


def migrate(laptop: Laptop, environment: dict[str, str]) -> bool:
    """Bring Airflow's and our schema up to date with `airflow db migrate`; nothing is done when neither has changed,
    nor the databases: one of them may have been lost, or restored to an earlier state.

    The server must be running. Returns whether it ran. Raises FatalError with the end of its output when it fails.
    """
    marker = laptop.home / "migrated"
    wanted = _schema_version()
    if marker.exists() and marker.read_text(encoding="utf-8") == _as_left(wanted, laptop):
        return False
    log = laptop.log("db-migrate")
    with log.open("wb") as output:
        done = subprocess.run(
            [_airflow(environment), "db", "migrate"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise FatalError(f"`airflow db migrate` 失败；{log} 的末尾：\n{end}")
    marker.write_text(_as_left(wanted, laptop), encoding="utf-8")
    return True


def _as_left(wanted: str, laptop: Laptop) -> str:
    """Return what the code wants, and where the two databases stand."""
    # imported here: it brings SQLAlchemy and alembic, which would delay the first line on the terminal
    from credit_exchange.stores.database import VERSION_TABLE

    server = laptop.server()
    ours = server.versions("exchange", f"exchange.{VERSION_TABLE}")
    return "\n".join((wanted, server.versions("airflow", "public.alembic_version"), ours))


def _schema_version() -> str:
    digest = hashlib.sha256(version("apache-airflow").encode("ascii"))
    package = REPOSITORY / "plugins" / "credit_exchange"
    files = [*package.rglob("migrations/**/*.py"), *(REPOSITORY / "include" / "sql").rglob("*.sql")]
    for file in sorted(files):
        digest.update(file.relative_to(REPOSITORY).as_posix().encode("utf-8"))
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _airflow(environment: dict[str, str]) -> str:
    programs = environment["PATH"].split(":", 1)[0]
    program = Path(programs) / "airflow"
    if not program.exists():
        raise FatalError(f"缺少 {program}；make run 会安装它，或删除 .venv 后重新运行")
    return str(program)


class AirflowProcesses:
    """api-server, scheduler, dag-processor and triggerer as child processes; a context manager for tests, too."""

    def __init__(self, laptop: Laptop, environment: dict[str, str], supervisor: Supervisor | None = None) -> None:
        """Take the laptop and its children's environment; with a supervisor, its owner calls `tick` and `stop`."""
        self.laptop = laptop
        self.environment = environment
        self.supervisor = supervisor or Supervisor(laptop.record_file)
        self.api = AirflowApi(laptop.ui_url, "operator", laptop.password("operator"))

    def start(self) -> None:
        """Start the four processes; returns at once."""
        program = _airflow(self.environment)
        for name, command in COMMANDS.items():
            self.supervisor.add(Child(name, [program, *command[1:]], self.environment, self.laptop.log(name)))

    def wait_until_ready(self, timeout: float = 180.0, tick: Callable[[], None] = lambda: None) -> None:
        """Wait for the API, and for the execution API behind it (its first request takes seconds of CPU).

        Calls `tick` about five times a second. Raises FatalError after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        for path in ("/api/v2/version", "/execution/health"):
            while True:
                self.supervisor.tick()
                tick()
                try:
                    if requests.get(self.laptop.ui_url + path, timeout=(1, 30)).status_code == 200:
                        break
                except requests.RequestException as error:
                    if time.monotonic() > end:
                        raise FatalError(
                            f"过了 {timeout:.0f} 秒 Airflow 在 {self.laptop.ui_url}{path} 仍没有答复；"
                            f"请看 {self.laptop.log('api-server')}"
                        ) from error
                if time.monotonic() > end:
                    raise FatalError(f"{self.laptop.ui_url}{path} 没有答复 200；请看 {self.laptop.log('api-server')}")
                time.sleep(0.2)

    def __enter__(self) -> AirflowProcesses:
        """Migrate, start and wait."""
        migrate(self.laptop, self.environment)
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.supervisor.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop all of them."""
        self.supervisor.stop()
