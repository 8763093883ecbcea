"""A takedown that a platform does not take is for a person here, told until it is done, and goes again every night."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from moving import CATALOG, as_published, history, let_time_pass, ordered, push, query, told
from world import SEND, names, outbox, put, run, states

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from platforms import Sandbox
from platforms.china import _result

pytestmark = pytest.mark.usefixtures("a_night")
NIGHTS = [f"2026-11-{day}T01:30:00" for day in range(23, 30)]
SHOWN = "select incident_key, severity, subject, detail from exchange.alert where cleared_at is null"


@pytest.fixture
def refuses(sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the platform take no takedowns, or take them again."""
    revoke = getattr(sandbox.platform, "_revoke", None)

    def switch(on: bool) -> None:
        sandbox.faults.clear()
        if kind == "china":
            answer = (lambda _: _result("07", "", "未找到唯一匹配的数据")) if on else revoke
            monkeypatch.setattr(sandbox.platform, "_revoke", answer)
        elif on:
            code = {"fuzhou": "1003", "fujian": "AUTH"}[kind]
            sandbox.faults.add(SEND[kind], "reject", times=-1, records="all", code=code, message="无权撤下")

    return switch


def told_of(exchange: Exchange) -> list[dict[str, object]]:
    watchdog.check(exchange)
    return [row for row in query(exchange, SHOWN) if str(row["incident_key"]).startswith("shown:")]


def test_it_is_held_told_and_tried_again_every_night(
    exchange: Exchange,
    sandbox: Sandbox,
    kind: str,
    refuses: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(exchange, kind, names(2))
    run(exchange, kind)
    put(exchange, kind, ["r0001"], version=2, op="withdraw")
    refuses(True)
    result = run(exchange, kind)
    assert result.held == 1
    assert "1 条撤下没有被平台接受" in str(result.problem)
    row = outbox(exchange)["r0001", 2]
    assert row.state == "held"
    assert "每夜自动再试" in row.outcome_message
    assert len(sandbox.current()) == 2
    calls = len(sandbox.ledger.requests())
    assert run(exchange, kind).calls == 0  # the same night again is quiet
    for night in NIGHTS[1:3]:
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", night)
        (alert,) = told_of(exchange)
        assert alert["severity"] == "critical"
        assert "1 条撤下没有被平台接受" in str(run(exchange, kind).problem)
        assert len(sandbox.ledger.requests()) > calls
        calls = len(sandbox.ledger.requests())
    refuses(False)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHTS[3])
    assert run(exchange, kind).problem is None
    assert len(sandbox.current()) == 1
    assert states(exchange) == {"delivered": 3}
    assert told_of(exchange) == []
    assert sandbox.ledger.repeated() == []


@pytest.mark.parametrize("kind", ["fujian", "china"])
def test_a_new_row_that_waits_for_it_goes_after_it(
    exchange: Exchange,
    sandbox: Sandbox,
    kind: str,
    refuses: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(exchange, 20, "legal", platforms=[kind])
    push(exchange, kind)
    told(exchange, 21, "person", platforms=[kind])
    refuses(True)
    for night in NIGHTS[:2]:
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", night)
        assert push(exchange, kind).held == 2
        assert history(exchange, kind)[1:] == [(2, "withdraw", "held"), (3, "upsert", "held")]
    refuses(False)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHTS[2])
    assert push(exchange, kind).problem is None
    assert history(exchange, kind)[1:] == [(2, "withdraw", "delivered"), (3, "upsert", "delivered")]
    if kind == "china":
        as_published(exchange, sandbox)
    else:
        assert [catalog for catalog, _ in sandbox.platform.current()] == [CATALOG["person"]]


def test_while_it_goes_again_it_stays_the_incident_that_was_told(
    exchange_with: Callable[..., Exchange],
    sandbox: Sandbox,
    kind: str,
    refuses: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = exchange_with()
    put(exchange, kind, names(2))
    run(exchange, kind)
    put(exchange, kind, names(2), version=2, op="withdraw")
    refuses(True)
    run(exchange, kind)
    [first] = watchdog.check(exchange)
    assert first.is_new
    refuses(False)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHTS[1])
    hurried = exchange_with(settle_after_seconds=3600)
    for fault in ("no time", "429", "commit_then_close"):
        if fault == "no time":
            run(exchange_with(drain_seconds=0.0), kind)  # they wait again, and nothing is packed
        else:
            sandbox.faults.add("revoke" if kind == "china" else SEND[kind], fault, times=-1, retry_after="3600")
            run(hurried, kind)
        assert set(states(exchange)) & {"retry", "unknown", "held", "delivered"} == set(states(exchange)) - {"ready"}
        found = [one for one in watchdog.check(exchange) if one.incident_key.startswith("shown:")]
        assert [(one.incident_key, one.is_new) for one in found] == [(first.incident_key, False)]
        assert "2 条撤下" in found[0].subject
        sandbox.faults.clear()
        let_time_pass(exchange)
    run(exchange, kind)
    assert sandbox.current() == {}
    assert told_of(exchange) == []


def test_what_is_released_again_meanwhile_is_not_taken_down(
    exchange: Exchange,
    sandbox: Sandbox,
    kind: str,
    refuses: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(exchange, 20, "legal", platforms=[kind])
    push(exchange, kind)
    ordered(exchange, "withdraw", platforms=[kind])
    refuses(True)
    push(exchange, kind)
    ordered(exchange, "reinstate", platforms=[kind])
    refuses(False)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHTS[1])
    assert push(exchange, kind).problem is None
    assert len(sandbox.current()) == 1
    assert told_of(exchange) == []


def test_what_a_version_before_wrote_as_rejected_goes_again(
    exchange: Exchange,
    sandbox: Sandbox,
    kind: str,
    refuses: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(exchange, kind, names(3))
    run(exchange, kind)
    put(exchange, kind, names(3), version=2, op="withdraw")
    refuses(True)
    run(exchange, kind)
    query(exchange, "update exchange.release set state = 'rejected' where version = 2 returning 1")
    put(exchange, kind, ["r0003"], version=3)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(sql.source("upgrade_0007/03_hold_takedowns"))
    assert [outbox(exchange)[name, 2].state for name in names(3)] == ["held", "held", "rejected"]
    refuses(False)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHTS[1])
    assert run(exchange, kind).problem is None
    assert [outbox(exchange)[name, 2].state for name in names(3)] == ["delivered", "delivered", "rejected"]
    assert len(sandbox.current()) == 1
