"""A platform that gives no list is asked about records, those first that would harm a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from beside import sent
from moving import batch, merge, orders, push, query, release, row
from world import permit, uscc

from credit_exchange.core.crypto import open_sealed, seal
from credit_exchange.errors import RetriableError
from credit_exchange.steps import shown
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.dialects.base import Context, dialect_for
from credit_exchange.steps.reconcile import Difference, Reconciled, reconcile, repair
from platforms import Sandbox
from platforms.china import _result

pytestmark = [pytest.mark.parametrize("kind", ["china"]), pytest.mark.usefixtures("a_night")]
DAY, NEXT = date(2026, 11, 22), date(2026, 11, 23)
ASKED = "select record_id from exchange.asked order by asked_at desc, record_id"


def taken_down(exchange: Exchange, record_id: str) -> None:
    orders.order(exchange, record_id, "withdraw", "repair", "信用修复", "", "tester")
    release(exchange, ["china"])
    assert push(exchange, "china").delivered == 1


def compared(exchange: Exchange, *named: str) -> Reconciled:
    done = reconcile(exchange, "china", named)
    assert done is not None
    return done


def behind(sandbox: Sandbox, statement: str, *given: Any) -> None:
    """Change what the platform has behind everybody's back."""
    with sandbox.platform.store.transaction() as store:
        cursor: sqlite3.Cursor = store.execute(statement, given)
        assert cursor.rowcount == 1


def kept(sandbox: Sandbox, wsh: str) -> tuple[Any, ...]:
    (found,) = sandbox.platform.store.read("select * from record where wsh = ?", (wsh,))
    return tuple(found)


def again_there(sandbox: Sandbox, before: tuple[Any, ...]) -> None:
    """The platform has a row again that it had before."""
    behind(sandbox, f"insert into record values ({','.join('?' * len(before))})", *before)


def a_twin(exchange: Exchange) -> None:
    """Another record of ours under the identity that the first permit has there."""
    fields = permit("r0001", 1) | {"XK_WSH": "1号"}
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=[f"uscc:{uscc(2)}"], fields=fields)], NEXT))


def test_what_is_gone_or_other_or_still_there_is_found_and_mended(exchange: Exchange, sandbox: Sandbox) -> None:
    ids = sent(exchange, "china", range(1, 5))
    before = kept(sandbox, "3号")
    taken_down(exchange, ids[2])
    done = compared(exchange)
    assert (done.scope, done.differences, done.agrees) == ("逐条查询 4 条，其中应公示 3 条", (), True)
    behind(sandbox, "delete from record where wsh = '1号'")
    behind(sandbox, "update record set digest = '', content = replace(content, '准予', '不准予') where wsh = '2号'")
    again_there(sandbox, before)
    done = compared(exchange)
    assert set(done.differences) == {
        Difference("permit", ids[0], "missing", 1, None),
        Difference("permit", ids[1], "content", 1, 1),
        Difference("permit", ids[2], "shown", 2, 2),
    }
    alert = "select severity, detail from report.alert where cleared_at is null"
    [told_of] = query(exchange, alert)
    assert told_of["severity"] == "critical"
    assert "--repair shown --repair missing --repair content --reason …" in told_of["detail"]
    assert told_of["detail"].startswith("逐条查询 4 条，其中应公示 3 条；应公示而平台上没有 1 条")
    assert repair(exchange, "china", ["missing", "content", "shown"], "平台恢复过备份", "tester") == (3, 0)
    assert release(exchange, ["china"]) == {"china.upsert": 2, "china.withdraw": 1}
    assert push(exchange, "china").delivered == 3
    texts = {r["XK_WSH"]: r["XK_NR"][:2] for r in sandbox.current().values()}
    assert texts == dict.fromkeys(["1号", "2号", "4号"], "准予")
    assert compared(exchange).agrees
    assert query(exchange, alert) == []


