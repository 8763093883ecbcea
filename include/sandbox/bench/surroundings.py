"""What both sides run in: directories, configuration, PostgreSQL, the receivers, and measured processes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.data import BUSINESS_DATE, COLUMNS, TABLE
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.processes import die_with_parent

REPOSITORY = Path(__file__).resolve().parents[3]
PLATFORMS = ("fuzhou", "fujian", "china")
FEEDS = ("bench_csv_permit", "bench_table_permit")
DATA_CALLS = {"fuzhou": ("records",), "fujian": ("upload",), "china": ("import_permission", "import_penalty", "revoke")}
"""Endpoints that carry records; everything else only asks or logs in."""
_PROCESS_TIMEOUT_S = 4 * 3600
CREDENTIALS = {
    "fuzhou": {"app_key": "bench-fz", "app_secret": secrets.token_hex(16)},
    "fujian": {"client_id": "bench-fj", "client_secret": secrets.token_hex(16)},
    "china": {"token": secrets.token_hex(16)},
}
_LOGIN = {"fuzhou": ("app_key", "app_secret"), "fujian": ("client_id", "client_secret"), "china": ("", "token")}


class BenchError(Exception):
    """A part of the benchmark did not run; the message says which and how it ended."""


@dataclass
class Measured:
    """One process: what it printed last, how long it lived, and the most memory it held."""

    name: str
    seconds: float
    peak_mib: float
    cpu_seconds: float
    result: dict[str, Any] = field(default_factory=dict)


class Running:
    """A process at work whose end is measured by wait4, so that the memory is its own and nobody else's."""

    def __init__(self, name: str, module: Sequence[str], environment: dict[str, str], logs: Path) -> None:
        """Start `python -m <module>`; its output is kept below `logs`."""
        self.name = name
        self._out, self._err = logs / f"{name}.out", logs / f"{name}.err"
        self._began = time.perf_counter()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env=environment,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=die_with_parent(),
            )

    def end(self) -> Measured:
        """Wait for its end. Raises BenchError when it failed or took longer than four hours."""
        while (measured := self.try_end()) is None:
            time.sleep(0.005)
        return measured

    def try_end(self) -> Measured | None:
        """Return what was measured when it has ended, else None. Raises as :meth:`end`."""
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        seconds = time.perf_counter() - self._began
        if not pid:
            if seconds > _PROCESS_TIMEOUT_S:
                self._process.kill()
                raise BenchError(f"{self.name} took too long")
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            raise BenchError(f"{self.name} ended with {self._process.returncode}:\n{_end_of(self._err)}")
        last = (self._out.read_text(encoding="utf-8").strip().splitlines() or ["{}"])[-1]
        cpu = usage.ru_utime + usage.ru_stime
        return Measured(self.name, seconds, usage.ru_maxrss / 1024, cpu, json.loads(last) if last[0] == "{" else {})


def _end_of(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])


@dataclass
class Count:
    """What one receiver has: records shown, calls, calls that carried records, CPU seconds since its start."""

    shown: int
    calls: int
    data_calls: int
    cpu_seconds: float


