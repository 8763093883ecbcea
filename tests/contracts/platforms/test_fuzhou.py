"""What is particular to 信用福州: codes per record, receipts that do not fit, sizes, and a broken contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from world import names, outbox, put, query, run, states

from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import settle
from platforms import Sandbox
from platforms.wire import Answer

pytestmark = pytest.mark.parametrize("kind", ["fuzhou"])


def test_what_is_listed_there_has_the_digest_of_what_was_released(exchange: Exchange, sandbox: Sandbox) -> None:
    from world import permit

    put(exchange, "fuzhou", names(1))
    run(exchange, "fuzhou")
    assert sandbox.current() == {("permit", "r0001"): (1, sm3_hex(canonical_json(permit("r0001", 1))))}


@pytest.mark.parametrize("fault", ["results_short", "results_extra"])
def test_a_receipt_that_does_not_fit_is_asked_for_again(exchange: Exchange, sandbox: Sandbox, fault: str) -> None:
    put(exchange, "fuzhou", names(4))
    sandbox.faults.add("records", fault)
    assert run(exchange, "fuzhou").delivered == 4
    assert [r.endpoint for r in sandbox.ledger.requests()] == ["records", "batch"]


def test_1099_goes_again_in_a_new_shipment_and_is_bounded(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fuzhou", names(3))
    sandbox.faults.add("records", "1099", records=["r0002"])
    assert run(exchange, "fuzhou").delivered == 3
    keys = [r.headers["Idempotency-Key"] for r in sandbox.ledger.requests("records")]
    assert len(set(keys)) == len(keys) == 2
    put(exchange, "fuzhou", names(1, first=9))
    sandbox.faults.add("records", "1099", times=-1, records="all")
    result = run(exchange, "fuzhou")
    assert result.retry == 1
    assert len(sandbox.ledger.requests("records")) == 6
    sandbox.faults.clear()
    assert run(exchange, "fuzhou").delivered == 1


def test_a_newer_version_there_is_for_reconciliation(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fuzhou", names(1), version=5)
    run(exchange, "fuzhou")
    query(exchange, "update exchange.release set version = 50 returning 1")
    put(exchange, "fuzhou", names(1), version=3)
    query(exchange, "delete from exchange.release where version = 50 returning 1")
    assert run(exchange, "fuzhou").held == 1
    row = outbox(exchange)["r0001", 3]
    assert (row.state, row.outcome_code) == ("held", "1006")


def test_a_nonce_that_is_refused_is_signed_again(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fuzhou", names(2))
    sandbox.faults.add("records", "nonce_refused")
    assert run(exchange, "fuzhou").delivered == 2
    first, second = sandbox.ledger.requests("records")
    assert first.headers["X-Nonce"] != second.headers["X-Nonce"]
    assert first.body_sm3 == second.body_sm3


def test_too_large_is_split_into_halves(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fuzhou", names(6))
    sandbox.faults.add("records", "unlisted_status", status=413)
    assert run(exchange, "fuzhou").delivered == 6
    assert [r.status for r in sandbox.ledger.requests("records")] == [413, 200, 200]
    assert len({r.headers["Idempotency-Key"] for r in sandbox.ledger.requests("records")}) == 3


def test_shipments_respect_the_limit_of_bytes_and_may_be_compressed(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(limits={"bytes": 1500}, gzip=True)
    put(exchange, "fuzhou", names(5))
    assert run(exchange, "fuzhou").delivered == 5
    sent = sandbox.ledger.requests("records")
    assert len(sent) == 5
    assert all(r.headers["Content-Encoding"] == "gzip" for r in sent)


def test_three_malformed_shipments_in_a_row_end_it_and_reject_nothing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "fuzhou", names(5))
    sandbox.faults.add("records", "unlisted_status", status=400, times=-1)
    result = run(exchange, "fuzhou")
    assert "接口约定不符" in str(result.problem)
    assert len(sandbox.ledger.requests()) == 3
    assert states(exchange) == {"retry": 5}
    sandbox.faults.clear()
    assert run(exchange, "fuzhou").delivered == 5


def test_a_clock_that_is_off_opens_the_circuit_after_a_few_calls_and_is_named(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(limits={"records": 1}, retry={"first_seconds": 0.01, "max_seconds": 0.02})
    put(exchange, "fuzhou", names(15))
    put(exchange, "fuzhou", names(15, first=101), dataset="red_list")  # refused as well, so not tried first
    sandbox.faults.add("records", "nonce_refused", times=-1)
    result = run(exchange, "fuzhou")
    assert "时钟" in str(result.problem)
    assert len(sandbox.ledger.requests()) == 5
    assert query(exchange, "select circuit from exchange.platform_state")[0][0] == "open"
    sandbox.faults.clear()
    assert run(exchange, "fuzhou").delivered == 30


def test_one_shipment_that_is_refused_again_and_again_is_left_for_the_next_drain(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As others are taken in between, nothing else would end it."""
    exchange = exchange_with(limits={"records": 1}, retry={"first_seconds": 0.01, "max_seconds": 0.02, "attempts": 3})
    put(exchange, "fuzhou", names(40))
    answer, refused = sandbox.platform.answer, Answer(409, b"{}", "application/json")
    calls: list[bytes] = []

    def once(request: Any, fault: Any) -> Any:
        calls.extend([request.body] if b"r0005" in request.body else [])
        return refused if b"r0005" in request.body else answer(request, fault)

    with monkeypatch.context() as night:
        night.setattr(sandbox.platform, "answer", once)
        result = run(exchange, "fuzhou")
    assert (result.delivered, result.retry, len(calls)) == (39, 1, 3)
    assert "409" in str(result.problem)
    assert run(exchange, "fuzhou").delivered == 1


def test_no_personal_data_in_what_the_database_keeps_in_clear(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fuzhou", names(2))
    sandbox.faults.add("records", "reject", records="all", message="证件号码350102199003074514不符")
    run(exchange, "fuzhou")
    kept = [
        row[0]
        for table in ("release", "shipment", "attempt", "platform_state", "record", "alert")
        for row in query(exchange, f"select to_jsonb(t) - 'body_sealed' - 'reply_sealed' from exchange.{table} as t")
    ]
    told = [row["outcome_message"] for row in kept if row.get("outcome_message")]
    assert told == [f"证件号码{'*' * 18}不符"] * 2
    assert "350102199003074514" not in str(kept)


def test_what_fails_again_and_again_takes_turns_with_what_is_new(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "pause", lambda *_: 0.0)  # so much of it that some is always due
    exchange = exchange_with(limits={"records": 2})
    sandbox.faults.add("records", "1099", times=-1, records="all")
    put(exchange, "fuzhou", names(8))
    run(exchange, "fuzhou")
    seen = len(sandbox.ledger.requests("records"))
    put(exchange, "fuzhou", names(2, first=9), dataset="commitment")
    run(exchange, "fuzhou")
    asked = [request.target.rpartition("/")[2] for request in sandbox.ledger.requests("records")[seen:]]
    assert asked.index("commitment") == 4, "all of it was tried again before anything new was sent"
    assert (asked.count("permit"), asked.count("commitment")) == (16, 4)
