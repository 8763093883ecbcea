"""What was asked of a platform and what really changed there: the evidence that tests are decided by."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .storage import Store
from .wire import Answer, Request

_KEPT_HEADERS = ("X-App-Key", "X-Timestamp", "X-Nonce", "X-Signature", "Idempotency-Key", "Content-Type",
                 "Content-Encoding")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: ``at`` is Unix time, ``code`` the answer's own code, ``fault`` the misbehaviour that was played."""

    no: int
    at: float
    method: str
    endpoint: str
    target: str
    headers: dict[str, str]
    body_sm3: str
    body_bytes: int
    status: int
    code: str
    fault: str


@dataclass(frozen=True, slots=True)
class Apply:
    """One effective change. ``key`` is (dataset, record_id) at A, (catalog, id) at B, (kind, wsh, jgdm, subject) at C.

    ``op`` is upsert or withdraw; ``version`` is None at C, which has none; ``carrier`` is the batch_no or task_key.
    """

    no: int
    at: float
    key: tuple[str, ...]
    version: int | None
    op: str
    digest: str
    carrier: str


class Ledger:
    """Reads and writes the ledger of one platform. In fast mode only ``counters`` are kept."""

    def __init__(self, store: Store, *, fast: bool, current: Callable[[], dict[Any, Any]], settle: Callable[[], None]):
        self._store = store
        self._fast = fast
        self._current = current
        self._settle = settle
        self._lock = threading.Lock()
        self.counters: Counter[str] = Counter()
        self.anomalies: list[str] = []
        """Things a sender should never do and the protocol answers quietly (for instance a key reused)."""

    def saw(self, request: Request, answer: Answer | None, fault: str) -> None:
        """Write one request down; ``answer`` None: the connection was closed without one (status 0)."""
        status, code = (answer.status, answer.code) if answer else (0, "closed")
        with self._lock:
            self.counters[f"{request.endpoint or 'unknown'} {status} {code}"] += 1
        if self._fast:
            return
        headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
        row = (time.time(), request.method, request.endpoint or "unknown", request.target,
               json.dumps(headers), request.body_sm3, len(request.body), status, code, fault)  # fmt: skip
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO seen (at, method, endpoint, target, headers, body_sm3, body_bytes, status, code, fault)"
                " VALUES (?,?,?,?,?,?,?,?,?,?)",
                row,
            )

    def requests(self, endpoint: str | None = None) -> list[Seen]:
        """Every request in order, or those of one endpoint."""
        rows = self._store.read("SELECT * FROM seen WHERE ? IS NULL OR endpoint = ? ORDER BY no", (endpoint, endpoint))
        return [
            Seen(no, at, method, name, target, json.loads(headers), digest, size, status, code, fault)
            for no, at, method, name, target, headers, digest, size, status, code, fault in rows
        ]

    def applies(self) -> list[Apply]:
        """Every effective change in the order it was made."""
        self._settle()
        rows = self._store.read("SELECT no, at, key, version, op, digest, carrier FROM applied ORDER BY no")
        return [Apply(no, at, tuple(json.loads(key)), *rest) for no, at, key, *rest in rows]

    def current(self) -> dict[Any, Any]:
        """What is visible now; see ``Sandbox.current``."""
        return self._current()

    def repeated(self) -> list[Apply]:
        """Applies that did again what was already done: same key and version, or at C the state already there."""
        latest: dict[tuple[str, ...], tuple[str, str]] = {}
        done: set[tuple[tuple[str, ...], int]] = set()
        again = []
        for apply in self.applies():
            state = (apply.op, apply.digest)
            twice = latest.get(apply.key) == state if apply.version is None else (apply.key, apply.version) in done
            if twice:
                again.append(apply)
            latest[apply.key] = state
            if apply.version is not None:
                done.add((apply.key, apply.version))
        return again

    def backwards(self) -> list[Apply]:
        """Applies (A and B) whose version is below one applied before to the same record."""
        highest: dict[tuple[str, ...], int] = {}
        wrong = []
        for apply in self.applies():
            if apply.version is None:
                continue
            if apply.version < highest.get(apply.key, 0):
                wrong.append(apply)
            highest[apply.key] = max(apply.version, highest.get(apply.key, 0))
        return wrong

    def as_json(self) -> dict[str, Any]:
        """The ledger for GET /_sandbox/ledger."""
        return {
            "requests": [asdict(seen) for seen in self.requests()],
            "applies": [asdict(apply) for apply in self.applies()],
            "repeated": [apply.no for apply in self.repeated()],
            "backwards": [apply.no for apply in self.backwards()],
            "counters": dict(self.counters),
            "anomalies": self.anomalies,
        }
