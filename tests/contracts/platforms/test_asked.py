"""What one drain makes of answers about a shipment of which it is not known what became. Without platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deskwork import packed
from world import made_up, open_exchange, outbox, query

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.claim import Claimer, Leased
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Kind,
    Outcome,
    Refusal,
    Verdict,
    dialect_for,
)
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.settle import Settler

STORED = CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "0")}, code="0")
OTHER_LINES = CallResult(Kind.STORED, {2: Verdict(Outcome.DELIVERED, "0")}, code="0", http_status=200)
PENDING = CallResult(Kind.PENDING)
ABSENT = CallResult(Kind.ABSENT, code="404")
SILENT = CallResult(Kind.UNKNOWN, problem="silent")
GATEWAY = CallResult(Kind.UNKNOWN, http_status=503)
ODD = CallResult(Kind.UNKNOWN, http_status=200, problem="odd")
BROKEN = CallResult(Kind.UNKNOWN, http_status=500)
FURTHER = CallResult(Kind.UNKNOWN, further=True)


def refused(refusal: Refusal, **given: Any) -> CallResult:
    return CallResult(Kind.REFUSED, refusal=refusal, code="x", **given)


BUSY = refused(Refusal.BUSY, http_status=429)
DENIED = refused(Refusal.NOT_ALLOWED, http_status=200)
NOBODY = refused(Refusal.UNREACHABLE)


class Drain:
    """What a drain knows, without a platform; it has three tries for a shipment."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        platform = exchange.config.platform("fuzhou")
        dialect = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
        self.desk = Desk(exchange, platform, "me")
        self.gate = Gate(exchange.engine, platform)
        self.gate.prepare(at_once=True, try_again=True)
        claimer = Claimer(exchange, platform, dialect, made_up, "me")
        self.settler = Settler(platform, self.desk, self.gate, claimer, {"permit": "许可"})

    def asked(self, *results: CallResult, number: str = "one", before: str = "unknown") -> str:
        """Ask about a shipment and be answered so, one after the other; the shipment's state after each, by letters."""
        states = ""
        for result in results:
            leased = self._taken(number, before)
            attempt, _ = self.desk.begin(leased, "ask", self.gate)
            self.settler.asked(leased, attempt, result)
            [(state,)] = query(self.exchange, "select state from exchange.shipment where shipment_no = :n", n=number)
            states += state[0]
        return states

    def sent(self, result: CallResult, number: str) -> None:
        """Send a shipment and be answered so."""
        leased = self._taken(number)
        attempt, _ = self.desk.begin(leased, "send", self.gate)
        self.settler.sent(leased, attempt, result)

    def _taken(self, number: str, before: str = "unknown") -> Leased:
        columns = f"state = '{before}', next_attempt_at = now(), lease_owner = null, lease_until = null"
        query(self.exchange, f"update exchange.shipment set {columns} where shipment_no = :n returning 1", n=number)
        others = [n for (n,) in query(self.exchange, "select shipment_no from exchange.shipment") if n != number]
        found = self.desk.take_open(before, others)
        assert found is not None
        return found


@pytest.fixture
def drain(database_url: str) -> Iterator[Drain]:
    """A drain of 信用福州, and what it is to ask about."""
    retry = {"attempts": 3, "first_seconds": 0.01, "max_seconds": 0.01}
    exchange = open_exchange(database_url, {}, retry=retry, circuit={"failures": 2})
    for number, record in (("one", "r0001"), ("two", "r0002")):
        packed(exchange, number, record, state="unknown")
    made = Drain(exchange)
    yield made
    made.desk.close()
    exchange.engine.dispose()


