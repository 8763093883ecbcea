"""What a platform gets of a record: its content after the decision's drops and masks. Worked out again when it is sent.

The digest of the released fields (SM3 of their canonical JSON) is stored with the release decision; building a shipment
checks that it comes out the same, so that what was decided is what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson
import pandas as pd
from sqlalchemy import Connection

from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.core.masking import mask_id_number, mask_person_name, scrub_free_text
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql

_MASKS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "person_name": mask_person_name,
    "id_number": mask_id_number,
    "free_text": scrub_free_text,
}
SEALED = "enc:v1:"


@dataclass(frozen=True)
class Payload:
    """One record as a platform gets it. Fields: standard codes, ISO dates, amounts in 万元, absent values left out."""

    outbox_id: int
    record_id: str
    version: int
    op: str
    dataset: str
    subject_kind: str
    fields: dict[str, str] = field(repr=False)
    reason: str = ""


Treatment = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


def treat(contents: Sequence[dict[str, str]], treatments: Sequence[Treatment]) -> list[dict[str, str]]:
    """Return the released fields of each content: dropped fields left out, masked ones masked (vectorised by mask)."""
    released: list[dict[str, str]] = []
    waiting: dict[str, list[tuple[int, str, str]]] = {}
    drops: dict[tuple[str, ...], frozenset[str]] = {}
    for place, (content, (drop_fields, mask_fields)) in enumerate(zip(contents, treatments, strict=True)):
        drop = drops.get(drop_fields)
        if drop is None:
            drop = drops[drop_fields] = frozenset(drop_fields)
        fields = {
            k: v for k, v in content.items() if k not in drop and not k.startswith("_") and not v.startswith(SEALED)
        }
        released.append(fields)
        for code, mask in mask_fields:
            value = fields.get(code)
            if value:
                waiting.setdefault(mask, []).append((place, code, value))
    for mask, places in waiting.items():
        masked = _MASKS[mask](pd.Series([value for _, _, value in places], dtype="str")).tolist()
        for (place, code, _), value in zip(places, masked, strict=True):
            released[place][code] = value
    return released


def payloads(exchange: Exchange, connection: Connection, platform_id: str, outbox_ids: list[int]) -> dict[int, Payload]:
    """Return what these outbox rows carry, by outbox id.

    Raises FatalError when the content worked out now is not the one that was released (the digest differs).
    """
    rows = (
        connection.execute(sql.load("release/payload_rows"), {"platform": platform_id, "outbox_ids": outbox_ids})
        .mappings()
        .all()
    )
    contents = [orjson.loads(row["content"]) for row in rows]
    treatments = [
        (
            tuple(row["drop_fields"] or ()),
            tuple(sorted((row["mask_fields"] or {}).items())),
        )
        for row in rows
    ]
    result = {}
    for row, fields in zip(rows, treat(contents, treatments), strict=True):
        if row["op"] == "upsert" and sm3_hex(canonical_json(fields)) != row["payload_digest"]:
            raise FatalError(
                f"record {row['record_id']} version {row['version']} for {platform_id}: its content no longer "
                "matches what was released; run the release step again"
            )
        result[row["outbox_id"]] = Payload(
            outbox_id=row["outbox_id"],
            record_id=row["record_id"],
            version=row["version"],
            op=row["op"],
            dataset=row["dataset"],
            subject_kind=row["subject_kind"],
            fields=fields,
            reason=row["reason"] or "",
        )
    return result
