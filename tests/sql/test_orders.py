"""What a person writes about a record is kept without anybody's numbers; what a person approves is what counts."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

import pytest
from merging import batch, query, row
from sqlalchemy import text

from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.canonical import canonical_json
from credit_exchange.core.crypto import seal_text
from credit_exchange.errors import FatalError
from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction


@pytest.mark.parametrize("damaged", [False, True])
def test_an_order_names_no_passport_that_the_record_knows_as_one(exchange: Exchange, damaged: bool) -> None:
    sealed = "enc:v1:damaged" if damaged else seal_text(exchange.keys, "E12345678")
    fields = {"XK_XDR_LB": "自然人", "XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": sealed}
    merge(exchange, batch(exchange, [row(exchange, "1号", subject_kind="person", fields=fields)], date(2026, 11, 10)))
    (found,) = query(exchange, "select record_id from exchange.record")
    said = "E12345678本人、身份证11010519491231002X"
    orders.order(exchange, found["record_id"], "withdraw", "repair", said, said, "tester")
    (told,) = query(exchange, "select reason, legal_basis from exchange.withdrawal_order")
    shown = f"{'E12345678' if damaged else '*' * 9}本人、身份证{'*' * 18}"
    assert told == {"reason": shown, "legal_basis": shown}


def test_an_order_is_of_its_business_date_and_ordered_as_departments_order_theirs(exchange: Exchange) -> None:
    """By the wall clock here, written as they write it; its legal basis, which pages show, names nobody."""
    fields = {"XK_XDR_MC": "陈榕生", "XK_XDR_LB": "自然人"}
    merge(exchange, batch(exchange, [row(exchange, "1号", subject_kind="person", fields=fields)], date(2026, 11, 10)))
    (found,) = query(exchange, "select record_id from exchange.record")
    before = datetime.now(SHANGHAI).replace(tzinfo=None)
    for told in ("", "此前已撤下"):
        assert told in orders.order(exchange, found["record_id"], "withdraw", "court", "x", "陈榕生案判决", "tester")
    after = datetime.now(SHANGHAI).replace(tzinfo=None)
    kept = query(
        exchange, "select business_date, sequence, legal_basis from exchange.withdrawal_order order by order_id"
    )
    times = [datetime.strptime(one["sequence"], "%Y-%m-%d %H:%M:%S.%f") for one in kept]
    assert [before, *times, after] == sorted([before, *times, after])
    assert [(one["business_date"], "陈榕生" in one["legal_basis"]) for one in kept] == [(date(2026, 11, 23), False)] * 2


def test_an_order_names_no_number_that_only_one_feed_or_an_earlier_version_says(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", subject_kind="person")], date(2026, 11, 10)))
    (found,) = query(exchange, "select record_id from exchange.record")
    with transaction(exchange.engine) as connection:
        for table, number in (("claim", "E12345678"), ("record_version", "G87654321")):
            said = {"said": canonical_json({"XK_XDR_ZJHM": seal_text(exchange.keys, number)}).decode()}
            connection.execute(text(f"update exchange.{table} set content = :said"), said)
    orders.order(exchange, found["record_id"], "withdraw", "repair", "E12345678、G87654321、H11111111", "", "tester")
    (told,) = query(exchange, "select reason from exchange.withdrawal_order")
    assert told["reason"] == f"{'*' * 9}、{'*' * 9}、H11111111"


def test_of_a_delivery_that_was_collected_again_only_the_newest_can_be_approved_or_waived(exchange: Exchange) -> None:
    day = date(2026, 11, 10)
    newest = batch(exchange, [], day)
    with transaction(exchange.engine) as connection:
        connection.execute(text("update exchange.batch set generation = 2"))
    older = batch(exchange, [], day)
    with transaction(exchange.engine) as connection:
        connection.execute(text("update exchange.batch set state = 'held', stage = 'collected', problem = 'x'"))
    for decide in (orders.approve_batch, orders.waive_batch):
        with pytest.raises(FatalError, match=rf"报送批次 {older} 不是.*重新采集"):
            decide(exchange, older, "已核实", "tester")
    unseen = "update exchange.batch set source_detail = source_detail || '{\"approved_unseen\": true}' returning 1"
    for reason, who in (("已核实11010519491231002X", "first"), ("又看了一遍", "second")):
        query(exchange, unseen)
        assert orders.approve_batch(exchange, newest, reason, who) == (day, "fz_a_permit")
    approval = "select approved_by, approved_reason, source_detail ? 'approved_unseen' as is_unseen from exchange.batch"
    (told,) = query(exchange, f"{approval} where approved_by is not null")
    assert told == {"approved_by": "first", "approved_reason": f"已核实{'*' * 18}", "is_unseen": False}
    assert orders.waive_batch(exchange, newest, "已核实", "tester") == (day, "fz_a_permit")


def test_what_is_waived_ended_badly_and_is_no_longer_worked_on_whatever_other_feeds_and_days_are(
    exchange: Exchange,
) -> None:
    day = date(2026, 11, 10)
    number = batch(exchange, [], day)
    others = [batch(exchange, [], day, feed="fz_b_permit"), batch(exchange, [], date(2026, 11, 11))]
    query(exchange, "update exchange.batch set generation = 2 where batch_id = any(:others) returning 1", others=others)
    put = (
        "update exchange.batch set state = :state, stage = :stage, problem = :problem, waived_by = null, "
        "approved_by = 'first', approved_reason = '已核实' where batch_id = :number returning 1"
    )
    waived = []
    for state in ("missing", "failed", "held", "complete", "partial", "late"):
        for stage in ("expected", "collected", "validated", "merged"):
            for problem in ("x", None):
                query(exchange, put, state=state, stage=stage, problem=problem, number=number)
                with suppress(FatalError):
                    orders.waive_batch(exchange, number, "已核实11010519491231002X", "tester")
                    waived.append((state, stage, problem))
                    told = "select approved_by, approved_reason, waived_reason from exchange.batch where batch_id = :n"
                    (kept,) = query(exchange, told, n=number)
                    assert kept.pop("waived_reason") == f"已核实{'*' * 18}"
                    assert set(kept.values()) == {None}, "else what is held would be taken all the same"
    assert waived == [
        (state, stage, "x") for state in ("missing", "failed", "held") for stage in ("expected", "collected")
    ]


def test_of_a_record_that_was_never_delivered_a_waiting_withdrawal_can_be_taken_back_and_nothing_else_ordered(
    exchange: Exchange,
) -> None:
    def told(action: str, record: str = "waits") -> str:
        return orders.order(exchange, record, action, "office", "核实", "", "tester")

    waiting = {"record_id": "waits", "action": "withdraw", "authority": "office", "reason": "x", "legal_basis": ""}
    waiting |= {"business_date": "2026-11-10", "sequence": "1", "ordered_by": "department"}
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("orders/insert"), waiting)
        connection.execute(sql.load("orders/insert"), waiting | {"action": "reinstate"})  # of one moment: it waits
    for action, record in (("withdraw", "waits"), ("withdraw", "unknown"), ("reinstate", "unknown")):
        with pytest.raises(FatalError, match=f"没有记录 {record}"):
            told(action, record)
    assert "已取消等待" in told("reinstate")
    with pytest.raises(FatalError, match="没有记录 waits"):
        told("reinstate")


def test_a_reinstatement_of_what_nobody_withdrew_is_not_kept(exchange: Exchange) -> None:
    """It would outdo a withdrawal that a department delivers late."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], date(2026, 11, 10)))
    (found,) = query(exchange, "select record_id from exchange.record")

    def told(action: str) -> str:
        return orders.order(exchange, found["record_id"], action, "office", "核实", "", "tester")

    assert "没有人要求撤下" in told("reinstate")
    assert (told("withdraw"), told("reinstate")) == ("", "")
    assert "没有人要求撤下" in told("reinstate")
    kept = query(exchange, "select action from exchange.withdrawal_order order by order_id")
    assert [one["action"] for one in kept] == ["withdraw", "reinstate"]


