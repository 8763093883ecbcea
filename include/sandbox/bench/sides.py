"""The two sides of the benchmark: a night of the exchange, step by step in processes, and the plain script."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench.data import BUSINESS_DATE
from bench.surroundings import FEEDS, PLATFORMS, BenchError, Count, Measured, Receivers, Running, Surroundings, csv_path
from credit_exchange.stores.database import migrate

QUIET_TABLES = ("subject", "record", "record_version", "release", "lot", "shipment", "shipment_run")
"""Tables in which an unchanged night writes no row ("records, release, outbox or shipments")."""


@dataclass
class Night:
    """One night of one side: seconds by stage, its processes, what the receivers have at the end."""

    rows: int
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    processes: list[Measured] = field(default_factory=list)
    shown: dict[str, Count] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    database_cpu: float = 0.0

    @property
    def peak_mib(self) -> float:
        """The most memory any one process held, in MiB."""
        return max(process.peak_mib for process in self.processes)


@dataclass
class Sizes:
    """One size of the benchmark: where its deliveries lie."""

    around: Surroundings
    rows: int
    inbox: Path
    front: str

    @classmethod
    def make(cls, around: Surroundings, rows: int) -> Sizes:
        """Make the deliveries: a CSV file and a front table in a database of its own."""
        name = f"front_{rows}"
        around.fresh_database(name)
        inbox = around.directory("inbox", str(rows))
        url = around.server.url(name)
        command = ["bench.data", "--rows", str(rows), "--csv", str(csv_path(inbox)), "--url", _libpq(url)]
        around.run(f"data-{rows}", command).end()
        return cls(around, rows, inbox, url)


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def plain_night(size: Sizes, receivers: Receivers) -> Night:
    """Run the plain script once, into an empty database."""
    around = size.around
    name = f"plain_{size.rows}"
    around.fresh_database(name)
    command = ["bench.plain", "--csv", str(csv_path(size.inbox)), "--front", size.front]
    command += ["--database", around.server.url(name), "--targets", json.dumps(receivers.targets())]
    cpu = around.database_cpu_seconds()
    done = around.run(f"plain-{size.rows}", command).end()
    cpu = around.database_cpu_seconds() - cpu
    around.server.drop_database(name)
    night = Night(size.rows, done.seconds, dict(done.result["seconds"]), [done], receivers.counts())
    night.database_cpu = cpu
    return night


class Product:
    """The exchange with an empty database, and its nights."""

    def __init__(self, size: Sizes, receivers: Receivers) -> None:
        """Make the database and migrate it; that is not measured, as it is done once in a product's life."""
        around = size.around
        self._size, self._around, self._receivers = size, around, receivers
        self._name = f"exchange_{size.rows}"
        around.fresh_database(self._name)
        url = around.server.url(self._name)
        migrate(url)
        home = around.directory("home", str(size.rows))
        shutil.rmtree(home / "landing", ignore_errors=True)
        self._environment = {
            "CREDIT_EXCHANGE_DATABASE_URL": url,
            "CREDIT_EXCHANGE_HOME": str(home),
            "CREDIT_EXCHANGE_LANDING": str(home / "landing"),
            "CREDIT_EXCHANGE_INBOX": str(size.inbox),
            "AIRFLOW_CONN_BENCH_FRONT": json.dumps({"conn_type": "generic", "extra": {"url": size.front}}),
        }
        for kind, target in receivers.targets().items():
            connection = {
                "conn_type": "http",
                "host": target["url"],
                "login": target["login"],
                "password": target["password"],
            }
            self._environment[f"AIRFLOW_CONN_CREDIT_{kind.upper()}"] = json.dumps(connection)

    def night(self, later: int = 0) -> Night:
        """Run the night of the business date, or of so many days after it with the same content delivered again."""
        day = BUSINESS_DATE + timedelta(days=later)
        if later:
            shutil.copyfile(csv_path(self._size.inbox), csv_path(self._size.inbox, later))
        self._environment["CREDIT_EXCHANGE_NOW"] = f"{day + timedelta(days=1)}T01:30:00"
        before = self._written()
        cpu = self._around.database_cpu_seconds()
        night = Night(self._size.rows)
        began = time.perf_counter()
        # as in the DAG: the feeds beside each other, each from step to step; then the release; then the platforms
        chains = {feed: _Chain(self._step, feed, str(day)) for feed in FEEDS}
        running = list(chains.values())
        while running:
            running = [chain for chain in running if chain.go_on()]
            time.sleep(0.005)
        night.stages["feeds"] = time.perf_counter() - began
        for chain in chains.values():
            night.processes += chain.done
        self._stage(night, "release", ["release"])
        self._stage(night, "push", *(["drain", kind] for kind in PLATFORMS))
        night.seconds = time.perf_counter() - began
        night.database_cpu = self._around.database_cpu_seconds() - cpu
        night.shown = self._receivers.counts()
        after = self._written()
        night.written = {name: after[name] - before.get(name, 0) for name in after}
        for process in night.processes:
            left = {k: process.result.get(k) for k in ("retry", "unknown", "awaiting", "problem", "rejected", "held")}
            if process.name.startswith("drain") and any(left.values()):
                raise BenchError(f"{process.name} left something: {left}")
        return night

    def drop(self) -> None:
        """Drop the database and the landing."""
        self._around.server.drop_database(self._name)
        shutil.rmtree(self._around.directory("home", str(self._size.rows)), ignore_errors=True)

    def _step(self, *arguments: str) -> Running:
        return self._around.run("-".join(arguments[:2]), ["bench.worker", *arguments], self._environment)

    def _stage(self, night: Night, name: str, *steps: list[str]) -> None:
        began = time.perf_counter()
        night.processes += _all([self._step(*step) for step in steps])
        night.stages[name] = time.perf_counter() - began

    def _written(self) -> dict[str, int]:
        """Rows inserted, updated or deleted so far in the tables that an unchanged night leaves alone."""
        time.sleep(0.2)
        with self._around.server.connect(self._name) as connection:
            rows = connection.execute(
                "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables "
                "WHERE schemaname = 'exchange'"
            ).fetchall()
        return {str(name): int(number) for name, number in rows}


def _all(running: list[Running]) -> list[Measured]:
    """Wait for processes that run side by side; each one's own time is taken when it ends."""
    done: list[Measured | None] = [None] * len(running)
    while None in done:
        for place, process in enumerate(running):
            if done[place] is None:
                done[place] = process.try_end()
        time.sleep(0.005)
    return [measured for measured in done if measured is not None]


class _Chain:
    """One feed: collect, validate, merge, one process after another."""

    def __init__(self, start: Callable[..., Running], feed: str, day: str) -> None:
        self._start, self._feed, self.done = start, feed, list[Measured]()
        self._running: Running | None = start("collect", feed, day)
        self._left = ["validate", "merge"]
        self._batch = ""

    def go_on(self) -> bool:
        """Look at the running step and begin the next one; False at the end."""
        if self._running is None:
            return False
        measured = self._running.try_end()
        if measured is None:
            return True
        if not self._batch:
            self._batch = str(measured.result["batch_id"])
        measured.name = f"{measured.name.split('-')[0]} {self._feed}"
        self.done.append(measured)
        self._running = self._start(self._left.pop(0), self._batch) if self._left else None
        return self._running is not None
