"""The outbox: what has to reach a platform, written with the decision that says so, in lots of consecutive ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
from sqlalchemy import Connection

from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table

PRIORITY = {"withdraw": 0, "upsert": 5}
"""Takedowns go before everything else."""
_TEXT = pa.string()
_LOTS = pa.schema(
    [
        *((name, _TEXT) for name in ("platform", "dataset", "op")),
        ("priority", pa.int16()),
        ("first_id", pa.int64()),
        ("last_id", pa.int64()),
    ]
)


class Entry(NamedTuple):
    """A decision about one version of a record for one platform. `fresh`: the first one ever about it there."""

    record_id: str
    version: int
    effect: str
    decision_id: int
    payload_digest: str | None
    fresh: bool
    reason: str | None


class Written:
    """One chunk of decisions on its way into the database."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str | None], list[Entry]] = {}

    def add(self, platform: str, dataset: str, op: str | None, entry: Entry) -> None:
        """Take one decision; `op` says what has to be brought to the platform, None: nothing."""
        group = self._groups.get((platform, dataset, op))
        if group is None:
            group = self._groups[platform, dataset, op] = []
        group.append(entry)

    def store(self, connection: Connection) -> None:
        """Write them by COPY, with their lots."""
        if not self._groups:
            return
        count = sum(len(entries) for (_, _, op), entries in self._groups.items() if op is not None)
        ids = connection.execute(sql.load("release/outbox_ids"), {"count": count}).scalars().all() if count else []
        parts, lots, taken = [], [], 0
        for (platform, dataset, op), entries in self._groups.items():
            mine: Sequence[int] | None = None
            if op is not None:
                mine = ids[taken : taken + len(entries)]
                taken += len(entries)
                lots.append((platform, dataset, op, PRIORITY[op], mine[0], mine[-1]))
            parts.append(_table(platform, dataset, op, entries, mine))
        copy_table(connection, "release/copy_release", pa.concat_tables(parts))
        columns = [pa.array(column, field.type) for column, field in zip(zip(*lots, strict=True), _LOTS, strict=False)]
        if lots:
            copy_table(connection, "release/copy_lots", pa.Table.from_arrays(columns, schema=_LOTS))


def _table(platform: str, dataset: str, op: str | None, entries: list[Entry], ids: Sequence[int] | None) -> pa.Table:
    rows = len(entries)
    record_ids, versions, effects, decisions, payloads, fresh, reasons = zip(*entries, strict=True)
    return pa.table(
        {
            "platform": pa.repeat(platform, rows),
            "record_id": pa.array(record_ids, _TEXT),
            "version": pa.array(versions, pa.int32()),
            "dataset": pa.repeat(dataset, rows),
            "effect": pa.array(effects, _TEXT),
            "decision_id": pa.array(decisions, pa.int32()),
            "payload_digest": pa.array(payloads, _TEXT),
            "op": pa.repeat(pa.scalar(op, _TEXT), rows),
            "outbox_id": pa.nulls(rows, pa.int64()) if ids is None else pa.array(ids, pa.int64()),
            "priority": pa.repeat(pa.scalar(PRIORITY.get(op or "", 5), pa.int16()), rows),
            "fresh": pa.array(fresh, pa.bool_()),
            "reason": pa.array(reasons, _TEXT),
        }
    )


def overtake(connection: Connection, rows: Sequence[tuple[str, str, int, str | None]]) -> None:
    """End what waits of these records (platform, record id, its new version, what is to be done for that)."""
    if rows:
        platforms, record_ids, versions, ops = zip(*rows, strict=True)
        connection.execute(
            sql.load("release/supersede"),
            {
                "platforms": list(platforms),
                "record_ids": list(record_ids),
                "versions": list(versions),
                "ops": list(ops),
            },
        )
