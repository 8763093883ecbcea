"""A script of misbehaviour: which request of which endpoint meets what."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

INSTEAD = frozenset(
    {"500", "502", "503", "504", "429", "401", "html_200", "redirect", "unlisted_status", "hang",
     "close_before_commit", "nonce_refused", "busy"}
)  # fmt: skip
"""Played instead of the work; with the option ``commit=True`` the work is done first and its answer lost."""
INSIDE = frozenset({"reject", "1099", "token_dies", "task_failed", "task_never_done"})
"""Played by the platform itself while it works."""
BEHIND = frozenset({"slow", "commit_then_close", "truncate", "dribble", "results_short", "results_extra"})
"""The work is done; the answer suffers."""
_ONLY = {
    "nonce_refused": {"fuzhou"}, "1099": {"fuzhou"}, "results_short": {"fuzhou"}, "results_extra": {"fuzhou"},
    "busy": {"fujian", "china"}, "token_dies": {"fujian", "china"},
    "task_failed": {"fujian"}, "task_never_done": {"fujian"},
}  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One line of the script. ``times`` below 0: for ever. ``after``: so many matching requests pass unharmed first."""

    endpoint: str
    name: str
    times: int = 1
    after: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    fired: int = 0

    def option(self, name: str, default: Any = None) -> Any:
        """One option of the fault, or ``default``."""
        return self.options.get(name, default)

    @property
    def works(self) -> bool:
        """Whether the platform does its work under this fault."""
        return self.name not in INSTEAD or bool(self.option("commit", False))


class FaultScript:
    """The faults of one platform, in the order they were added; each request meets at most one."""

    def __init__(self, kind: str, endpoints: tuple[str, ...]) -> None:
        self._kind = kind
        self._endpoints = endpoints
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, endpoint: str, fault: str, times: int = 1, after: int = 0, **options: Any) -> Fault:
        """Add a fault; ``endpoint`` is one of the platform's names, or ``*`` for all of them.

        Options: slow(seconds, when="before"|"after"), 5xx(commit), 429(retry_after=str|int, or "date" with seconds),
        commit_then_close(reset), truncate(bytes, honest_length), dribble(seconds, bytes), hang(seconds, commit),
        html_200(commit), redirect(location, status), unlisted_status(status, commit),
        reject(records=int|ids|"all", code, field, message, line), 1099(records), busy(retry_after),
        task_never_done(seconds: how long never is). Raises ValueError for names that do not exist here.
        """
        name = str(fault)
        if endpoint != "*" and endpoint not in self._endpoints:
            raise ValueError(f"{self._kind} has no endpoint {endpoint!r}; it has {', '.join(self._endpoints)} and *")
        if name not in INSTEAD | INSIDE | BEHIND:
            raise ValueError(f"no fault {name!r}; known: {', '.join(sorted(INSTEAD | INSIDE | BEHIND))}")
        if self._kind not in _ONLY.get(name, {self._kind}):
            raise ValueError(f"{name} does not exist at {self._kind}")
        line = Fault(endpoint, name, times, after, options)
        with self._lock:
            self._faults.append(line)
        return line

    def load(self, script: list[dict[str, Any]]) -> None:
        """Add every line of ``script``: {"endpoint", "fault", "times"?, "after"?, any option}."""
        for line in script:
            self.add(**line)

    def take(self, endpoint: str) -> Fault | None:
        """The fault that this request meets, if any. Every line counts the requests that match it."""
        chosen: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if fault.endpoint not in ("*", endpoint):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif chosen is None and fault.times != 0:
                    fault.times -= 1 if fault.times > 0 else 0
                    fault.fired += 1
                    chosen = fault
        return chosen

    def clear(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The script as it stands."""
        with self._lock:
            return [
                {"endpoint": f.endpoint, "fault": f.name, "times": f.times, "after": f.after, "fired": f.fired}
                | f.options
                for f in self._faults
            ]
