"""What a person writes about a record is kept without anybody's numbers; what a person approves is what counts."""

from __future__ import annotations

from datetime import date

import pytest
from merging import batch, query, row
from sqlalchemy import text

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
    for reason, who in (("已核实", "first"), ("又看了一遍", "second")):
        query(exchange, unseen)
        assert orders.approve_batch(exchange, newest, reason, who) == (day, "fz_a_permit")
    approval = "select approved_by, approved_reason, source_detail ? 'approved_unseen' as is_unseen from exchange.batch"
    (told,) = query(exchange, f"{approval} where approved_by is not null")
    assert told == {"approved_by": "first", "approved_reason": "已核实", "is_unseen": False}
    assert orders.waive_batch(exchange, newest, "已核实", "tester") == (day, "fz_a_permit")


def test_of_a_record_that_was_never_delivered_a_waiting_withdrawal_can_be_taken_back_and_nothing_else_ordered(
    exchange: Exchange,
) -> None:
    def told(action: str, record: str = "waits") -> str:
        return orders.order(exchange, record, action, "office", "核实", "", "tester")

    waiting = {"record_id": "waits", "action": "withdraw", "authority": "office", "reason": "x", "legal_basis": ""}
    waiting |= {"business_date": "2026-11-10", "sequence": "1", "ordered_by": "department"}
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("orders/insert"), waiting)
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
