"""A shipment of which nobody finds out what became of it is told to a person once, keeps nothing else back and reddens
no run after the first day; a person who asked the platform's people can state what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from world import SEND, finish_tasks, made_up, names, outbox, put, query, run, states

from credit_exchange.errors import FatalError
from credit_exchange.steps import orders, watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import poll_receipts
from platforms import Sandbox, server

pytestmark = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])
QUICK: dict[str, Any] = {"retry": {"first_seconds": 0.01, "max_seconds": 0.02}, "settle_after_seconds": 0.02}


@pytest.fixture
def exchange(exchange_with: Callable[..., Exchange]) -> Exchange:
    """The exchange, one record a shipment."""
    return exchange_with(limits={"records": 1}, **QUICK)


@pytest.fixture
def never_seen(sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Let what the platform says of these records, when it is asked, fit no contract."""
    meant: set[str] = set()
    tasks: set[str] = set()
    send = server.Handler._send

    def bent(self: Any, answer: Any) -> None:
        body = answer.body
        if kind == "fuzhou" and any(f'"{one}"'.encode() in body for one in meant):
            body = b"<html>"
        if kind == "fujian" and meant and self.path.rpartition("/")[2] in tasks:
            body = b'{"code":"0","data":{"state":"LOST"}}'
        send(self, replace(answer, body=body))

    def finish(task_id: str, task_key: str, catalog: str, plain: bytes, *rest: Any) -> Any:
        tasks.update({task_id} if any(f'"{one}"'.encode() in plain for one in meant) else ())
        return finished(task_id, task_key, catalog, plain, *rest)

    monkeypatch.setattr(server.Handler, "_send", bent)
    if kind == "fujian":
        finished = sandbox.platform._finish
        monkeypatch.setattr(sandbox.platform, "_finish", finish)
    return meant


def days_later(exchange: Exchange) -> None:
    """Let everything that was called be called two days ago."""
    query(exchange, "update exchange.attempt set started_at = started_at - interval '2 days' returning 1")


def shipment_of(exchange: Exchange, record: str) -> str:
    """The number of the shipment with a record."""
    return str(outbox(exchange)[record, 1].shipment_no)


def test_it_is_told_once_and_reddens_nothing_after_a_day(
    exchange: Exchange, sandbox: Sandbox, kind: str, never_seen: set[str]
) -> None:
    never_seen.add("r0002")
    put(exchange, kind, names(3))
    assert run(exchange, kind).problem
    assert poll_receipts(exchange, kind, payload_source=made_up).problem
    days_later(exchange)
    looked = poll_receipts(exchange, kind, payload_source=made_up)
    assert (looked.unseen, looked.problem) == (0, None)
    put(exchange, kind, names(2, first=10))
    assert run(exchange, kind).problem is None
    assert states(exchange)["delivered"] == 4
    number = shipment_of(exchange, "r0002")
    found = [one for one in watchdog.check(exchange) if number in one.detail]
    assert len(found) == 1
    assert found[0].is_new
    assert "settle" in found[0].detail
    run(exchange, kind)
    assert not [one for one in watchdog.check(exchange) if one.is_new]
    never_seen.clear()  # it goes on being asked about
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    assert poll_receipts(exchange, kind, payload_source=made_up).delivered == 1
    assert watchdog.check(exchange) == []


@pytest.mark.parametrize("fate", ["delivered", "afresh"])
def test_a_person_states_what_became_of_it(
    exchange: Exchange, sandbox: Sandbox, kind: str, never_seen: set[str], fate: str
) -> None:
    never_seen.add("r0002")
    put(exchange, kind, names(3))
    run(exchange, kind)
    put(exchange, kind, ["r0002"], version=2, op="withdraw")
    run(exchange, kind)
    assert outbox(exchange)["r0002", 2].state == "ready"  # one version of a record is under way at a time
    orders.settle(exchange, shipment_of(exchange, "r0002"), fate, "电话核实", "tester")
    row = outbox(exchange)["r0002", 1]
    assert (row.state, row.outcome_code) == ("delivered" if fate == "delivered" else "retry", "STATED")
    never_seen.clear()
    run(exchange, kind)
    assert outbox(exchange)["r0002", 2].state == "delivered"
    assert "r0002" not in str(sandbox.current())
    number = query(exchange, "select shipment_no from exchange.shipment where code = 'STATED'")
    if fate == "delivered":
        with pytest.raises(FatalError, match="已结清"):
            orders.settle(exchange, number[0][0], fate, "电话核实", "tester")


def test_what_cannot_be_found_out_for_days_is_asked_about_after_everything_else(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK | {"limits": {"records": 1}, "circuit": {"failures": 3}, "poll_in_drain_seconds": 0}
    exchange = exchange_with(**settings)
    put(exchange, kind, names(3))
    if kind == "fuzhou":
        sandbox.faults.add(SEND[kind], "commit_then_close", times=3)
    sandbox.faults.add("batch" if kind == "fuzhou" else "task", "503", times=-1)
    run(exchange, kind)
    old = [
        str(row.batch_no if kind == "fuzhou" else row.task_id)
        for row in query(
            exchange,
            "update exchange.shipment set created_at = created_at - interval '2 days', "
            "next_attempt_at = now() - interval '1 day' returning task_id, batch_no",
        )
    ]
    query(exchange, "update exchange.platform_state set circuit = 'closed', failures = 0 returning 1")
    sandbox.faults.clear()
    send = server.Handler._send

    def bent(self: Any, answer: Any) -> None:
        lost = any(one in self.path for one in old)
        send(self, replace(answer, body=b"", status=503) if lost else answer)

    monkeypatch.setattr(server.Handler, "_send", bent)
    put(exchange, kind, names(2, first=10))
    if kind == "fuzhou":
        sandbox.faults.add(SEND[kind], "commit_then_close", times=2)
    run(exchange_with(**settings | {"settle_after_seconds": 3600, "poll_seconds": 3600}), kind)
    query(exchange, "update exchange.shipment set next_attempt_at = least(now(), next_attempt_at) returning 1")
    if kind == "fujian":
        finish_tasks(sandbox)
    assert poll_receipts(exchange, kind, payload_source=made_up).delivered == 2
