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

from credit_exchange.core.canonical import canonical_json, sm3_many
from credit_exchange.core.crypto import TEXT_PREFIX
from credit_exchange.core.masking import mask_id_number, mask_person_name, scrub_free_text
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql

_MASKS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "person_name": mask_person_name,
    "id_number": mask_id_number,
    "free_text": scrub_free_text,
}


@dataclass(slots=True)
class Payload:
    """One record as a platform gets it. Fields: standard codes, ISO dates, amounts in 万元, absent values left out.

    `canonical` is the canonical JSON of `fields` where it was made already, for wires that carry just that.
    """

    outbox_id: int
    record_id: str
    version: int
    op: str
    dataset: str
    subject_kind: str
    fields: dict[str, str] = field(repr=False)
    reason: str = ""
    canonical: bytes | None = field(default=None, repr=False)


Treatment = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


def treat(
    texts: Sequence[str], contents: Sequence[dict[str, str]], treatments: Sequence[Treatment]
) -> list[dict[str, str]]:
    """Return the released fields of each content: dropped ones left out, masked ones masked, by column.

    texts: the JSON that the contents were read from. What begins with an underscore is ours, and what is sealed is an
    ID number: neither ever leaves, whatever a decision says.
    """
    released: list[dict[str, str]] = []
    alike: dict[int, tuple[_Keeps, Treatment, list[dict[str, str]]]] = {}
    for text, content, treatment in zip(texts, contents, treatments, strict=True):
        one = alike.get(id(treatment))
        if one is None:
            one = alike[id(treatment)] = (_Keeps(treatment[0]), treatment, [])
        keeps, _, some = one
        if TEXT_PREFIX in text:
            fields = {k: v for k, v in content.items() if keeps[k] and not v.startswith(TEXT_PREFIX)}
        else:
            fields = {k: v for k, v in content.items() if keeps[k]}
        released.append(fields)
        some.append(fields)
    for _, (_, mask_fields), some in alike.values():
        codes: dict[str, list[str]] = {}
        for code, mask in mask_fields:
            codes.setdefault(mask, []).append(code)
        for mask, those in codes.items():
            _mask(some, those, mask)
    return released


class _Keeps(dict[str, bool]):
    """Which field codes stay, worked out once for each code."""

    def __init__(self, drop_fields: tuple[str, ...]) -> None:
        super().__init__()
        self._drop = frozenset(drop_fields)

    def __missing__(self, code: str) -> bool:
        keep = self[code] = code not in self._drop and not code.startswith("_")
        return keep


def _mask(released: list[dict[str, str]], codes: list[str], mask: str) -> None:
    """Mask these fields, each distinct value once: texts and names repeat a lot, and most need no change."""
    found = {value for code in codes for value in {fields.get(code) for fields in released}}
    distinct = [value for value in found if value]
    if not distinct:
        return
    masked = _MASKS[mask](pd.Series(distinct, dtype="str")).tolist()
    changed = {value: shown for value, shown in zip(distinct, masked, strict=True) if value != shown}
    if changed:
        for fields in released:
            for code in codes:
                value = fields.get(code)
                if value in changed:
                    fields[code] = changed[value]


def payloads(exchange: Exchange, connection: Connection, platform_id: str, outbox_ids: list[int]) -> dict[int, Payload]:
    """Return what these outbox rows carry, by outbox id.

    Raises FatalError when the content worked out now is not the one that was released (the digest differs).
    """
    rows = connection.execute(sql.load("release/payload_rows"), {"outbox_ids": outbox_ids}).all()
    treatments = _treatments(connection, {row[7] for row in rows})
    texts = [row[8] for row in rows]
    contents = [orjson.loads(text) for text in texts]
    fields = treat(texts, contents, [treatments[row[7]] for row in rows])
    documents = [canonical_json(one) for one in fields]
    result = {}
    for row, content, one, document, digest in zip(rows, contents, fields, documents, sm3_many(documents), strict=True):
        outbox_id, record_id, version, op, dataset, payload_digest, reason, _, _, kind = row
        if op == "upsert" and digest != payload_digest:
            raise FatalError(
                f"record {record_id} version {version} for {platform_id}: its content no longer "
                "matches what was released; run the release step again"
            )
        kind = kind or content.get("_subject_kind", "legal")
        result[outbox_id] = Payload(outbox_id, record_id, version, op, dataset, kind, one, reason or "", document)
    return result


def _treatments(connection: Connection, decision_ids: set[int]) -> dict[int, Treatment]:
    rows = connection.execute(sql.load("release/treatments"), {"decision_ids": sorted(decision_ids)})
    return {
        row.decision_id: (tuple(row.drop_fields or ()), tuple(sorted((row.mask_fields or {}).items()))) for row in rows
    }
