"""Takes waiting records out of the outbox and packs them into shipments: bytes and keys, stored before sending."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from credit_exchange.config.platform import Platform
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex, sm3_hex
from credit_exchange.core.crypto import Keys, open_sealed, seal
from credit_exchange.errors import FatalError
from credit_exchange.steps.push.dialects.base import Dialect, Identity, Label, Outcome, Piece, Verdict
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
_CLASH = Verdict(Outcome.HELD, "IDENTITY", "平台上文书号、机关代码和相对人相同的记录不止一条，请人工核对")
_NO_CONTENT = Verdict(Outcome.HELD, "PAYLOAD", "没有可报送的内容，或与发布时不一致，请重新执行发布")
_NO_ROUTE = Verdict(Outcome.HELD, "DATASET", "平台配置中没有该数据集，请检查 include/platforms")


def wire_key(keys: Keys, platform_id: str, identity: Identity) -> str:
    """Return the keyed digest under which an identity is kept (it may hold a person's name)."""
    return hmac_sm3_hex(keys.hmac, canonical_json([platform_id, identity]))


def seal_identity(keys: Keys, identity: Identity) -> bytes:
    """Return the identity as exchange.wire_identity keeps it."""
    return seal(keys, canonical_json(identity), _CONTEXT)


class Claimer:
    """Makes shipments for one platform."""

    def __init__(self, exchange: Exchange, platform: Platform, dialect: Dialect, source: PayloadSource) -> None:
        self._exchange = exchange
        self._platform = platform
        self._dialect = dialect
        self._source = source
        self.most: dict[str, int] = {}
        """Lanes whose shipments the platform found too large: how many records at most from now on."""

    def claim(self, connection: Connection, priority: int, skip: Iterable[int]) -> tuple[int, dict[str, int]] | None:
        """Pack the next rows of at most this priority number; None when there are none.

        Returns how many shipments were made, and how many rows were set aside by state. The caller owns the
        transaction; IntegrityError means that another worker was quicker.
        """
        rows = connection.execute(
            sql.load("push/claim"),
            {
                "platform": self._platform.platform,
                "priority": priority,
                "skip": list(skip),
                "limit": self._platform.limits.records,
            },
        ).all()
        if not rows:
            return None
        overtaken = set(
            connection.execute(sql.load("push/supersede"), {"outbox_ids": [row.outbox_id for row in rows]}).scalars()
        )
        rows = [row for row in rows if row.outbox_id not in overtaken]
        ids = [row.outbox_id for row in rows]
        payloads = self._payloads(connection, ids)
        aside: dict[int, Verdict] = {i: _NO_CONTENT for i in ids if i not in payloads}
        aside |= {i: _NO_ROUTE for i, p in payloads.items() if p.dataset not in self._platform.datasets}
        payloads = {i: p for i, p in payloads.items() if i not in aside}
        there: Mapping[str, Sequence[Identity]] = {}
        if self._dialect.by_identity:
            there = self._there(connection, [p.record_id for p in payloads.values()])
            aside |= self._clashes(connection, payloads)
        lanes: dict[tuple[str, str, bool], list[tuple[int, Piece]]] = {}
        for outbox_id in ids:
            if outbox_id in aside:
                continue
            payload = payloads[outbox_id]
            piece = self._dialect.encode(payload, there.get(payload.record_id, ()))
            if isinstance(piece, Verdict):
                aside[outbox_id] = piece
            else:
                lanes.setdefault((payload.dataset, piece.lane, piece.alone), []).append((outbox_id, piece))
        self._set_aside(connection, aside)
        op = rows[0].op if rows else ""
        made = 0
        for (dataset, lane, alone), pieces in lanes.items():
            for group in self._groups(lane, alone, pieces):
                self._store(connection, dataset, lane, op, group)
                made += 1
        counts: dict[str, int] = {}
        for outbox_id, verdict in aside.items():
            if outbox_id in ids:
                state = STATE_OF[verdict.outcome]
                counts[state] = counts.get(state, 0) + 1
        return made, counts

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

    def _groups(self, lane: str, alone: bool, pieces: list[tuple[int, Piece]]) -> Iterable[list[tuple[int, Piece]]]:
        most = 1 if alone else min(self._platform.limits.records, self.most.get(lane, self._platform.limits.records))
        envelope, between = self._dialect.overhead()
        group: list[tuple[int, Piece]] = []
        size = envelope
        for outbox_id, piece in pieces:
            more = len(piece.data) + between
            if group and (len(group) >= most or size + more > self._platform.limits.bytes):
                yield group
                group, size = [], envelope
            group.append((outbox_id, piece))
            size += more
        if group:
            yield group

    def _store(self, connection: Connection, dataset: str, lane: str, op: str, group: list[tuple[int, Piece]]) -> None:
        now = datetime.now(SHANGHAI)
        shipment_no = f"{self._platform.platform[:30]}-{now:%y%m%d}-{secrets.token_hex(8)}"
        label = Label(shipment_no, shipment_no, secrets.token_hex(20), dataset, lane, op, now)
        body = self._dialect.assemble(label, [piece.data for _, piece in group])
        connection.execute(
            sql.load("push/shipment_insert"),
            {
                "shipment_no": shipment_no,
                "platform": self._platform.platform,
                "dataset": dataset,
                "lane": lane,
                "op": op,
                "batch_no": label.batch_no,
                "idem_key": label.idem_key,
                "body_sealed": seal(self._exchange.keys, body, shipment_no.encode()),
                "body_digest": sm3_hex(body),
                "records": len(group),
            },
        )
        outbox_ids = [outbox_id for outbox_id, _ in group]
        taken = connection.execute(
            sql.load("push/shipment_lines"), {"shipment_no": shipment_no, "lane": lane, "outbox_ids": outbox_ids}
        ).rowcount
        if taken != len(group):
            raise IntegrityError("a claimed row changed under its lock", None, ValueError(shipment_no))

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
