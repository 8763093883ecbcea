"""What a platform tells of a record's content is compared too, and what differs is mended record by record."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from datetime import date

import pytest
from beside import sent, tampered
from moving import push, query, release
from rich.console import Console

from credit_exchange.cli.actions import ACTIONS
from credit_exchange.config.platform import Route
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reconcile import Difference, reconcile, repair
from platforms import Sandbox

pytestmark = [pytest.mark.parametrize("kind", ["fuzhou"]), pytest.mark.usefixtures("a_night")]
DAY = date(2026, 11, 22)
SPOILT = f"{11:064x}"


@pytest.mark.parametrize("omit", [[], ["XK_FRDB"]])
def test_a_content_that_is_not_what_was_sent_is_a_difference_and_is_sent_again(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, omit: list[str]
) -> None:
    """Also where not every field that was released travels to the platform."""
    exchange = exchange_with(datasets={"permit": Route(omit=omit)})
    ids = sent(exchange, "fuzhou", range(1, 5))
    done = reconcile(exchange, "fuzhou")
    assert done is not None
    assert (done.compared, done.differences) == (4, ())
    tampered(sandbox, "update record set digest = ? where {id} = ?", SPOILT, ids[1])
    done = reconcile(exchange, "fuzhou")
    assert done is not None
    assert done.differences == (Difference("permit", ids[1], "content", 1, 1),)
    assert done.told == "平台上的内容不同 1 条"
    assert "--platform fuzhou --repair content --reason …" in done.advice("fuzhou"), "and nothing that was not found"
    assert "请与平台联系" not in done.advice("fuzhou")
    assert query(exchange, "select kind from report.difference") == [{"kind": "content"}]
    assert repair(exchange, "fuzhou", ["missing", "version", "shown"], "不是这一种", "tester") == (0, 1)
    assert repair(exchange, "fuzhou", ["content"], "平台的人改过", "tester") == (1, 0)
    assert release(exchange, ["fuzhou"]) == {"fuzhou.upsert": 1}
    assert push(exchange, "fuzhou").delivered == 1
    done = reconcile(exchange, "fuzhou")
    assert done is not None
    assert (done.compared, done.differences, done.waiting) == (4, (), 0)


def test_one_record_can_be_mended_while_others_are_still_asked_about(exchange: Exchange, sandbox: Sandbox) -> None:
    ids = sent(exchange, "fuzhou", range(1, 4))
    for record_id in ids[:2]:
        tampered(sandbox, "update record set shown = 0 where {id} = ?", record_id)
    said = io.StringIO()
    given = argparse.Namespace(
        platform=["fuzhou"], repair=["missing"], record=[ids[0], ids[2]], reason="平台误删", by="tester"
    )
    assert ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2
    assert "1 条将在下一次发布时重新上报或撤下" in said.getvalue()
    assert "其余 1 条不在这次更正之内" in said.getvalue()
    assert f"没有安排更正，这次没有核对到它们，或没有发现不一致：{ids[2]}" in said.getvalue()
    ordered = "select record_id from report.difference where repaired_at is not null"
    assert query(exchange, ordered) == [{"record_id": ids[0]}]
    assert release(exchange, ["fuzhou"]) == {"fuzhou.upsert": 1}
    push(exchange, "fuzhou")
    assert {key[1] for key in sandbox.current()} == {ids[0], ids[2]}
