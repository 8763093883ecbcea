"""What waits, lies or goes wrong at one platform is no other platform's: a drain touches its own only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from world import PLATFORMS, SEND, names, outbox, put, query, run

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import poll_receipts
from platforms import Sandbox

UNDER_WAY = ("ready", "retry", "sending", "unknown", "awaiting_receipt", "settled")
"""The states of the other platform's shipments, each with one record, from r0001 on."""
BY_THEMSELVES = (("waiting", None), ("retry", None), ("held", "PLACE"), ("held", "DATASET"))
"""The states and codes of its records after those."""


@pytest.fixture
def other(kind: str) -> str:
    """Another platform, to which all the same records go."""
    return PLATFORMS[(PLATFORMS.index(kind) + 1) % len(PLATFORMS)]


def everything_there(exchange: Exchange, other: str) -> None:
    """The other platform has one record in every state in which something can be, all newer or more urgent."""
    put(exchange, other, names(1, first=30), version=3, dataset="red_list")
    put(exchange, other, names(12), version=3)
    put(exchange, other, names(12), version=4, op="withdraw")
    for number, state in enumerate(UNDER_WAY, 1):
        query(
            exchange,
            "with s as (insert into exchange.shipment (shipment_no, platform, dataset, lane, op, batch_no, idem_key, "
            "body_sealed, body_digest, records, state, lease_owner, lease_until, created_at, next_attempt_at, sent_at) "
            "values (:state, :other, 'permit', 'elsewhere', 'upsert', :state, :state, '', '', 1, :state, 'somebody', "
            "now() + case :state when 'ready' then interval '1 hour' else interval '-1 minute' end, "
            "now() - interval '3 hours', now() - interval '2 hours', now()) returning shipment_id), "
            "a as (insert into exchange.attempt (shipment_no, kind, fence) select :state, 'send', 1 from s) "
            "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
            "select r.outbox_id, r.outbox_id, s.shipment_id, 1 from exchange.release as r, s "
            "where r.platform = :other and r.record_id = :record and r.version = 3 returning 1",
            state=state,
            other=other,
            record=f"r{number:04d}",
        )
    for number, (state, code) in enumerate(BY_THEMSELVES, len(UNDER_WAY) + 1):
        query(
            exchange,
            "update exchange.release set state = :state, outcome_code = :code, "
            "settled_at = now() - interval '9 days' where platform = :other and record_id = :record returning 1",
            state=state,
            code=code,
            other=other,
            record=f"r{number:04d}",
        )
    query(
        exchange,
        "insert into exchange.platform_state (platform, circuit, failures, reason, open_until, next_call_at) "
        "values (:other, 'open', 1, 'x', now() - interval '1 hour', now() - interval '1 hour') returning 1",
        other=other,
    )


def all_of(exchange: Exchange, platform: str) -> list[Any]:
    """Every row about a platform, with the transaction that wrote it."""
    tables = ("release", "lot", "shipment", "platform_state")
    return [query(exchange, f"select xmin::text, * from exchange.{t} where platform = :p", p=platform) for t in tables]


def time_passes(exchange: Exchange, kind: str) -> None:
    """What waits for its time at this platform waits no longer."""
    for column, table in (("next_attempt_at", "shipment"), ("next_call_at", "platform_state")):
        query(exchange, f"update exchange.{table} set {column} = now() where platform = :p returning 1", p=kind)


def test_a_drain_neither_takes_nor_waits_for_what_is_another_platforms(
    exchange: Exchange, sandbox: Sandbox, kind: str, other: str
) -> None:
    everything_there(exchange, other)
    put(exchange, kind, names(12))
    put(exchange, kind, names(2, first=20))
    put(exchange, other, ["q0020", *names(2, first=40)])  # newer lots; and one document of theirs is one of ours
    before = all_of(exchange, other)
    sandbox.faults.add(SEND[kind], "429", retry_after="1000000000")
    run(exchange, kind)  # packed, and now it waits
    time_passes(exchange, kind)
    packed = query(exchange, "select sum(records) from exchange.shipment where platform = :p", p=kind)
    result = run(exchange, kind)
    assert (result.delivered, result.problem) == (14, None)
    assert query(exchange, "select sum(records) from exchange.shipment where platform = :p", p=kind) == packed
    put(exchange, kind, names(12), version=2, op="withdraw")
    query(
        exchange,
        "update exchange.release set state = 'waiting' where platform = :p and record_id = 'r0001' and version = 2 "
        "returning 1",
        p=kind,
    )
    result = run(exchange, kind)
    assert (result.delivered, result.problem, result.retry, result.unseen) == (12, None, 0, 0)
    assert poll_receipts(exchange, kind).calls == 0
    assert len(sandbox.current()) == 2
    assert all_of(exchange, other) == before
    assert {row.state for row in outbox(exchange).values() if row.platform == kind} == {"delivered"}


@pytest.mark.parametrize("kind", ["fuzhou"])
@pytest.mark.parametrize("fault", ["401", "503", "429"])
def test_a_platform_that_fails_stops_and_slows_no_other_and_works_again_by_itself(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, other: str, fault: str
) -> None:
    exchange = exchange_with(circuit={"failures": 1}, limits={"calls_per_second": 50})
    everything_there(exchange, other)
    before = all_of(exchange, other)
    put(exchange, kind, names(1, first=50))
    sandbox.faults.add("*", fault, times=-1, retry_after="1000000000")
    assert run(exchange, kind).problem
    circuit = "select circuit from exchange.platform_state where platform = :p"
    assert query(exchange, circuit, p=kind) == [("closed" if fault == "429" else "open",)]
    sandbox.faults.clear()
    time_passes(exchange, kind)
    assert run(exchange, kind).delivered == 1
    assert query(exchange, circuit, p=kind) == [("closed",)]
    assert all_of(exchange, other) == before
