"""Which records would lie under another identity than now, at platforms that know a record by what it says.

Worked out from the contents of both versions, by column. Under what a record is taken down is read from the bytes that
brought it, when the takedown is packed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.loader import Configuration
from credit_exchange.core import jsontext
from credit_exchange.steps.payload import Columns, Sheet, Treatment, sheets_there, treat
from credit_exchange.steps.push.dialects.base import Dialect, at_rest
from credit_exchange.steps.wishes import Plan


def by_identity(config: Configuration, platforms: Sequence[str]) -> dict[str, Dialect]:
    """Return the dialects of those platforms that have no record ids."""
    dialects = {name: at_rest(config.platform(name), config.datasets) for name in platforms}
    return {name: dialect for name, dialect in dialects.items() if dialect is not None and dialect.by_identity}


def renamed(
    connection: Connection,
    reader: jsontext.Reader,
    dialects: Mapping[str, Dialect],
    dataset: Dataset,
    standing: Mapping[tuple[str, str], Any],
    columns: Columns,
    rows: Sequence[Any],
    plans: Sequence[Plan],
    payloads: Sequence[Sequence[str]],
) -> set[tuple[str, str]]:
    """Return (platform, record id) of these rows of one data set that lie under another identity than they would.

    rows: their record id and data set come first. payloads: the digests of what would be released, by treatment.
    """
    found: set[tuple[str, str]] = set()
    for platform, dialect in dialects.items():
        there: list[int] = []
        alike: dict[Treatment, list[int]] = {}
        for place, (row, plan) in enumerate(zip(rows, plans, strict=True)):
            known = standing.get((platform, row[0]))
            if known is None or known.there_op != "upsert":
                continue
            for number in (verdict.place for verdict in plan.verdicts if verdict.platform == platform):
                if number is not None and payloads[place][number] != known.there_digest:
                    there.append(known.there_id)
                    alike.setdefault(plan.treatments[number], []).append(place)
        old: dict[str, str | None] = {}
        for sheet in sheets_there(connection, reader, there, dataset):
            old |= zip(sheet.record_ids, dialect.identity_keys(sheet), strict=True)
        for treatment, places in alike.items():
            sheet = _sheet(columns, [rows[place] for place in places], places, treatment)
            for record_id, key in zip(sheet.record_ids, dialect.identity_keys(sheet), strict=True):
                # what has no identity is refused when it is packed, and what lies there stays
                if key is not None and old.get(record_id) not in (None, key):
                    found.add((platform, record_id))
    return found


def _sheet(columns: Columns, rows: Sequence[Any], places: Sequence[int], treatment: Treatment) -> Sheet:
    """Return these rows as they would be released."""
    taken = pa.array(places)
    released = treat({code: column.take(taken) for code, column in columns.items()}, treatment)
    texts: jsontext.Array = pa.nulls(len(places), pa.large_string())
    return Sheet(rows[0][1], "upsert", places, [row[0] for row in rows], places, (), (), released, texts)
