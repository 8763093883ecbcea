"""Rows of the outbox as nights leave them, for tests of one step of the delivery without a platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from world import put, query

from credit_exchange.core.canonical import sm3_hex
from credit_exchange.core.crypto import seal
from credit_exchange.steps.context import Exchange

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def packed(exchange: Exchange, number: str, record: str, version: int = 1, **given: Any) -> str:
    """Put a record and pack it into a shipment by itself; `given`: other columns of the shipment."""
    columns = {"platform": "fuzhou", "dataset": "permit", "op": "upsert", "state": "ready"} | given
    columns = {"next_attempt_at": NOW - HOUR} | columns
    put(exchange, columns["platform"], [record], version=version, op=columns["op"], dataset=columns["dataset"])
    columns |= {"shipment_no": number, "batch_no": number, "idem_key": number, "records": 1}
    columns |= {"body_sealed": seal(exchange.keys, b"x", number.encode()), "body_digest": sm3_hex(b"x")}
    query(
        exchange,
        "with l as (delete from exchange.lot as l using exchange.release as r where r.outbox_id between l.first_id and "
        "l.last_id and r.platform = :platform and r.record_id = :record and r.version = :version), "
        f"s as (insert into exchange.shipment ({', '.join(columns)}) "
        f"values ({', '.join(':' + name for name in columns)}) returning shipment_id) "
        "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
        "select r.outbox_id, r.outbox_id, s.shipment_id, 1 from exchange.release as r, s "
        "where r.platform = :platform and r.record_id = :record and r.version = :version returning 1",
        record=record,
        version=version,
        **columns,
    )
    return number


def put_as(exchange: Exchange, record: str, state: str, *, platform: str = "fuzhou", **given: Any) -> None:
    """Put a record's version that has a word of its own; `given`: more columns of the row."""
    place = {name: given.pop(name) for name in ("version", "op", "dataset") if name in given}
    put(exchange, platform, [record], **place)
    columns = {"state": state} | given
    query(
        exchange,
        f"update exchange.release set {', '.join(f'{name} = :{name}' for name in columns)} "
        "where platform = :platform and record_id = :record and version = :version returning 1",
        platform=platform,
        record=record,
        version=place.get("version", 1),
        **columns,
    )
