"""What a platform never received and what was overtaken meanwhile is not sent any more: nobody sees it for a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from moving import let_time_pass
from world import SEND, names, outbox, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import poll_receipts
from platforms import Sandbox


def upserts(sandbox: Sandbox) -> int:
    return sum(apply.op == "upsert" for apply in sandbox.ledger.applies())


@pytest.fixture
def patient(exchange_with: Callable[..., Exchange]) -> Exchange:
    """What is unknown stays so for this drain."""
    return exchange_with(settle_after_seconds=3600)


def lost(exchange: Exchange, sandbox: Sandbox, kind: str, records: list[str], op: str = "upsert") -> None:
    """Send a shipment that never arrives."""
    put(exchange, kind, records, op=op)
    sandbox.faults.add(SEND[kind] if op == "upsert" or kind != "china" else "revoke", "close_before_commit")
    run(exchange, kind)
    assert states(exchange) == {"unknown": len(records)}


def test_a_record_that_is_to_be_taken_down_is_not_published_first(
    patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    lost(patient, sandbox, kind, names(3))
    put(exchange, kind, ["r0002"], version=2, op="withdraw")
    let_time_pass(exchange)
    assert run(exchange, kind).problem is None
    assert upserts(sandbox) == 2
    assert len(sandbox.current()) == 2
    rows = outbox(exchange)
    assert {key: row.state for key, row in rows.items()} == {
        ("r0001", 1): "delivered",
        ("r0002", 1): "cancelled",
        ("r0002", 2): "delivered",
        ("r0003", 1): "delivered",
    }
    assert sandbox.ledger.repeated() == []
    assert run(exchange, kind).calls == 0


def test_a_newer_content_goes_instead(patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    lost(patient, sandbox, kind, names(2))
    put(exchange, kind, ["r0002"], version=2)
    let_time_pass(exchange)
    assert run(exchange, kind).problem is None
    assert upserts(sandbox) == 2
    assert outbox(exchange)["r0002", 1].state == "superseded"


def test_where_nothing_was_overtaken_the_same_bytes_go_under_the_same_key(
    patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    lost(patient, sandbox, kind, names(2))
    let_time_pass(exchange)
    assert run(exchange, kind).problem is None
    assert len(query(exchange, "select 1 from exchange.shipment")) == 1
    assert query(exchange, "select tries from exchange.shipment") == [(2,)]


def test_asked_between_two_nights_it_waits_and_is_overtaken_like_what_was_refused(
    patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    lost(patient, sandbox, kind, names(2))
    let_time_pass(exchange)
    poll_receipts(exchange, kind)
    assert states(exchange) == {"retry": 2}
    put(exchange, kind, ["r0002"], version=2, op="withdraw")
    assert run(exchange, kind).problem is None
    assert upserts(sandbox) == 1
    assert outbox(exchange)["r0002", 2].state == "delivered"


def test_what_arrived_is_taken_down_after_it_was_found(
    patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(patient, kind, names(2))
    sandbox.faults.add(SEND[kind], "commit_then_close")
    run(patient, kind)
    put(exchange, kind, ["r0002"], version=2, op="withdraw")
    let_time_pass(exchange, timedelta(hours=2))
    assert run(exchange, kind).problem is None
    assert len(sandbox.current()) == 1
    assert set(states(exchange)) == {"delivered"}


def test_what_was_packed_and_never_begun_is_overtaken_as_well(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(2))
    query(
        exchange,
        "insert into exchange.platform_state (platform, next_call_at) values (:kind, now() + interval '1 day') "
        "on conflict (platform) do update set next_call_at = excluded.next_call_at returning 1",
        kind=kind,
    )
    run(exchange, kind)
    assert len(query(exchange, "select 1 from exchange.shipment where state = 'ready' and tries = 0")) == 1
    put(exchange, kind, ["r0002"], version=2, op="withdraw")
    let_time_pass(exchange)
    assert run(exchange, kind).problem is None
    assert upserts(sandbox) == 1
    assert outbox(exchange)["r0002", 1].state == "cancelled"


def test_a_lost_takedown_goes_before_the_newer_row(
    patient: Exchange, exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, ["r0001"])
    run(exchange, kind)
    put(exchange, kind, ["r0001"], version=2, op="withdraw")
    sandbox.faults.add("revoke" if kind == "china" else SEND[kind], "close_before_commit")
    run(patient, kind)
    put(exchange, kind, ["r0001"], version=3)
    let_time_pass(exchange)
    assert run(exchange, kind).problem is None
    assert [apply.op for apply in sandbox.ledger.applies()] == ["upsert", "withdraw", "upsert"]


def test_what_never_arrives_holds_no_takedown_back(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """However often its shipment is lost on the way: in the same drain."""
    exchange = exchange_with(settle_after_seconds=0.0, retry={"attempts": 1})
    put(exchange, kind, ["r0001"])
    sandbox.faults.add(SEND[kind], "close_before_commit")
    run(exchange, kind)
    assert states(exchange) == {"retry": 1}
    put(exchange, kind, ["r0001"], version=2, op="withdraw")
    assert run(exchange, kind).problem is None
    assert upserts(sandbox) == 0
    assert sandbox.current() == {}
