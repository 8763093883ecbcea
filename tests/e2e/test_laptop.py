"""The launcher, as a person uses it: one command, a night, the same again, a stop without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from credit_exchange.errors import RetriableError
from credit_exchange.laptop.airflow_processes import AirflowProcesses, migrate
from credit_exchange.laptop.ports import _VARIABLES, Ports
from credit_exchange.laptop.processes import started_at
from credit_exchange.laptop.settings import DATABASES, REPOSITORY, Laptop

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(420)]


@dataclass(frozen=True)
class Place:
    """A home and ports of its own, so that the test runs beside a developer's laptop."""

    home: Path
    ports: Ports

    def environment(self) -> dict[str, str]:
        variables = {_VARIABLES[name][0]: str(getattr(self.ports, name)) for name in _VARIABLES}
        return os.environ | variables | {"CREDIT_EXCHANGE_HOME": str(self.home)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "credit_exchange.laptop", "run", *arguments]
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # as a background job of a shell has it: Ctrl-C's signal is ignored from birth
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )

    def logs(self) -> str:
        ends = [f"--- {log}\n" + log.read_text(errors="replace")[-1500:] for log in (self.home / "logs").glob("*.log")]
        return "\n".join(ends)


@pytest.fixture
def place() -> Iterator[Place]:
    yield from a_place()


@pytest.fixture(scope="module")
def used() -> Iterator[Place]:
    """For the tests that do not mind what was there before: making the databases takes longest."""
    yield from a_place()


def a_place() -> Iterator[Place]:
    home = Path(tempfile.mkdtemp(prefix="credit-exchange-laptop-"))
    home.chmod(0o711)
    yield Place(home, Ports.free())
    shutil.rmtree(home, ignore_errors=True)


def living(root: Path) -> list[str]:
    """Command lines of living processes whose environment or arguments name this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or started_at(int(entry.name)) is None or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if str(root).encode() in text:
                found.append((entry / "cmdline").read_text().replace("\0", " ").strip())
        except OSError:
            continue
    return found


def wait_for(process: subprocess.Popen[str], text: str, seconds: float) -> str:
    """Read the launcher's output up to a text."""
    assert process.stdout is not None
    seen = ""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            break
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} did not come:\n{seen}")


def test_a_taken_port_ends_the_start_with_its_name(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.ports.china)):
        process = place.start("--once")
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"端口 {place.ports.china}（沙箱平台 信用中国）已被别的程序占用" in output
    assert "CREDIT_EXCHANGE_CHINA_PORT=" in output


def test_one_night_then_the_same_again_and_a_stop_without_a_trace(used: Place) -> None:
    first = used.start("--once")
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 0, output + used.logs()
    assert living(used.home) == []
    # nothing that identifies a person or opens a door is readable for others
    for name in ("secrets.json", "users.json", "platform-credentials.json", "postgres.passwords"):
        assert (used.home / name).stat().st_mode & 0o077 == 0, name
    secrets = json.loads((used.home / "secrets.json").read_text())

    second = used.start()
    try:
        seen = wait_for(second, "Ctrl-C", 120)
        assert "早已完成" in seen
        assert json.loads((used.home / "secrets.json").read_text()) == secrets
        shown = "\n".join(living(used.home))  # as everybody on the machine sees it
        assert "city serve" in shown
        assert not [name for name, secret in secrets.items() if secret in shown]
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=120)
    finally:
        second.kill()
        second.wait()
    assert second.returncode == 0
    assert living(used.home) == []


def test_killing_the_launcher_leaves_nothing_that_hinders_the_next_start(used: Place) -> None:
    process = used.start()
    wait_for(process, "全部就绪", 180)
    process.kill()
    process.communicate(timeout=60)
    end = time.monotonic() + 60
    while living(used.home) and time.monotonic() < end:
        time.sleep(0.2)
    again = used.start()
    try:
        wait_for(again, "全部就绪", 180)
        again.terminate()
        again.communicate(timeout=120)
    finally:
        again.kill()
        again.wait()
    assert living(used.home) == []


def test_a_database_that_was_lost_is_made_anew(place: Place) -> None:
    """Nothing in Airflow's is needed to go on; nobody has to find out what else the home remembers."""
    laptop = Laptop.of(place.home, place.ports)
    laptop.write_credentials()
    server = laptop.start_server()
    try:
        environment = laptop.environment(server)
        assert migrate(laptop, environment)
        for database in ("airflow", "exchange"):
            server.drop_database(database)
            server.create_database(database, owner=DATABASES[database])
            assert migrate(laptop, environment), database
            assert not migrate(laptop, environment), database
    finally:
        server.stop()


def test_airflow_comes_back_after_a_database_crash(place: Place) -> None:
    laptop = Laptop.of(place.home, place.ports)
    laptop.write_credentials()
    server = laptop.start_server()
    try:
        environment = laptop.environment(server)
        assert migrate(laptop, environment)
        assert not migrate(laptop, environment)
        with AirflowProcesses(laptop, environment) as airflow:
            lock = (server.cluster / "postmaster.pid").read_text().split("\n", 1)[0]
            os.kill(int(lock), signal.SIGKILL)
            while server.running():
                time.sleep(0.05)
            server.start()
            begun = time.monotonic()
            while True:
                airflow.supervisor.tick()
                health: dict[str, Any] = {}
                with suppress(RetriableError):  # it may not be back yet
                    if time.monotonic() > begun + 8:
                        health = airflow.api.call("GET", "/api/v2/monitor/health")
                parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
                if health and all(health[part]["status"] == "healthy" for part in parts):
                    break
                assert time.monotonic() < begun + 180, place.logs()
                time.sleep(0.5)
    finally:
        server.stop()
    assert living(place.home) == []
