"""What is particular to 信用福建: tokens that die, tasks that take long, fail, or are answered after the night."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from world import finish_tasks, made_up, names, outbox, put, query, run, states

from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import drain, poll_receipts, settle
from platforms import Sandbox, fujian

pytestmark = pytest.mark.parametrize("kind", ["fujian"])


def test_one_login_serves_many_calls_and_a_dead_token_is_renewed_once(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(2))
    run(exchange, "fujian")
    put(exchange, "fujian", names(2, first=5))
    sandbox.faults.add("upload", "token_dies")
    assert run(exchange, "fujian").problem is None
    assert len(sandbox.ledger.requests("token")) == 2
    assert len(sandbox.ledger.applies()) == 4


def test_a_failed_task_goes_again_under_a_new_key(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(3))
    sandbox.faults.add("upload", "task_failed")
    assert run(exchange, "fujian").delivered == 3
    assert len(query(exchange, "select distinct idem_key from exchange.shipment")) == 2
    assert len(sandbox.ledger.applies()) == 3


def test_the_night_does_not_wait_for_a_task_and_the_poll_settles_it(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=0.2)
    put(exchange, "fujian", names(3))
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    result = run(exchange, "fujian")
    assert (result.awaiting, result.problem) == (3, None)
    assert states(exchange) == {"awaiting_receipt": 3}
    assert poll_receipts(exchange, "fujian").delivered == 0
    finish_tasks(sandbox)
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    assert poll_receipts(exchange, "fujian").delivered == 3
    assert outbox(exchange)["r0001", 1].receipt_no


def test_a_poll_looks_once_at_each_task_however_soon_it_is_due_again(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(poll_seconds=0.001, poll_in_drain_seconds=0, limits={"records": 1})
    put(exchange, "fujian", names(5))
    sandbox.faults.add("upload", "task_never_done", times=5, seconds=60)
    run(exchange, "fujian")
    looked = poll_receipts(exchange, "fujian")
    assert (looked.awaiting, looked.calls) == (5, 5)


def test_a_takedown_goes_before_tasks_that_are_due_all_the_time(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(poll_seconds=0.001)
    put(exchange, "fujian", names(3))
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    run(exchange_with(poll_seconds=0.001, poll_in_drain_seconds=0), "fujian")
    put(exchange, "fujian", names(1, first=9), version=2, op="withdraw")
    run(exchange, "fujian")
    assert outbox(exchange)["r0009", 2].attempts == 1


def test_busy_waits_as_long_as_the_platform_says(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(2))
    sandbox.faults.add("upload", "busy", retry_after=1)
    started = time.monotonic()
    assert run(exchange, "fujian").delivered == 2
    assert time.monotonic() - started > 0.9


def test_busy_now_and_then_is_not_busy_in_a_row_however_much_there_is(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "_BUSY_IN_A_ROW", 3)
    exchange = exchange_with(limits={"records": 2}, poll_seconds=60, poll_in_drain_seconds=0)
    put(exchange, "fujian", names(12))
    for place in range(6):
        sandbox.faults.add("upload", "busy", after=2 * place, retry_after=0.01)
        sandbox.faults.add("task", "busy", after=2 * place, retry_after=0.01)
    sandbox.faults.add("upload", "task_never_done", times=-1, seconds=3600)
    result = run(exchange, "fujian")
    assert (result.awaiting, result.retry, result.problem) == (12, 0, None)
    query(exchange, "update exchange.shipment set next_attempt_at = now() returning 1")
    assert poll_receipts(exchange, "fujian").problem is None


def test_a_login_that_fails_stores_nothing_and_is_tried_again(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(2))
    sandbox.faults.add("token", "503")
    assert run(exchange, "fujian").delivered == 2
    assert len(sandbox.ledger.requests("upload")) == 1


@pytest.mark.parametrize(
    ("token", "seconds", "fits"),
    [("t" * 4000, 1800, True), ("t", "1800", True), ("令牌", 1800, False), ("t", "", False)],
)
def test_a_token_may_be_long_and_must_fit_a_header(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, token: str, seconds: object, fits: bool
) -> None:
    """A signed one has some thousand characters; how long it lives, some gateways write as text."""
    fine = fujian._fine

    def login(data: dict[str, object]) -> object:
        return fine(data | {"expires_in": seconds} if "access_token" in data else data)

    monkeypatch.setattr(fujian.secrets, "token_urlsafe", lambda _size: token)
    monkeypatch.setattr(fujian, "_fine", login)
    put(exchange, "fujian", names(2))
    result = run(exchange, "fujian")
    assert (result.delivered, result.problem is None) == ((2, True) if fits else (0, False))
    assert len(sandbox.ledger.applies()) == result.delivered


def test_a_refused_login_opens_the_circuit_after_one_try(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(2))
    sandbox.faults.add("token", "401", times=-1)
    result = run(exchange, "fujian")
    assert "credit_fujian" in str(result.problem)
    assert [r.endpoint for r in sandbox.ledger.requests()] == ["token"]


def test_a_task_that_runs_for_days_is_told_to_a_person_once(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "fujian", names(2))
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    run(exchange, "fujian")
    assert watchdog.check(exchange) == []
    query(exchange, "update exchange.attempt set started_at = started_at - interval '2 days' returning 1")
    for is_new in (True, False):
        assert poll_receipts(exchange, "fujian").problem is None
        [finding] = watchdog.check(exchange)
        assert finding.incident_key.startswith("overdue:fujian:")
        assert finding.is_new == is_new


def test_tasks_that_are_due_all_the_time_keep_nothing_from_being_sent_and_no_drain_from_its_end(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(poll_seconds=0.001, poll_in_drain_seconds=0.5, limits={"records": 1})
    put(exchange, "fujian", names(3))
    sandbox.faults.add("upload", "task_never_done", times=-1, seconds=3600)
    assert run(exchange, "fujian").problem is None
    put(exchange, "fujian", names(3, first=11))
    assert run(exchange, "fujian").problem is None
    assert states(exchange) == {"awaiting_receipt": 6}


def test_tasks_are_waited_for_after_what_was_sent_last_however_long_the_drain_idled_before(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(poll_seconds=0.02, poll_in_drain_seconds=2, retry={"max_seconds": 10})
    put(exchange, "fujian", names(2))
    sandbox.faults.add("upload", "busy", retry_after=3)
    assert run(exchange, "fujian").delivered == 2


def test_a_drain_ends_at_the_time_it_was_given_and_never_later_than_its_platform_allows(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    put(exchange_with(), "fujian", names(2))
    now = datetime.now(SHANGHAI)
    for exchange, until in ((exchange_with(), now), (exchange_with(drain_seconds=0), now + timedelta(hours=1))):
        result = drain(exchange, "fujian", until=until, payload_source=made_up)
        assert "时间已用完" in str(result.problem)
        assert (result.calls, result.retry) == (0, 2)
    assert drain(exchange_with(), "fujian", until=now + timedelta(hours=1), payload_source=made_up).delivered == 2


def test_a_poll_ends_while_other_platforms_have_to_be_asked(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=0)
    put(exchange, "fujian", names(2))
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    assert run(exchange, "fujian").awaiting == 2
    monkeypatch.setattr(sys.modules[poll_receipts.__module__], "_POLL", timedelta(0))
    result = poll_receipts(exchange, "fujian", payload_source=made_up)
    assert (result.calls, "时间已用完" in str(result.problem)) == (0, True)
