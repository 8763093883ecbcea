"""The outbox: what has to reach a platform, written with the decision that says so, in lots of consecutive ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from sqlalchemy import Connection

from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table

PRIORITY = {"withdraw": 0, "upsert": 5}
"""Takedowns go before everything else."""
BLOCK = 8_192
"""How many ids exchange.outbox_seq gives out at once."""
_TEXT = pa.string()
_LOTS = pa.schema(
    [
        *((name, _TEXT) for name in ("platform", "dataset", "op")),
        ("priority", pa.int16()),
        ("first_id", pa.int64()),
        ("last_id", pa.int64()),
    ]
)


class Run(NamedTuple):
    """Consecutive ids: the first, the last, and the place of the first among all."""

    first_id: int
    last_id: int
    place: int


def runs(outbox_ids: Sequence[int]) -> Iterator[Run]:
    """Yield ids as runs of consecutive ones, in their order: what a lot or a shipment holds is mostly one."""
    start = 0
    for end in range(1, len(outbox_ids) + 1):
        if end == len(outbox_ids) or outbox_ids[end] != outbox_ids[end - 1] + 1:
            yield Run(outbox_ids[start], outbox_ids[end - 1], start)
            start = end


class _Group:
    """Decisions of one platform, data set, operation and effect, by column."""

    __slots__ = ("decision_ids", "fresh", "payload_digests", "reasons", "record_ids", "versions")

    def __init__(self) -> None:
        self.record_ids: list[str] = []
        self.versions: list[int] = []
        self.decision_ids: list[int] = []
        self.payload_digests: list[str | None] = []
        self.fresh: list[bool] = []
        self.reasons: list[str | None] = []


class Written:
    """One chunk of decisions on its way into the database."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str | None, str], _Group] = {}

    def add(
        self,
        platform: str,
        dataset: str,
        op: str | None,
        effect: str,
        record_id: str,
        version: int,
        decision_id: int,
        payload_digest: str | None,
        *,
        fresh: bool = True,
        reason: str | None = None,
    ) -> None:
        """Take one decision; `op` says what has to be brought to the platform, None: nothing.

        fresh: it is the first one ever about this record there. reason: why it is withdrawn.
        """
        group = self._group(platform, dataset, op, effect)
        group.record_ids.append(record_id)
        group.versions.append(version)
        group.decision_ids.append(decision_id)
        group.payload_digests.append(payload_digest)
        group.fresh.append(fresh)
        group.reasons.append(reason)

    def add_first(
        self,
        platform: str,
        dataset: str,
        op: str | None,
        effect: str,
        record_ids: Sequence[str],
        versions: Sequence[int],
        decision_id: int,
        payload_digests: Sequence[str | None],
    ) -> None:
        """Take the same decision about many records, of which the platform was never told anything."""
        rows = len(record_ids)
        group = self._group(platform, dataset, op, effect)
        group.record_ids += record_ids
        group.versions += versions
        group.decision_ids += [decision_id] * rows
        group.payload_digests += payload_digests
        group.fresh += [True] * rows
        group.reasons += [None] * rows

    def _group(self, platform: str, dataset: str, op: str | None, effect: str) -> _Group:
        group = self._groups.get((platform, dataset, op, effect))
        if group is None:
            group = self._groups[platform, dataset, op, effect] = _Group()
        return group

    def store(self, connection: Connection, counts: dict[str, int]) -> None:
        """Write them by COPY, with their lots; add to `counts` by `<platform>.<op or effect>`."""
        if not self._groups:
            return
        parts, lots = [], []
        for (platform, dataset, op, effect), group in self._groups.items():
            rows = len(group.versions)
            key = f"{platform}.{op or effect}"
            counts[key] = counts.get(key, 0) + rows
            ids: list[int] = []
            while op is not None and len(ids) < rows:
                first = connection.execute(sql.load("release/outbox_block")).scalar_one()
                some = range(first, first + min(BLOCK, rows - len(ids)))
                ids += some
                lots.append((platform, dataset, op, PRIORITY[op], some[0], some[-1]))
            parts.append(_table(platform, dataset, op, effect, group, ids or None))
        copy_table(connection, "release/copy_release", pa.concat_tables(parts))
        if lots:
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*lots, strict=True), _LOTS, strict=True)
            ]
            copy_table(connection, "release/copy_lots", pa.Table.from_arrays(columns, schema=_LOTS))


def _table(
    platform: str, dataset: str, op: str | None, effect: str, group: _Group, ids: Sequence[int] | None
) -> pa.Table:
    rows = len(group.versions)
    return pa.table(
        {
            "platform": pa.repeat(platform, rows),
            "record_id": pa.array(group.record_ids, _TEXT),
            "version": pa.array(group.versions, pa.int32()),
            "dataset": pa.repeat(dataset, rows),
            "effect": pa.repeat(effect, rows),
            "decision_id": pa.array(group.decision_ids, pa.int32()),
            "payload_digest": pa.array(group.payload_digests, _TEXT),
            "op": pa.repeat(pa.scalar(op, _TEXT), rows),
            "outbox_id": pa.nulls(rows, pa.int64()) if ids is None else pa.array(ids, pa.int64()),
            "priority": pa.repeat(pa.scalar(PRIORITY.get(op or "", 5), pa.int16()), rows),
            "fresh": pa.array(group.fresh, pa.bool_()),
            "reason": pa.array(group.reasons, _TEXT),
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
