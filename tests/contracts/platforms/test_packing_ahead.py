"""While a drain sends, it packs what comes next: nothing is lost, sent twice or late by that, however it ends."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from world import SEND, arrived_once, made_up, names, outbox, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.payload import Sheet
from credit_exchange.steps.push import drain
from credit_exchange.steps.push.ahead import Ahead
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction
from platforms import Sandbox


def test_what_was_packed_ahead_of_a_drain_that_stops_is_free_for_anybody_at_once(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is packed only after the drain has stopped; and what was set aside in that is told of."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(50))
    closes = threading.Event()
    calls: list[int] = []

    class Closing(Ahead[Any]):
        def close(self) -> Any:
            closes.set()
            return super().close()

    def late_and_without_one(*given: Any) -> list[Sheet]:
        calls.append(1)
        if len(calls) == 1:
            return made_up(*given)
        assert closes.wait(60)
        return made_up(*given[:-1], given[-1][:-1])

    monkeypatch.setattr(sys.modules["credit_exchange.steps.push.drain"], "Ahead", Closing)
    sandbox.faults.add(SEND[kind], "401", times=2)
    result = drain(exchange, kind, payload_source=late_and_without_one)
    assert "凭证" in str(result.problem)
    assert (len(calls), result.held) == (2, 1)
    [(packed, leased)] = query(
        exchange, "select count(*), count(*) filter (where lease_owner is not null) from exchange.shipment"
    )
    assert (packed, leased) == (39, 0)  # what one claim takes, and what the next one took meanwhile
    sandbox.faults.clear()
    assert run(exchange, kind).delivered == 49
    arrived_once(sandbox, 49)


def test_a_takedown_is_never_packed_ahead_where_it_would_wait_for_what_is_packed(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["credit_exchange.steps.push.drain"]
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(1))
    run(exchange, kind)
    put(exchange, kind, names(50, first=10))

    class OrderedMeanwhile(Ahead[Any]):
        """What has been looked for a moment before is ordered just before the next claim begins."""

        def begin(self) -> None:
            if outbox(exchange).get(("r0001", 2)) is None:
                put(exchange, kind, names(1), version=2, op="withdraw")
            super().begin()

    monkeypatch.setattr(module, "Ahead", OrderedMeanwhile)
    assert run(exchange, kind).problem is None
    ops = [apply.op for apply in sandbox.ledger.applies()]
    assert ops.index("withdraw") <= 3  # after what was there before, and what was on its way when it was ordered
    assert len(ops) == 52


def test_looking_for_takedowns_does_not_wait_for_the_packing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["credit_exchange.steps.push.drain"], "_LOOK_EVERY", 0.0)
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(50))
    arrived: list[int] = []

    def packs_the_second_claim_until_the_first_has_arrived(*given: Any) -> list[Sheet]:
        end = time.monotonic() + 60.0
        while arrived and len(sandbox.ledger.applies()) < 20 and time.monotonic() < end:
            time.sleep(0.02)
        arrived.append(len(sandbox.ledger.applies()))
        return made_up(*given)

    assert drain(exchange, kind, payload_source=packs_the_second_claim_until_the_first_has_arrived).problem is None
    assert arrived[1] == 20
    arrived_once(sandbox, 50)


def test_a_database_lost_while_packing_ahead_is_found_again(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(50))
    calls: list[int] = []

    def lost_the_second_time(*given: Any) -> list[Sheet]:
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError("select", {}, Exception("the server closed the connection"))
        return made_up(*given)

    assert drain(exchange, kind, payload_source=lost_the_second_time).problem is None
    arrived_once(sandbox, 50)


def test_what_the_packing_thread_fails_with_fails_the_drain_and_loses_nothing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(50))
    calls: list[int] = []

    def fails_the_second_time(*given: Any) -> list[Sheet]:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the second claim")
        return made_up(*given)

    with pytest.raises(RuntimeError, match="the second claim"):
        drain(exchange, kind, payload_source=fails_the_second_time)
    assert query(exchange, "select count(*) from exchange.shipment where lease_owner is not null") == [(0,)]
    assert run(exchange, kind).problem is None
    assert states(exchange) == {"delivered": 50}
    arrived_once(sandbox, 50)


def test_a_takedown_does_not_wait_for_what_was_packed_under_rules_that_have_changed_since(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """Takedowns only are sent then; a drain that stopped had packed another version of the record."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(3))
    assert run(exchange, kind).delivered == 3
    put(exchange, kind, names(3), version=2)
    sandbox.faults.add(SEND[kind], "401", times=2)
    assert "凭证" in str(run(exchange, kind).problem)
    put(exchange, kind, ["r0003"], version=3, op="withdraw")
    sandbox.faults.clear()
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("release/ruleset_remember"), {"platform": kind, "digest": "of other rules"})
    assert "重新发布" in str(run(exchange, kind).problem)
    assert outbox(exchange)["r0003", 3].state == "delivered"
    assert len(sandbox.current()) == 2


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_a_takedown_that_is_packed_already_waits_for_nothing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain that stopped had packed it: it goes before what another one has at hand, and under rules that changed."""
    module = sys.modules["credit_exchange.steps.push.drain"]
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(2))
    assert run(exchange, kind).delivered == 2

    def packed(record: str, due: str) -> None:
        put(exchange, kind, [record], version=2, op="withdraw")
        sandbox.faults.add(SEND[kind], "401")
        assert "凭证" in str(run(exchange, kind).problem)
        query(exchange, f"update exchange.shipment set next_attempt_at = {due} where state <> 'settled' returning 1")

    class DueMeanwhile(Ahead[Any]):
        """Its time comes while the first of many others is sent."""

        def begin(self) -> None:
            query(exchange, "update exchange.shipment set next_attempt_at = now() where op = 'withdraw' returning 1")
            super().begin()

    packed("r0001", "now() + interval '1 hour'")
    put(exchange, kind, names(5, first=10))
    with monkeypatch.context() as patch:
        patch.setattr(module, "Ahead", DueMeanwhile)
        assert run(exchange, kind).problem is None
    assert [apply.op for apply in sandbox.ledger.applies()][2:5] == ["upsert", "withdraw", "upsert"]

    packed("r0002", "now()")
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("release/ruleset_remember"), {"platform": kind, "digest": "of other rules"})
    assert run(exchange, kind).problem is None
    assert outbox(exchange)["r0002", 2].state == "delivered"


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_waits_by_itself_and_what_waits_in_lots_go_by_turns(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """However much of one there is, it keeps back nothing of the other."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, kind, names(25))
    query(exchange, "with gone as (delete from exchange.lot) update exchange.release set state = 'retry' returning 1")
    put(exchange, kind, names(25, first=100))
    assert run(exchange, kind).problem is None
    order = [apply.key[1] for apply in sandbox.ledger.applies()]
    turns = [names(20), names(20, first=100), names(5, first=21), names(5, first=120)]
    assert order == [name for turn in turns for name in turn]