def test_before_anything_is_decided_every_order_is_looked_at_whatever_merges_have_seen(exchange: Exchange) -> None:
    """Merges look at orders that are new: what a hand in the database undid is put right by 发布, before it leaves."""
    day = date(2026, 11, 10)
    merge(exchange, batch(exchange, [row(exchange, "1号")], day))
    (found,) = query(exchange, "select record_id from exchange.record")
    orders.order(exchange, found["record_id"], "withdraw", "office", "核实", "", "tester")
    status = "select status, applied from exchange.record inner join exchange.withdrawal_order using (record_id)"
    assert query(exchange, status) == [{"status": "current", "applied": False}]
    merge(exchange, batch(exchange, [], day, feed="fz_b_permit"))
    assert query(exchange, status) == [{"status": "withdrawn", "applied": True}]
    query(exchange, "update exchange.record set status = 'current' returning 1")
    release(exchange)
    assert query(exchange, status) == [{"status": "withdrawn", "applied": True}]


def test_a_takedown_leaves_with_the_reason_of_the_order_that_stands(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], date(2026, 11, 10)))
    release(exchange)
    query(
        exchange, "with gone as (delete from exchange.lot) update exchange.release set state = 'delivered' returning 1"
    )
    (found,) = query(exchange, "select record_id from exchange.record")
    given = found | {"authority": "office", "legal_basis": "", "business_date": "2026-11-10", "ordered_by": "office"}
    told = [
        ("withdraw", "3", "法院撤销"),
        ("reinstate", "2", "异议"),
        ("withdraw", "1", "重复"),
        ("reinstate", "3", "误"),
    ]
    with transaction(exchange.engine) as connection:
        for action, sequence, reason in told:
            order = given | {"action": action, "sequence": sequence, "reason": reason}
            connection.execute(sql.load("orders/insert"), order)
    release(exchange)
    reasons = query(exchange, "select distinct reason from exchange.release where op = 'withdraw'")
    assert [one["reason"] for one in reasons] == ["法院撤销"]
