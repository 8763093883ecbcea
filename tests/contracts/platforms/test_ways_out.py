"""What a platform refused, or nobody found out about, has a way out that a person can take, through a real release."""

from __future__ import annotations

import pytest
from moving import history, ordered, push, query, shown, told
from world import SEND

from credit_exchange.steps import orders, watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from platforms import Sandbox

pytestmark = pytest.mark.usefixtures("a_night")


def takedowns_told(exchange: Exchange) -> int:
    """How many incidents tell of takedowns that were not taken."""
    return sum(one.incident_key.startswith("shown:") for one in watchdog.check(exchange))


def refused(exchange: Exchange) -> list[int]:
    """How many records the summary and the page say that the platform refuses."""
    return [row["rejected"] for of in ("summary", "ui") for row in query(exchange, sql.source(f"{of}/platforms"))]


@pytest.mark.parametrize("kind", ["fujian"])
def test_a_takedown_that_was_refused_is_told_and_goes_again_by_two_orders(exchange: Exchange, sandbox: Sandbox) -> None:
    told(exchange, 20, "legal")
    push(exchange)
    sandbox.faults.add("upload", "reject", records="all")
    ordered(exchange, "withdraw")
    push(exchange)
    assert history(exchange)[-1] == (2, "withdraw", "held")
    assert takedowns_told(exchange) == 1
    ordered(exchange, "reinstate")
    assert push(exchange).calls == 0  # it lies there as it should
    ordered(exchange, "withdraw")
    push(exchange)
    assert history(exchange)[-1] == (4, "withdraw", "delivered")
    assert shown(sandbox) == {}
    assert takedowns_told(exchange) == 0


@pytest.mark.parametrize("kind", ["fujian"])
def test_what_was_refused_by_mistake_goes_again_by_two_orders(exchange: Exchange, sandbox: Sandbox) -> None:
    sandbox.faults.add("upload", "reject", records="all")
    told(exchange, 20, "legal")
    push(exchange)
    assert history(exchange) == [(1, "upsert", "rejected")]
    assert refused(exchange) == [1, 1]
    for action in ("withdraw", "reinstate"):
        ordered(exchange, action)
        push(exchange)
    assert history(exchange)[-1] == (3, "upsert", "delivered")
    assert refused(exchange) == [0, 0], "it stands there now"
    assert shown(sandbox) == {"frxk": 3}


@pytest.mark.parametrize("kind", ["fujian"])
def test_a_takedown_that_waits_behind_a_task_without_an_end_goes_when_a_person_states_what_became_of_it(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    told(exchange, 20, "legal")
    push(exchange)
    ordered(exchange, "withdraw")
    push(exchange)
    assert history(exchange) == [(1, "upsert", "awaiting_receipt"), (2, "withdraw", "ready")]
    (found,) = query(exchange, "select shipment_no from exchange.shipment")
    orders.settle(exchange, found["shipment_no"], "delivered", "平台确认已入库", "tester")
    push(exchange)
    assert history(exchange) == [(1, "upsert", "delivered"), (2, "withdraw", "delivered")]


@pytest.mark.parametrize(("kind", "code"), [("fuzhou", "1006"), ("fujian", "OLD")])
def test_what_a_platform_says_to_have_newer_than_we_know_is_taken_down_there_all_the_same(
    exchange: Exchange, sandbox: Sandbox, kind: str, code: str
) -> None:
    sandbox.faults.add(SEND[kind], "reject", records="all", code=code)
    told(exchange, 20, "legal", platforms=[kind])
    push(exchange, kind)
    assert history(exchange, kind) == [(1, "upsert", "held")]  # for a person, who compares
    ordered(exchange, "withdraw", platforms=[kind])
    push(exchange, kind)
    assert history(exchange, kind)[-1] == (2, "withdraw", "delivered")
