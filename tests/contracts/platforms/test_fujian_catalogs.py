"""At 信用福建 a record lies in the catalogue of its kind of subject: when that changes, it leaves the old one first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from moving import (
    CATALOG,
    WAY,
    history,
    in_order,
    let_time_pass,
    message,
    ordered,
    push,
    pushed_and_killed,
    query,
    quiet,
    shown,
    told,
)
from world import finish_tasks

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["fujian"])]
POINTS = ("before_claim", "after_claim", "after_attempt_row", "after_send", "after_record")


def reported(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    told(exchange, 20, kind)
    assert push(exchange).delivered == 1
    assert shown(sandbox) == {CATALOG[kind]: 1}


@pytest.mark.parametrize(("before", "after"), WAY)
def test_a_record_leaves_the_old_catalogue_before_it_comes_to_the_new_one(
    exchange: Exchange, sandbox: Sandbox, before: str, after: str
) -> None:
    reported(exchange, sandbox, before)
    released = told(exchange, 21, after)
    result = push(exchange)
    assert shown(sandbox) == {CATALOG[after]: 3}
    assert released == {"fujian.withdraw": 1, "fujian.upsert": 1}
    assert (result.delivered, result.held, result.problem) == (2, 0, None)
    assert [(a.key[0], a.version, a.op) for a in sandbox.ledger.applies()] == [
        (CATALOG[before], 1, "upsert"),
        (CATALOG[before], 2, "withdraw"),
        (CATALOG[after], 3, "upsert"),
    ]
    assert history(exchange) == [(1, "upsert", "delivered"), (2, "withdraw", "delivered"), (3, "upsert", "delivered")]
    in_order(exchange, sandbox)
    quiet(exchange, sandbox)


def test_the_other_platforms_hear_of_one_new_version(exchange: Exchange, sandbox: Sandbox) -> None:
    told(exchange, 20, "legal", platforms=None)
    push(exchange)
    released = told(exchange, 21, "person", platforms=None)
    assert released == {
        "fuzhou.upsert": 1,
        "china.upsert": 1,
        "fujian.withdraw": 1,
        "fujian.upsert": 1,
    }
    rows = query(exchange, "select platform, version, op from report.delivery where version > 1 order by 1, 2")
    assert [tuple(row.values()) for row in rows] == [
        ("china", 3, "upsert"),
        ("fujian", 2, "withdraw"),
        ("fujian", 3, "upsert"),
        ("fuzhou", 3, "upsert"),
    ]
    versions = query(exchange, "select version, reason from exchange.record_version order by 1")
    assert [tuple(row.values()) for row in versions] == [(1, "content"), (2, "content"), (3, "release")]
    assert query(exchange, "select rule_id from report.withheld") == []
    assert release(exchange) == {}
    push(exchange)
    assert release(exchange) == {}
    quiet(exchange, sandbox)


def test_there_and_back_again(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox, "legal")
    for day, kind in enumerate(("person", "sole_trader", "person"), 21):
        told(exchange, day, kind)
        assert push(exchange).problem is None
        assert list(shown(sandbox)) == [CATALOG[kind]]
        in_order(exchange, sandbox)
    assert ordered(exchange, "withdraw") == {"fujian.withdraw": 1}
    push(exchange)
    assert shown(sandbox) == {}
    in_order(exchange, sandbox)


def test_within_one_catalogue_nothing_is_taken_down(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox, "legal")
    assert told(exchange, 21, "sole_trader") == {"fujian.upsert": 1}
    push(exchange)
    assert shown(sandbox) == {"frxk": 2}
    in_order(exchange, sandbox)


def test_who_a_record_is_about_may_change_and_nothing_else_that_is_released(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(exchange, sandbox, "legal")
    monkeypatch.setattr("moving.KINDS", {"person": "法人及非法人组织"})
    rules = [
        r
        for r in exchange.config.sharing
        if not any(c.field == "_subject_kind" for c in r.match) or r.effect == "release"
    ]
    exchange.config = replace(exchange.config, sharing=tuple(rules))
    told(exchange, 21, "person")
    push(exchange)
    assert "frxk" not in shown(sandbox)
    in_order(exchange, sandbox)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("step", [1, 2])
def test_killed_at_any_point_of_either_step_it_is_never_in_two_catalogues(
    exchange: Exchange, sandbox: Sandbox, database_url: str, point: str, step: int
) -> None:
    reported(exchange, sandbox, "legal")
    told(exchange, 21, "person")
    if step == 2:  # the takedown is settled, the new row was not sent
        sandbox.faults.add("upload", "429", after=1, retry_after="1000000000")
        push(exchange)
        assert history(exchange)[1:] == [(2, "withdraw", "delivered"), (3, "upsert", "retry")]
        sandbox.faults.clear()
        let_time_pass(exchange)
        query(exchange, "update exchange.release set state = 'retry' where version = 3 returning 1")
        query(exchange, "update exchange.shipment set state = 'settled' where state = 'retry' returning 1")
    assert pushed_and_killed(sandbox, database_url, f"push.{point}") == -9
    assert len(shown(sandbox)) <= 1
    let_time_pass(exchange)
    assert push(exchange).problem is None
    assert shown(sandbox) == {"zrrxk": 3}
    assert history(exchange)[1:] == [(2, "withdraw", "delivered"), (3, "upsert", "delivered")]
    in_order(exchange, sandbox)
    quiet(exchange, sandbox)


@pytest.mark.parametrize(
    "fault", ["commit_then_close", "close_before_commit", "503", "html_200", "429", "task_failed", "E401", "busy"]
)
def test_whatever_befalls_the_takedown_the_new_row_comes_after_it(
    exchange: Exchange, sandbox: Sandbox, fault: str
) -> None:
    reported(exchange, sandbox, "legal")
    told(exchange, 21, "person")
    sandbox.faults.add("upload", "token_dies" if fault == "E401" else fault)
    assert push(exchange).problem is None
    assert shown(sandbox) == {"zrrxk": 3}
    assert [a.op for a in sandbox.ledger.applies()] == ["upsert", "withdraw", "upsert"]
    # what waits behind a takedown is no reason to give up its shipment: the same bytes go under the same key
    assert len(query(exchange, "select 1 from exchange.shipment")) == (4 if fault == "task_failed" else 3)
    in_order(exchange, sandbox)


def test_a_takedown_of_what_is_not_there_any_more_is_settled(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox, "legal")
    (record,) = query(exchange, "select record_id from exchange.record")
    assert sandbox.forget("frxk", record["record_id"]) == 1
    told(exchange, 21, "person")
    push(exchange)
    assert shown(sandbox) == {"zrrxk": 3}
    (takedown,) = query(exchange, "select state, outcome_code from report.delivery where version = 2")
    assert takedown == {"state": "delivered", "outcome_code": "NONE"}
    in_order(exchange, sandbox)


@pytest.mark.parametrize("rule", ["AUTH", "OLD"])
def test_while_the_platform_refuses_the_takedown_the_new_row_is_held_and_a_person_is_told(
    exchange: Exchange, sandbox: Sandbox, rule: str
) -> None:
    reported(exchange, sandbox, "legal")
    told(exchange, 21, "person")
    sandbox.faults.add("upload", "reject", records="all", code=rule, message="无权撤下")
    result = push(exchange)
    assert result.held == 2
    assert "1 条撤下没有被平台接受" in str(result.problem)
    assert shown(sandbox) == {"frxk": 1}
    assert history(exchange)[1:] == [(2, "withdraw", "held"), (3, "upsert", "held")]
    assert "frxk" in message(exchange, 3)
    assert "撤下" in message(exchange, 3)
    assert "陈榕生" not in message(exchange, 3)
    in_order(exchange, sandbox)
    quiet(exchange, sandbox)
    # the way out that it names: an order takes it down, another one brings it back
    assert ordered(exchange, "withdraw") == {"fujian.withdraw": 1}
    push(exchange)
    assert shown(sandbox) == {}
    ordered(exchange, "reinstate")
    push(exchange)
    assert shown(sandbox) == {"zrrxk": 5}
    in_order(exchange, sandbox)


def test_a_further_correction_tries_a_refused_takedown_again(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox, "legal")
    told(exchange, 21, "person")
    sandbox.faults.add("upload", "reject", records="all", code="AUTH", message="无权撤下")
    push(exchange)
    assert told(exchange, 22, "person", "准予执业") == {"fujian.withdraw": 1, "fujian.upsert": 1}
    push(exchange)
    assert shown(sandbox) == {"zrrxk": 5}
    assert history(exchange)[1:] == [
        (2, "withdraw", "superseded"),
        (3, "upsert", "superseded"),
        (4, "withdraw", "delivered"),
        (5, "upsert", "delivered"),
    ]
    in_order(exchange, sandbox)


@pytest.fixture
def slow(exchange_with: Callable[..., Exchange]) -> Exchange:
    """Drains that do not wait for tasks."""
    return exchange_with(poll_in_drain_seconds=0.0)


def test_until_the_takedown_is_settled_the_new_row_waits_and_says_so(slow: Exchange, sandbox: Sandbox) -> None:
    told(slow, 20, "legal")
    push(slow)
    let_time_pass(slow)
    push(slow)
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    told(slow, 21, "person")
    result = push(slow)
    assert (result.awaiting, result.retry) == (1, 1)
    assert history(slow)[1:] == [(2, "withdraw", "awaiting_receipt"), (3, "upsert", "ready")]
    assert "撤下" in message(slow, 3)
    assert len(sandbox.ledger.requests("upload")) == 2
    in_order(slow, sandbox)


AFTERWARDS = {
    "the same kind, other words": ("person", {"zrrxk": 4}),
    "back to the old kind": ("legal", {"frxk": 4}),
    "withdrawn": ("withdraw", {}),
}


@pytest.mark.parametrize("under_way", ["awaiting_receipt", "unknown", "retry", "ready"])
@pytest.mark.parametrize("then", AFTERWARDS)
def test_what_is_decided_while_the_takedown_is_under_way(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, under_way: str, then: str
) -> None:
    exchange = exchange_with(poll_in_drain_seconds=0.0, settle_after_seconds=3600)
    usual = exchange_with()
    reported(usual, sandbox, "legal")
    told(exchange, 21, "person")
    if under_way != "ready":
        fault = {"awaiting_receipt": "task_never_done", "unknown": "commit_then_close", "retry": "429"}[under_way]
        options = (
            {"seconds": 3600}
            if under_way == "awaiting_receipt"
            else {"retry_after": "3600"}
            if under_way == "retry"
            else {}
        )
        sandbox.faults.add("upload", fault, **options)
        push(exchange)
    assert history(exchange)[1:] == [(2, "withdraw", under_way), (3, "upsert", "ready")]
    what, expected = AFTERWARDS[then]
    if what == "withdraw":
        ordered(exchange, "withdraw")
    else:
        told(exchange, 22, what, "准予执业")
    sandbox.faults.clear()
    finish_tasks(sandbox)
    for _ in range(40):
        let_time_pass(usual)
        push(usual)
        assert len(shown(sandbox)) <= 1
        if not query(
            usual, "select 1 from report.delivery where state not in ('delivered', 'superseded', 'cancelled')"
        ):
            break
    assert list(shown(sandbox)) == list(expected)
    in_order(usual, sandbox)
    quiet(usual, sandbox)


@pytest.mark.parametrize("fault", ["commit_then_close", "close_before_commit"])
def test_while_it_is_unknown_whether_the_old_row_came_nothing_else_goes(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, fault: str
) -> None:
    exchange = exchange_with(settle_after_seconds=3600)
    told(exchange, 20, "legal")
    sandbox.faults.add("upload", fault)
    push(exchange)
    assert told(exchange, 21, "person") == {"fujian.withdraw": 1, "fujian.upsert": 1}
    push(exchange)
    assert history(exchange) == [(1, "upsert", "unknown"), (2, "withdraw", "ready"), (3, "upsert", "ready")]
    let_time_pass(exchange)
    assert push(exchange_with()).problem is None
    assert shown(sandbox) == {"zrrxk": 3}
    in_order(exchange, sandbox)
    quiet(exchange, sandbox)


def test_an_old_row_that_was_refused_in_the_meantime_needs_no_takedown(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(settle_after_seconds=3600)
    told(exchange, 20, "legal")
    sandbox.faults.add("upload", "commit_then_close")
    push(exchange)
    told(exchange, 21, "person")
    query(exchange, "update exchange.release set state = 'rejected' where version = 1 returning 1")
    query(exchange, "update exchange.shipment set state = 'settled' returning 1")
    (record,) = query(exchange, "select record_id from exchange.record")
    sandbox.platform.settle()
    sandbox.forget("frxk", record["record_id"])
    assert push(exchange_with()).problem is None
    assert shown(sandbox) == {"zrrxk": 3}
    in_order(exchange, sandbox)


def test_what_was_never_sent_needs_no_takedown(exchange: Exchange, sandbox: Sandbox) -> None:
    told(exchange, 20, "legal")
    assert told(exchange, 21, "person") == {"fujian.upsert": 1}
    push(exchange)
    assert history(exchange) == [(1, "upsert", "superseded"), (2, "upsert", "delivered")]
    in_order(exchange, sandbox)


def test_a_reinstated_record_of_another_kind_waits_for_a_takedown_that_goes_again(
    exchange: Exchange, exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    """The takedown is on its way while the new row is decided, and then has to be sent afresh: it is not overtaken."""
    reported(exchange, sandbox, "legal")
    ordered(exchange, "withdraw")
    sandbox.faults.add("upload", "task_failed")
    push(exchange_with(poll_seconds=3600, poll_in_drain_seconds=0.0))
    assert history(exchange)[1:] == [(2, "withdraw", "awaiting_receipt")]
    told(exchange, 21, "person")
    ordered(exchange, "reinstate")
    let_time_pass(exchange)
    assert push(exchange).problem is None
    assert list(shown(sandbox)) == ["zrrxk"]
    assert (2, "withdraw", "delivered") in history(exchange)
    in_order(exchange, sandbox)


def test_a_catalogue_that_was_given_another_name_is_left_as_well(exchange: Exchange, sandbox: Sandbox) -> None:
    """Our file says by now that shops belong to another catalogue: what lies is taken down where it lies."""
    reported(exchange, sandbox, "legal")
    fujian = exchange.config.platforms["fujian"]
    routes = fujian.datasets | {"permit": fujian.datasets["permit"].model_copy(update={"catalog": {"*": "zrrxk"}})}
    exchange.config = replace(
        exchange.config,
        platforms={**exchange.config.platforms, "fujian": fujian.model_copy(update={"datasets": routes})},
    )
    assert ordered(exchange, "withdraw") == {"fujian.withdraw": 1}
    assert push(exchange).delivered == 1
    assert shown(sandbox) == {}
    in_order(exchange, sandbox)


def test_a_row_in_a_second_catalogue_from_before_is_found_and_can_be_mended(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    """What was decided before there was this rule: the new row waits although no takedown was planned."""
    reported(exchange, sandbox, "legal")
    told(exchange, 21, "person")
    query(exchange, "delete from exchange.release where op = 'withdraw' returning 1")
    query(exchange, "delete from exchange.lot where op = 'withdraw' returning 1")
    assert push(exchange).held == 1
    assert shown(sandbox) == {"frxk": 1}
    ordered(exchange, "withdraw")
    push(exchange)
    ordered(exchange, "reinstate")
    push(exchange)
    assert list(shown(sandbox)) == ["zrrxk"]
    in_order(exchange, sandbox)
