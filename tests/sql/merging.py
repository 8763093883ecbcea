"""Writes accepted rows as the validation step would, so that merge and release are tested on their own."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import text

from credit_exchange.config.loader import load
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex, opaque_id
from credit_exchange.steps.accepted_rows import SCHEMA
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import transaction

AGENCY = "11350100003603964X"
CODE = "91350100M000100Y43"


def row(
    exchange: Exchange, document_no: str, *, dataset: str = "permit", codes: list[str] | None = None, **given: Any
) -> dict[str, Any]:
    """One accepted row about an invented company; `given` overrides columns, `fields` the content."""
    codes = [f"org:{CODE[8:17]}", f"uscc:{CODE}"] if codes is None else codes
    subject_ref = codes[0] if codes else "name:" + hmac_sm3_hex(exchange.keys.hmac, b"name")
    fields = {
        "XK_XDR_MC": "福州榕树商贸有限公司",
        "XK_XDR_LB": "法人及非法人组织",
        "XK_XDR_SHXYM": CODE,
        "XK_WSH": document_no,
        "XK_XKJGDM": AGENCY,
        "XK_JDRQ": "2026-11-10",
        "XK_NR": "准予经营",
        "_subject_kind": given.get("subject_kind", "legal"),
        "_decided_on": "2026-11-10",
        **given.pop("fields", {}),
    }
    fields = {k: v for k, v in fields.items() if v}
    if dataset == "penalty":
        fields = {k.replace("XK_XKJGDM", "CF_CFJGDM").replace("XK_", "CF_"): v for k, v in fields.items()}
    content = canonical_json(fields)
    made = {
        "line_no": 2,
        "record_id": opaque_id(exchange.keys.hmac, [dataset, AGENCY, document_no, subject_ref]),
        "agency_code": AGENCY,
        "document_no": document_no,
        "document_key": document_no,
        "subject_ref": subject_ref,
        "subject_codes": codes,
        "subject_kind": "legal",
        "subject_code": CODE,
        "subject_name": fields.get("XK_XDR_MC") or fields.get("CF_XDR_MC"),
        "decided_on": "2026-11-10",
        "publish_until": None,
        "operation": "upsert",
        "reason": None,
        "sequence": "",
        "content": content.decode(),
        "content_digest": hmac_sm3_hex(exchange.keys.hmac, content),
    }
    return {**made, **given}


def batch(
    exchange: Exchange,
    rows: list[dict[str, Any]],
    day: date,
    *,
    feed: str = "fz_a_permit",
    department: str = "fz_a",
    dataset: str = "permit",
) -> int:
    """Store a validated batch of these rows; return its id."""
    for place, item in enumerate(rows):
        item["line_no"] = place + 2
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    accepted, identities = io.BytesIO(), io.BytesIO()
    pq.write_table(table, accepted)
    said = table.filter(pc.equal(table["operation"], "upsert"))
    pq.write_table(said.select(["line_no", "record_id", "sequence", "content_digest"]), identities)
    stored = exchange.landing.put_bytes("accepted", accepted.getvalue())
    known = exchange.landing.put_bytes("identities", identities.getvalue())
    with transaction(exchange.engine) as connection:
        return connection.execute(
            text(
                """insert into exchange.batch (feed, department, department_name, dataset, schema_version,
                business_date, stage, state, rows_delivered, accepted_uri, accepted_digest, identities_uri)
                values (:feed, :department, :department, :dataset, 'v2019', :day, 'validated', 'failed', :n, :a, :d, :i)
                returning batch_id"""
            ),
            {
                "feed": feed,
                "department": department,
                "dataset": dataset,
                "day": day,
                "n": len(rows),
                "a": stored.uri,
                "d": stored.digest,
                "i": known.uri,
            },
        ).scalar_one()


def query(exchange: Exchange, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of a statement as dicts."""
    with transaction(exchange.engine) as connection:
        return [dict(r) for r in connection.execute(text(statement), parameters).mappings()]


def open_exchange(database_url: str) -> Exchange:
    """An exchange on a test database with the shipped configuration."""
    from credit_exchange.stores.database import connect

    return Exchange(config=load(), engine=connect(database_url))
