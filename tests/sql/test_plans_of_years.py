"""After years of nights nearly all that is stored was settled long ago: a night does not go through it."""

from __future__ import annotations

import pytest
from merging import query
from sqlalchemy import text
from test_plans import a_bulk_night, parts, scans, settled_history

from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

__all__ = ["a_bulk_night", "settled_history"]


def test_the_summary_puts_together_only_what_has_several_versions_or_is_on_its_way(settled_history: Exchange) -> None:
    """All others are counted by what their one row says: that is nearly all there ever was."""
    insert = "insert into exchange.release (platform, dataset, record_id, version, op, outbox_id, state, outcome_code) "
    revoked = "select 'fujian', 'permit', 'r' || n, 2, 'upsert', 50000 + n, 'rejected', 'REVOKED' "
    query(settled_history, f"{insert} {revoked} from generate_series(1, 30) as n returning 1")
    newer = [
        ("r51", 2, "upsert", "rejected"),  # what was there before stays there
        ("r52", 2, "upsert", "delivered"),  # the first was rejected
        ("r53", 2, "withdraw", "delivered"),
        ("r53", 3, "upsert", "delivered"),
    ]
    for place, (record, version, op, state) in enumerate(newer):
        one = (
            f"values ('fujian', 'permit', '{record}', {version}, '{op}', {50051 + place}, '{state}', 'E1') returning 1"
        )
        query(settled_history, f"{insert} {one}")
    earlier = "update exchange.release set state = 'rejected' where record_id = 'r52' and version = 1 returning 1"
    assert query(settled_history, earlier)
    down = "select 'fujian', 'permit', 'r' || n, 2, 'withdraw', 50000 + n, 'delivered', null "
    query(settled_history, f"{insert} {down} from generate_series(31, 50) as n returning 1")
    query(settled_history, "update exchange.release set state = 'rejected' where outbox_id = 20000 returning 1")
    query(settled_history, "update exchange.release set state = 'held' where outbox_id in (20001, 20005) returning 1")
    query(settled_history, "update exchange.release set state = 'retry' where outbox_id in (20006, 20007) returning 1")
    decision = (
        "insert into exchange.decision (digest, effect, deciding_rule, legal_basis, rules) "
        "values ('d', 'release', 'R', 'x', '{}') returning decision_id"
    )
    (made,) = query(settled_history, decision)
    for place, otherwise in enumerate(
        ("outcome_code = 'E1'", f"decision_id = {made['decision_id']}", "op = 'withdraw'")
    ):
        which = f"outbox_id in ({20010 + place}, {20020 + place}) returning 1"
        query(settled_history, f"update exchange.release set state = 'rejected', {otherwise} where {which}")
    query(settled_history, "update exchange.shipment set state = 'awaiting_receipt' where shipment_id = 80 returning 1")
    with transaction(settled_history.engine) as connection:
        connection.exec_driver_sql("analyze exchange.release, exchange.shipment")
        explained = text(f"explain (analyze, format json) {sql.source('summary/platforms')}")
        [[[answer]]] = connection.execute(explained).all()
        [found] = connection.execute(sql.load("summary/platforms")).mappings()
        on_its_way = connection.exec_driver_sql("select count(*) from exchange.on_its_way").scalar_one()
    assert on_its_way > 0
    expected = {"withdrawn": 20, "waiting": 2, "awaiting": on_its_way, "rejected": 38, "held": 2, "withheld": 0}
    expected |= {"published": 40000 - on_its_way - 30 - 20 - 11}
    assert {name: found[name] for name in expected} == expected
    groups = [part for part in parts(answer["Plan"]) if part["Node Type"] in ("Aggregate", "Sort", "Incremental Sort")]
    for part in groups:
        assert part["Actual Rows"] * part["Actual Loops"] <= 2 * on_its_way + 1000, "every record was put together"


@pytest.mark.parametrize("analyzed", [False, True])
def test_orders_of_the_office_are_shared_without_a_look_at_all_records(
    settled_history: Exchange, analyzed: bool
) -> None:
    """By each 发布: a few orders, however many records there are."""
    twins = (
        "insert into exchange.record select t.* from exchange.record as r, jsonb_populate_record(r, "
        "jsonb_build_object('record_id', 't' || r.subject_id)) as t where r.subject_id <= 20 returning 1"
    )
    query(settled_history, twins)
    order = (
        "insert into exchange.withdrawal_order (record_id, action, authority, reason, business_date, ordered_by) "
        "select record_id, 'withdraw', 'office', 'r', '2026-11-19', 'f' from exchange.record "
        "where subject_id between 11 and 1010 and record_id like 'r%' returning 1"
    )
    query(settled_history, order)
    with transaction(settled_history.engine) as connection:
        if analyzed:
            connection.exec_driver_sql("analyze exchange.withdrawal_order, exchange.record")
        [[[answer]]] = connection.execute(text(f"explain (analyze, format json) {sql.source('orders/share')}")).all()
    shared = query(settled_history, "select 1 from exchange.withdrawal_order where record_id like 't%'")
    assert len(shared) == 10
    read = sum(
        (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        for scan in scans(answer["Plan"], "record")
    )
    assert read <= 3000, f"{read} records of 40,000 were read for 1,000 orders"


@pytest.mark.parametrize("analyzed", [False, True])
def test_what_was_not_asked_about_is_looked_up_by_key(settled_history: Exchange, analyzed: bool) -> None:
    """Each comparison with 信用中国: a few hundred differences that still stand, of a million records."""
    differed = (
        "insert into exchange.difference (platform, place, record_id, kind, our_version, reconciliation_id) "
        "select 'fujian', '', 'r' || n, 'missing', 1, 1 from generate_series(1, 300) as n returning 1"
    )
    query(settled_history, differed)
    given = {"platform": "fujian", "datasets": ["permit"], "reconciliation_id": 2, "asked": ["r20001"]}
    with transaction(settled_history.engine) as connection:
        if analyzed:
            connection.exec_driver_sql("analyze exchange.difference, exchange.release, exchange.shipment")
        explained = text(f"explain (analyze, format json) {sql.source('reconcile/differences')}")
        [[[answer]]] = connection.execute(explained, given).all()
    looked_up = [part for part in parts(answer["Plan"]) if part.get("Parent Relationship") == "SubPlan"]
    read = sum(
        (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        for part in looked_up
        for scan in scans(part, "release")
    )
    assert 0 < read <= 1000, f"{read} of 40,000 records were read for 300"
