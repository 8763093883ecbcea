"""What is written of an attempt and its answer: whoever lost a shipment writes nothing. Without platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deskwork import HOUR, NOW, packed, put_as
from world import open_exchange, outbox, query

from credit_exchange.errors import FatalError
from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import owner
from credit_exchange.steps.push.claim import Leased
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Label, Line, Outcome, Shipment, Verdict
from credit_exchange.steps.push.gate import Gate, Replaced, Stop
from credit_exchange.stores import sql

STORED = CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "0")}, code="0", receipt_no="R", reply=b"r")

REJECTED = CallResult(Kind.STORED, {1: Verdict(Outcome.REJECTED, "7", "no")}, code="0", receipt_no="R", reply=b"r")


@pytest.fixture
def exchange(database_url: str) -> Iterator[Exchange]:
    """The exchange; no platform is there."""
    opened = open_exchange(database_url, {})
    yield opened
    opened.engine.dispose()


@pytest.fixture
def desk(exchange: Exchange) -> Iterator[Desk]:
    """The desk of a drain of 信用福州."""
    opened = Desk(exchange, exchange.config.platforms["fuzhou"], "me")
    yield opened
    opened.close()


@pytest.fixture
def gate(exchange: Exchange) -> Gate:
    """How the platform stands: well."""
    opened = Gate(exchange.engine, exchange.config.platforms["fuzhou"])
    opened.prepare(at_once=True, try_again=True)
    return opened


def take(desk: Desk) -> Leased:
    """The shipment that is there."""
    found = desk.take((), takedowns_only=False)
    assert isinstance(found, Leased)
    return found


def shipment(exchange: Exchange) -> Any:
    """The row of the only shipment."""
    (row,) = query(exchange, "select * from exchange.shipment")
    return row


def shipment_of(number: str) -> Shipment:
    """What somebody who held it remembers of a shipment."""
    return Shipment(Label(number, number, number, "permit", "permit", "upsert", NOW), b"x", [Line(1, 1, "r", 1)], 0)


def earlier(exchange: Exchange) -> None:
    """The record went in another shipment before, two tries of it."""
    query(exchange, "update exchange.release set attempts = 2, first_sent_at = :at returning 1", at=NOW - 9 * HOUR)


@pytest.mark.parametrize("lost", ["fence = fence + 1", "lease_owner = 'another'"])
@pytest.mark.parametrize(
    "write",
    [
        lambda desk, gate, leased: desk.begin(leased, "send", gate),
        lambda desk, gate, leased: desk.record(leased, 1, STORED, state="settled"),
        lambda desk, gate, leased: desk.put_back(leased, None),
        lambda desk, gate, leased: desk.dissolve(leased, 1, STORED, "x"),
        lambda desk, gate, leased: desk.failed(leased, 1, STORED, "x", 0.0),
    ],
    ids=["begin", "record", "put_back", "dissolve", "failed"],
)
def test_whoever_lost_a_shipment_writes_nothing(
    exchange: Exchange, desk: Desk, gate: Gate, lost: str, write: Callable[[Desk, Gate, Leased], Any]
) -> None:
    packed(exchange, "one", "r0001")
    leased = take(desk)
    desk.begin(leased, "send", gate)
    query(exchange, f"update exchange.shipment set {lost} returning 1")
    before = [query(exchange, f"select * from exchange.{table}") for table in ("shipment", "attempt", "release")]
    with pytest.raises(Replaced):
        write(desk, gate, leased)
    after = [query(exchange, f"select * from exchange.{table}") for table in ("shipment", "attempt", "release")]
    assert after == before


@pytest.mark.parametrize(
    ("write", "state"),
    [
        (lambda desk, leased, attempt: desk.record(leased, attempt, STORED, state="settled"), "delivered"),
        (lambda desk, leased, attempt: desk.record(leased, attempt, REJECTED, state="settled"), "rejected"),
        (lambda desk, leased, attempt: desk.record(leased, attempt, CallResult(Kind.UNKNOWN), state="unknown"), None),
        (lambda desk, leased, attempt: desk.put_back(leased, attempt), None),
        (lambda desk, leased, attempt: desk.put_back(leased, None), None),
        (lambda desk, leased, attempt: desk.dissolve(leased, attempt, STORED, "x"), "retry"),
        (lambda desk, leased, attempt: desk.failed(leased, attempt, STORED, "x", 0.0), "retry"),
    ],
    ids=["settled", "rejected", "unknown", "put_back", "put_back before an attempt", "dissolve", "failed"],
)
def test_a_connection_that_dies_as_an_outcome_is_committed_is_no_other_process(
    exchange: Exchange,
    desk: Desk,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Desk, Leased, int], Any],
    state: str | None,
) -> None:
    """What was written is not written twice, the drain goes on, and of what failed as a whole it hears the states."""
    put_as(exchange, "r0009", "rejected")
    packed(exchange, "one", "r0001")
    leased = take(desk)
    attempt, _ = desk.begin(leased, "send", gate)
    tables = ("shipment", "attempt", "release")
    committed: list[Any] = []

    def dies(work: Callable[[Any], Any], isolation: str = "READ COMMITTED") -> Any:
        """The first time is done and not heard of."""
        if not committed:
            whole(work, isolation)
            committed.append([query(exchange, f"select * from exchange.{table}") for table in tables])
        return whole(work, isolation)

    whole = desk._safely
    monkeypatch.setattr(desk, "_safely", dies)
    said = write(desk, leased, attempt)
    assert [query(exchange, f"select * from exchange.{table}") for table in tables] == committed[0]
    assert state in (None, outbox(exchange)["r0001", 1].state)
    assert said in (None, {"retry": 1})


def test_a_write_was_done_before_only_where_this_very_one_is_there(exchange: Exchange) -> None:
    packed(exchange, "one", "r0001", fence=4)
    packed(exchange, "two", "r0002", fence=5)
    packed(exchange, "held", "r0003", fence=4, lease_owner="another", lease_until=NOW + HOUR)
    attempts = (
        "insert into exchange.attempt (attempt_id, shipment_no, kind, fence, outcome, finished_at) "
        "overriding system value "
        "values (7, 'one', 'send', 3, 'stored', now()), (8, 'two', 'send', 5, 'stored', now()), "
        "(9, 'one', 'send', 3, 'stored', null) returning 1"
    )
    query(exchange, attempts)
    asked: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"fence": 2}, False),
        ({"outcome": "unknown"}, False),
        ({"attempt_id": 8}, False),
        ({"attempt_id": 9}, False),  # is not over
        ({"attempt_id": None, "fence": 4}, True),  # put back before one began
        ({"attempt_id": None, "fence": 4, "state": "retry"}, False),
        ({"attempt_id": None, "fence": 3}, False),  # taken again since
        ({"attempt_id": None, "fence": 4, "shipment_no": "two"}, False),
        ({"attempt_id": None, "fence": 4, "shipment_no": "held"}, False),
        ({"fence": 4}, False),  # an attempt that somebody else ended is not ours, wherever the shipment lies
    ]
    given = {"attempt_id": 7, "fence": 3, "outcome": "stored", "shipment_no": "one", "state": "ready"}
    for other, is_ours in asked:
        assert query(exchange, sql.source("push/written"), **given | other) == [(is_ours,)], other


def test_an_answer_about_records_that_are_no_longer_on_their_way_is_not_written_in_part(
    exchange: Exchange, desk: Desk, gate: Gate
) -> None:
    packed(exchange, "one", "r0001")
    leased = take(desk)
    attempt, _ = desk.begin(leased, "send", gate)
    query(exchange, "update exchange.release set state = 'superseded' returning 1")
    with pytest.raises(Replaced):
        desk.record(leased, attempt, REJECTED, state="settled")
    assert shipment(exchange).state == "sending"


def test_an_attempt_to_send_is_counted_and_one_to_ask_is_not(exchange: Exchange, desk: Desk, gate: Gate) -> None:
    packed(exchange, "one", "r0001")
    leased = take(desk)
    query(exchange, "update exchange.shipment set lease_until = now() returning 1")
    desk.begin(leased, "send", gate)
    first = shipment(exchange)
    assert (first.state, first.tries) == ("sending", 1)
    assert first.lease_until > datetime.now(UTC) + timedelta(seconds=10)
    desk.record(leased, None, CallResult(Kind.UNKNOWN), state="retry")
    leased = take(desk)
    desk.begin(leased, "send", gate)
    second = shipment(exchange)
    assert (second.tries, second.first_sent_at) == (2, first.first_sent_at)
    assert second.sent_at > first.sent_at
    desk.record(leased, None, CallResult(Kind.UNKNOWN), state="unknown")
    asking = desk.take_open("unknown", ())
    assert asking is not None
    desk.begin(asking, "ask", gate)
    asked = shipment(exchange)
    assert (asked.state, asked.tries, asked.sent_at, asked.first_sent_at) == (
        "unknown",
        2,
        second.sent_at,
        first.first_sent_at,
    )


@pytest.mark.parametrize("state", ["circuit = 'open'", "next_call_at = now() + interval '1 hour'"])
def test_where_a_platform_may_not_be_called_no_attempt_is_written(
    exchange: Exchange, desk: Desk, gate: Gate, state: str
) -> None:
    packed(exchange, "one", "r0001")
    leased = take(desk)
    query(exchange, f"update exchange.platform_state set {state} returning 1")
    with pytest.raises(Stop, match=r"信用福州"):
        desk.begin(leased, "send", gate)
    assert query(exchange, "select 1 from exchange.attempt") == []
    assert shipment(exchange).state == "ready"


def test_what_is_known_of_a_shipment_stays_while_nothing_new_is(exchange: Exchange, desk: Desk, gate: Gate) -> None:
    packed(exchange, "one", "r0001")
    leased = take(desk)
    attempt, _ = desk.begin(leased, "send", gate)
    pending = CallResult(Kind.PENDING, task_id="T", receipt_no="R", reply=b"r", code="C", problem="P")
    desk.record(leased, attempt, pending, state="awaiting_receipt", wait=60)
    told = shipment(exchange)
    assert (told.lease_owner, told.lease_until, told.settled_at) == (None, None, None)
    assert 50 < (told.next_attempt_at - datetime.now(UTC)).total_seconds() <= 60
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    asking = desk.take_open("awaiting_receipt", ())
    assert asking is not None
    desk.put_back(asking, None)
    kept = shipment(exchange)
    for name in ("task_id", "receipt_no", "reply_sealed", "reply_digest", "problem", "code"):
        assert getattr(kept, name) == getattr(told, name)
        assert getattr(kept, name) is not None
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    asking = desk.take_open("awaiting_receipt", ())
    assert asking is not None
    desk.record(asking, attempt, CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED)}), state="settled")
    settled = shipment(exchange)
    assert (settled.problem, settled.code, settled.settled_at is not None) == (None, None, True)


@pytest.mark.parametrize(
    ("outcome", "state", "waits", "message"),
    [
        (Outcome.REJECTED, "rejected", 0, ""),
        (Outcome.HELD, "held", 0, ""),
        (Outcome.AGAIN, "retry", 60, ""),
        (Outcome.DELIVERED, "delivered", 0, "it was there"),
    ],
)
def test_a_record_that_fared_otherwise_than_its_shipment_has_a_word_of_its_own(
    exchange: Exchange, desk: Desk, gate: Gate, outcome: Outcome, state: str, waits: float, message: str
) -> None:
    packed(exchange, "one", "r0001")
    if waits:
        earlier(exchange)
    leased = take(desk)
    attempt, _ = desk.begin(leased, "send", gate)
    first = NOW - 9 * HOUR if waits else shipment(exchange).first_sent_at
    result = CallResult(Kind.STORED, {1: Verdict(outcome, "", message)}, receipt_no="R")
    desk.record(leased, attempt, result, state="settled", waits={1: waits})
    (row,) = query(exchange, "select * from exchange.release")
    assert (row.state, row.outcome_code, row.outcome_message, row.receipt_no) == (state, None, message or None, "R")
    assert (row.attempts, row.first_sent_at) == (3 if waits else 1, first)
    assert (row.settled_at is None) is (state == "retry")
    assert (row.not_before is not None) is (waits > 0)
    if waits:
        assert 50 < (row.not_before - datetime.now(UTC)).total_seconds() <= 60


@pytest.mark.parametrize("before", [True, False])
def test_what_goes_afresh_keeps_its_tries_and_when_it_first_went(
    exchange: Exchange, desk: Desk, gate: Gate, before: bool
) -> None:
    packed(exchange, "one", "r0001")
    if before:
        earlier(exchange)
    leased = take(desk)
    attempt, _ = desk.begin(leased, "send", gate)
    desk.dissolve(leased, attempt, CallResult(Kind.REFUSED, code="413"), "x")
    (row,) = query(exchange, "select * from exchange.release")
    first = NOW - 9 * HOUR if before else shipment(exchange).first_sent_at
    assert (row.state, row.outcome_code, row.attempts, row.first_sent_at) == ("retry", "413", 3 if before else 1, first)


def test_what_somebody_sent_and_did_not_live_to_settle_is_unknown(exchange: Exchange, desk: Desk) -> None:
    packed(exchange, "over", "r0001", state="sending", lease_owner="a", lease_until=NOW - 2 * HOUR)
    packed(exchange, "lives", "r0002", state="sending", lease_owner="b", lease_until=NOW + HOUR)
    packed(exchange, "waits", "r0003", lease_owner="c", lease_until=NOW - HOUR)
    packed(exchange, "elsewhere", "r0004", state="sending", lease_until=NOW - HOUR, platform="china")
    before = {row.shipment_no: row for row in query(exchange, "select * from exchange.shipment")}
    desk.recover()
    after = {row.shipment_no: row for row in query(exchange, "select * from exchange.shipment")}
    assert {number for number in after if after[number] != before[number]} == {"over"}
    over = after["over"]
    assert (over.state, over.lease_owner, over.lease_until, over.fence) == ("unknown", None, None, 1)
    assert over.next_attempt_at == NOW - 2 * HOUR + timedelta(seconds=0.3)
    assert outbox(exchange)["r0001", 1].state == "unknown"


def test_what_an_ended_drain_of_this_machine_holds_is_free_before_its_lease_ends(
    exchange: Exchange, desk: Desk
) -> None:
    with owner.working() as ended:
        pass
    with owner.working() as works:
        packed(exchange, "ended", "r0001", state="sending", lease_owner=ended, lease_until=NOW + HOUR)
        packed(exchange, "works", "r0002", state="sending", lease_owner=works, lease_until=NOW + HOUR)
        desk.recover()
    states = "select shipment_no, state from exchange.shipment order by shipment_no"
    assert query(exchange, states) == [("ended", "unknown"), ("works", "sending")]


def test_what_a_person_states_of_a_shipment_counts_where_nobody_asks_about_it_and_no_answer_outdoes_it(
    exchange: Exchange, desk: Desk
) -> None:
    over = {"lease_owner": "me", "lease_until": NOW - HOUR, "tries": 1, "code": "E1", "problem": "x"}
    told = [
        ("ready", {}, True),
        ("unknown", {}, True),
        ("awaiting_receipt", {}, True),
        ("unknown", {"lease_owner": None, "lease_until": None}, True),
        ("unknown", {"lease_until": NOW + HOUR}, False),
        ("ready", {"tries": 0}, False),
        ("sending", {}, False),
        ("retry", {}, False),
        ("settled", {}, False),
    ]
    for n, (state, given, _) in enumerate(told):
        packed(exchange, f"s{n}", f"r000{n}", **{"state": state} | over | given)
    for n, (_, _, goes) in enumerate(told):
        with nullcontext() if goes else pytest.raises(FatalError, match=f"上报批次 s{n} 现在"):
            orders.settle(exchange, f"s{n}", "delivered", "平台确认11010519491231002X", "tester")
    with pytest.raises(FatalError, match="没有上报批次 s99"):
        orders.settle(exchange, "s99", "delivered", "平台确认", "tester")
    rows = query(exchange, "select *, lease_until is null as is_free from exchange.shipment order by shipment_no")
    statement = f"tester 与平台核实后登记（delivered）：平台确认{'*' * 18}"
    for row, (state, given, goes) in zip(rows, told, strict=True):
        found = (row.state, row.code, row.problem, row.fence, row.lease_owner, row.settled_at is None)
        kept = (state, "E1", "x", 0, "me", True)
        assert found == (("settled", "STATED", statement, 1, None, False) if goes else kept), (state, given)
        assert row.is_free is goes
    late = Leased(shipment_of("s1"), "unknown", {"shipment_no": "s1", "fence": 0, "owner": "me", "lease": 60})
    with pytest.raises(Replaced):
        desk.record(late, 1, REJECTED, state="settled")
    assert outbox(exchange)["r0001", 1].state == "delivered"
