"""Answers one after another, for what the platforms should never say; what they do say the sandbox answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import orjson

from credit_exchange.config.connections import Connection
from credit_exchange.config.loader import load
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Dialect,
    Kind,
    Label,
    Line,
    Reply,
    Shipment,
    dialect_for,
)

HOST = "http://x.invalid"


class Answers:
    """A wire on which one answer comes after another, and what was called."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, bool]] = []

    def target(self, url: str) -> str:
        return url.removeprefix(HOST)

    def call(
        self,
        _method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        login: bool = False,
    ) -> Reply:
        self.calls.append((self.target(url), login))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reply(body: object, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else orjson.dumps(body))


@cache
def dialect(platform: str) -> Dialect:
    shipped = load()
    return dialect_for(Context(shipped.platforms[platform], shipped.datasets, Connection("x", host=HOST)))


def shipment(op: str = "upsert", lines: int = 3, body: bytes = b"{}", fence: int = 1) -> Shipment:
    label = Label("s1", "s1", "key", "permit", "permit", op, datetime(2026, 11, 23, tzinfo=UTC))
    return Shipment(label, body, [Line(n, n, f"r{n}", n) for n in range(1, lines + 1)], fence, task_id="t1")


def outcomes(result: CallResult) -> str:
    """The kind where nothing was judged, else the outcome and code of each record."""
    if result.kind is not Kind.STORED:
        return f"{result.kind}:{result.refusal}" if result.refusal else str(result.kind)
    return " ".join(f"{v.outcome}:{v.code}" for _, v in sorted(result.verdicts.items()))
