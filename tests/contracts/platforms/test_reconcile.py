"""What a platform shows is compared with what was delivered to it: what differs is named and can be mended."""

from __future__ import annotations

import argparse
import io
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from moving import batch, merge, ordered, orders, push, query, release, row, shown, told
from rich.console import Console
from world import names, permit, put, run, uscc

from credit_exchange.adapters import tasks
from credit_exchange.adapters.exchange import NotReady
from credit_exchange.cli import actions, explain
from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import drain
from credit_exchange.steps.reconcile import MENDED, Difference, reconcile, repair
from platforms import Sandbox
from platforms.wire import Answer, Request

on_two = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])
DAY = date(2026, 11, 22)
PLACE = {"fuzhou": "permit", "fujian": "frxk"}
KEPT = "select place, record_id, kind, our_version, their_version from exchange.difference order by record_id"
OPEN = "select incident_key, severity from report.alert where cleared_at is null"
IDS = {"fuzhou": "record_id", "fujian": "id"}
VERSIONS = {"fuzhou": "version", "fujian": "ver"}


def decided(exchange: Exchange) -> None:
    """The dates of the made-up permits, which the record store of the delivery tests leaves out."""
    for number in range(20):
        day = permit(f"r{number}", 1)["XK_JDRQ"]
        these = f"cast(substr(record_id, 2) as int) % 20 = {number}"
        query(exchange, f"update exchange.record set decided_on = '{day}' where {these} returning 1")


def tampered(sandbox: Sandbox, statement: str, *given: Any) -> None:
    """Change what the platform shows behind everybody's back; `id` and `ver` stand for its names of them."""
    with sandbox.platform.store.transaction() as store:
        names_there = {"{id}": IDS[sandbox.kind], "{ver}": VERSIONS[sandbox.kind]}
        for ours, theirs in names_there.items():
            statement = statement.replace(ours, theirs)
        cursor: sqlite3.Cursor = store.execute(statement, given)
        assert cursor.rowcount == 1


def add_copy(sandbox: Sandbox, of: str, named: str) -> None:
    """One record more that the platform shows, otherwise like another."""
    rows = sandbox.platform.store.read(f"select * from record where {IDS[sandbox.kind]} = ?", (of,))
    values = [named if value == of else value for value in rows[0]]
    with sandbox.platform.store.transaction() as store:
        store.execute(f"insert into record values ({','.join('?' * len(values))})", values)


@on_two
def test_exactly_what_differs_is_named_told_and_forgotten_when_it_is_mended(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(6))
    decided(exchange)
    run(exchange, kind)
    put(exchange, kind, ["r0003"], version=2, op="withdraw")
    put(exchange, kind, ["r0006"], version=2)
    run(exchange, kind)
    put(exchange, kind, ["r0006"], version=3)  # waits, and is not compared
    done = reconcile(exchange, kind)
    assert done is not None
    assert (done.compared, done.differences, done.waiting) == (4, (), 1)
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0001")
    tampered(sandbox, "update record set {ver} = 7 where {id} = ?", "r0002")
    tampered(sandbox, "update record set {ver} = 9 where {id} = ?", "r0006")
    tampered(sandbox, "update record set shown = 1 where {id} = ?", "r0003")
    if kind == "fujian":
        tampered(sandbox, "update record set decided = '20261104' where {id} = ?", "r0003")
    add_copy(sandbox, "r0004", "stranger")
    done = reconcile(exchange, kind)
    assert done is not None
    assert done.differences == (
        Difference(PLACE[kind], "r0001", "missing", 1, None),
        Difference(PLACE[kind], "r0002", "version", 1, 7),
        Difference(PLACE[kind], "r0003", "shown", 2, 2),
        Difference(PLACE[kind], "stranger", "unknown", None, 1),
    )
    assert [tuple(one.values()) for one in query(exchange, KEPT)] == list(done.differences)
    assert query(exchange, OPEN) == [{"incident_key": f"reconcile:{kind}:", "severity": "critical"}]
    tampered(sandbox, "update record set shown = 1 where {id} = ?", "r0001")
    tampered(sandbox, "update record set {ver} = 1 where {id} = ?", "r0002")
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0003")
    tampered(sandbox, "delete from record where {id} = ?", "stranger")
    assert reconcile(exchange, kind)
    assert query(exchange, KEPT) == []
    assert query(exchange, OPEN) == []
    assert query(exchange, "select 1 from exchange.listed") == []
    found = query(exchange, "select differences from exchange.reconciliation order by reconciliation_id")
    assert [one["differences"] for one in found] == [0, 4, 0]


