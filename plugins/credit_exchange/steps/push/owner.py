"""Who holds a lease: one drain of one process, named so that others on this machine can tell whether it still lives."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc")
_WORKING: set[str] = set()


def _machine() -> str:
    """Return host, boot and process namespace: only within all three is a process number the same process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        space = (_PROC / "self/ns/pid").readlink().name
    except OSError:  # not Linux: leases of dead processes end by time only
        return ""
    return f"{socket.gethostname()} {boot} {space}"


def _started(pid: int) -> str:
    """Return the kernel's start tick of a living process, or an empty text."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


@contextmanager
def working() -> Iterator[str]:
    """Give the name under which one drain takes its leases; after the block whatever it still holds is free."""
    pid = os.getpid()
    name = f"{_machine()}|{pid}|{_started(pid)}|{secrets.token_hex(4)}"
    _WORKING.add(name)
    try:
        yield name
    finally:
        _WORKING.discard(name)


def surely_gone(owner: str) -> bool:
    """Tell whether the drain that took this name has ended. False when that cannot be known from here."""
    machine, _, rest = owner.partition("|")
    pid, _, rest = rest.partition("|")
    started = rest.partition("|")[0]
    if not machine or machine != _machine() or not pid.isdecimal() or not started:
        return False
    if int(pid) == os.getpid() and started == _started(os.getpid()):
        return owner not in _WORKING
    return _started(int(pid)) != started
