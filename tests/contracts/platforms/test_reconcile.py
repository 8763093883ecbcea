"""What a platform shows is compared with what was delivered to it: what differs is named and can be mended."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from beside import add_copy, decided, tampered
from deskwork import packed, put_as
from moving import batch, merge, ordered, orders, push, query, release, row, shown, told
from rich.console import Console
from world import names, outbox, permit, put, run, uscc

from credit_exchange.cli import explain
from credit_exchange.config.labels import MENDED
from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.steps import reconcile as step
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import drain
from credit_exchange.steps.reconcile import Difference, reconcile, repair
from platforms import Sandbox

on_two = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])
DAY = date(2026, 11, 22)
PLACE = {"fuzhou": "permit", "fujian": "frxk"}
KEPT = "select place, record_id, kind, our_version, their_version from exchange.difference order by record_id"
OPEN = "select incident_key, severity from report.alert where cleared_at is null"


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
    query(exchange, "update exchange.difference set repaired_at = now() returning 1")
    assert reconcile(exchange, kind)
    assert query(exchange, "select 1 from report.difference where repaired_at is not null") == [], "found anew"
    tampered(sandbox, "update record set shown = 1 where {id} = ?", "r0001")
    tampered(sandbox, "update record set {ver} = 1 where {id} = ?", "r0002")
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0003")
    tampered(sandbox, "delete from record where {id} = ?", "stranger")
    assert reconcile(exchange, kind)
    assert query(exchange, KEPT) == []
    assert query(exchange, OPEN) == []
    assert query(exchange, "select 1 from exchange.listed") == []
    found = query(exchange, "select differences from exchange.reconciliation order by reconciliation_id")
    assert [one["differences"] for one in found] == [0, 4, 4, 0]


@on_two
def test_what_changes_while_the_list_is_read_is_no_difference(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exchange, kind, names(4))
    decided(exchange)
    run(exchange, kind)
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0002")
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0004")
    read, readings = step._read, 0

    def then_changed(*given: Any) -> Any:
        nonlocal readings
        found = read(*given)
        readings += 1
        if readings == 1:
            tampered(sandbox, "update record set shown = 1 where {id} = ?", "r0002")
            tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0003")
        return found

    monkeypatch.setattr(step, "_read", then_changed)
    done = reconcile(exchange, kind)
    assert done is not None
    assert [one.record_id for one in done.differences] == ["r0004"]
    assert query(exchange, OPEN) == [{"incident_key": f"reconcile:{kind}:", "severity": "warning"}]


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_is_on_its_way_or_waits_or_is_to_be_sent_again_is_not_compared(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(6))
    run(exchange, kind)
    for record, state in (("r0001", "unknown"), ("r0002", "settled")):
        packed(exchange, state, record, version=2, state=state, lane=PLACE[kind])
    packed(exchange, "other", "r0007", state="settled", lane="other", dataset="no longer reported")
    put_as(exchange, "r0003", "retry", version=2)
    put_as(exchange, "r0004", "waiting", version=2)
    query(
        exchange,
        "update exchange.release set outcome_code = 'RESTORED' where record_id in ('r0002', 'r0005') and version = 1 "
        "returning 1",
    )
    query(exchange, "update exchange.record set version = 2 where record_id = 'r0005' returning 1")  # to be decided
    for record in names(6):
        tampered(sandbox, "update record set {ver} = 9 where {id} = ?", record)
    done = reconcile(exchange, kind)
    assert done is not None
    assert done.differences == (
        Difference(PLACE[kind], "r0002", "version", 2, 9),  # what was to be sent again has arrived
        Difference(PLACE[kind], "r0006", "version", 1, 9),
    )


@pytest.mark.usefixtures("a_night")
@pytest.mark.parametrize("kind", ["fujian"])
def test_what_lies_under_the_date_of_an_earlier_content_is_found(exchange: Exchange, sandbox: Sandbox) -> None:
    for day, decided_on in ((20, "2026-11-02"), (21, "2026-11-05")):
        told(exchange, day, "legal", fields={"XK_JDRQ": decided_on})
        push(exchange)
    query(exchange, "update exchange.record set decided_on = '2026-11-05' returning 1")
    ordered(exchange, "withdraw")
    push(exchange)
    tampered(sandbox, "update record set shown = 1, decided = ? where not shown", "20261102")
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert done.counts == {"shown": 1}


@on_two
def test_what_no_repair_can_mend_is_left_to_a_person_and_other_platforms_to_their_own(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(4))
    decided(exchange)
    run(exchange, kind)
    put(exchange, "china", names(2, first=9))
    query(
        exchange,
        "with n as (insert into exchange.reconciliation (platform, begun_at) values ('china', now()), "
        "('china', now() - interval '2 days') returning *), l as (insert into exchange.listed "
        "select reconciliation_id, 'x', 'r0001', 1 from n) insert into exchange.difference "
        "(platform, place, record_id, kind, reconciliation_id) "
        "select 'china', 'x', r, k, (select max(reconciliation_id) from n) "
        "from (values ('r0002', 'missing'), ('r0010', 'shown'), ('r0004', 'missing'), ('r0009', 'missing')) as f (r, k)"
        " returning 1",
    )
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0001")
    tampered(sandbox, "update record set {ver} = ? where {id} = 'r0002'", 7)
    add_copy(sandbox, "r0003", "350102199001011234")
    add_copy(sandbox, "r0004", "r0009")  # which was sent to the other platform only
    assert reconcile(exchange, kind)
    tampered(sandbox, "update record set {ver} = ? where {id} = 'r0002'", 2**40)
    done = reconcile(exchange, kind)
    assert done is not None
    assert done.counts == {"missing": 1, "version": 1, "shown": 1, "unknown": 1}
    assert [one.record_id[:4] for one in done.differences if one.kind == "unknown"] == ["sm3:"], "no person's number"
    ours = f"{KEPT.replace('order', 'where platform = :kind order')}"
    assert [tuple(one.values()) for one in query(exchange, ours, kind=kind)] == list(done.differences)
    assert query(exchange, "select count(*) as n from exchange.difference where platform = 'china'") == [{"n": 4}]
    assert query(exchange, "select count(*) as n from exchange.listed") == [{"n": 1}]
    query(
        exchange,
        "with n as (insert into exchange.reconciliation (platform) values ('china') returning *) "
        "update exchange.difference as d set reconciliation_id = n.reconciliation_id from n "
        "where d.platform = 'china' returning 1",
    )
    assert repair(exchange, kind, MENDED, "x", "tester") == (2, 2)
    marked = {key for key, one in outbox(exchange).items() if one.outcome_code == "RESTORED"}
    assert marked == {("r0001", 1), ("r0009", 1)}
    assert query(exchange, "select 1 from exchange.release where platform = 'china' and outcome_code is not null") == []
    raised = "select record_id, version from exchange.record where version > 1 order by record_id"
    assert [tuple(one.values()) for one in query(exchange, raised)] == [("r0001", 2), ("r0009", 2)]
    repaired = "select platform from exchange.reconciliation where repaired_at is not null"
    assert query(exchange, repaired) == [{"platform": kind}]


@on_two
def test_a_list_is_read_at_the_pace_that_the_platform_allows(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str
) -> None:
    """All workers share it: each page takes a turn that a drain could have had."""
    exchange = exchange_with(limits={"calls_per_second": 1000.0})
    put(exchange, kind, names(4))
    decided(exchange)
    run(exchange, kind)
    turn = "update exchange.platform_state set next_call_at = '2020-01-01' returning next_call_at"
    [before] = query(exchange, turn)
    assert reconcile(exchange, kind)
    [after] = query(exchange, "select next_call_at from exchange.platform_state")
    assert after["next_call_at"] > before["next_call_at"]


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
    for fault in ("503", "close_before_commit"):
        sandbox.faults.add("list", fault, times=2)
        with pytest.raises(RetriableError, match="没有读完平台的清单"):
            reconcile(exchange, kind)
        assert query(exchange, KEPT) == before
        assert query(exchange, "select 1 from exchange.listed") == []
    assert query(exchange, "select circuit from exchange.platform_state") == [{"circuit": "closed"}]
    query(
        exchange,
        "update exchange.platform_state set circuit = 'open', open_until = now() - interval '1 minute' returning 1",
    )
    asked = len(sandbox.ledger.requests("list"))
    with pytest.raises(RetriableError, match=r"没有读完平台的清单.*暂停上报"):
        reconcile(exchange, kind)
    assert len(sandbox.ledger.requests("list")) == asked, "the next drain tries whether it works again"
    restored.begin(exchange)
    with pytest.raises(FatalError, match="从备份恢复"):
        reconcile(exchange, kind)  # what the lost database had sent would count as wrong
    assert query(exchange, KEPT) == before


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
    assert repair(exchange, kind, ["shown"], "先撤下这一条", "tester", only=[ids[2]]) == (1, 4)
    marked = query(exchange, "select record_id from exchange.release where outcome_code = 'RESTORED'")
    assert marked == [{"record_id": ids[2]}], "nor what was never sent from here"
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
    said_before = "select op from exchange.release where record_id = :id order by version"
    assert [one["op"] for one in query(exchange, said_before, id=ids[2])] == ["upsert", "withdraw"]
    released = release(exchange, [kind])
    assert (released[f"{kind}.upsert"], released[f"{kind}.withdraw"]) == (2, 3)
    assert drain(exchange, kind).problem is None
    versions = {key[1]: there[0] for key, there in sandbox.current().items()}
    assert versions == {ids[0]: 2, ids[1]: 71, ids[3]: 1}
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
