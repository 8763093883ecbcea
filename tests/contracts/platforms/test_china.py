"""What is particular to 信用中国: it stops at the first bad row, has no ids and no versions, and few calls a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import pytest
from sqlalchemy import event
from world import CREDENTIALS, made_up, names, open_exchange, outbox, permit, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.payload import Payload, Sheet, sheets_of
from credit_exchange.steps.push import claim, drain
from credit_exchange.steps.push.dialects.base import Context, NotSent, dialect_for
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.transport import Transport
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction
from platforms import Sandbox

pytestmark = pytest.mark.parametrize("kind", ["china"])


def test_the_rows_before_a_bad_one_are_delivered_and_the_rest_goes_afresh(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(5))
    sandbox.faults.add("import_permission", "reject", line=1)
    sandbox.faults.add("import_permission", "reject", line=3)
    result = run(exchange, "china")
    assert (result.delivered, result.rejected) == (3, 2)
    assert len(query(exchange, "select distinct idem_key from exchange.shipment")) == 3
    assert {name for (name, _), row in outbox(exchange).items() if row.state == "rejected"} == {"r0001", "r0004"}


def test_an_unchanged_row_counts_as_delivered_and_the_rest_goes_on(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(1, first=3))
    run(exchange, "china")
    query(exchange, "delete from exchange.release returning 1")
    put(exchange, "china", names(5))
    result = run(exchange, "china")
    assert (result.delivered, result.problem) == (5, None)
    assert outbox(exchange)["r0003", 1].outcome_code == "05"
    assert sandbox.ledger.repeated() == []


def test_a_refused_change_within_one_identity_leaves_what_was_there(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["r0001"])
    run(exchange, "china")
    put(exchange, "china", ["r0001"], version=2)
    sandbox.faults.add("import_permission", "reject", line=1)
    assert run(exchange, "china").rejected == 1
    assert len(sandbox.current()) == 1
    assert query(exchange, "select version from report.published") == [(1,)]
    assert outbox(exchange)["r0001", 2].outcome_code == "02"


def test_two_records_with_one_identity_there_are_both_held(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["r0001", "q0001", "r0002"])
    result = run(exchange, "china")
    assert (result.delivered, result.held) == (1, 2)
    assert {outbox(exchange)[name, 1].state for name in ("r0001", "q0001")} == {"held"}
    put(exchange, "china", ["q0002"])
    assert run(exchange, "china").held == 1
    assert len(sandbox.current()) == 1


def test_a_record_of_the_same_document_that_waits_behind_is_held_too(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "china", ["r0001"])
    put(exchange, "china", names(3, first=20))
    put(exchange, "china", ["q0001"])
    run(exchange, "china")
    assert states(exchange) == {"held": 2, "delivered": 3}


def test_also_behind_thousands_of_the_same_document(
    exchange_with: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "_SHIPMENTS", 1)
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "china", ["rx0001"])
    others = [chr(0x4E00 + number) + "x0001" for number in range(2001)]
    put(exchange, "china", others, version=2)  # of a number of their own
    put(exchange, "china", ["qx0001"])
    platform = exchange.config.platform("china")
    dialect = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
    claimer = claim.Claimer(exchange, platform, dialect, made_up, "me")
    with transaction(exchange.engine) as connection:
        done = claimer.claim(connection, 5, ())
    assert done is not None
    assert (done.packed, done.aside) == ([], {"held": 1})


def test_agencies_under_the_placeholder_code_share_it_there(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    """Their names tell them apart here; there only the code arrives, so one document number is one row."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "china", ["r0001"])
    run(exchange, "china")
    put(exchange, "china", ["q0001"])
    query(exchange, "update exchange.record set agency_code = 'a/' || record_id returning 1")
    assert run(exchange, "china").held == 1
    assert len(sandbox.current()) == 1


def test_what_identifies_a_row_there_is_never_masked(exchange: Exchange, sandbox: Sandbox) -> None:
    def source(an_exchange: Exchange, connection: Any, platform: str, ids: Sequence[int]) -> list[Sheet]:
        return [
            replace(sheet, masked=frozenset({"XK_WSH"})) for sheet in made_up(an_exchange, connection, platform, ids)
        ]

    put(exchange, "china", names(2))
    assert drain(exchange, "china", payload_source=source).held == 2
    assert outbox(exchange)["r0001", 1].outcome_code == "IDENTITY"
    assert sandbox.ledger.requests() == []
    put(exchange, "china", ["r0003"])
    run(exchange, "china")
    put(exchange, "china", ["r0003"], version=2, op="withdraw")
    assert drain(exchange, "china", payload_source=source).delivered == 1  # what lies there is taken down all the same
    assert sandbox.current() == {}


def test_penalties_of_natural_persons_never_go(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(1))
    query(exchange, "update exchange.release set dataset = 'penalty' returning 1")

    def source(_exchange: Exchange, _connection: Any, _platform: str, ids: Sequence[int]) -> list[Sheet]:
        fields = {key.replace("XK_", "CF_"): value for key, value in permit("r0001", 1).items()}
        return sheets_of(Payload(i, "r0001", 1, "upsert", "penalty", "person", fields) for i in ids)

    assert drain(exchange, "china", payload_source=source).held == 1
    assert sandbox.ledger.requests() == []


