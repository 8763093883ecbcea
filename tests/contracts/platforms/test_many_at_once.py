"""Several drains at once, frozen ones, and ones killed at random: still everything arrives once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world import SEND, arrived_once, environment, names, outbox, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import DrainResult
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.restored import Noted
from platforms import Sandbox

WORLD = Path(__file__).parent / "world.py"
ROOT = Path(__file__).resolve().parents[3]
IN_TRANSACTION = (
    "select count(*) as sessions from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid() "
    "and backend_type = 'client backend' and xact_start is not null"
)
ACTIVE = f"{IN_TRANSACTION} and state = 'active'"


def start(kind: str, sandbox: Sandbox, url: str) -> subprocess.Popen[bytes]:
    with environment(PYTHONPATH=str(ROOT / "plugins")) as variables:
        return subprocess.Popen([sys.executable, str(WORLD), kind, sandbox.url, url, "2"], env=variables)


def freeze(child: subprocess.Popen[bytes], exchange: Exchange) -> None:
    """Stop the child where it has no transaction open: there its locks would rightly be waited for, ten minutes."""
    for _ in range(100):
        child.send_signal(signal.SIGSTOP)
        while (busy := query(exchange, IN_TRANSACTION)[0].sessions) and query(exchange, ACTIVE)[0].sessions:
            time.sleep(0.01)
        if not busy:
            return
        child.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("the child always has a transaction open")


def test_two_drains_at_once_share_the_work(exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str) -> None:
    exchange = exchange_with(limits={"records": 3})
    put(exchange, kind, names(40))
    results: list[DrainResult] = []
    threads = [threading.Thread(target=lambda: results.append(run(exchange, kind))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert [result.problem for result in results] == [None] * 3
    assert sum(result.delivered for result in results) == 40
    arrived_once(sandbox, 40)


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_another_drain_sends_during_the_last_look_is_not_missing(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Desk.left

    def beside_another_night(desk: Desk) -> dict[str, int]:
        monkeypatch.undo()
        put(exchange, kind, names(3))
        found = count(desk)
        assert run(exchange, kind).delivered == 3
        return found

    monkeypatch.setattr(Desk, "left", beside_another_night)
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 3)


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_is_released_as_a_drain_ends_is_sent_or_is_the_next_ones(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts what is left, looks a last time, and counts again."""
    count = Desk.left

    def drain(**released: str) -> tuple[DrainResult, list[int]]:
        """Drain while these records are released before or after it counts so many times."""
        counted: list[int] = []

        def release(moment: str) -> None:
            if moment in released:
                put(exchange, kind, [released[moment]])

        def beside_another_night(desk: Desk) -> dict[str, int]:
            this = len(counted) + 1
            release(f"before{this}")
            found = count(desk)
            counted.append(sum(found.values()))
            release(f"after{this}")
            return found

        monkeypatch.setattr(Desk, "left", beside_another_night)
        return run(exchange, kind), counted

    result, counted = drain(before1="r0001", before3="r0002")
    assert (result.delivered, result.retry, result.problem) == (1, 0, None)
    assert counted == [1, 0, 1], "the first was found by the last look; what came after another one is the next drain's"

    assert run(exchange, kind).delivered == 1
    sandbox.faults.add(SEND[kind], "401", times=2)
    result, counted = drain(after1="r0003")
    assert (result.delivered, result.retry, counted) == (0, 1, [0, 1]), "a drain that has to stop tells of all"
    assert "凭证" in str(result.problem)


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_a_frozen_worker_that_wakes_up_writes_and_sends_nothing_more(
    exchange_with: Callable[..., Exchange],
    sandbox: Sandbox,
    kind: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = exchange_with(limits={"records": 2})
    put(exchange, kind, names(6))
    taken, answered, answer = threading.Event(), threading.Event(), sandbox.platform.answer
    calls: list[str] = []

    def first_of_all_late(request: Any, fault: Any) -> Any:
        calls.append(request.target)
        found = answer(request, fault)
        if not taken.is_set():
            taken.set()
            answered.wait(60)
        return found

    monkeypatch.setattr(sandbox.platform, "answer", first_of_all_late)
    child = start(kind, sandbox, database_url)
    assert taken.wait(60)
    freeze(child, exchange)
    assert child.poll() is None
    query(exchange, "update exchange.shipment set lease_until = now() where lease_until is not null returning 1")
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 6)
    before = list(calls)
    settled = {key: row.settled_at for key, row in outbox(exchange).items()}
    attempts = query(exchange, "select * from exchange.attempt order by attempt_id")
    answered.set()
    child.send_signal(signal.SIGCONT)
    assert child.wait(60) == 0
    assert calls == before
    assert settled == {key: row.settled_at for key, row in outbox(exchange).items()}
    assert attempts == query(exchange, "select * from exchange.attempt order by attempt_id")


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_was_being_sent_when_a_lease_ended_is_not_left_to_the_next_drain(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the lease ends just after this drain has looked for such."""
    put(exchange, kind, names(1))
    with monkeypatch.context() as killed:
        killed.setattr(Desk, "begin", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(exchange, kind)
    recover = Desk.recover

    def looked(desk: Desk, **given: bool) -> None:
        recover(desk, **given)
        query(
            exchange,
            "update exchange.shipment set state = 'sending', lease_owner = 'on another machine', lease_until = now() "
            "where fence = 1 and tries = 0 returning 1",
        )
        monkeypatch.setattr(Desk, "recover", recover)

    monkeypatch.setattr(Desk, "recover", looked)
    result = run(exchange, kind)
    assert (result.delivered, result.problem) == (1, None)


def test_a_drain_that_hung_before_its_call_for_longer_than_its_lease_sends_nothing_more(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another one has found nothing there, sent it, and taken it down again."""
    exchange = exchange_with(lease_seconds=0.2)
    put(exchange, kind, names(1))
    note = Noted.sent

    def hanging(noted: Noted, attempt: int) -> None:
        monkeypatch.setattr(Noted, "sent", note)
        assert run(exchange, kind).delivered == 1
        put(exchange, kind, names(1), version=2, op="withdraw")
        assert run(exchange, kind).delivered == 1

    monkeypatch.setattr(Noted, "sent", hanging)
    assert "接手" in str(run(exchange, kind).problem)
    assert sandbox.current() == {}
    assert [one.op for one in sandbox.ledger.applies()] == ["upsert", "withdraw"]


def test_killed_at_random_again_and_again(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, database_url: str
) -> None:
    exchange = exchange_with(limits={"records": 2})
    put(exchange, kind, names(60))
    sandbox.faults.add(SEND[kind], "commit_then_close", times=3, after=2)
    sandbox.faults.add(SEND[kind], "503", times=2, after=9)
    chance = random.Random(20261123)
    for _ in range(4):
        child = start(kind, sandbox, database_url)
        before = len(sandbox.ledger.requests())
        end = time.monotonic() + 60
        while len(sandbox.ledger.requests()) == before and child.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.25))
        child.kill()
        child.wait(10)
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 60)
    assert states(exchange) == {"delivered": 60}
