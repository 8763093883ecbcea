"""One answer that does not fit, however often it comes, keeps back its own shipment and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from world import SEND, arrived_once, decided_while_called, made_up, names, outbox, put, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import poll_receipts
from platforms import Sandbox, server

TIME_OVER = "时间已用完"
pytestmark = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])


@pytest.fixture
def bend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, bytes], bytes]], None]:
    """Change what the platform answers: a function of the path and the body. What becomes b"" is an HTTP 500."""

    def by(change: Callable[[str, bytes], bytes]) -> None:
        send = server.Handler._send

        def bent(self: Any, answer: Any) -> None:
            body = change(self.path, answer.body)
            send(self, replace(answer, body=body, status=answer.status if body else 500))

        monkeypatch.setattr(server.Handler, "_send", bent)

    return by


@pytest.mark.parametrize("odd", [b"\\u0000", b"\\ud800"])
def test_a_message_that_the_database_cannot_hold_stops_nothing(
    exchange: Exchange, sandbox: Sandbox, kind: str, bend: Callable[..., None], odd: bytes
) -> None:
    put(exchange, kind, names(3))
    bend(lambda _path, body: body.replace(b'"message":"', b'"message":"' + odd).replace(b'"msg":"', b'"msg":"' + odd))
    sandbox.faults.add(SEND[kind], "reject", records=1)
    assert run(exchange, kind).problem is None
    assert states(exchange) == {"delivered": 2, "rejected": 1}


@pytest.mark.parametrize("fails", [False, True], ids=["200", "500"])
def test_a_shipment_whose_receipt_never_fits_does_not_close_the_platform_to_others(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, bend: Callable[..., None], fails: bool
) -> None:
    exchange = exchange_with(
        limits={"records": 1}, retry={"first_seconds": 0.01, "max_seconds": 0.02}, settle_after_seconds=0.02
    )
    put(exchange, kind, ["r0001"])
    task: list[str] = []

    def never_fits(path: str, body: bytes) -> bytes:
        if b'"results"' in body:
            return b"" if fails and b"r0001" in body else body.replace(b"r0001", b"r9999")
        if b'"state":"DONE"' in body:
            task.extend([] if task else [path])
            wrong = b"" if fails else body.replace(b'"accepted":1', b'"accepted":7')
            return wrong if path == task[0] else body
        return body

    bend(never_fits)
    run(exchange, kind)
    for night in range(2):
        put(exchange, kind, names(3, first=10 * (night + 1)))
        poll_receipts(exchange, kind, payload_source=made_up)
        run(exchange, kind)
    assert states(exchange).pop("delivered") == 6
    assert outbox(exchange)["r0001", 1].state in ("unknown", "awaiting_receipt")
    arrived_once(sandbox, 7)


def test_what_was_asked_about_often_enough_is_not_waited_for(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(retry={"first_seconds": 0.01, "max_seconds": 0.02}, settle_after_seconds=0.02)
    put(exchange, kind, ["r0001"])
    if kind == "fuzhou":
        sandbox.faults.add(SEND[kind], "commit_then_close")
    sandbox.faults.add("batch" if kind == "fuzhou" else "task", "503", times=-1)
    result = run(exchange, kind)
    assert result.delivered == 0
    assert TIME_OVER not in str(result.problem)
    sandbox.faults.clear()
    assert run(exchange, kind).delivered == 1
    arrived_once(sandbox, 1)


def test_a_record_kept_back_by_another_version_is_not_waited_for(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_with(retry={"first_seconds": 1, "max_seconds": 1}, settle_after_seconds=0.02)
    put(exchange, kind, ["r0001"])
    decided_while_called(monkeypatch, exchange, kind)
    sandbox.faults.add(SEND[kind], "1099" if kind == "fuzhou" else "task_failed")
    sandbox.faults.add(SEND[kind], "commit_then_close")
    sandbox.faults.add("batch" if kind == "fuzhou" else "task", "503", after=kind == "fujian", times=-1)
    problem = run(exchange, kind).problem
    assert problem
    assert TIME_OVER not in problem
