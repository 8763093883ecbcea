"""What a platform gets of a record: its content after the decision's drops and masks. Worked out again when it is sent.

The digest of the released fields (SM3 of their canonical JSON) is stored with the release decision; building a shipment
checks that it comes out the same, so that what was decided is what is sent. All of it is done by column: a bulk night
has millions of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.core import jsontext
from credit_exchange.core.crypto import TEXT_PREFIX
from credit_exchange.core.masking import mask_id_number, mask_person_name
from credit_exchange.core.names_in_text import hide_names
from credit_exchange.core.numbers_in_text import scrub_free_text
from credit_exchange.core.shop_names import operators_name
from credit_exchange.core.text import as_arrow
from credit_exchange.errors import FatalError
from credit_exchange.steps.carried import carried, renames
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.outbox import runs
from credit_exchange.stores import sql

Columns = Mapping[str, jsontext.Array]
"""Fields by code, each a column of texts; null where a record has none."""
Treatment = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
"""The codes that are dropped, and (code, kind of mask)."""
_MASKS: dict[str, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
    "person_name": mask_person_name,
    "id_number": mask_id_number,
    "free_text": scrub_free_text,
}
_KIND = "_subject_kind"
_TEXT = pa.large_string()
_READER = jsontext.Reader()


@dataclass(slots=True)
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


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of the outbox that are alike (data set, operation, treatment), by column.

    columns: the released fields. canonical: their canonical JSON, row by row. masked: the codes that are masked.
    """

    dataset: str
    op: str
    outbox_ids: Sequence[int]
    record_ids: Sequence[str]
    versions: Sequence[int]
    subject_kinds: Sequence[str]
    reasons: Sequence[str]
    columns: Columns = field(repr=False)
    canonical: jsontext.Array = field(repr=False)
    masked: frozenset[str] = frozenset()

    def payload(self, place: int) -> Payload:
        """Return one row by itself."""
        return Payload(
            self.outbox_ids[place],
            self.record_ids[place],
            self.versions[place],
            self.op,
            self.dataset,
            self.subject_kinds[place],
            orjson.loads(self.canonical[place].as_py()),
            self.reasons[place],
        )


def sheets_of(payloads: Iterable[Payload]) -> list[Sheet]:
    """Return single payloads as sheets."""
    alike: dict[tuple[str, str], list[Payload]] = {}
    for one in payloads:
        alike.setdefault((one.dataset, one.op), []).append(one)
    sheets = []
    for (dataset, op), some in alike.items():
        codes = {code for one in some for code in one.fields}
        columns = {code: pa.array([one.fields.get(code) for one in some], _TEXT) for code in codes}
        sheets.append(
            Sheet(
                dataset,
                op,
                [one.outbox_id for one in some],
                [one.record_id for one in some],
                [one.version for one in some],
                [one.subject_kind for one in some],
                [one.reason for one in some],
                columns,
                canonical_of(columns, len(some)),
            )
        )
    return sheets


def treat(columns: Columns, treatment: Treatment) -> dict[str, jsontext.Array]:
    """Return the released columns: dropped ones left out, masked ones masked; a name that is either is in no text.

    What begins with an underscore is ours, and what is sealed is an ID number: neither ever leaves, whatever a decision
    says.
    """
    drop_fields, mask_fields = treatment
    released = {
        code: _without_sealed(column)
        for code, column in columns.items()
        if code not in drop_fields and not code.startswith("_")
    }
    for code, mask in mask_fields:
        if code in released:
            released[code] = _masked(released[code], mask)
    named = [_without_sealed(columns[code]) for code, mask in mask_fields if mask == "person_name" and code in columns]
    names = [(column, _masked(column, "person_name")) for column in named]
    for code, mask in mask_fields:
        if mask == "free_text" and code in released:
            released[code] = hide_names(released[code], names)
    # a shop without a name of its own is filed under its operator's
    for name, shown in names:
        for code in released.keys() - dict(mask_fields).keys():
            alike = operators_name(released[code], name)
            if pc.any(alike).as_py():
                released[code] = pc.if_else(alike, shown, released[code])
    return released


def _without_sealed(column: jsontext.Array) -> jsontext.Array:
    sealed = pc.starts_with(column, TEXT_PREFIX)
    return pc.if_else(sealed, pa.scalar(None, _TEXT), column) if pc.any(sealed).as_py() else column


def _masked(column: jsontext.Array, mask: str) -> jsontext.Array:
    """Mask each distinct value once: texts and names repeat a lot, and most need no change."""
    distinct = column.unique().drop_null()
    if not len(distinct):
        return column
    shown = as_arrow(_MASKS[mask](pd.Series(pd.array(distinct, dtype="str"))))
    changed = pc.not_equal(distinct, shown)
    if not pc.any(changed).as_py():
        return column
    places = pc.index_in(column, value_set=distinct.filter(changed))
    return pc.coalesce(shown.filter(changed).take(places), column)


