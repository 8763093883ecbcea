"""Whether a platform may be called now, how far apart, and what a call that failed may have reached."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from credit_exchange.config.loader import load
from credit_exchange.steps.push import gate as gates
from credit_exchange.steps.push.dialects.base import Lost, Reply
from credit_exchange.steps.push.gate import Caller, Gate, State, Stop

NO_DATABASE: Any = None


def gate(calls_per_second: float | None = None, max_seconds: float = 300.0) -> Gate:
    platform = load().platforms["fuzhou"]
    limits = platform.limits.model_copy(update={"calls_per_second": calls_per_second})
    retry = platform.retry.model_copy(update={"max_seconds": max_seconds})
    return Gate(NO_DATABASE, platform.model_copy(update={"limits": limits, "retry": retry}))


def row(circuit: str = "closed", wait: float = 0.0, failures: int = 0) -> Any:
    return SimpleNamespace(circuit=circuit, wait_seconds=wait, failures=failures, reason="平台答复 HTTP 503")


@pytest.mark.parametrize(
    ("stands", "troubled"),
    [(row(), False), (row(failures=1), True), (row("half_open"), True), (row(wait=300.0), False)],
)
def test_a_success_has_to_be_written_where_something_failed_lately(stands: Any, troubled: bool) -> None:
    assert gate().state(stands) == State(stands.wait_seconds, troubled)


@pytest.mark.parametrize(
    ("stands", "why"), [(row("open"), "暂停上报.*HTTP 503"), (row(wait=300.5), "要求等待"), (row("open", 301), "暂停")]
)
def test_no_drain_calls_a_platform_that_is_not_to_be_called_soon(stands: Any, why: str) -> None:
    with pytest.raises(Stop, match=why):
        gate().state(stands)


def test_a_second_is_waited_for_however_short_the_pauses_are() -> None:
    assert gate(max_seconds=0.1).state(row(wait=1.0)).wait_seconds == 1.0


@pytest.mark.parametrize(
    ("wait", "pace", "at_once"), [(0.0, None, True), (-3.0, None, True), (0.2, None, False), (0.0, 2.0, False)]
)
def test_a_call_takes_no_turn_where_nobody_has_to_wait(wait: float, pace: float | None, at_once: bool) -> None:
    assert gate(pace).at_once(State(wait, troubled=False)) == at_once


def test_calls_leave_apart_however_long_each_was_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 2))
        clock[0] += seconds

    monkeypatch.setattr(gates, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    two_a_second = gate(2.0)
    for held_up in (0.0, 0.3, 0.0, 9.0):
        clock[0] += held_up
        two_a_second.leave()
    assert slept == [0.22, 0.52]


@pytest.mark.parametrize(
    ("login", "fails", "begun", "answered"),
    [(True, False, False, False), (True, True, False, False), (False, False, True, True), (False, True, True, False)],
)
def test_only_a_call_that_carries_records_may_have_brought_some(
    login: bool, fails: bool, begun: bool, answered: bool
) -> None:
    def call(*_: Any) -> Reply:
        if fails:
            raise Lost("reset")
        return Reply(200, {}, b"")

    transport: Any = SimpleNamespace(call=call)
    caller = Caller(NO_DATABASE, gate(), transport, {}, time.monotonic(), at_once=True)
    try:
        caller.call("POST", "http://x.invalid/", login=login)
    except Lost:
        assert fails
    assert (caller.begun, caller.answered, caller.calls) == (begun, answered, 1)