@pytest.mark.parametrize(
    ("answers", "states", "left", "unseen", "unanswered"),
    [
        ([STORED], "s", False, False, False),
        ([PENDING], "a", False, False, False),
        ([ABSENT, ABSENT], "rr", False, False, False),
        ([ABSENT, ABSENT, ABSENT], "rru", False, True, False),
        ([SILENT, SILENT, ABSENT], "uur", False, False, False),
        ([SILENT, SILENT, SILENT], "uuu", True, True, True),
        ([SILENT, SILENT, SILENT, ABSENT], "uuur", True, False, False),
        ([ABSENT, ABSENT, SILENT, SILENT, SILENT, ABSENT], "rruuur", True, False, False),
        ([BUSY, BUSY, BUSY, ABSENT], "uuur", False, False, False),
        ([BUSY], "u", False, False, False),
        ([SILENT, BUSY], "uu", False, True, True),
        ([FURTHER, FURTHER, FURTHER], "uuu", False, True, False),
        ([SILENT, FURTHER], "uu", False, True, False),
        ([SILENT, ODD], "uu", False, True, False),
        ([GATEWAY], "u", False, True, True),
        ([OTHER_LINES], "u", False, True, False),
        ([DENIED], "u", True, True, True),
        ([NOBODY], "u", False, True, False),
    ],
)
def test_what_is_asked_about_is_settled_sent_again_or_asked_again_so_often(
    drain: Drain, answers: list[CallResult], states: str, left: bool, unseen: bool, unanswered: bool
) -> None:
    """left: for the next drain; unseen: the last look found nothing out; unanswered: it was no answer either."""
    assert drain.asked(*answers) == states
    settler = drain.settler
    found = [settler.skip_shipments, set(settler.unseen), settler.unanswered]
    assert found == [{"one"} if yes else set() for yes in (left, unseen, unanswered)]


def test_an_answer_about_any_shipment_shows_that_the_platform_answers(drain: Drain) -> None:
    for answer in (ODD, BROKEN, STORED, PENDING, ABSENT, FURTHER):
        drain.asked(SILENT)
        assert drain.settler.unanswered == {"one"}
        drain.asked(answer, number="two")
        assert drain.settler.unanswered == set(), answer


def test_a_platform_that_is_busy_too_often_in_a_row_is_left_alone(drain: Drain) -> None:
    for answer in (STORED, PENDING, ABSENT, FURTHER):
        drain.settler._busy = 98
        drain.asked(BUSY)
        with pytest.raises(Stop, match="连续 100 次"):
            drain.asked(BUSY)
        drain.asked(answer, number="two")
        drain.asked(BUSY)


@pytest.mark.parametrize(
    ("answers", "circuit"),
    [
        ([NOBODY, NOBODY], "open"),
        ([GATEWAY, GATEWAY], "closed"),
        ([refused(Refusal.CREDENTIALS, credentials_refused=True)], "open"),
    ],
    ids=["nobody", "gateway", "credentials"],
)
def test_questions_open_the_circuit_where_nobody_is_there_or_who_asks_is_not_known(
    drain: Drain, answers: list[CallResult], circuit: str
) -> None:
    try:
        drain.asked(*answers)
    except Stop:
        assert circuit == "open"
    assert query(drain.exchange, "select circuit from exchange.platform_state") == [(circuit,)]


def test_what_is_lost_again_and_again_on_its_way_is_left_for_the_next_drain(drain: Drain) -> None:
    for _ in range(3):
        drain.sent(SILENT, "one")
    assert drain.asked(ABSENT) == "r"
    assert drain.settler.skip_shipments == {"one"}


@pytest.mark.parametrize("before", ["unknown", "awaiting_receipt"])
@pytest.mark.parametrize("answer", [STORED, PENDING])
def test_what_is_found_out_ends_a_row_of_failures(drain: Drain, answer: CallResult, before: str) -> None:
    drain.asked(NOBODY)
    drain.asked(answer, number="two", before=before)
    drain.asked(NOBODY)
    assert query(drain.exchange, "select circuit from exchange.platform_state") == [("closed",)]


@pytest.mark.parametrize(
    ("answer", "before", "stops"),
    [
        (STORED, "unknown", False),
        (PENDING, "unknown", False),
        (STORED, "awaiting_receipt", True),
        (ABSENT, "unknown", True),
        (SILENT, "unknown", True),
    ],
)
def test_what_turns_out_to_have_been_taken_shows_that_its_kind_is_taken(
    drain: Drain, answer: CallResult, before: str, stops: bool
) -> None:
    """Not what was known to have been taken: that says nothing of what is sent since."""
    drain.sent(GATEWAY, "one")
    drain.asked(answer, number="two", before=before)
    drain.sent(GATEWAY, "one")
    assert bool(drain.settler.trouble.broken) is stops


def test_what_a_task_failed_on_goes_afresh_so_often_and_then_waits_for_the_next_drain(drain: Drain) -> None:
    failed: Callable[[], str] = lambda: drain.asked(refused(Refusal.FAILED))  # noqa: E731
    assert failed() == "s"
    row = outbox(drain.exchange)["r0001", 1]
    assert (row.state, row.outcome_code, row.not_before is not None) == ("retry", "x", True)
    assert drain.settler.skip_records == set()
    assert drain.settler.counts == {}
    assert "拆小后重新上报" in drain.settler.last_problem
