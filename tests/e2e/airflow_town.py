"""Real Airflow processes around the sandbox town: a home, ports and a PostgreSQL of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from town import Town, town

from credit_exchange.core import business_time
from credit_exchange.errors import RetriableError
from credit_exchange.laptop.airflow_api import AirflowApi
from credit_exchange.laptop.ports import Ports
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.processes import Supervisor, started_at
from credit_exchange.laptop.settings import REPOSITORY, Laptop

DAG_ID = "nightly_exchange"
FINISHED = frozenset({"success", "failed"})
VOLUME = 0.2
"""The share of the city's usual rows that each department delivers."""


@dataclass
class AirflowTown:
    """The town, and the laptop whose Airflow runs its nights."""

    laptop: Laptop
    server: EmbeddedPostgres
    town: Town
    environment: dict[str, str]
    supervisor: Supervisor
    api: AirflowApi

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        with psycopg.connect(self.server.url("airflow").replace("+psycopg", "")) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload]

    def airflow(self, *arguments: str) -> str:
        """Run the real `airflow` command to its end and return what it printed."""
        program = Path(self.environment["PATH"].split(os.pathsep)[0]) / "airflow"
        done = subprocess.run(
            [str(program), *arguments], env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def backfill(self, first: date, last: date, *options: str) -> None:
        """Start a backfill of these business dates, with the command as the README gives it."""
        dates = ("--from-date", f"{first}", "--to-date", f"{last}T23:59")
        self.airflow("backfill", "create", "--dag-id", DAG_ID, *dates, *options)

    def runs(self, run_type: str) -> dict[str, dict[str, Any]]:
        """Partition key -> run, of one kind."""
        return {run["partition_key"]: run for run in self.api.runs(DAG_ID) if run["run_type"] == run_type}

    def instances(self, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run."""
        return self.api.task_instances(DAG_ID, run_id)

    def wait(self, what: str, done: Callable[[], Any], seconds: float) -> Any:
        """Wait until `done` returns something true, looking after the processes meanwhile; a call of Airflow that is
        not answered, as where the machine stalls, is made again."""
        end = time.monotonic() + seconds
        while True:
            self.supervisor.tick()
            with suppress(RetriableError):
                found = done()
                if found:
                    return found
            assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s\n{self.logs()}"
            time.sleep(0.5)

    def wait_finished(self, run_type: str, keys: set[str], seconds: float) -> dict[str, dict[str, Any]]:
        """Wait until a run of each business date has ended; return them."""

        def done() -> dict[str, dict[str, Any]]:
            runs = self.runs(run_type)
            ended = {key for key, run in runs.items() if run["state"] in FINISHED}
            return runs if keys <= ended else {}

        return dict(self.wait(f"the end of {run_type} {sorted(keys)}", done, seconds))

    def clear(self, run_id: str, feed: str) -> None:
        """Clear a feed's first task and all that comes after it, as one does when the department has delivered."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [["feeds.collect", self.place_of(feed)]],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.api.call("POST", f"/api/v2/dags/{DAG_ID}/clearTaskInstances", body)

    def place_of(self, feed: str) -> int:
        """A feed's place in the mapped task group."""
        return sorted(self.town.exchange.config.feeds).index(feed)

    def keep_back(self, feed: str, day: date) -> None:
        """Take a feed's file of a day, and what belongs to it, out of the inbox."""
        file = self._file(feed, day)
        for path in file.parent.glob(f"{file.name}*"):
            path.rename(self.town.home / path.name)
        assert not file.exists()

    def deliver(self, feed: str, day: date) -> None:
        """Put into the inbox what was kept back."""
        file = self._file(feed, day)
        for path in sorted(self.town.home.glob(f"{file.name}*")):
            path.rename(file.parent / path.name)
        assert file.exists()

    def _file(self, feed: str, day: date) -> Path:
        source: Any = self.town.exchange.config.feed(feed).source
        return Path(self.environment["CREDIT_EXCHANGE_INBOX"]) / source.path.format(date=f"{day:%Y%m%d}", iso=day)

    def complaint(self, run_id: str) -> str:
        """What a run's red tasks are and what their logs say, for a failing assertion."""
        red = [ti for ti in self.instances(run_id) if ti["state"] not in ("success", "skipped")]
        lines = [f"{ti['task_id']}[{ti['map_index']}] {ti['rendered_map_index']}: {ti['state']}" for ti in red]
        for log in sorted((self.laptop.home / "logs" / "tasks").rglob("*.log")):
            if f"run_id={run_id}" in str(log):
                text = log.read_text(errors="replace")
                if '"level":"error"' in text:
                    wrong = [line[:1500] for line in text.splitlines() if '"level":"error"' in line]
                    lines += [f"--- {log.relative_to(self.laptop.home)}", *wrong[-2:]]
        return "\n".join(lines)

    def logs(self) -> str:
        """The ends of the processes' logs."""
        ends = [f"--- {log}\n{log.read_text(errors='replace')[-1500:]}" for log in self.laptop.home.glob("logs/*.log")]
        return "\n".join(ends)

    def living(self) -> list[str]:
        """Command lines of living processes whose environment or arguments name this home."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or started_at(int(entry.name)) is None or int(entry.name) == os.getpid():
                continue
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if str(self.laptop.home).encode() in text:
                    found.append((entry / "cmdline").read_text().replace("\0", " ").strip())
            except OSError:
                continue
        return found


def newest_due() -> date:
    """Return the newest business date whose night is due by the schedule (01:30 of the day after).

    One that falls due within the next minutes is waited for: the scheduler would begin it in the middle of the tests.
    """
    now = business_time.now()
    if 0 < (to_half_past_one := 90 - 60 * now.hour - now.minute) <= 5:
        time.sleep(60.0 * to_half_past_one)
        now = business_time.now()
    return now.date() - timedelta(days=1 if (now.hour, now.minute) >= (1, 30) else 2)


def configuration(target: Path, feeds: Sequence[str]) -> Path:
    """The shipped configuration with these feeds only."""
    for folder in ("calendar", "catalog", "platforms", "sharing"):
        shutil.copytree(REPOSITORY / "include" / folder, target / folder)
    (target / "feeds").mkdir()
    for feed in feeds:
        shutil.copy(REPOSITORY / "include" / "feeds" / f"{feed}.yml", target / "feeds")
    return target


@contextmanager
def airflow_town(*, feeds: Sequence[str], days: int, first: date, until: date) -> Iterator[AirflowTown]:
    """Make the town and the home, with PostgreSQL running; the caller starts Airflow's processes.

    Only these feeds are configured: each costs every night three task instances. `first` is the first business date of
    the schedule.
    """
    home = Path(tempfile.mkdtemp(prefix="credit-exchange-night-"))
    home.chmod(0o711)
    laptop = Laptop.of(home / "home", Ports.free())
    laptop.write_credentials()
    server = laptop.start_server()
    supervisor = Supervisor(laptop.record_file)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CREDIT_EXCHANGE_CONFIG", str(configuration(home / "include", feeds)))
            (home / "town").mkdir()
            url = server.url("exchange", "exchange")
            with town(home / "town", url, days=days, volume=VOLUME, until=until) as made:
                environment = laptop.environment(server)
                environment.pop("CREDIT_EXCHANGE_NOW")  # Airflow's scheduler knows the real time only
                environment |= {"CREDIT_EXCHANGE_FIRST_DATE": first.isoformat(), "CREDIT_EXCHANGE_RETRY_SECONDS": "1"}
                api = AirflowApi(laptop.ui_url, "operator", laptop.password("operator"))
                yield AirflowTown(laptop, server, made, environment, supervisor, api)
    finally:
        supervisor.stop()
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
