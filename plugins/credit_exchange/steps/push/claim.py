"""Takes waiting records out of the outbox and packs them into shipments: bytes and keys, stored before sending."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from credit_exchange.config.platform import Platform
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.canonical import sm3_hex
from credit_exchange.core.crypto import seal
from credit_exchange.errors import FatalError
from credit_exchange.steps.outbox import BLOCK, PRIORITY, runs
from credit_exchange.steps.push.dialects.base import (
    Dialect,
    Identity,
    Label,
    Line,
    Outcome,
    Piece,
    Pieces,
    Shipment,
    Verdict,
)
from credit_exchange.steps.push.groups import groups
from credit_exchange.steps.push.places import put_in_place
from credit_exchange.steps.push.streams import Stopped
from credit_exchange.steps.push.twins import Twins
from credit_exchange.stores import sql

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.payload import Sheet

PayloadSource = Callable[["Exchange", Connection, str, Sequence[int]], "list[Sheet]"]
STATE_OF = {
    Outcome.DELIVERED: "delivered",
    Outcome.REJECTED: "rejected",
    Outcome.AGAIN: "retry",
    Outcome.REST: "retry",
    Outcome.RECONCILE: "held",
    Outcome.HELD: "held",
}
_ROWS = 2_000
_SHIPMENTS = 20
"""At most so many rows, or what fills so many shipments, are packed at once: what is packed late is newer."""
_NO_CONTENT = Verdict(Outcome.HELD, "PAYLOAD", "没有可报送的内容，或与发布时不一致，请先撤下、再恢复该记录")
_NO_ROUTE = Verdict(Outcome.HELD, "DATASET", "平台配置中没有该数据集，请检查 include/platforms，改正后自动报送")


class _Row(NamedTuple):
    """One row of the outbox in the form of the wire."""

    outbox_id: int
    record_id: str
    version: int
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
        self.stopped = Stopped(platform)
        """What is not sent any more."""

    def claim(
        self,
        connection: Connection,
        priority: int,
        skip: Iterable[int],
        *,
        ahead: bool = False,
        lots: bool = True,
        only: Sequence[int] | None = None,
    ) -> Claim | None:
        """Pack the next rows of at most this priority number; None when there are none.

        Those that wait by themselves (without `skip`, of `only` where given) go first, then those in lots (if `lots`).
        ahead: it is not their turn yet: of lots only, and no takedowns, which are to be found when it is theirs.
        Several shipments at a time, leased to this drain. The caller owns the transaction, which holds the platform's
        lock: nobody else packs, resumes or overtakes what waits until it ends.
        """
        connection.execute(sql.load("push/lock"), {"platform": self._platform.platform})
        connection.execute(sql.load("push/by_key"))
        # takedowns travel alone at some platforms: one shipment's worth of them is enough at a time
        limit = self._platform.limits.records if priority == PRIORITY["withdraw"] else self._rows
        parameters = {"platform": self._platform.platform, "priority": priority, "limit": limit, "these": only}
        parameters |= {"from_priority": PRIORITY["withdraw"] + 1 if ahead else 0, "skip": list(skip)}
        parameters["stopped"] = self.stopped.unpacked()
        rows: Sequence[Any] = () if ahead else connection.execute(sql.load("push/claim_waiting"), parameters).all()
        alone = bool(rows)
        if lots and not rows:
            rows = self._of_lots(connection, parameters)
        if not rows:
            return None
        op = rows[0].op
        ids, blocked = list[int](), list[int]()
        known, overtaken = set[str](), dict[int, str]()
        bounds = {row.record_id: row.most for row in rows if row.most is not None} if alone else {}
        for outbox_id, record_id, _, fresh, is_blocked, overtaken_by, _ in rows:
            if overtaken_by is not None:
                overtaken[outbox_id] = overtaken_by
            elif is_blocked:
                blocked.append(outbox_id)
            else:
                ids.append(outbox_id)
                if not fresh:
                    known.add(record_id)
        if overtaken:
            parameters = {"outbox_ids": list(overtaken), "ops": list(overtaken.values())}
            connection.execute(sql.load("push/supersede"), parameters)
        if blocked:
            connection.execute(sql.load("push/wait_alone"), {"outbox_ids": blocked})
        aside, lanes = self._encode(connection, ids, known)
        lanes, out_of_place = put_in_place(connection, self._platform, op, lanes, known)
        aside |= out_of_place
        self._set_aside(connection, aside)
        if alone:
            lanes = self._follow(connection, lanes)
        made = [
            self._shipment(dataset, lane, op, group)
            for (dataset, lane, single), pieces in lanes.items()
            for group in self._groups(lane, single, pieces, bounds)
        ]
        packed = self._store(connection, made)
        self._runs(connection, packed)
        ours = set(ids) if aside else ids
        counts = Counter(STATE_OF[verdict.outcome] for outbox_id, verdict in aside.items() if outbox_id in ours)
        return Claim(packed, counts)

    @staticmethod
    def _of_lots(connection: Connection, parameters: Mapping[str, object]) -> Sequence[Any]:
        """Take the next rows of one data set and operation out of their lots."""
        while True:
            lots = connection.execute(sql.load("push/claim_lots"), parameters).all()
            if not lots:
                return ()
            ranges = {"first_ids": [lot.first_id for lot in lots], "last_ids": [lot.last_id for lot in lots]}
            rows = connection.execute(sql.load("push/claim_rows"), {**parameters, **ranges}).all()
            taken = {"lot_ids": [lot.lot_id for lot in lots], "last_ids": ranges["last_ids"]}
            connection.execute(sql.load("push/lots_consume"), taken)
            if rows:
                return rows

    def _encode(
        self, connection: Connection, ids: list[int], known: set[str]
    ) -> tuple[dict[int, Verdict], dict[tuple[str, str, bool], list[_Row]]]:
        """Return what is set aside, and the pieces of all others by data set, lane and whether they travel alone.

        known: records of which something may lie at the platform already.
        """
        sheets = self._payloads(connection, ids)
        aside: dict[int, Verdict] = {}
        if sum(len(sheet.outbox_ids) for sheet in sheets) < len(ids):
            found = {outbox_id for sheet in sheets for outbox_id in sheet.outbox_ids}
            aside |= dict.fromkeys((outbox_id for outbox_id in ids if outbox_id not in found), _NO_CONTENT)
        for sheet in sheets:
            if sheet.dataset not in self._platform.datasets:
                aside |= dict.fromkeys(sheet.outbox_ids, _NO_ROUTE)
        sheets = [sheet for sheet in sheets if sheet.dataset in self._platform.datasets]
        there: Mapping[str, Sequence[Identity]] = {}
        if self._dialect.by_identity:
            twins = Twins(self._exchange, self._platform, self._dialect, self._payloads)
            there = twins.there(connection, {r for sheet in sheets for r in sheet.record_ids if r in known})
            aside |= twins.clashes(connection, sheets) | twins.anothers(connection, sheets, there)
        lanes: dict[tuple[str, str, bool], list[_Row]] = {}
        for sheet in sheets:
            quick = self._dialect.encode_sheet(sheet)
            if quick is not None and len(set(quick.lanes)) == 1 and quick.lanes[0] and not aside and not there:
                rows = map(_Row, sheet.outbox_ids, sheet.record_ids, sheet.versions, quick.data)
                lanes.setdefault((sheet.dataset, quick.lanes[0], False), []).extend(rows)
                continue
            for row, piece in self._pieces(sheet, quick, there, aside):
                lanes.setdefault((sheet.dataset, piece.lane, piece.alone), []).append(row)
        if len(sheets) > 1:
            for some in lanes.values():
                some.sort(key=lambda row: row.outbox_id)
        return aside, lanes

    def _pieces(
        self, sheet: Sheet, quick: Pieces | None, there: Mapping[str, Sequence[Identity]], aside: dict[int, Verdict]
    ) -> Iterable[tuple[_Row, Piece]]:
        """Yield the rows of a sheet with their pieces; those that cannot or need not go are put aside."""
        for place, (outbox_id, record_id) in enumerate(zip(sheet.outbox_ids, sheet.record_ids, strict=True)):
            if outbox_id in aside:
                continue
            lane = quick.lanes[place] if quick is not None and record_id not in there else None
            piece = (
                Piece(lane, quick.data[place])
                if quick is not None and lane is not None
                else self._dialect.encode(sheet.payload(place), there.get(record_id, ()))
            )
            if isinstance(piece, Verdict):
                aside[outbox_id] = piece
            else:
                yield _Row(outbox_id, record_id, sheet.versions[place], piece.data), piece

    def _payloads(self, connection: Connection, ids: Sequence[int]) -> list[Sheet]:
        """Return what the rows carry. One whose content is no longer what was released is left out."""
        if not ids:
            return []
        platform_id = self._platform.platform
        try:
            return self._source(self._exchange, connection, platform_id, ids)
        except FatalError:
            found: list[Sheet] = []
            for outbox_id in ids:
                with contextlib.suppress(FatalError):  # left out, and so held with its reason
                    found += self._source(self._exchange, connection, platform_id, [outbox_id])
            return found

    def _groups(self, lane: str, single: bool, rows: list[_Row], bounds: Mapping[str, int]) -> Iterable[list[_Row]]:
        limits = self._platform.limits
        most = 1 if single else min(limits.records, self.most.get(lane, limits.records))
        overhead = self._dialect.overhead()
        return groups(rows, records=most, size=limits.bytes, overhead=overhead, bounds=bounds)

    def _shipment(self, dataset: str, lane: str, op: str, group: list[_Row]) -> Shipment:
        now = datetime.now(SHANGHAI)
        shipment_no = f"{self._platform.platform[:30]}-{now:%y%m%d}-{secrets.token_hex(8)}"
        label = Label(shipment_no, shipment_no, secrets.token_hex(20), dataset, lane, op, now)
        body = self._dialect.assemble(label, [row.data for row in group])
        lines = [Line(number, *row[:3]) for number, row in enumerate(group, 1)]
        return Shipment(label, body, lines, 1, body_digest=sm3_hex(body))

    def _store(self, connection: Connection, made: list[Shipment]) -> list[Leased]:
        """Store new shipments, all at once, leased to this drain."""
        if not made:
            return []
        parameters = {
            **self._lease,
            "platform": self._platform.platform,
            "shipment_nos": [one.label.shipment_no for one in made],
            "datasets": [one.label.dataset for one in made],
            "lanes": [one.label.lane for one in made],
            "ops": [one.label.op for one in made],
            "batch_nos": [one.label.batch_no for one in made],
            "idem_keys": [one.label.idem_key for one in made],
            "bodies": [seal(self._exchange.keys, one.body, one.label.shipment_no.encode()) for one in made],
            "body_digests": [one.body_digest for one in made],
            "records": [len(one.lines) for one in made],
        }
        rows = connection.execute(sql.load("push/shipments_insert"), parameters)
        ids = {row.shipment_no: row.shipment_id for row in rows}
        return [
            Leased(
                replace(one, shipment_id=ids[one.label.shipment_no]),
                "ready",
                {"shipment_no": one.label.shipment_no, "fence": 1, **self._lease},
            )
            for one in made
        ]

    @staticmethod
    def _follow(
        connection: Connection, lanes: dict[tuple[str, str, bool], list[_Row]]
    ) -> dict[tuple[str, str, bool], list[_Row]]:
        """Give rows that waited by themselves new ids; they follow their shipment from now on."""
        following: dict[tuple[str, str, bool], list[_Row]] = {}
        before: list[int] = []
        free = iter(range(0))
        for lane, rows in lanes.items():
            following[lane] = []
            for row in rows:
                outbox_id = next(free, None)
                if outbox_id is None:
                    first = connection.execute(sql.load("release/outbox_block")).scalar_one()
                    free = iter(range(first, first + BLOCK))
                    outbox_id = next(free)
                before.append(row.outbox_id)
                following[lane].append(row._replace(outbox_id=outbox_id))
        after = [row.outbox_id for rows in following.values() for row in rows]
        parameters = {"outbox_ids": before, "following_ids": after}
        followed = connection.execute(sql.load("push/lines_follow"), parameters).rowcount if before else 0
        if followed != len(before):
            raise FatalError(f"要重新装入的 {len(before)} 条中只有 {followed} 条仍在等待；请附上本行报告")
        return following

    @staticmethod
    def _runs(connection: Connection, packed: list[Leased]) -> None:
        """Write which rows travel where."""
        rows = [
            (run.first_id, run.last_id, run.place + 1, one.shipment.shipment_id)
            for one in packed
            for run in runs([line.outbox_id for line in one.shipment.lines])
        ]
        if rows:
            names = ("first_ids", "last_ids", "first_lines", "shipment_ids")
            columns = map(list, zip(*rows, strict=True))
            connection.execute(sql.load("push/runs_pack"), dict(zip(names, columns, strict=True)))

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
