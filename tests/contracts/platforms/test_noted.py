"""What a drain sent last is noted beside the database, so that one restored from a backup is told by it."""

from __future__ import annotations

import json
from datetime import date

import pytest
from moving import batch, push, query, row
from world import permit

from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = pytest.mark.usefixtures("a_night", "sandbox")


def test_the_last_call_of_a_drain_is_noted_not_only_its_first(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    def arrive(number: int) -> None:
        rows = [row(exchange, f"{number}号", fields=permit(f"r000{number}", 1))]
        merge(exchange, batch(exchange, rows, date(2026, 11, 19 + number)))

    arrive(1)
    release(exchange, [kind])
    push(exchange, kind)
    [first] = query(exchange, "select record_id from exchange.record")
    orders.order(exchange, first["record_id"], "withdraw", "office", "重复", "内部核实", "tester")
    arrive(2)
    release(exchange, [kind])
    assert push(exchange, kind).delivered == 2
    calls = [
        one["attempt_id"] for one in query(exchange, "select attempt_id from exchange.attempt where kind = 'send'")
    ]
    assert len(calls) == 3
    noted = exchange.landing.noted("newest")
    assert noted is not None
    assert json.loads(noted)["attempt"] == max(calls)
