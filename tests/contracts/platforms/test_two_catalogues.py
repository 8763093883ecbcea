"""A record that lies in two catalogues of 信用福建, from before places were kept, leaves both when it is withdrawn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from moving import let_time_pass, ordered, push, query, quiet, shown, told
from world import finish_tasks

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import claim
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["fujian"])]


@pytest.fixture
def in_two(exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """The record came to the new catalogue and was never taken down in the old one."""
    told(exchange, 20, "legal")
    push(exchange)
    with monkeypatch.context() as before:
        before.setattr(claim, "put_in_place", lambda _connection, _platform, _op, lanes, _known: (lanes, {}))
        told(exchange, 21, "person")
        query(exchange, "delete from exchange.release where op = 'withdraw' returning 1")
        query(exchange, "delete from exchange.lot where op = 'withdraw' returning 1")
        push(exchange)
    assert shown(sandbox) == {"frxk": 1, "zrrxk": 3}
    return exchange


@pytest.fixture
def slow(exchange_with: Callable[..., Exchange]) -> Exchange:
    """Drains that do not wait for tasks."""
    return exchange_with(poll_in_drain_seconds=0.0)


def test_it_is_taken_down_in_both_one_after_the_other(in_two: Exchange, sandbox: Sandbox) -> None:
    assert ordered(in_two, "withdraw") == {"fujian.withdraw": 1}
    assert push(in_two).problem is None
    assert shown(sandbox) == {"zrrxk": 3}
    assert release(in_two, ["fujian"]) == {"fujian.withdraw": 1}
    assert push(in_two).problem is None
    assert shown(sandbox) == {}
    taken_down = [(a.key[0], a.version) for a in sandbox.ledger.applies() if a.op == "withdraw"]
    assert taken_down == [("frxk", 4), ("zrrxk", 5)]  # a version is newer than the record's in another catalogue
    release(in_two, ["fujian"])
    quiet(in_two, sandbox)
    ordered(in_two, "reinstate")
    push(in_two)
    assert list(shown(sandbox)) == ["zrrxk"]


def test_so_it_is_while_the_first_takedown_is_still_under_way(
    in_two: Exchange, slow: Exchange, sandbox: Sandbox
) -> None:
    ordered(in_two, "withdraw")
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    push(slow)
    for looked in range(3):
        if looked == 1:
            finish_tasks(sandbox)
        release(in_two, ["fujian"])
        let_time_pass(in_two)
        push(in_two)
    assert shown(sandbox) == {}
    release(in_two, ["fujian"])
    quiet(in_two, sandbox)


def test_what_lies_in_one_only_is_not_taken_down_twice(exchange: Exchange, slow: Exchange, sandbox: Sandbox) -> None:
    told(exchange, 20, "legal")
    push(exchange)
    ordered(exchange, "withdraw")
    sandbox.faults.add("upload", "task_never_done", seconds=3600)
    push(slow)
    assert "fujian.withdraw" not in told(exchange, 21, "legal", "准予执业")  # meanwhile the department corrects it
    finish_tasks(sandbox)
    let_time_pass(exchange)
    push(exchange)
    assert shown(sandbox) == {}
    assert [a.op for a in sandbox.ledger.applies()] == ["upsert", "withdraw"]
