"""A bulk night fills tables before their statistics know of it: a look for each shipment stays a look by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from merging import query
from sqlalchemy import text

from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

OF_A_SHIPMENT = {
    "push/lines": {"shipment_id": 7},
    "push/lines_free": {"shipment_id": 7},
    "push/lines_afresh": {"shipment_no": "n7", "code": "413"},
}


@pytest.fixture
def a_bulk_night(exchange: Exchange) -> Exchange:
    """Forty thousand rows that travel, and the runs of many shipments; no statistics were ever made of either."""
    query(
        exchange,
        "insert into exchange.release (platform, dataset, record_id, version, op, outbox_id) "
        "select 'fujian', 'permit', 'r' || n, 1, 'upsert', n from generate_series(1, 40000) as n returning 1",
    )
    query(
        exchange,
        "insert into exchange.shipment (shipment_id, shipment_no, platform, dataset, lane, op, batch_no, idem_key, "
        "body_sealed, body_digest, records) overriding system value select n, 'n' || n, 'fujian', 'permit', '', "
        "'upsert', 'n' || n, 'k' || n, '', '', 500 from generate_series(1, 80) as n returning 1",
    )
    query(
        exchange,
        "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
        "select 500 * n - 499, 500 * n, n, 1 from generate_series(1, 20000) as n returning 1",
    )
    return exchange


def scans(plan: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """Every place of a plan where the table is read."""
    if plan.get("Relation Name") == table and "Scan" in plan["Node Type"]:
        yield plan
    for part in plan.get("Plans", []):
        yield from scans(part, table)


@pytest.mark.parametrize("statement", OF_A_SHIPMENT)
def test_the_records_of_a_shipment_are_found_by_key_whatever_the_statistics_say(
    a_bulk_night: Exchange, statement: str
) -> None:
    with transaction(a_bulk_night.engine) as connection:
        connection.execute(sql.load("push/by_key"))
        explained = text(f"explain (analyze, format json) {sql.source(statement)}")
        [[[answer]]] = connection.execute(explained, OF_A_SHIPMENT[statement]).all()
    read = list(scans(answer["Plan"], "release"))
    assert read
    for scan in read:
        handled = (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        assert handled <= 1000, f"{statement}: {handled} of 40,000 rows were read for a shipment of 500"
