"""A record on which 信用福建 fails with its whole task keeps no other back for ever, and is rejected only when others
of its kind were judged since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from world import finish_tasks, names, outbox, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import poll_receipts
from platforms import Sandbox
from platforms.wire import json_answer

pytestmark = pytest.mark.parametrize("kind", ["fujian"])


@dataclass
class Poison:
    """On which records whole tasks fail, and how many did."""

    records: set[str] = field(default_factory=set)
    everything: bool = False
    failed: int = 0


@pytest.fixture
def poison(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Poison:
    """Let every task fail that holds one of these records; nothing of it is stored."""
    meant = Poison()
    finish = sandbox.platform._finish

    def fail(task_id: str, task_key: str, catalog: str, plain: bytes, played: bytes, due_at: float) -> Any:
        if meant.everything or any(f'"{one}"'.encode() in plain for one in meant.records):
            meant.failed += 1
            played = b'{"name":"task_failed"}'
        return finish(task_id, task_key, catalog, plain, played, due_at)

    monkeypatch.setattr(sandbox.platform, "_finish", fail)
    return meant


@pytest.fixture
def exchange(exchange_with: Callable[..., Exchange]) -> Exchange:
    """The exchange; a night waits for its tasks."""
    return exchange_with(poll_in_drain_seconds=20)


def nights(exchange: Exchange, count: int) -> Any:
    """Drain so many times; what the last one did."""
    return [run(exchange, "fujian") for _ in range(count)][-1]


@pytest.mark.parametrize("guilty", [["r0001"], ["r0100"], ["r0140"], ["r0003", "r0090", "r0091"]])
def test_all_others_are_delivered_and_the_guilty_is_found_within_two_nights(
    exchange: Exchange, sandbox: Sandbox, poison: Poison, guilty: list[str]
) -> None:
    put(exchange, "fujian", names(200))
    poison.records = set(guilty)
    first = run(exchange, "fujian")
    assert first.delivered >= 3, first
    nights(exchange, 1)
    assert states(exchange) == {"delivered": 200 - len(guilty), "rejected": len(guilty)}
    for one in guilty:
        assert outbox(exchange)[one, 1].outcome_code == "FAILED"
        assert "单独报送" in outbox(exchange)[one, 1].outcome_message
    assert len(sandbox.ledger.applies()) == 200 - len(guilty)
    assert poison.failed <= 12 * len(guilty)
    assert run(exchange, "fujian").problem is None


def test_tasks_that_are_answered_after_the_night_lead_to_smaller_ones_in_the_nights_after(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, poison: Poison
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=0, poll_seconds=0.01)
    put(exchange, "fujian", names(200))
    poison.records = {"r0057"}
    for _ in range(6):
        run(exchange, "fujian")
        finish_tasks(sandbox)
        query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
        poll_receipts(exchange, "fujian")
    assert states(exchange) == {"delivered": 199, "rejected": 1}


def test_a_platform_on_which_every_task_fails_gets_few_more_of_them_and_nothing_is_rejected(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, poison: Poison
) -> None:
    exchange = exchange_with(limits={"records": 100}, poll_in_drain_seconds=20)
    put(exchange, "fujian", names(300))
    poison.everything = True
    for _ in range(2):
        assert "任务" in str(run(exchange, "fujian").problem)
    assert states(exchange) == {"retry": 300}
    assert poison.failed < 300  # each record by itself, four times a drain, would be 2,400
    poison.everything = False
    assert run(exchange, "fujian").delivered == 300
    assert len(sandbox.ledger.applies()) == 300


def test_a_record_that_is_alone_is_rejected_only_when_others_of_its_kind_were_judged_since(
    exchange: Exchange, poison: Poison
) -> None:
    put(exchange, "fujian", names(3, first=10))
    run(exchange, "fujian")
    put(exchange, "fujian", ["r0001"])
    poison.records = {"r0001"}
    nights(exchange, 2)
    put(exchange, "fujian", names(2, first=20), dataset="red_list")
    nights(exchange, 2)
    assert outbox(exchange)["r0001", 1].state == "retry"
    put(exchange, "fujian", names(2, first=30))
    nights(exchange, 2)
    assert outbox(exchange)["r0001", 1].state == "rejected"


def test_a_record_that_is_alone_is_tried_three_times_in_all_whatever_is_judged_meanwhile(
    exchange_with: Callable[..., Exchange], poison: Poison
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=20, retry={"attempts": 1})
    put(exchange, "fujian", ["r0001"])
    poison.records = {"r0001"}
    run(exchange, "fujian")
    for first, state in ((10, "retry"), (20, "rejected")):
        query(
            exchange,
            "update exchange.release set not_before = now() + interval '1 day' where state = 'retry' returning 1",
        )
        put(exchange, "fujian", names(2, first=first))
        assert run(exchange, "fujian").delivered == 2
        query(exchange, "update exchange.release set not_before = null where state = 'retry' returning 1")
        run(exchange, "fujian")
        assert outbox(exchange)["r0001", 1].state == state


def test_two_outages_with_good_hours_in_between_have_no_record_rejected(
    exchange_with: Callable[..., Exchange], poison: Poison
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=20, retry={"attempts": 1})
    put(exchange, "fujian", names(150))
    poison.everything = True
    run(exchange, "fujian")
    poison.everything, poison.records = False, {"r0001"}  # sent again too early
    put(exchange, "fujian", names(2, first=300), dataset="permit")
    run(exchange, "fujian")
    poison.everything = True
    nights(exchange, 4)
    assert states(exchange) == {"retry": 150, "delivered": 2}
    poison.everything, poison.records = False, set()
    assert run(exchange, "fujian").delivered == 150


def test_a_takedown_on_which_tasks_fail_is_for_a_person_and_stops_no_other(
    exchange: Exchange, sandbox: Sandbox, poison: Poison
) -> None:
    put(exchange, "fujian", names(6))
    run(exchange, "fujian")
    put(exchange, "fujian", names(6), version=2, op="withdraw")
    poison.records = {"r0002"}
    told = [str(run(exchange, "fujian").problem) for _ in range(2)]
    assert "1 条撤下没有被平台接受" in told[0]
    assert outbox(exchange)["r0002", 2].state == "held"
    assert len(sandbox.current()) == 1


def test_a_new_version_of_what_was_found_guilty_goes_with_all_others(exchange: Exchange, poison: Poison) -> None:
    put(exchange, "fujian", names(6))
    poison.records = {"r0002"}
    nights(exchange, 2)
    poison.records = set()
    put(exchange, "fujian", names(6), version=2)
    assert run(exchange, "fujian").delivered == 6
    assert query(exchange, "select records from exchange.shipment order by shipment_id desc limit 1")[0][0] == 6


def test_a_task_that_is_never_known_though_it_was_taken_is_uploaded_a_few_times_a_night(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=4, retry={"max_seconds": 0.1})
    put(exchange, "fujian", names(2))
    gone = json_answer(200, {"code": "E404", "msg": "", "data": None}, "")
    monkeypatch.setattr(sandbox.platform, "_task", lambda _request: gone)
    result = run(exchange, "fujian")
    assert "没有查询到结果" in str(result.problem)
    assert len(sandbox.ledger.requests("upload")) <= 5