@on_two
def test_what_changes_while_the_list_is_read_is_no_difference(exchange: Exchange, sandbox: Sandbox, kind: str) -> None:
    put(exchange, kind, names(3))
    decided(exchange)
    run(exchange, kind)
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0002")
    answer = sandbox.platform.answer

    def later(request: Request, fault: Any) -> Answer:
        found = answer(request, fault)
        if (
            request.endpoint == "list"
            and sandbox.platform.store.read("select count(*) from record where shown")[0][0] == 2
        ):
            tampered(sandbox, "update record set shown = 1 where {id} = ?", "r0002")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.platform, "answer", later)
        done = reconcile(exchange, kind)
    assert done is not None
    assert done.differences == ()


@on_two
def test_a_list_that_cannot_be_read_whole_changes_nothing(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    exchange = exchange_with(retry={"attempts": 2, "first_seconds": 0.01, "max_seconds": 0.01})
    put(exchange, kind, names(3))
    decided(exchange)
    run(exchange, kind)
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0001")
    assert reconcile(exchange, kind)
    before = query(exchange, KEPT)
    assert len(before) == 1
    sandbox.faults.add("list", "503", times=1)
    assert reconcile(exchange, kind), "it is asked again"
    sandbox.faults.add("list", "503", times=2)
    with pytest.raises(RetriableError, match="没有读完平台的清单"):
        reconcile(exchange, kind)
    assert query(exchange, KEPT) == before
    assert query(exchange, "select 1 from exchange.listed") == []
    assert query(exchange, "select circuit from exchange.platform_state") == [{"circuit": "closed"}]
    restored.begin(exchange)
    with pytest.raises(FatalError, match="从备份恢复"):
        reconcile(exchange, kind)  # what the lost database had sent would count as wrong
    assert query(exchange, KEPT) == before


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_command_and_task_say_what_differs_and_the_command_orders_its_repair(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(4))
    run(exchange, kind)
    alone = replace(exchange, config=replace(exchange.config, platforms={kind: exchange.config.platforms[kind]}))
    task = tasks.Reconcile(task_id="reconcile")
    assert task.work(alone, {}) == {kind: 4}
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0001")
    add_copy(sandbox, "r0004", "stranger")
    with pytest.raises(FatalError, match="信用福州：应公示而平台上没有 1 条，平台上有而本系统没有 1 条；"):
        task.work(alone, {})
    put(exchange, "fujian", ["r0009"])
    decided(exchange)
    with pytest.raises(NotReady, match=r"信用福建：没有读完平台的清单.*信用福州：应公示"):
        task.work(exchange, {})  # which cannot be reached
    said = io.StringIO()
    given = argparse.Namespace(platform=["fujian", kind, "china"], repair=[], reason="", by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2
    assert "信用福建：没有读完平台的清单" in said.getvalue()
    assert "信用福州：应公示 4 条，应公示而平台上没有 1 条" in said.getvalue()
    assert "r0001" in said.getvalue()
    assert "信用中国：没有清单可读" in said.getvalue()
    said = io.StringIO()
    given = argparse.Namespace(platform=["fujian", kind], repair=[], reason="", by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=80)) == 2, "one cannot be reached"
    assert "信用福建：没有读完平台的清单" in said.getvalue()
    assert "应公示而平台上没有" in said.getvalue().splitlines()[-3], "no cell is folded"
    given = argparse.Namespace(platform=[kind], repair=["missing"], reason="平台恢复过备份", by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2, "one is for a person"
    assert "1 条将在下一次发布时重新上报或撤下" in said.getvalue()
    assert "其余 1 条不在这次更正之内" in said.getvalue()
    said = io.StringIO()
    given = argparse.Namespace(platform=[kind], repair=["missing"], reason="再一次", by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2
    assert "1 条正在上报或等待发布，没有核对，其中 1 条此前不一致" in said.getvalue()
    assert "0 条将" not in said.getvalue()
    with pytest.raises(FatalError, match="其中 1 条此前不一致"):
        task.work(alone, {})
    restored.begin(exchange)
    with pytest.raises(FatalError, match="restored --reason"):
        repair(exchange, kind, MENDED, "先要登记恢复", "tester")


@pytest.mark.parametrize("kind", ["china"])
def test_a_platform_without_a_list_is_not_compared(exchange: Exchange, kind: str) -> None:
    assert reconcile(exchange, kind) is None


@on_two
@pytest.mark.usefixtures("a_night")
def test_what_differs_is_sent_again_or_taken_down_by_the_next_release(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    """Also where the platform has a version that is above ours; what is not ours is left to a person."""
    rows = []
    for number in range(1, 7):
        codes = [f"uscc:{uscc(number)}"]
        day = {"XK_JDRQ": "2026-03-03"} if number == 5 else {}  # of which nothing was ever sent
        fields = permit(f"r{number:04d}", 1) | {"XK_WSH": f"{number}号"} | day
        rows.append(row(exchange, f"{number}号", codes=codes, fields=fields, decided_on=fields["XK_JDRQ"]))
    ids = [one["record_id"] for one in rows]
    merge(exchange, batch(exchange, rows, DAY))
    orders.order(exchange, ids[4], "withdraw", "court", "法院撤销", "", "tester")  # never sent from here
    release(exchange, [kind])
    orders.order(exchange, ids[5], "withdraw", "court", "法院撤销", "", "tester")  # overtaken before it was sent
    release(exchange, [kind])
    assert drain(exchange, kind).delivered == 4
    orders.order(exchange, ids[2], "withdraw", "repair", "信用修复", "", "tester")
    release(exchange, [kind])
    drain(exchange, kind)
    tampered(sandbox, "update record set shown = 0 where {id} = ?", ids[0])
    tampered(sandbox, "update record set {ver} = 70 where {id} = ?", ids[1])
    tampered(sandbox, "update record set shown = 1 where {id} = ?", ids[2])
    if kind == "fujian":
        tampered(sandbox, "update record set decided = '20261104' where {id} = ?", ids[2])
    add_copy(sandbox, ids[3], ids[4])
    add_copy(sandbox, ids[3], ids[5])
    if kind == "fujian":
        tampered(sandbox, "update record set decided = '20260303' where {id} = ?", ids[4])
    done = reconcile(exchange, kind)
    assert done is not None
    assert done.counts == {"missing": 1, "version": 1, "shown": 3}
    assert repair(exchange, kind, ["shown"], "先撤下", "tester") == (3, 2)
    unmended = query(exchange, "select kind from report.difference where repaired_at is null order by 1")
    assert [one["kind"] for one in unmended] == ["missing", "version"]
    assert repair(exchange, kind, ["missing", "version"], "平台恢复过备份 350102199001011234", "tester") == (2, 3)
    done = reconcile(exchange, kind)
    assert done is not None
    assert (done.differences, done.waiting, done.ordered) == ((), 5, 5)
    assert len(query(exchange, KEPT)) == 5, "ordered is not mended"
    assert len(query(exchange, OPEN)) == 1
    assert query(exchange, "select 1 from report.difference where repaired_at is null") == []
    said = io.StringIO()
    explain.show(explain.explanation(exchange, ids[2]), exchange.config, Console(file=said, width=120))
    assert "不应公示而平台上有" in said.getvalue()
    assert "的清单与登记的不一致，重新上报或撤下：先撤下" in said.getvalue()
    released = release(exchange, [kind])
    assert (released[f"{kind}.upsert"], released[f"{kind}.withdraw"]) == (2, 3)
    assert drain(exchange, kind).problem is None
    assert {key[1] for key in sandbox.current()} == {ids[0], ids[1], ids[3]}
    done = reconcile(exchange, kind)
    assert done is not None
    assert (done.compared, done.differences, done.waiting) == (3, (), 0)
    assert query(exchange, KEPT) == query(exchange, OPEN) == []
    [noted] = query(exchange, "select * from exchange.reconciliation where repaired_by = 'tester'")
    assert noted["repaired_reason"].startswith("平台恢复过备份")
    assert "19900101" not in noted["repaired_reason"]
    assert release(exchange, [kind]) == {}
    tampered(sandbox, "update record set shown = 0 where {id} = ?", ids[0])
    tampered(sandbox, "update record set {ver} = 170 where {id} = ?", ids[1])
    done = reconcile(exchange, kind)
    assert done is not None
    assert done.counts == {"missing": 1, "version": 1}, "what was once put right is compared again"


@pytest.mark.parametrize("kind", ["fujian"])
@pytest.mark.usefixtures("a_night")
def test_what_is_shown_in_an_earlier_catalogue_is_taken_down_there_unless_it_is_shown_where_it_belongs(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    """One version cannot be sent to one catalogue and be taken down in another: that is for a person."""
    for day, subject in enumerate(("legal", "person"), 1):
        told(exchange, day, subject)
        while push(exchange).delivered:
            release(exchange, [kind])
    assert set(shown(sandbox)) == {"zrrxk"}
    tampered(sandbox, "update record set shown = 1, decided = '20261102' where catalog = ?", "frxk")
    done = reconcile(exchange, kind)
    assert done is not None
    assert [(one.place, one.kind) for one in done.differences] == [("frxk", "shown")]
    assert repair(exchange, kind, MENDED, "请平台核实", "tester") == (0, 1)
    assert release(exchange, [kind]) == {}
    ordered(exchange, "withdraw")
    tampered(sandbox, "update record set shown = 0 where catalog = ?", "frxk")
    push(exchange)
    tampered(sandbox, "update record set shown = 1 where catalog = ?", "frxk")
    assert reconcile(exchange, kind)
    assert repair(exchange, kind, MENDED, "请平台核实", "tester") == (1, 0)
    assert release(exchange, [kind]) == {"fujian.withdraw": 1}
    push(exchange)
    assert shown(sandbox) == {}
    assert release(exchange, [kind]) == {}
