"""Child processes that do not outlive their parent: own groups, bounded restarts, an orderly stop.

Linux only where noted; elsewhere the orderly stop still works, the kernel's help after `kill -9` does not.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from credit_exchange.errors import FatalError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform.startswith("linux")
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None

_RESTART_WINDOW_S = 300.0
_RESTARTS_IN_WINDOW = 8
_BACKOFF_CAP_S = 20.0
_LOG_LIMIT_BYTES = 20_000_000


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """Return a preexec function: the kernel sends this signal to the child when its parent dies, however it dies."""
    parent = os.getpid()

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        for resettable in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(resettable, signal.SIG_DFL)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants, so that `descendants` finds them (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def started_at(pid: int) -> int | None:
    """Return the kernel's start tick of a living process (Linux), or None; with the pid it identifies the process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    rest = text.rpartition(")")[2].split()
    return None if rest[0] in {"Z", "X"} else int(rest[19])


def descendants(root: int) -> list[int]:
    """Return the pids of all living descendants of a process (Linux), children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if _LINUX else ():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            rest = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if rest[0] not in {"Z", "X"}:
                children.setdefault(int(rest[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = deque(children.get(root, ()))
    while waiting:
        pid = waiting.popleft()
        found.append(pid)
        waiting.extend(children.get(pid, ()))
    return found


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group led by `pid`; a group that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@dataclass(slots=True)
class Child:
    """One supervised child process and its history of restarts."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    restart: bool = True
    process: subprocess.Popen[bytes] | None = None
    start_again_at: float = 0.0
    restarts: deque[float] = field(default_factory=deque)

    def start(self) -> None:
        """Start the process in its own group, output appended to its log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    def running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log, for an error message on the terminal."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as source:
            source.seek(max(0, self.log.stat().st_size - 8192))
            return "\n".join(source.read().decode("utf-8", "replace").splitlines()[-count:])


class Supervisor:
    """Starts children, restarts those that exit (bounded, with back-off), stops all of them in order.

    Airflow's scheduler and dag-processor exit when their database restarts; they are expected to be restarted.
    Nothing happens behind the caller's back: `tick` must be called about every second.
    """

    def __init__(self, record: Path, say: Callable[[str], None] = lambda _line: None) -> None:
        """Keep the list of children in the file `record`; report restarts through `say`."""
        self._record = record
        self._say = say
        self._children: list[Child] = []

    def add(self, child: Child) -> Child:
        """Start a child and look after it from now on."""
        child.start()
        self._children.append(child)
        self._write_record()
        return child

    def tick(self) -> None:
        """Restart children that have exited and whose back-off is over.

        Raises FatalError when one exits more than eight times within five minutes; the message names its log.
        """
        now = time.monotonic()
        for child in self._children:
            if child.running() or not child.restart:
                continue
            if child.process is not None:
                self._schedule_restart(child, child.process, now)
            elif now >= child.start_again_at:
                child.start()
                self._write_record()

    def _schedule_restart(self, child: Child, ended: subprocess.Popen[bytes], now: float) -> None:
        # what the dead process forked (workers, parsers) would go on beside its successor
        signal_group(ended.pid, signal.SIGKILL)
        while child.restarts and now - child.restarts[0] > _RESTART_WINDOW_S:
            child.restarts.popleft()
        if len(child.restarts) >= _RESTARTS_IN_WINDOW:
            raise FatalError(
                f"{child.name} 反复退出（状态 {ended.returncode}）；{child.log} 的末尾：\n{child.last_lines()}"
            )
        wait = min(_BACKOFF_CAP_S, 0.5 * 2 ** len(child.restarts))
        child.restarts.append(now)
        child.process = None
        child.start_again_at = now + wait
        self._say(f"{child.name} 退出（状态 {ended.returncode}），{wait:.1f} 秒后重新启动（{child.log}）")

    def names_running(self) -> list[str]:
        """Return the names of the children that live."""
        return [child.name for child in self._children if child.running()]

    def stop(self, patience: float = 15.0) -> None:
        """Stop all children: SIGTERM, after `patience` seconds SIGTERM again, then SIGKILL to their groups.

        Children end in reverse order of their start, side by side; nothing of their groups is left.
        """
        pids = [child.process.pid for child in reversed(self._children) if child.process is not None]
        for wait in (patience, patience / 3):
            for child in reversed(self._children):
                if child.running() and child.process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        child.process.terminate()
            self._wait(wait)
        for pid in pids:
            signal_group(pid, signal.SIGKILL)
        self._wait(5.0)
        self._children.clear()
        self._record.unlink(missing_ok=True)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(child.running() for child in self._children):
            time.sleep(0.05)

    def _write_record(self) -> None:
        living = [
            {"name": child.name, "pid": child.process.pid, "started": started_at(child.process.pid)}
            for child in self._children
            if child.process is not None
        ]
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(living), encoding="utf-8")
        fresh.replace(self._record)


def end_leftovers(record: Path) -> list[str]:
    """End the children that an earlier parent left behind (it was killed, or the power failed); return their names.

    A pid counts only when the process that has it now started at the recorded moment.
    """
    if not record.exists():
        return []
    ended: list[str] = []
    for entry in json.loads(record.read_text(encoding="utf-8")):
        pid, started = int(entry["pid"]), entry["started"]
        if started is not None and started_at(pid) == started:
            signal_group(pid, signal.SIGTERM)
            ended.append(str(entry["name"]))
            end = time.monotonic() + 5.0
            while started_at(pid) == started and time.monotonic() < end:
                time.sleep(0.05)
            signal_group(pid, signal.SIGKILL)
    record.unlink(missing_ok=True)
    return ended


def kill_descendants() -> list[int]:
    """SIGKILL every living descendant of this process and reap it; return their pids. The last step of a stop."""
    found = descendants(os.getpid())
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            time.sleep(0.02)
    return found
