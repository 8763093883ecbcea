"""Takes waiting records out of the outbox and packs them into shipments: bytes and keys, stored before sending."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import Connection

from credit_exchange.config.platform import Platform
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex, sm3_hex
from credit_exchange.core.crypto import Keys, open_sealed, seal
from credit_exchange.errors import FatalError
from credit_exchange.steps.outbox import PRIORITY
from credit_exchange.steps.push.dialects.base import Dialect, Identity, Label, Line, Outcome, Shipment, Verdict
from credit_exchange.stores import sql

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.payload import Payload

PayloadSource = Callable[["Exchange", Connection, str, list[int]], Mapping[int, "Payload"]]
STATE_OF = {
    Outcome.DELIVERED: "delivered",
    Outcome.REJECTED: "rejected",
    Outcome.AGAIN: "retry",
    Outcome.REST: "retry",
    Outcome.RECONCILE: "held",
    Outcome.HELD: "held",
}
_CONTEXT = b"wire_identity"
_ROWS = 2_000
_SHIPMENTS = 20
"""At most so many rows, or what fills so many shipments, are packed at once: what is packed late is newer."""
_CLASH = Verdict(Outcome.HELD, "IDENTITY", "平台上文书号、机关代码和相对人相同的记录不止一条，请人工核对")
_NO_CONTENT = Verdict(Outcome.HELD, "PAYLOAD", "没有可报送的内容，或与发布时不一致，请重新执行发布")
_NO_ROUTE = Verdict(Outcome.HELD, "DATASET", "平台配置中没有该数据集，请检查 include/platforms")


def wire_key(keys: Keys, platform_id: str, identity: Identity) -> str:
    """Return the keyed digest under which an identity is kept (it may hold a person's name)."""
    return _wire_key(keys.hmac, platform_id, tuple(sorted(identity.items())))


@lru_cache(maxsize=4_000)
def _wire_key(key: bytes, platform_id: str, identity: tuple[tuple[str, str], ...]) -> str:
    """Made when a row is packed and wanted again when it is delivered."""
    return hmac_sm3_hex(key, canonical_json([platform_id, dict(identity)]))[:32]


def seal_identity(keys: Keys, identity: Identity) -> bytes:
    """Return the identity as exchange.wire_identity keeps it."""
    return seal(keys, canonical_json(identity), _CONTEXT)


class _Row(NamedTuple):
    """One row of the outbox in the form of the wire."""

    outbox_id: int
    record_id: str
    version: int
    known: bool
    data: bytes


@dataclass(frozen=True)
class Leased:
    """A shipment that is ours until its lease ends, and the state it was in."""

    shipment: Shipment
    before: str
    lease: Mapping[str, object]


class Claim(NamedTuple):
    """What one claim came to: shipments in their order, leased to this drain, and how many rows were set aside."""

    packed: list[Leased]
    aside: dict[str, int]


class Claimer:
    """Makes shipments for one platform."""

    def __init__(
        self, exchange: Exchange, platform: Platform, dialect: Dialect, source: PayloadSource, me: str
    ) -> None:
        self._exchange = exchange
        self._platform = platform
        self._dialect = dialect
        self._source = source
        self._lease = {"owner": me, "lease": platform.lease_seconds}
        self._rows = max(platform.limits.records, min(_ROWS, platform.limits.records * _SHIPMENTS))
        self.most: dict[str, int] = {}
        """Lanes whose shipments the platform found too large: how many records at most from now on."""

    def claim(self, connection: Connection, priority: int, skip: Iterable[int]) -> Claim | None:
        """Pack the next rows of at most this priority number; None when there are none.

        Several shipments at a time, leased to this drain. The caller owns the transaction, which holds the platform's
        lock: nobody else packs, resumes or overtakes what waits until it ends.
        """
        connection.execute(sql.load("push/lock"), {"platform": self._platform.platform})
        connection.execute(sql.load("push/by_key"))
        rows, alone = self._next(connection, priority, skip)
        if not rows:
            return None
        overtaken = {row.outbox_id: row.overtaken for row in rows if row.overtaken is not None}
        if overtaken:
            parameters = {"outbox_ids": list(overtaken), "ops": list(overtaken.values())}
            connection.execute(sql.load("push/supersede"), parameters)
        blocked = [row.outbox_id for row in rows if row.blocked and row.outbox_id not in overtaken]
        if blocked:
            connection.execute(sql.load("push/wait_alone"), {"outbox_ids": blocked})
        rows = [row for row in rows if row.outbox_id not in overtaken and not row.blocked]
        ids = [row.outbox_id for row in rows]
        aside, lanes = self._encode(connection, ids, {row.record_id for row in rows if not row.fresh})
        self._set_aside(connection, aside)
        op = rows[0].op if rows else ""
        packed: list[Leased] = []
        for (dataset, lane, single), pieces in lanes.items():
            for group in self._groups(lane, single, pieces):
                packed.append(self._store(connection, dataset, lane, op, group))
        self._lines(connection, packed, alone)
        counts: dict[str, int] = {}
        for outbox_id, verdict in aside.items():
            if outbox_id in ids:
                state = STATE_OF[verdict.outcome]
                counts[state] = counts.get(state, 0) + 1
        return Claim(packed, counts)

    def _next(self, connection: Connection, priority: int, skip: Iterable[int]) -> tuple[list[Any], bool]:
        """Return the next rows of one data set and operation, and whether they waited by themselves."""
        # takedowns travel alone at some platforms: one shipment's worth of them is enough at a time
        limit = self._platform.limits.records if priority == PRIORITY["withdraw"] else self._rows
        parameters = {"platform": self._platform.platform, "priority": priority, "limit": limit}
        rows = connection.execute(sql.load("push/claim_waiting"), {**parameters, "skip": list(skip)}).all()
        if rows:
            return list(rows), True
        while not rows:
            lots = connection.execute(sql.load("push/claim_lots"), parameters).all()
            if not lots:
                return [], False
            ranges = {"first_ids": [lot.first_id for lot in lots], "last_ids": [lot.last_id for lot in lots]}
            rows = connection.execute(sql.load("push/claim_rows"), {**parameters, **ranges}).all()
            lot_ids = [lot.lot_id for lot in lots]
            connection.execute(sql.load("push/lots_consume"), {"lot_ids": lot_ids, "upto": lots[-1].last_id})
        return list(rows), False

    def _encode(
        self, connection: Connection, ids: list[int], known: set[str]
    ) -> tuple[dict[int, Verdict], dict[tuple[str, str, bool], list[_Row]]]:
        """Return what is set aside, and the pieces of all others by data set, lane and whether they travel alone.

        known: records of which something may lie at the platform already.
        """
        payloads = self._payloads(connection, ids)
        aside: dict[int, Verdict] = {i: _NO_CONTENT for i in ids if i not in payloads}
        aside |= {i: _NO_ROUTE for i, p in payloads.items() if p.dataset not in self._platform.datasets}
        payloads = {i: p for i, p in payloads.items() if i not in aside}
        there: Mapping[str, Sequence[Identity]] = {}
        if self._dialect.by_identity:
            there = self._there(connection, [p.record_id for p in payloads.values() if p.record_id in known])
            aside |= self._clashes(connection, payloads)
        lanes: dict[tuple[str, str, bool], list[_Row]] = {}
        for outbox_id in ids:
            if outbox_id in aside:
                continue
            payload = payloads[outbox_id]
            piece = self._dialect.encode(payload, there.get(payload.record_id, ()))
            if isinstance(piece, Verdict):
                aside[outbox_id] = piece
            else:
                line = _Row(outbox_id, payload.record_id, payload.version, payload.record_id in known, piece.data)
                lanes.setdefault((payload.dataset, piece.lane, piece.alone), []).append(line)
        return aside, lanes

    def _payloads(self, connection: Connection, ids: list[int]) -> dict[int, Payload]:
        """Return what the rows carry. One whose content is no longer what was released is left out."""
        if not ids:
            return {}
        platform_id = self._platform.platform
        try:
            return dict(self._source(self._exchange, connection, platform_id, ids))
        except FatalError:
            found: dict[int, Payload] = {}
            for outbox_id in ids:
                with contextlib.suppress(FatalError):  # left out, and so held with its reason
                    found |= self._source(self._exchange, connection, platform_id, [outbox_id])
            return found

    def _groups(self, lane: str, single: bool, rows: list[_Row]) -> Iterable[list[_Row]]:
        most = 1 if single else min(self._platform.limits.records, self.most.get(lane, self._platform.limits.records))
        envelope, between = self._dialect.overhead()
        group: list[_Row] = []
        size = envelope
        for row in rows:
            more = len(row.data) + between
            if group and (len(group) >= most or size + more > self._platform.limits.bytes):
                yield group
                group, size = [], envelope
            group.append(row)
            size += more
        if group:
            yield group

    def _store(self, connection: Connection, dataset: str, lane: str, op: str, group: list[_Row]) -> Leased:
        now = datetime.now(SHANGHAI)
        shipment_no = f"{self._platform.platform[:30]}-{now:%y%m%d}-{secrets.token_hex(8)}"
        label = Label(shipment_no, shipment_no, secrets.token_hex(20), dataset, lane, op, now)
        body = self._dialect.assemble(label, [row.data for row in group])
        digest = sm3_hex(body)
        shipment_id = connection.execute(
            sql.load("push/shipment_insert"),
            {
                **self._lease,
                "shipment_no": shipment_no,
                "platform": self._platform.platform,
                "dataset": dataset,
                "lane": lane,
                "op": op,
                "batch_no": label.batch_no,
                "idem_key": label.idem_key,
                "body_sealed": seal(self._exchange.keys, body, shipment_no.encode()),
                "body_digest": digest,
                "records": len(group),
            },
        ).scalar_one()
        lines = [
            Line(number, row.outbox_id, row.record_id, row.version, row.known) for number, row in enumerate(group, 1)
        ]
        shipment = Shipment(label, body, lines, 1, shipment_id=shipment_id, body_digest=digest)
        return Leased(shipment, "ready", {"shipment_no": shipment_no, "fence": 1, **self._lease})

    @staticmethod
    def _lines(connection: Connection, packed: list[Leased], alone: bool) -> None:
        """Write which row travels where; those that waited by themselves follow their shipment from now on."""
        if not packed:
            return
        lines = [(line, one.shipment.shipment_id) for one in packed for line in one.shipment.lines]
        outbox_ids = [line.outbox_id for line, _ in lines]
        connection.execute(
            sql.load("push/lines_pack"),
            {
                "outbox_ids": outbox_ids,
                "shipment_ids": [shipment_id for _, shipment_id in lines],
                "line_nos": [line.line_no for line, _ in lines],
            },
        )
        if alone:
            followed = connection.execute(sql.load("push/lines_follow"), {"outbox_ids": outbox_ids}).rowcount
            if followed != len(outbox_ids):
                raise FatalError(f"{followed} of {len(outbox_ids)} packed rows follow their shipment; report it")

    def _set_aside(self, connection: Connection, aside: Mapping[int, Verdict]) -> None:
        if aside:
            connection.execute(
                sql.load("push/set_aside"),
                {
                    "outbox_ids": list(aside),
                    "states": [STATE_OF[v.outcome] for v in aside.values()],
                    "codes": [v.code for v in aside.values()],
                    "messages": [v.message for v in aside.values()],
                },
            )

    # --- platforms without record ids

    def _there(self, connection: Connection, record_ids: list[str]) -> dict[str, list[Identity]]:
        if not record_ids:
            return {}
        rows = connection.execute(
            sql.load("push/identities_of"), {"platform": self._platform.platform, "record_ids": record_ids}
        )
        found: dict[str, list[Identity]] = {}
        for row in rows:
            identity = orjson.loads(open_sealed(self._exchange.keys, bytes(row.identity_sealed), _CONTEXT))
            found.setdefault(row.record_id, []).append(identity)
        return found

    def _clashes(self, connection: Connection, payloads: Mapping[int, Payload]) -> dict[int, Verdict]:
        """Return the rows to hold: two of our records would be one row there, never to be told apart again."""
        ours = {i: p for i, p in payloads.items() if p.op == "upsert"}
        if not ours:
            return {}
        platform_id, keys = self._platform.platform, self._exchange.keys
        siblings = connection.execute(
            sql.load("push/siblings"),
            {"platform": platform_id, "record_ids": [p.record_id for p in ours.values()]},
        ).all()
        others = [row.outbox_id for row in siblings if row.outbox_id not in ours]
        if others:
            ours |= self._payloads(connection, others)
        key_of: dict[int, str] = {}
        records: dict[str, set[str]] = {}
        for outbox_id, payload in ours.items():
            identity = self._dialect.identity_of(payload)
            if identity is not None:
                key = key_of[outbox_id] = wire_key(keys, platform_id, identity)
                records.setdefault(key, set()).add(payload.record_id)
        owners = connection.execute(
            sql.load("push/identity_owners"), {"platform": platform_id, "wire_keys": list(records)}
        )
        for row in owners:
            records[row.wire_key].add(row.record_id)
        return {outbox_id: _CLASH for outbox_id, key in key_of.items() if len(records[key]) > 1}