def test_busy_is_no_failed_attempt(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(2))
    sandbox.faults.add("import_permission", "busy", times=6)
    assert run(exchange, "china").delivered == 2


@pytest.mark.parametrize("fault", ["503", "429", "close_before_commit"])
def test_a_look_of_many_queries_ends_where_a_query_fails_now_and_then(
    exchange: Exchange, sandbox: Sandbox, fault: str
) -> None:
    put(exchange, "china", names(40))
    sandbox.faults.add("import_permission", "commit_then_close")
    for place in range(14):
        sandbox.faults.add("query_permission", fault, after=3 * place, retry_after="0")
    result = run(exchange, "china")
    assert (result.delivered, result.unknown, result.problem) == (40, 0, None)
    assert len(sandbox.ledger.requests("query_permission")) == 40 + 14, "what had been answered was asked again"


def test_also_where_the_platform_takes_no_connection_now_and_then(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exchange, "china", names(40))
    sandbox.faults.add("import_permission", "commit_then_close")
    asked, call = count(1), Transport.call

    def refused(self: Transport, method: str, *given: Any) -> Any:
        if method == "GET" and next(asked) % 3 == 0:
            raise NotSent("连接被拒绝")
        return call(self, method, *given)

    monkeypatch.setattr(Transport, "call", refused)
    result = run(exchange, "china")
    assert (result.delivered, result.unknown, result.problem) == (40, 0, None)
    assert len(sandbox.ledger.requests("query_permission")) == 40, "what had been answered was asked again"


def test_what_was_sent_before_the_drain_had_to_stop_is_asked_about_and_not_sent_again(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window may begin between a takedown and its reading back; before the takedown nothing was sent."""
    exchange = exchange_with()
    put(exchange, "china", names(1))
    run(exchange, "china")
    put(exchange, "china", names(1), version=2, op="withdraw")

    def stopped(_gate: Gate) -> None:
        raise Stop("平台维护中")

    with monkeypatch.context() as window:
        window.setattr(Gate, "turn", stopped)
        assert run(exchange_with(limits={"calls_per_second": 50}), "china").calls == 0
        assert outbox(exchange)["r0001", 2].state == "ready"
        result = run(exchange, "china")
    assert (result.unknown, result.calls, result.problem) == (1, 1, "平台维护中")
    assert outbox(exchange)["r0001", 2].state == "unknown"
    assert run(exchange, "china").delivered == 1
    assert len(sandbox.ledger.requests("revoke")) == 1


class TestPace:
    @pytest.fixture
    def left(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """When each call left. A machine that stalls may have them arrive closer; the platform calls that busy."""
        times: list[float] = []
        leave = Gate.leave

        def noted(gate: Gate) -> None:
            leave(gate)
            times.append(gate._last_call)

        monkeypatch.setattr(Gate, "leave", noted)
        return times

    @pytest.fixture
    def sandbox(self, kind: str) -> Iterator[Sandbox]:
        with Sandbox(kind, credentials=CREDENTIALS[kind], rate_limit=True) as platform:
            yield platform

    def test_two_calls_a_second_are_never_exceeded(
        self, database_url: str, sandbox: Sandbox, left: list[float]
    ) -> None:
        exchange = open_exchange(database_url, {"china": sandbox.url}, limits={"records": 1, "calls_per_second": 2.0})
        put(exchange, "china", names(6))
        assert run(exchange, "china").delivered == 6
        assert len(left) == len(sandbox.ledger.requests()) >= 6
        assert all(after - before > 0.5 for before, after in pairwise(left))
        exchange.engine.dispose()

    def test_nor_when_one_of_them_is_held_up_after_its_turn(
        self, database_url: str, sandbox: Sandbox, left: list[float]
    ) -> None:
        exchange = open_exchange(database_url, {"china": sandbox.url}, limits={"records": 1, "calls_per_second": 2.0})
        renew = str(sql.load("push/renew")).splitlines()[0]
        seen: list[int] = []

        @event.listens_for(exchange.engine, "before_cursor_execute")
        def _busy(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith(renew):
                seen.append(1)
                if len(seen) == 2:
                    time.sleep(0.4)

        put(exchange, "china", names(4))
        assert run(exchange, "china").delivered == 4
        assert len(left) == len(sandbox.ledger.requests()) == len(seen) >= 4
        assert all(after - before > 0.5 for before, after in pairwise(left))
        exchange.engine.dispose()


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_refused_as_a_whole_once_goes_afresh_in_smaller_shipments(
    exchange: Exchange, sandbox: Sandbox, status: int
) -> None:
    put(exchange, "china", names(9))
    sandbox.faults.add("import_permission", "unlisted_status", status=status)
    result = run(exchange, "china")
    assert (result.delivered, result.rejected, result.problem) == (9, 0, None)
    assert sandbox.ledger.repeated() == []
    assert len(sandbox.current()) == 9