class Receivers:
    """The three sandbox platforms, each in a process of its own, empty when the block begins."""

    def __init__(self, environment: dict[str, str], module: str) -> None:
        """Say with which module they shall be started: bench.receiver (strict) or bench.bare."""
        self._environment, self._module = environment, module
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Receivers:
        """Start them and learn their addresses."""
        for kind in PLATFORMS:
            command = [sys.executable, "-m", self._module, "--kind", kind]
            command += ["--credentials", json.dumps(CREDENTIALS[kind])]
            self._processes[kind] = subprocess.Popen(
                command,
                env=self._environment,
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=die_with_parent(),
            )
        for kind in PLATFORMS:
            self.urls[kind] = self._line(kind)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop them."""
        for process in self._processes.values():
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
            if process.stdout:
                process.stdout.close()

    def targets(self) -> dict[str, dict[str, str]]:
        """Address, login and password by platform."""
        found = {}
        for kind, (login, password) in _LOGIN.items():
            given = CREDENTIALS[kind]
            found[kind] = {"url": self.urls[kind], "login": given.get(login, ""), "password": given[password]}
        return found

    def counts(self) -> dict[str, Count]:
        """Ask every receiver what it has."""
        found = {}
        for kind, process in self._processes.items():
            assert process.stdin is not None
            process.stdin.write("count\n")
            process.stdin.flush()
            told = json.loads(self._line(kind))
            calls = {name: int(number) for name, number in told["counters"].items()}
            data = sum(number for name, number in calls.items() if name.split()[0] in DATA_CALLS[kind])
            found[kind] = Count(int(told["shown"]), sum(calls.values()), data, float(told["cpu"]))
        return found

    def _line(self, kind: str) -> str:
        process = self._processes[kind]
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            raise BenchError(f"the receiver {kind} ended (exit code {process.poll()})")
        return line


@dataclass
class Surroundings:
    """One benchmark's directory, database server and environment."""

    root: Path
    server: EmbeddedPostgres
    environment: dict[str, str]

    def directory(self, *parts: str) -> Path:
        """Return a directory below the root, made when it is missing."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_database(self, name: str) -> None:
        """Make a database anew, and have everything before it on disk, so that each side begins alike."""
        self.server.drop_database(name)
        self.server.create_database(name)
        with self.server.connect() as connection:
            connection.execute("CHECKPOINT")

    def database_cpu_seconds(self) -> float:
        """Return the CPU seconds of the server and all its sessions that have ended, since its start."""
        pid = int((self.server.cluster / "postmaster.pid").read_text(encoding="ascii").split()[0])
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")

    def run(self, name: str, module: Sequence[str], extra: dict[str, str] | None = None) -> Running:
        """Start a measured process with this environment and more variables."""
        return Running(name, module, self.environment | (extra or {}), self.directory("logs"))


@contextmanager
def surroundings(keep: Path | None, profile: bool) -> Iterator[Surroundings]:
    """Make the directory (kept when named), the configuration and a durable PostgreSQL server; stop it at the end."""
    from credit_exchange.laptop.ports import free_port

    root = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="credit-exchange-bench-"))
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)  # started by root, the server runs as nobody and must get in
    write_configuration(root / "config")
    outside = ("CREDIT_EXCHANGE_", "AIRFLOW_CONN_", "AIRFLOW__", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "plugins"), str(REPOSITORY / "include" / "sandbox")]),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "CREDIT_EXCHANGE_CONFIG": str(root / "config"),
        "AIRFLOW_CONN_CREDIT_KEYS": json.dumps(
            {"password": secrets.token_hex(16), "extra": {"hmac_key": secrets.token_hex(16)}}
        ),
    }
    if profile:
        profiles = root / "profiles"
        profiles.mkdir(exist_ok=True)
        environment["BENCH_PROFILE"] = str(profiles)
    server = EmbeddedPostgres(root / "postgres", free_port(), durable=True)
    try:
        with server:
            yield Surroundings(root, server, environment)
    finally:
        if keep is None:
            server.delete()
            shutil.rmtree(root, ignore_errors=True)


def write_configuration(target: Path) -> None:
    """Catalogue, calendar, sharing rules and platforms as shipped, without a pace; two feeds of the benchmark's own."""
    shutil.rmtree(target, ignore_errors=True)
    for folder in ("catalog", "calendar", "sharing"):
        shutil.copytree(REPOSITORY / "include" / folder, target / folder)
    (target / "platforms").mkdir()
    for kind in PLATFORMS:
        platform = yaml.safe_load((REPOSITORY / "include" / "platforms" / f"{kind}.yml").read_text(encoding="utf-8"))
        platform["limits"]["calls_per_second"] = None
        _write(target / "platforms" / f"{kind}.yml", platform)
    (target / "feeds").mkdir()
    source: dict[str, Any] = {
        "form": "csv", "path": "bench/permit_{date}.csv", "encoding": "utf-8", "settle_seconds": 0,
    }  # fmt: skip
    _write(target / "feeds" / f"{FEEDS[0]}.yml", _feed("bench_csv", "压力测试文件部门", source))
    source = {
        "form": "table", "connection": "bench_front", "table": TABLE, "updated_at": "update_time",
        "overlap_hours": 24, "statement_timeout_seconds": 3600,
    }  # fmt: skip
    feed = _feed("bench_table", "压力测试前置库部门", source)
    _write(target / "feeds" / f"{FEEDS[1]}.yml", feed | {"ignore": ["id"], "sequence": "update_time"})


def _feed(code: str, name: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "department": {"code": code, "name": name},
        "dataset": "permit",
        "owner": name,
        "contact": f"{code}@example.invalid",
        "source": source,
        "columns": {column: column for column in COLUMNS},
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")


def csv_path(inbox: Path, later: int = 0) -> Path:
    """Return where the file of the business date (or of days after it) is delivered."""
    from datetime import timedelta

    return inbox / "bench" / f"permit_{BUSINESS_DATE + timedelta(days=later):%Y%m%d}.csv"
