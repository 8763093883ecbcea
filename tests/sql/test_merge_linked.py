"""One decision that is told of by different codes of its subject is one record, and an order of it finds it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from merging import CODE, batch, query, row

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.orders import order
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

FIRST = date(2026, 11, 18)
LEGACY = ["reg:350100100012345"]
UNIFIED = [f"org:{CODE[8:17]}", f"uscc:{CODE}", *LEGACY]
RECORDS = "select status, version from exchange.record"


def waits(exchange: Exchange, feed: str | None = None, size: int | None = None) -> list[Any]:
    """Withdrawals that are told of as waiting for a record that never came."""
    with exchange.engine.connect() as connection:
        return list(connection.execute(sql.load("orders/waiting"), {"feed": feed, "size": size}))


def test_two_rows_of_a_first_batch_that_are_one_record_by_linked_codes_make_one_record(exchange: Exchange) -> None:
    rows = [
        row(exchange, "1号", codes=LEGACY, sequence="1", fields={"XK_NR": "甲"}),
        row(exchange, "1号", codes=UNIFIED, sequence="2", fields={"XK_NR": "乙"}),
    ]
    counts = merge(exchange, batch(exchange, rows, FIRST))
    assert counts["rows_accepted"] == 2
    assert query(exchange, RECORDS) == [{"status": "current", "version": 1}]
    (version,) = query(exchange, "select content::jsonb ->> 'XK_NR' as nr from exchange.record_version")
    assert version == {"nr": "乙"}


def test_of_two_rows_of_a_late_batch_that_are_one_record_both_fill_history(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=UNIFIED)], FIRST + timedelta(days=1)))
    late = [
        row(exchange, "1号", codes=codes, fields={"XK_NR": said}) for codes, said in ((LEGACY, "甲"), (UNIFIED, "乙"))
    ]
    assert merge(exchange, batch(exchange, late, FIRST))["rows_accepted"] == 2
    assert query(exchange, "select line_no from exchange.claim_history order by 1") == [{"line_no": 2}, {"line_no": 3}]


@pytest.mark.parametrize(("said", "ordered"), [(LEGACY, UNIFIED), (UNIFIED, LEGACY)])
def test_a_withdrawal_by_another_code_in_the_same_first_batch_withdraws_the_record(
    exchange: Exchange, said: list[str], ordered: list[str]
) -> None:
    for place, rows in enumerate(permutations((("upsert", said), ("withdraw", ordered)))):
        made = [row(exchange, f"{place}号", codes=codes, operation=word) for word, codes in rows]
        merge(exchange, batch(exchange, made, FIRST + timedelta(days=place)))
        assert [r["status"] for r in query(exchange, RECORDS)] == ["withdrawn"] * (place + 1)


def test_an_order_that_was_found_by_another_code_waits_for_nothing(exchange: Exchange) -> None:
    waiting = "select count(*) as n from exchange.withdrawal_order"
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=LEGACY, operation="withdraw")], FIRST))
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=UNIFIED[:2])], FIRST + timedelta(days=1)))
    assert len(waits(exchange)) == 1
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=2)))
    assert query(exchange, waiting) == [{"n": 2}]
    assert waits(exchange) == []


@pytest.mark.parametrize(("said", "ordered"), [(LEGACY, UNIFIED), (UNIFIED, LEGACY)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_withdrawal_that_came_first_finds_the_record_that_comes_under_another_code(
    exchange: Exchange, said: list[str], ordered: list[str], backwards: bool
) -> None:
    before = [row(exchange, "1号", codes=ordered, operation="withdraw")]
    merge(exchange, batch(exchange, before, FIRST + timedelta(days=backwards)))
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=said)], FIRST + timedelta(days=not backwards)))
    assert [r["status"] for r in query(exchange, RECORDS)] == ["withdrawn"]


@pytest.mark.parametrize("known_before", [False, True])
def test_a_withdrawal_that_came_first_finds_the_record_when_its_codes_are_linked_in_between(
    exchange: Exchange, known_before: bool
) -> None:
    """Also where the codes that were known before the order stay, and those that it names are joined to them."""
    unlinked = UNIFIED[:2]
    order, other = row(exchange, "1号", codes=LEGACY, operation="withdraw"), row(exchange, "2号", codes=unlinked)
    for days, said in enumerate([other, order] if known_before else [order, other]):
        merge(exchange, batch(exchange, [said], FIRST + timedelta(days=days)))
    merge(exchange, batch(exchange, [row(exchange, "3号", codes=UNIFIED)], FIRST + timedelta(days=2)))
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=unlinked)], FIRST + timedelta(days=3)))
    found = query(exchange, "select document_no, status from exchange.record order by document_no")
    assert found[0] == {"document_no": "1号", "status": "withdrawn"}


def test_a_late_day_under_another_code_does_not_undo_what_was_said_again_since(exchange: Exchange) -> None:
    first = row(exchange, "1号", codes=UNIFIED, fields={"XK_NR": "甲"})
    other = row(exchange, "1号", codes=LEGACY, fields={"XK_NR": "乙"})
    for days, rows in ((0, [first]), (2, [dict(first)]), (1, [other])):
        merge(exchange, batch(exchange, rows, FIRST + timedelta(days=days)))
    versions = query(exchange, "select content::jsonb ->> 'XK_NR' as nr from exchange.record_version")
    assert versions == [{"nr": "甲"}]


@pytest.mark.parametrize("ordered", [LEGACY, UNIFIED[:2], UNIFIED])
def test_a_withdrawal_takes_both_records_that_turned_out_to_be_one_decision(
    exchange: Exchange, ordered: list[str]
) -> None:
    for place, codes in enumerate((LEGACY, UNIFIED[:2])):
        rows = [row(exchange, "1号", codes=codes)]
        merge(exchange, batch(exchange, rows, FIRST, feed=f"fz_{place}_permit"))
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=1)))
    for days, word in ((2, "withdraw"), (3, "reinstate"), (4, "withdraw")):
        merge(
            exchange,
            batch(exchange, [row(exchange, "1号", codes=ordered, operation=word)], FIRST + timedelta(days=days)),
        )
        found = query(exchange, "select status from exchange.record where document_no = '1号'")
        assert [r["status"] for r in found] == ["current" if word == "reinstate" else "withdrawn"] * 2


def test_a_withdrawn_record_takes_the_other_with_it_when_both_turn_out_to_be_one_decision(exchange: Exchange) -> None:
    for place, codes in enumerate((LEGACY, UNIFIED[:2])):
        rows = [row(exchange, "1号", codes=codes)]
        merge(exchange, batch(exchange, rows, FIRST, feed=f"fz_{place}_permit"))
    order = row(exchange, "1号", codes=UNIFIED[:2], operation="withdraw")
    merge(exchange, batch(exchange, [order], FIRST + timedelta(days=1)))
    assert sorted(r["status"] for r in query(exchange, RECORDS)) == ["current", "withdrawn"]
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=2)))
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["withdrawn"] * 2


@pytest.mark.parametrize(("said", "ordered"), [(LEGACY, UNIFIED[:2]), (UNIFIED[:2], LEGACY)])
def test_a_withdrawal_that_came_first_finds_the_record_once_their_codes_are_linked(
    exchange: Exchange, said: list[str], ordered: list[str]
) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=ordered, operation="withdraw")], FIRST))
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=said)], FIRST + timedelta(days=1)))
    assert [r["status"] for r in query(exchange, RECORDS)] == ["current"]
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=2)))
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["withdrawn"]


def test_the_office_withdraws_both_records_that_turned_out_to_be_one_decision(exchange: Exchange) -> None:
    for place, codes in enumerate((LEGACY, UNIFIED[:2])):
        merge(exchange, batch(exchange, [row(exchange, "1号", codes=codes)], FIRST, feed=f"fz_{place}_permit"))
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=1)))
    one = query(exchange, "select record_id from exchange.record where document_no = '1号' limit 1")
    order(exchange, one[0]["record_id"], "withdraw", "office", "异议成立", "样例依据", "样例人员")
    release(exchange)
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["withdrawn"] * 2


@pytest.mark.parametrize(("taken_back", "ordered"), [(LEGACY, UNIFIED[:2]), (UNIFIED[:2], LEGACY)])
@pytest.mark.parametrize("said", [LEGACY, UNIFIED[:2], UNIFIED])
def test_orders_that_came_first_under_two_codes_all_reach_the_record_once_their_codes_are_linked(
    exchange: Exchange, taken_back: list[str], ordered: list[str], said: list[str]
) -> None:
    told = [
        ("1号", taken_back, "reinstate"),
        ("1号", ordered, "withdraw"),
        ("2号", UNIFIED, "upsert"),
        ("1号", said, "upsert"),
    ]
    for days, (number, codes, word) in enumerate(told):
        made = row(exchange, number, codes=codes, operation=word)
        merge(exchange, batch(exchange, [made], FIRST + timedelta(days=days)))
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["withdrawn"]


def test_the_office_takes_back_what_waits_under_two_codes_of_one_decision(exchange: Exchange) -> None:
    for days, codes in enumerate((LEGACY, UNIFIED[:2])):
        made = row(exchange, "1号", codes=codes, operation="withdraw")
        merge(exchange, batch(exchange, [made], FIRST + timedelta(days=days)))
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=2)))
    assert len(waits(exchange)) == 1  # it is one decision, and told of once
    order(exchange, waits(exchange)[0].record_id, "reinstate", "office", "登记有误", "样例依据", "样例人员")
    assert waits(exchange) == []
    merge(exchange, batch(exchange, [row(exchange, "1号", codes=LEGACY)], FIRST + timedelta(days=3)))
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["current"]


def test_all_orders_given_while_codes_are_being_linked_are_those_of_both_records(exchange: Exchange) -> None:
    for place, codes in enumerate((LEGACY, UNIFIED[:2])):
        merge(exchange, batch(exchange, [row(exchange, "1号", codes=codes)], FIRST, feed=f"fz_{place}_permit"))
    linking = batch(exchange, [row(exchange, "2号", codes=UNIFIED)], FIRST + timedelta(days=1))
    one = query(exchange, "select record_id from exchange.record where document_no = '1号' limit 1")
    given = {
        **one[0], "authority": "office", "reason": "异议成立", "legal_basis": "样例依据",
        "business_date": FIRST, "ordered_by": "样例人员",
    }  # fmt: skip
    with transaction(exchange.engine) as connection:
        for place, action in enumerate(("withdraw", "reinstate", "withdraw"), 1):
            connection.execute(sql.load("orders/insert"), {**given, "action": action, "sequence": str(place)})
        merge(exchange, linking)
    release(exchange)
    found = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert [r["status"] for r in found] == ["withdrawn"] * 2


def test_what_waits_is_told_since_its_first_withdrawal_and_not_what_came_or_was_taken_back(exchange: Exchange) -> None:
    told = [
        ("came", 0, "upsert", ""),
        ("came", 1, "withdraw", ""),
        ("waits", 0, "reinstate", ""),
        ("waits", 1, "withdraw", ""),
        ("waits", 2, "withdraw", ""),
        ("taken back", 0, "withdraw", ""),
        ("taken back", 1, "reinstate", ""),
        ("waits again", 3, "withdraw", "2"),
        ("waits again", 3, "reinstate", "1"),
        ("taken back that day", 1, "withdraw", "1"),
        ("taken back that day", 1, "reinstate", "2"),
        ("waits, of one moment", 1, "withdraw", "1"),
        ("waits, of one moment", 1, "reinstate", "1"),
    ]
    names = {}
    for place, (number, days, word, sequence) in enumerate(told):
        made = row(exchange, number, operation=word, sequence=sequence)
        names[made["record_id"]] = number
        merge(exchange, batch(exchange, [made], FIRST + timedelta(days=days), feed=f"fz_{place}_permit"))
    query(exchange, "update exchange.batch set collected_at = business_date returning 1")
    since = [(names[one.record_id], (one.since.date() - FIRST).days) for one in waits(exchange)]
    assert since == [("waits", 1), ("waits, of one moment", 1), ("waits again", 3)]
    found = [(names[one.record_id], one.in_all) for one in waits(exchange, size=1)]
    assert found == [("waits", 3)]
    assert [names[one.record_id] for one in waits(exchange, feed="fz_7_permit")] == ["waits again"]
