"""What was let out by rules that are no longer in force does not leave, packed or not, before it is released again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from moving import batch, push, query, quiet, row
from world import permit

from credit_exchange.config.sharing import SharingRule
from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.push.drain import poll_receipts
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = pytest.mark.usefixtures("a_night")


def arrive(exchange: Exchange, kind: str, number: int) -> None:
    """A department's next night brings one more permit, which is released."""
    fields = permit(f"r000{number}", 1)
    merge(exchange, batch(exchange, [row(exchange, f"{number}号", fields=fields)], date(2026, 11, 19 + number)))
    release(exchange, [kind])


def test_a_rule_made_stricter_counts_for_what_waits_when_only_the_push_runs_again(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    arrive(exchange, kind, 1)
    assert push(exchange, kind).delivered == 1
    sandbox.stop()
    arrive(exchange, kind, 2)
    assert push(exchange, kind).problem  # packed by now, and to be sent as it is
    arrive(exchange, kind, 3)
    (first, *_) = query(exchange, "select record_id from exchange.record order by business_date")
    orders.order(exchange, first["record_id"], "withdraw", "office", "重复", "内部核实", "tester")
    release(exchange, [kind])

    sandbox.start()
    rule = SharingRule(
        id="T-1",
        name="试验",
        legal_basis="试验依据",
        datasets=["permit"],
        platforms=[kind],
        effect="withhold",
        valid_from=date(2026, 11, 1),
    )
    exchange.config = replace(exchange.config, sharing=(*exchange.config.sharing, rule))
    result = push(exchange, kind)
    assert (result.delivered, result.retry) == (1, 2), "the takedown goes all the same"
    assert "清除「发布」" in str(result.problem)
    assert sandbox.current() == {}
    assert len(sandbox.ledger.applies()) == 2
    assert poll_receipts(exchange, kind).problem is None, "whoever only asks has nothing to release"

    release(exchange, [kind])
    assert push(exchange, kind).problem is None
    assert sandbox.current() == {}
    assert len(sandbox.ledger.applies()) == 2
    quiet(exchange, sandbox, kind)


def test_what_waits_past_the_end_of_its_publication_does_not_leave_when_only_the_push_runs_again(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform was down in the night before its end, and 发布 fails in the night after."""
    sandbox.stop()
    arrive(exchange, kind, 1)
    assert query(exchange, "update exchange.record set publish_until = '2026-11-20' returning 1")
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-20T23:00:00")
    assert "发布" not in str(push(exchange, kind).problem), "to the end of its last day it may leave"
    sandbox.start()
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-21T01:30:00")
    result = push(exchange, kind)
    assert (result.delivered, result.retry) == (0, 1)
    assert "公示期已满" in str(result.problem)
    assert "清除「发布」" in str(result.problem)
    release(exchange, [kind])
    assert push(exchange, kind).problem is None
    assert sandbox.ledger.applies() == []
