"""Children are restarted within bounds, stopped in order, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credit_exchange.errors import FatalError
from credit_exchange.laptop import processes
from credit_exchange.laptop.processes import Child, Supervisor, end_leftovers, started_at

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc and prctl are Linux")


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def child(tmp_path: Path, name: str, code: str, **options: bool) -> Child:
    command = [sys.executable, "-c", code]
    return Child(name, command, dict(os.environ), tmp_path / "logs" / f"{name}.log", **options)


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path / "record.json", said.append)
    one = supervisor.add(child(tmp_path, "one", "import time; time.sleep(60)"))
    assert one.process is not None
    first = one.process.pid
    try:
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.tick() or (one.running() and one.process and one.process.pid != first))
        assert "one 退出（状态 -9）" in said[0]
    finally:
        supervisor.stop()


def test_a_child_that_cannot_live_ends_the_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_BACKOFF_CAP_S", 0.0)
    monkeypatch.setattr(processes, "_RESTARTS_IN_WINDOW", 3)
    supervisor = Supervisor(tmp_path / "record.json")
    supervisor.add(child(tmp_path, "sick", "raise SystemExit('the reason')"))
    with pytest.raises(FatalError, match=r"sick 反复退出(.|\n)*the reason"):
        until(lambda: supervisor.tick())
    supervisor.stop()


def test_a_deaf_child_and_its_own_children_are_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"if os.fork() == 0: open({str(tmp_path / 'grandchild')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    supervisor = Supervisor(tmp_path / "record.json")
    supervisor.add(child(tmp_path, "deaf", code))
    until(lambda: (tmp_path / "grandchild").exists() and (tmp_path / "grandchild").read_text())
    grandchild = int((tmp_path / "grandchild").read_text())
    supervisor.stop(patience=0.3)
    until(lambda: started_at(grandchild) is None)
    assert not (tmp_path / "record.json").exists()


_PARENT = """
import os, sys, time
from pathlib import Path
from credit_exchange.laptop.processes import Child, Supervisor
here = Path(sys.argv[1])
supervisor = Supervisor(here / "record.json")
ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if sys.argv[2] == "deaf" else ""
one = Child("one", [sys.executable, "-c", ignore + "print('up', flush=True); import time; time.sleep(60)"],
            dict(os.environ), here / "one.log")
supervisor.add(one)
(here / "pid").write_text(str(one.process.pid))
time.sleep(60)
"""


def orphan(tmp_path: Path, kind: str) -> int:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path), kind])
    until(lambda: (tmp_path / "one.log").exists() and "up" in (tmp_path / "one.log").read_text())
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    return pid


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    pid = orphan(tmp_path, "listening")
    until(lambda: started_at(pid) is None)


def test_what_survived_the_parent_is_ended_by_the_next_start(tmp_path: Path) -> None:
    pid = orphan(tmp_path, "deaf")
    time.sleep(0.1)
    assert started_at(pid) is not None
    assert end_leftovers(tmp_path / "record.json") == ["one"]
    until(lambda: started_at(pid) is None)


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(f'[{{"name": "one", "pid": {os.getpid()}, "started": 1}}]')
    assert end_leftovers(tmp_path / "record.json") == []
