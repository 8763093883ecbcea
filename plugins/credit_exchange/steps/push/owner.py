"""Who holds a lease: this process, named so that another one on the same machine can tell whether it still lives."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PROC = Path("/proc")


def _machine() -> str:
    """Return host, boot and process namespace: only within all three is a process number the same process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        space = (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:  # not Linux: leases of dead processes end by time only
        return ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _started(pid: int) -> str | None:
    """Return the kernel's start tick of a living process, or None."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def me() -> str:
    """Return the name of this process for leases."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid) or '-'}"


def surely_dead(owner: str) -> bool:
    """Tell whether the process that took this name has ended. False when that cannot be known from here."""
    machine, _, rest = owner.rpartition("/")
    machine, _, pid = machine.rpartition("/")
    if not machine or machine != _machine() or not pid.isdecimal() or rest == "-":
        return False
    return _started(int(pid)) != rest


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux; elsewhere nothing).

    A killed supervisor must not leave a worker behind that goes on sending beside its replacement. For processes that
    drain and were forked for that; lease and fence guard all others.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