def test_the_first_asked_about_are_those_named_or_that_differed_then_those_taken_down_then_those_longest_not_asked(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(exchange, "china", range(1, 6))
    oldest_first = "select o.record_id, r.document_no from exchange.outbox as o inner join exchange.record as r "
    rows = query(exchange, f"{oldest_first} using (record_id) order by o.outbox_id")
    ids, names = ([one[key] for one in rows] for key in ("record_id", "document_no"))
    taken_down(exchange, ids[0])
    monkeypatch.setattr(shown, "_MOST", 2)
    assert compared(exchange).asked == 2
    assert {one["record_id"] for one in query(exchange, ASKED)} == {ids[0], ids[4]}, "the newest of those never asked"
    monkeypatch.setattr(shown, "_MOST", 3)
    assert compared(exchange).asked == 3
    assert {one["record_id"] for one in query(exchange, ASKED)} == {ids[0], *ids[2:]}
    for gone in (names[2], names[1]):
        behind(sandbox, "delete from record where wsh = ?", gone)
    monkeypatch.setattr(shown, "_MOST", 2)
    found = (Difference("permit", ids[1], "missing", 1, None),)
    assert compared(exchange).differences == found, "the one that was not asked about yet"
    monkeypatch.setattr(shown, "_MOST", 1)
    assert compared(exchange).differences == found, "it is asked again"
    other = (Difference("permit", ids[2], "missing", 1, None),)
    assert compared(exchange, ids[2]).differences == other, "the one that a person named"
    monkeypatch.setattr(shown, "_MOST", 5)
    assert compared(exchange).counts == {"missing": 2}
    monkeypatch.setattr(shown, "_MOST", 1)
    done = compared(exchange)
    assert (len(done.differences), done.ordered, done.agrees) == (1, 1, False), "what was not asked about still stands"
    assert len(query(exchange, "select 1 from exchange.difference")) == 2


def test_those_taken_down_and_those_shown_take_turns(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were taken down, what is shown is asked about too."""
    ids = sent(exchange, "china", range(1, 7))
    for record_id in ids[:3]:
        taken_down(exchange, record_id)
    monkeypatch.setattr(shown, "_MOST", 2)
    for _ in range(3):
        assert compared(exchange).scope == "逐条查询 2 条，其中应公示 1 条"
    assert sorted(one["record_id"] for one in query(exchange, ASKED)) == sorted(ids)
    [first] = query(exchange, "select max(asked_at) as at from exchange.asked")
    for _ in range(3):
        compared(exchange)
    again = "select record_id from exchange.asked where asked_at > :at"
    assert sorted(one["record_id"] for one in query(exchange, again, **first)) == sorted(ids), "and so it goes on"


def test_where_a_record_was_taken_down_another_of_ours_may_lie(exchange: Exchange, sandbox: Sandbox) -> None:
    """Two records of ours under one identity there: one was taken down before the other came."""
    [first] = sent(exchange, "china", [1])
    taken_down(exchange, first)
    fields = permit("r0001", 1) | {"XK_WSH": "1号"}
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=[f"uscc:{uscc(1)}"], fields=fields)], NEXT))
    release(exchange, ["china"])
    assert push(exchange, "china").delivered == 1
    assert len(sandbox.current()) == 1
    assert compared(exchange).counts == {"shown": 1}, "not known to be about the same document"
    same = "update exchange.record set document_key = (select min(document_key) from exchange.record) returning 1"
    query(exchange, same)
    assert compared(exchange).agrees


@pytest.mark.parametrize("when", ["before it is ordered", "while nobody knows", "while it is refused"])
def test_taking_down_what_is_shown_again_leaves_another_of_ours_where_it_is(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    [first] = sent(exchange, "china", [1])
    before = kept(sandbox, "1号")
    taken_down(exchange, first)
    again_there(sandbox, before)
    assert compared(exchange).counts == {"shown": 1}
    if when == "before it is ordered":
        a_twin(exchange)
        release(exchange, ["china"])
        push(exchange, "china")
    assert repair(exchange, "china", ["shown"], "平台恢复过备份", "tester") == (1, 0)
    assert release(exchange, ["china"]) == {"china.withdraw": 1}
    if when == "while nobody knows":
        a_twin(exchange)
        release(exchange, ["china"])
        sandbox.faults.add("revoke", "503", times=1)
        push(exchange, "china")
    if when == "while it is refused":
        with monkeypatch.context() as refusing:
            refusing.setattr(sandbox.platform, "_revoke", lambda _: _result("07", "", "未找到唯一匹配的数据"))
            assert push(exchange, "china").held == 1
            a_twin(exchange)
            release(exchange, ["china"])
            assert push(exchange, "china").held == 1
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-24T01:30:00")
        push(exchange, "china")
    # the clock stands: what was held before the takedown had arrived was held earlier
    query(
        exchange,
        "update exchange.release set settled_at = settled_at - interval '1 minute' where state = 'held' returning 1",
    )
    push(exchange, "china")
    assert query(exchange, "select state from exchange.outbox where state <> 'delivered'") == []
    assert list(sandbox.current()) == [("permission", *before[2:5])], "the other one is shown"
    assert compared(exchange).agrees


def test_what_is_shown_again_is_not_taken_down_while_another_of_ours_may_be_arriving_there(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one was imported and its answer was lost: revoking that identity would take down what nobody meant."""
    [first] = sent(exchange, "china", [1])
    before = kept(sandbox, "1号")
    taken_down(exchange, first)
    again_there(sandbox, before)
    assert compared(exchange).counts == {"shown": 1}
    a_twin(exchange)
    release(exchange, ["china"])
    sandbox.faults.add("import_permission", "commit_then_close")
    sandbox.faults.add("query_permission", "503", times=-1)
    assert push(exchange, "china").unknown == 1
    assert repair(exchange, "china", ["shown"], "平台恢复过备份", "tester") == (1, 0)
    release(exchange, ["china"])
    sandbox.faults.clear()
    done = push(exchange, "china")
    assert (done.held, done.delivered) == (1, 1), "the other one has arrived"
    assert sum(apply.op == "withdraw" for apply in sandbox.ledger.applies()) == 1, "nothing but the first"
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-24T01:30:00")
    push(exchange, "china")
    assert query(exchange, "select state from exchange.outbox where state <> 'delivered'") == []
    assert list(sandbox.current()) == [("permission", *before[2:5])], "the other one is shown"
    assert compared(exchange).agrees


def test_what_cannot_be_asked_about_is_not_missing(exchange: Exchange) -> None:
    """It was sent when a column by which it is found had another name there."""
    ids = sent(exchange, "china", [1, 2])
    [shipment] = query(exchange, "select shipment_no, body_sealed from exchange.shipment")
    context = shipment["shipment_no"].encode()
    body = open_sealed(exchange.keys, bytes(shipment["body_sealed"]), context).decode()
    body = body.replace("<XK_WSH>1号</XK_WSH>", "<XK_JDWSH>1号</XK_JDWSH>")
    given = {"body": seal(exchange.keys, body.encode(), context)}
    query(exchange, "update exchange.shipment set body_sealed = :body returning 1", **given)
    done = compared(exchange)
    assert (done.asked, done.compared, done.differences) == (1, 1, ())
    assert sorted(one["record_id"] for one in query(exchange, ASKED)) == sorted(ids)


def test_one_question_that_is_never_answered_keeps_no_others_from_being_asked(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_with(retry={"attempts": 2, "first_seconds": 0.01, "max_seconds": 0.01})
    sent(exchange, "china", range(1, 3))
    monkeypatch.setattr(shown, "_MOST", 1)
    sandbox.faults.add("query_permission", "503", times=2)
    with pytest.raises(RetriableError):
        reconcile(exchange, "china")
    assert compared(exchange).agrees
    assert len(query(exchange, ASKED)) == 2, "it was the other one's turn"


def test_a_question_that_is_not_answered_changes_nothing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(retry={"attempts": 2, "first_seconds": 0.01, "max_seconds": 0.01})
    sent(exchange, "china", range(1, 3))
    behind(sandbox, "delete from record where wsh = '1号'")
    sandbox.faults.add("query_permission", "503", times=1)
    assert compared(exchange).counts == {"missing": 1}, "it is asked once more"
    before = query(exchange, "select * from exchange.difference")
    sandbox.faults.add("query_permission", "503", times=2)
    with pytest.raises(RetriableError, match="信用中国：没有问完，本次没有核对"):
        reconcile(exchange, "china")
    assert query(exchange, "select * from exchange.difference") == before
    assert query(exchange, "select 1 from exchange.listed") == []


def test_a_platform_that_tells_nothing_is_not_compared(exchange: Exchange) -> None:
    platform = exchange.config.platforms["china"]
    dialect: Any = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
    wire: Any = None
    assert shown.Shown.of(exchange, platform, dialect, wire) is not None
    assert shown.Shown.of(exchange, platform, object(), wire) is None  # type: ignore[arg-type]
