"""What a drain takes an interrupted call for: nothing was sent, or nobody knows. Without a platform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from credit_exchange.steps.push.claim import Leased
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Kind,
    Label,
    Lost,
    NotSent,
    Refusal,
    Reply,
    Shipment,
    Wire,
)
from credit_exchange.steps.push.drain import _Drain
from credit_exchange.steps.push.gate import Replaced, Stop

LABEL = Label("S1", "S1", "S1", "permit", "permit", "upsert", datetime(2026, 11, 22, tzinfo=UTC))
LEASED = Leased(Shipment(label=LABEL, body=b"", lines=[], fence=1), "ready", {"shipment_no": "S1"})
LOST = "/lost"
"""What is asked here may arrive, and its answer does not."""


@pytest.fixture
def told() -> list[Any]:
    """What was settled, put back or noted by :func:`call`, in order."""
    return []


@pytest.fixture
def call(told: list[Any]) -> Callable[..., None]:
    """Send, or ask about, a shipment in a way that ends as given, where the platform answers all but LOST."""

    def begin(*_: object) -> tuple[int, Any]:
        return 7, SimpleNamespace(troubled=False)

    def answered(_: str, url: str, *__: object) -> Reply:
        if url == LOST:
            raise Lost("x", b"half", 502)
        return Reply(200, {}, b"")

    def called(method: Callable[[Wire], CallResult], kind: str = "send", begin: Callable[..., Any] = begin) -> None:
        drain: Any = _Drain.__new__(_Drain)
        drain._exchange = SimpleNamespace(engine=None)
        drain._gate = SimpleNamespace(at_once=lambda _: True, leave=lambda: None, begins_within=60.0)
        drain._transport = SimpleNamespace(call=answered)
        drain._desk = SimpleNamespace(begin=begin, put_back=lambda _, attempt: told.append(("put back", attempt)))
        drain._noted = SimpleNamespace(sent=lambda attempt: told.append(("noted", attempt)))
        drain._settler = SimpleNamespace(
            trouble=SimpleNamespace(),
            sent=lambda _, __, result: told.append(("sent", result)),
            asked=lambda _, __, result: told.append(("asked", result)),
        )
        drain._calls = 0
        drain._call(LEASED, kind, lambda _, wire: method(wire))

    return called


def ends(error: Exception, *, after: tuple[str, ...] = ()) -> Callable[[Wire], CallResult]:
    """Return a way of sending that ends like this, after these requests were answered."""

    def send(wire: Wire) -> CallResult:
        for what in after:
            wire.call("POST", LOST if what == "lost" else "/", login=what == "login")
        raise error

    return send


@pytest.mark.parametrize(
    ("error", "after", "kind"),
    [
        (NotSent("x"), (), Kind.REFUSED),
        (NotSent("x"), ("login",), Kind.REFUSED),
        (NotSent("x"), ("records",), Kind.UNKNOWN),  # of what went before it nobody knows what it did
        (Lost("x"), (), Kind.REFUSED),
        (Lost("x"), ("login",), Kind.REFUSED),  # a login carries no records
        (Lost("x", b"half", 502), ("records",), Kind.UNKNOWN),
        (Lost("x", b"half", 502), ("lost",), Kind.UNKNOWN),
    ],
)
def test_what_may_have_arrived_is_unknown_and_is_not_sent_again(
    call: Callable[..., None], told: list[Any], error: Exception, after: tuple[str, ...], kind: Kind
) -> None:
    call(ends(error, after=after))
    (_, noted), (what, result) = told
    assert (noted, what, result.kind) == (7, "sent", kind)
    assert result.refusal == (Refusal.UNREACHABLE if kind is Kind.REFUSED else None)
    if isinstance(error, Lost):
        assert (result.reply, result.http_status) == (error.reply, error.status)


def test_a_drain_that_has_to_stop_settles_what_it_began_and_gives_back_what_it_did_not(
    call: Callable[..., None], told: list[Any]
) -> None:
    with pytest.raises(Stop, match="平台维护中"):
        call(ends(Stop("平台维护中"), after=("login",)))
    assert told == [("noted", 7), ("put back", 7)]
    told.clear()
    with pytest.raises(Stop, match="平台维护中"):
        call(ends(Stop("平台维护中"), after=("records",)))
    assert [result.kind for what, result in told if what == "sent"] == [Kind.UNKNOWN]
    told.clear()

    def closed(*_: object) -> None:
        raise Stop("平台维护中")

    with pytest.raises(Stop, match="平台维护中"):
        call(ends(AssertionError("called")), begin=closed)
    assert told == [("put back", None)]


def test_what_another_process_has_now_is_left_to_it(call: Callable[..., None], told: list[Any]) -> None:
    def replaced(*_: object) -> None:
        raise Replaced("已由另一进程接手")

    call(ends(AssertionError("called")), begin=replaced)
    with pytest.raises(Replaced):
        call(ends(Replaced("已由另一进程接手"), after=("records",)))
    assert told == [("noted", 7)]


def test_asking_sends_nothing_and_is_settled_as_an_answer(call: Callable[..., None], told: list[Any]) -> None:
    absent = CallResult(Kind.ABSENT)
    call(lambda _: absent, kind="ask")
    assert told == [("asked", absent)]
