"""An order that changes nothing says so in one line, and does no harm later."""

from __future__ import annotations

import io
from argparse import Namespace

import pytest
from moving import batch, date, history, merge, push, query, quiet, row, told
from rich.console import Console

from credit_exchange.cli.actions import ACTIONS
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["fuzhou"])]
ORDERS = "select action, authority from exchange.withdrawal_order order by order_id"


@pytest.fixture
def published(exchange: Exchange) -> Exchange:
    """One record lies at the platform."""
    told(exchange, 20, "legal", platforms=["fuzhou"])
    push(exchange, "fuzhou")
    return exchange


def say(exchange: Exchange, command: str, authority: str = "repair") -> str:
    """Give an order by the command; what it prints."""
    (found,) = query(exchange, "select record_id from exchange.record")
    out = io.StringIO()
    given = {"command": command, "authority": authority, "reason": "信用修复", "legal_basis": "", "by": "tester"}
    assert ACTIONS[command](exchange, Namespace(record_id=found["record_id"], **given), Console(file=out)) == 0
    return out.getvalue()


def test_a_further_withdrawal_is_kept_as_one_and_sends_nothing(published: Exchange, sandbox: Sandbox) -> None:
    assert "已登记；下一夜执行" in say(published, "withdraw")
    assert "又一道指令" in say(published, "withdraw", "court")  # also before the first was carried out
    assert release(published, ["fuzhou"]) == {"fuzhou.withdraw": 1}
    push(published, "fuzhou")
    told_of = say(published, "withdraw", "court")
    assert "此前已撤下" in told_of
    assert told_of.count("\n") == 1
    quiet(published, sandbox, "fuzhou")
    authorities = [row["authority"] for row in query(published, ORDERS)]
    assert authorities == ["repair", "court", "court"]


def test_what_nobody_withdrew_is_not_reinstated_and_a_late_withdrawal_still_counts(
    published: Exchange, sandbox: Sandbox
) -> None:
    told_of = say(published, "reinstate")
    assert "没有要恢复的" in told_of
    assert told_of.count("\n") == 1
    assert query(published, ORDERS) == []
    quiet(published, sandbox, "fuzhou")
    fields = {"XK_XDR_MC": "陈榕生"}
    late = row(published, "1号", operation="withdraw", fields=fields)
    merge(published, batch(published, [late], date(2026, 11, 21)))
    release(published, ["fuzhou"])
    push(published, "fuzhou")
    assert history(published, "fuzhou")[-1] == (2, "withdraw", "delivered")


def test_a_withdrawal_that_was_not_carried_out_yet_can_be_taken_back(published: Exchange, sandbox: Sandbox) -> None:
    say(published, "withdraw")
    assert "已登记；下一夜执行" in say(published, "reinstate")
    assert "没有要恢复的" in say(published, "reinstate")
    quiet(published, sandbox, "fuzhou")
    assert len(sandbox.current()) == 1
