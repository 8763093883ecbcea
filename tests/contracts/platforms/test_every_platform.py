"""What holds at every platform, whatever its wire: everything arrives once, and every fault ends in a known state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from world import (
    SEND,
    arrived_once,
    decided_while_called,
    environment,
    made_up,
    names,
    outbox,
    put,
    query,
    run,
    states,
    wait_again,
)

from credit_exchange.config.platform import Window
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.payload import Sheet
from credit_exchange.steps.push import drain, poll_receipts
from platforms import Sandbox

WORLD = Path(__file__).parent / "world.py"
ROOT = Path(__file__).resolve().parents[3]


def test_everything_arrives_once_and_the_same_again_makes_no_call(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(7))
    result = run(exchange, kind)
    assert (result.delivered, result.rejected, result.problem) == (7, 0, None)
    arrived_once(sandbox, 7)
    assert states(exchange) == {"delivered": 7}
    seen = "select certificate_ends, abs(clock_ahead) < 60, seen_at is not null from exchange.platform_state"
    assert query(exchange, seen) == [(None, True, True)], "what the platform shows in passing, by plain http"
    before = len(sandbox.ledger.requests())
    counts = query(exchange, "select (select count(*) from exchange.shipment), (select count(*) from exchange.attempt)")
    assert run(exchange, kind).calls == 0
    assert len(sandbox.ledger.requests()) == before
    assert counts == query(
        exchange, "select (select count(*) from exchange.shipment), (select count(*) from exchange.attempt)"
    )


def test_every_row_has_a_shipment_attempts_and_times(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(3))
    run(exchange, kind)
    for row in outbox(exchange).values():
        assert row.shipment_no
        assert row.attempts == 1
        assert row.first_sent_at <= row.settled_at
        assert (row.receipt_no is None) == (kind == "china")
    assert query(exchange, "select 1 from exchange.shipment where reply_digest is null or state <> 'settled'") == []
    sealed = query(exchange, "select body_sealed, reply_sealed from exchange.shipment")
    assert all("样例".encode() not in bytes(part) for row in sealed for part in row if part)


def test_a_takedown_takes_the_record_off_and_a_newer_version_brings_it_back(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(3))
    run(exchange, kind)
    put(exchange, kind, names(1), version=2, op="withdraw")
    assert run(exchange, kind).delivered == 1
    assert len(sandbox.current()) == 2
    put(exchange, kind, names(1), version=3)
    assert run(exchange, kind).delivered == 1
    assert len(sandbox.current()) == 3
    assert sandbox.ledger.repeated() == []


def test_a_takedown_of_what_never_arrived_is_settled(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(1), version=2, op="withdraw")
    assert run(exchange, kind).delivered == 1
    assert outbox(exchange)["r0001", 2].outcome_code in {"1007", "NONE", "07"}


def test_takedowns_go_before_everything_else(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(limits={"records": 2})
    put(exchange, kind, names(2))
    run(exchange, kind)
    put(exchange, kind, names(4, first=10))
    put(exchange, kind, names(1), version=2, op="withdraw")
    run(exchange, kind)
    assert [apply.op for apply in sandbox.ledger.applies()][2] == "withdraw"


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("commit_then_close", {}),
        ("commit_then_close", {"reset": True}),
        ("close_before_commit", {}),
        ("503", {}),
        ("503", {"commit": True}),
        ("502", {"commit": True}),
        ("truncate", {"bytes": 20}),
        ("truncate", {"bytes": 20, "honest_length": True}),
        ("html_200", {}),
        ("html_200", {"commit": True}),
        ("redirect", {}),
        ("unlisted_status", {"status": 418}),
        ("unlisted_status", {"status": 404, "commit": True}),
        ("hang", {"seconds": 2.5, "commit": True}),
    ],
)
def test_an_unknown_outcome_is_asked_about_and_nothing_is_done_twice(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, fault: str, options: dict[str, Any]
) -> None:
    exchange = exchange_with(**{"read_timeout": 1.5} if fault == "hang" else {})
    put(exchange, kind, names(5))
    sandbox.faults.add(SEND[kind], fault, **options)
    result = run(exchange, kind)
    assert (result.delivered, result.problem) == (5, None)
    arrived_once(sandbox, 5)
    kinds = [row.kind for row in query(exchange, "select kind from exchange.attempt order by attempt_id")]
    assert kinds[:2] == ["send", "ask"]


def test_the_same_bytes_go_again_under_the_same_key(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(5))
    sandbox.faults.add(SEND[kind], "close_before_commit", times=2)
    assert run(exchange, kind).delivered == 5
    sent = sandbox.ledger.requests(SEND[kind])
    assert len(sent) == 3
    assert len({request.body_sm3 for request in sent}) == 1
    assert len({request.headers.get("Idempotency-Key") for request in sent}) == 1
    assert len(query(exchange, "select 1 from exchange.shipment")) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"retry_after": "0"},
        {"retry_after": "1"},
        {"retry_after": "date", "seconds": 1},
        {"retry_after": "-5"},
        {"retry_after": "soon"},
        {"retry_after": None},
    ],
)
def test_429_waits_and_is_no_failed_attempt(
    exchange: Exchange, sandbox: Sandbox, kind: str, options: dict[str, Any]
) -> None:
    put(exchange, kind, names(2))
    sandbox.faults.add(SEND[kind], "429", times=2, **options)
    result = run(exchange, kind)
    assert (result.delivered, result.problem) == (2, None)
    arrived_once(sandbox, 2)
    assert query(exchange, "select failures from exchange.platform_state")[0][0] == 0


def test_an_absurd_retry_after_ends_the_drain_and_is_bounded(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(2))
    sandbox.faults.add(SEND[kind], "429", retry_after="1000000000")
    result = run(exchange, kind)
    assert result.retry == 2
    assert "平台要求等待" in str(result.problem)
    due = query(exchange, "select extract(epoch from next_attempt_at - now()) from exchange.shipment")[0][0]
    assert 3500 < due <= 3600


def test_refused_credentials_are_not_tried_again_in_the_drain(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(2))
    sandbox.faults.add(SEND[kind], "401", times=2)
    result = run(exchange, kind)
    assert "平台不接受凭证" in str(result.problem)
    assert len(sandbox.ledger.requests(SEND[kind])) == (2 if kind == "fujian" else 1)
    assert query(exchange, "select circuit from exchange.platform_state")[0][0] == "open"
    assert poll_receipts(exchange, kind).calls == 0
    sandbox.faults.clear()
    assert run(exchange, kind).delivered == 2
    arrived_once(sandbox, 2)
    assert query(exchange, "select circuit from exchange.platform_state")[0][0] == "closed"


def test_what_could_not_be_asked_about_keeps_its_last_problem(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(circuit={"failures": 1})
    put(exchange, kind, names(1))
    sandbox.faults.add(SEND[kind], "503")
    assert "暂停上报" in str(run(exchange, kind).problem)  # it is unknown, and nobody may be asked for now
    problem, attempts = query(
        exchange,
        "select problem, (select count(*) from exchange.attempt) from exchange.shipment where state = 'unknown'",
    )[0]
    assert "503" in problem
    assert attempts == 1


def test_a_platform_that_is_down_opens_the_circuit_and_the_next_drain_completes(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(limits={"records": 1}, circuit={"failures": 3})
    put(exchange, kind, names(6))
    sandbox.stop()
    result = run(exchange, kind)
    assert result.retry == 6
    assert result.problem
    assert len(query(exchange, "select 1 from exchange.attempt")) == 3
    sandbox.start()
    assert run(exchange, kind).delivered == 6
    arrived_once(sandbox, 6)


def test_a_platform_that_always_fails_is_not_called_for_ever(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(2))
    sandbox.faults.add("*", "503", times=-1)
    result = run(exchange, kind)
    assert result.problem
    assert result.calls < 12
    sandbox.faults.clear()
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 2)


def test_one_rejected_record_stops_no_other(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(6))
    options = {"line": 3} if kind == "china" else {"records": ["r0003"]}
    sandbox.faults.add(SEND[kind], "reject", **options)
    result = run(exchange, kind)
    assert (result.delivered, result.rejected, result.problem) == (5, 1, None)
    assert outbox(exchange)["r0003", 1].state == "rejected"
    assert outbox(exchange)["r0003", 1].outcome_code == {"fuzhou": "1001", "fujian": "LEN", "china": "02"}[kind]
    arrived_once(sandbox, 5)


def test_what_is_already_there_counts_as_delivered(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(4))
    run(exchange, kind)
    wait_again(exchange, kind)
    assert run(exchange, kind).delivered == 4
    arrived_once(sandbox, 4)


def test_one_version_of_a_record_is_under_way_at_a_time(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(3))
    sandbox.faults.add(SEND[kind], "commit_then_close")
    first = run(exchange, kind)
    put(exchange, kind, names(3), version=2)
    sandbox.faults.add(SEND[kind], "close_before_commit")
    second = run(exchange, kind)
    assert (first.delivered, second.delivered) == (3, 3)
    assert sandbox.ledger.backwards() == []
    assert len(sandbox.ledger.applies()) == 6


@pytest.mark.parametrize("op", ["upsert", "withdraw"])
def test_while_it_is_unknown_whether_one_version_arrived_no_other_leaves(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, op: str
) -> None:
    exchange = exchange_with(settle_after_seconds=3600)
    put(exchange, kind, names(2))
    sandbox.faults.add(SEND[kind], "close_before_commit")
    run(exchange, kind)
    put(exchange, kind, names(1), version=2, op=op)
    run(exchange, kind)
    rows = outbox(exchange)
    assert (rows["r0001", 1].state, rows["r0001", 2].state) == ("unknown", "ready")
    assert len([r for r in sandbox.ledger.requests() if r.endpoint in ("revoke", SEND[kind])]) == 1
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    query(exchange, "update exchange.platform_state set circuit = 'closed', failures = 0 returning 1")
    exchange = exchange_with()
    assert run(exchange, kind).problem is None
    assert outbox(exchange)["r0001", 2].state == "delivered"
    assert sandbox.ledger.backwards() == []


def test_an_older_version_is_overtaken_by_one_that_was_rejected(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exchange, kind, ["r0001"])
    decided_while_called(monkeypatch, exchange, kind)
    sandbox.faults.add(SEND[kind], "429", retry_after="2")
    sandbox.faults.add(SEND[kind], "reject", records="all")
    run(exchange, kind)
    assert [row.state for row in outbox(exchange).values()] in (["superseded", "rejected"], ["rejected", "superseded"])
    assert sandbox.current() == {}


def test_an_older_version_that_waits_is_overtaken(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(2))
    sandbox.faults.add(SEND[kind], "429", retry_after="1000000000")
    run(exchange, kind)
    put(exchange, kind, names(1), version=2)
    query(exchange, "update exchange.platform_state set next_call_at = now() returning 1")
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    run(exchange, kind)
    rows = outbox(exchange)
    assert (rows["r0001", 1].state, rows["r0001", 2].state, rows["r0002", 1].state) == (
        "superseded",
        "delivered",
        "delivered",
    )
    arrived_once(sandbox, 2)


@pytest.mark.parametrize("point", ["before_claim", "after_claim", "after_attempt_row", "after_send", "after_record"])
def test_killed_at_any_point_everything_arrives_once(
    exchange: Exchange, sandbox: Sandbox, kind: str, database_url: str, point: str
) -> None:
    put(exchange, kind, names(4))
    with environment(CREDIT_EXCHANGE_FAULT=f"push.{point}:kill", PYTHONPATH=str(ROOT / "plugins")) as variables:
        child = subprocess.run(
            [sys.executable, str(WORLD), kind, sandbox.url, database_url, "3"],
            env=variables,
            capture_output=True,
            timeout=200,
            check=False,
        )
    assert child.returncode == -9, child.stderr.decode()
    result = run(exchange, kind)
    assert result.problem is None
    arrived_once(sandbox, 4)
    assert states(exchange) == {"delivered": 4}
    assert query(exchange, "select 1 from exchange.shipment where state <> 'settled'") == []


def test_in_a_maintenance_window_nothing_is_called(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    window = Window(start=time(0, 0), end=time(23, 59, 59, 999999))
    exchange = exchange_with(maintenance=[window])
    put(exchange, kind, names(1))
    assert "平台维护中" in str(run(exchange, kind).problem)
    assert sandbox.ledger.requests() == []


def test_a_night_that_begins_in_a_maintenance_window_waits_for_its_end(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """It comes once a day, at the same hour: one that did not wait would never send anything."""
    over = datetime.now(SHANGHAI) + timedelta(seconds=1.5)
    window = Window(start=(over - timedelta(hours=1)).time(), end=over.time())
    exchange = exchange_with(maintenance=[window])
    put(exchange, kind, names(2))
    put(exchange, kind, names(1, first=3), op="withdraw")
    assert poll_receipts(exchange, kind).problem is None
    assert run(exchange, kind).problem is None
    first = min(call.at for call in sandbox.ledger.requests())
    assert first >= over.timestamp()
    assert set(states(exchange)) == {"delivered"}


def test_lots_that_lie_in_another_order_than_their_ids_are_taken_once(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """Two halves of a release write at once: the lot that comes first may hold the later ids."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(30))
    put(exchange, kind, names(15, first=31))
    put(exchange, kind, names(15, first=46))
    query(
        exchange,
        "with old as (delete from exchange.lot returning *) insert into exchange.lot "
        "(platform, dataset, op, priority, first_id, last_id) "
        "select platform, dataset, op, priority, first_id, last_id from old order by first_id desc returning 1",
    )
    assert run(exchange, kind).delivered == 60
    assert sandbox.ledger.repeated() == []
    assert query(exchange, "select 1 from exchange.lot") == []


def test_a_record_whose_content_is_not_what_was_released_stops_no_other(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    def source(an_exchange: Exchange, connection: Any, platform: str, ids: list[int]) -> list[Sheet]:
        found = made_up(an_exchange, connection, platform, ids)
        if any("r0002" in sheet.record_ids for sheet in found):
            raise FatalError("its content no longer matches what was released")
        return found

    put(exchange, kind, names(3))
    result = drain(exchange, kind, payload_source=source)
    assert (result.delivered, result.held) == (2, 1)
    rows = outbox(exchange)
    assert rows["r0002", 1].outcome_code == "PAYLOAD"
    # it travelled nowhere, and the others keep their places in the shipment that passed it by
    assert [rows[name, 1].line_no for name in names(3)] == [1, None, 2]
    assert rows["r0002", 1].shipment_no is None