def canonical_of(columns: Columns, rows: int) -> jsontext.Array:
    """Return the canonical JSON of each of so many rows."""
    return jsontext.objects(jsontext.members(columns), rows)


def payloads(exchange: Exchange, connection: Connection, platform_id: str, outbox_ids: Sequence[int]) -> list[Sheet]:
    """Return what these outbox rows carry.

    Raises FatalError when the content worked out now is not the one that was released (the digest differs).
    """
    return _sheets(connection, _READER, outbox_ids, platform_id, exchange.config.datasets)


def sheets_there(
    connection: Connection, reader: jsontext.Reader, outbox_ids: Sequence[int], dataset: Dataset
) -> list[Sheet]:
    """Return what these rows of a data set carried, as far as can be said by now: nothing is compared with what was
    released."""
    return _sheets(connection, reader, outbox_ids, None, {dataset.dataset: dataset})


def _sheets(
    connection: Connection,
    reader: jsontext.Reader,
    outbox_ids: Sequence[int],
    platform_id: str | None,
    datasets: Mapping[str, Dataset],
) -> list[Sheet]:
    found = list(runs(outbox_ids))
    parameters = {"first_ids": [run.first_id for run in found], "last_ids": [run.last_id for run in found]}
    rows = connection.execute(sql.load("release/payload_rows"), parameters).all()
    alike: dict[tuple[str, str, int], list[Any]] = {}
    for row in rows:
        alike.setdefault((row[4], row[3], row[7]), []).append(row)
    treatments = _treatments(connection, {decision_id for _, _, decision_id in alike})
    sheets = []
    for (dataset, op, decision_id), some in alike.items():
        columns = reader.columns([row[8] for row in some])
        kinds = _kinds(connection, some, columns)
        treatment = treatments[decision_id]
        if dataset in datasets:
            columns, treatment = carried(datasets[dataset], columns), _carried(datasets[dataset], treatment)
        sheets.append(_sheet(dataset, op, some, columns, kinds, treatment, platform_id))
    return sheets


def _carried(dataset: Dataset, treatment: Treatment) -> Treatment:
    """Return a treatment that was decided when fields had other codes, for these and for those they have now."""
    now = renames(dataset)
    drop_fields, mask_fields = treatment
    dropped = {new for code in drop_fields for new in now.get(code, ())}
    masked = {(new, mask) for code, mask in mask_fields for new in now.get(code, ())}
    if not dropped and not masked:
        return treatment
    return (*drop_fields, *sorted(dropped)), (*mask_fields, *sorted(masked))


def _kinds(connection: Connection, rows: list[Any], columns: Columns) -> list[str]:
    """Return who each row is about, as its content says: of a withdrawal that is what lies at the platform."""
    kinds: list[Any] = columns[_KIND].to_pylist() if _KIND in columns else [None] * len(rows)
    if None in kinds:
        silent = [row[1] for row, kind in zip(rows, kinds, strict=True) if kind is None]
        found = connection.execute(sql.load("release/subject_kinds"), {"record_ids": silent})
        known = {row.record_id: row.subject_kind for row in found}
        kinds = [kind or known.get(row[1], "legal") for row, kind in zip(rows, kinds, strict=True)]
    return kinds


def _sheet(
    dataset: str,
    op: str,
    rows: list[Any],
    columns: Columns,
    kinds: list[str],
    treatment: Treatment,
    platform_id: str | None,
) -> Sheet:
    released = treat(columns, treatment)
    canonical = canonical_of(released, len(rows))
    outbox_ids, record_ids, versions, _, _, payload_digests, reasons, _, _ = zip(*rows, strict=True)
    if op == "upsert" and platform_id is not None:
        made = jsontext.sm3_of(canonical)
        if made != list(payload_digests):
            place = next(n for n, digest in enumerate(payload_digests) if digest != made[n])
            raise FatalError(
                f"报送到 {platform_id} 的记录 {record_ids[place]} 第 {versions[place]} 版："
                "内容与发布时不一致；请先撤下、再恢复该记录"
            )
    return Sheet(
        dataset,
        op,
        outbox_ids,
        record_ids,
        versions,
        kinds,
        [reason or "" for reason in reasons],
        released,
        canonical,
        frozenset(code for code, _ in treatment[1]),
    )


def _treatments(connection: Connection, decision_ids: set[int]) -> dict[int, Treatment]:
    rows = connection.execute(sql.load("release/treatments"), {"decision_ids": sorted(decision_ids)})
    return {
        row.decision_id: (tuple(row.drop_fields or ()), tuple(sorted((row.mask_fields or {}).items()))) for row in rows
    }
