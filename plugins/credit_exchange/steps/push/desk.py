"""The shipments of one platform in our database: leases, attempts and outcomes. Every write is under the fence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Row
from sqlalchemy.exc import OperationalError

from credit_exchange.config.platform import Platform
from credit_exchange.core import business_time
from credit_exchange.core.canonical import sm3_hex
from credit_exchange.core.crypto import open_sealed, seal
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.outbox import PRIORITY
from credit_exchange.steps.push import owner
from credit_exchange.steps.push.claim import STATE_OF, Leased
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Label, Line, Outcome, Shipment, Verdict
from credit_exchange.steps.push.gate import Gate, Replaced, State
from credit_exchange.stores import sql

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange

T = TypeVar("T")
_TRIES = 5


class _Written(Exception):
    """What is to be written was committed at an earlier try, together with everything that belongs to it."""


class Desk:
    """Takes, renews and settles shipments in the name of one drain."""

    def __init__(self, exchange: Exchange, platform: Platform, me: str) -> None:
        self._exchange = exchange
        self._platform = platform
        self._me = me
        self._base = {"platform": platform.platform, "owner": me, "lease": platform.lease_seconds}
        self._dead: list[str] = []
        self._connection: Connection | None = None
        self._isolation = ""

    def _safely(self, work: Callable[[Connection], T], isolation: str = "READ COMMITTED") -> T:
        """Do one transaction; a lost database connection is tried again, since the fence makes repeating harmless.

        All are done on one connection, which is idle while a platform is called.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                if self._connection is None:
                    self._connection, self._isolation = self._exchange.engine.connect(), ""
                if self._isolation != isolation:
                    self._connection.execution_options(isolation_level=isolation)
                    self._isolation = isolation
                with self._connection.begin():
                    return work(self._connection)
            except OperationalError:
                self.close()
                if attempt == _TRIES:
                    raise
                time.sleep(0.3 * 2**attempt)
        raise AssertionError("unreachable")

    def _at_once(self, work: Callable[[Connection], T]) -> T:
        """:meth:`_safely` for one statement, which is a transaction by itself: a third of the way to the database."""
        return self._safely(work, "AUTOCOMMIT")

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- taking

    def recover(self, *, takedowns_only: bool = False) -> None:
        """Free what drains that are gone held: unknown when an attempt had begun, else to be sent as it is.

        takedowns_only: what is packed and held by nobody is not going to be sent now, and keeps none of them back.
        """

        def work(connection: Connection) -> None:
            names = connection.execute(sql.load("push/owners"), self._base).scalars().all()
            self._dead = [name for name in names if owner.surely_gone(name)]
            connection.execute(
                sql.load("push/recover"),
                {**self._base, "dead": self._dead, "settle": self._platform.settle_after_seconds},
            )
            if takedowns_only:
                connection.execute(sql.load("push/unpack"), {**self._base, "dead": self._dead})

        self._safely(work)

    def held_again(self) -> None:
        """Let wait again what is held and may go by now.

        Those are takedowns that the platform did not take an earlier night, and what our own files kept from going
        before they were changed.
        """
        digest = self._exchange.config.digest()

        def work(connection: Connection) -> None:
            connection.execute(sql.load("push/lock"), self._base)
            connection.execute(sql.load("push/takedowns_again"), {**self._base, "now": business_time.now()})
            connection.execute(sql.load("push/held_again"), {**self._base, "digest": digest})

        self._safely(work)

    def take(self, skip: Sequence[str], *, takedowns_only: bool) -> Leased | str | None:
        """Lease the next packed shipment that nobody holds.

        None: there is none. A shipment number: that one was overtaken while it waited, and its records go afresh.
        """

        def work(connection: Connection) -> Leased | str | None:
            row = connection.execute(
                sql.load("push/take"),
                {**self._base, "skip": list(skip), "takedowns_only": takedowns_only, "dead": self._dead},
            ).one_or_none()
            if row is None:
                return None
            # it surely stored nothing; its records may have been overtaken while it waited, and under the platform's
            # lock they are not
            connection.execute(sql.load("push/lock"), self._base)
            free = connection.execute(sql.load("push/lines_free"), {"shipment_id": row.shipment_id}).scalar_one()
            if free != row.records:
                nothing = CallResult(Kind.REFUSED)
                self._dissolve(connection, self._lease(row), None, nothing, "等待期间已被新版本取代")
                return str(row.shipment_no)
            connection.execute(sql.load("push/resume"), {"shipment_no": row.shipment_no, "fence": row.fence})
            return self._leased(connection, row, row.state)

        return self._safely(work)

    def take_open(self, state: str, skip: Sequence[str]) -> Leased | None:
        """Lease the next shipment in this state that is due to be asked about."""

        def work(connection: Connection) -> Leased | None:
            row = connection.execute(
                sql.load("push/take_open"), {**self._base, "state": state, "skip": list(skip), "dead": self._dead}
            ).one_or_none()
            return self._leased(connection, row, state) if row is not None else None

        return self._safely(work)

    def _leased(self, connection: Connection, row: Row[Any], before: str) -> Leased:
        connection.execute(sql.load("push/by_key"))
        lines = connection.execute(sql.load("push/lines"), {"shipment_id": row.shipment_id})
        label = Label(row.shipment_no, row.batch_no, row.idem_key, row.dataset, row.lane, row.op, row.created_at)
        shipment = Shipment(
            label=label,
            body=open_sealed(self._exchange.keys, bytes(row.body_sealed), row.shipment_no.encode()),
            lines=[Line(*line) for line in lines],
            fence=row.fence,
            task_id=row.task_id,
            shipment_id=row.shipment_id,
            body_digest=row.body_digest,
        )
        return Leased(shipment, before, self._lease(row))

    def _lease(self, row: Row[Any]) -> dict[str, object]:
        return {"shipment_no": row.shipment_no, "fence": row.fence, "owner": self._me, "lease": self._base["lease"]}

    # --- attempts and outcomes

    def begin(self, leased: Leased, kind: str, gate: Gate) -> tuple[int, State]:
        """Write the attempt before the socket opens; return its id and how the platform stands.

        Raises Stop when the platform may not be called, Replaced when the shipment is no longer ours.
        """

        gate.open_hours()
        parameters = {**leased.lease, "kind": kind, "platform": self._platform.platform, "patience": gate.patience}
        row = self._at_once(lambda connection: connection.execute(sql.load("push/attempt_begin"), parameters).one())
        state = gate.state(row)
        if row.attempt_id is None:
            raise Replaced(f"上报批次 {leased.lease['shipment_no']} 已由另一进程接手")
        return int(row.attempt_id), state

    def record(
        self,
        leased: Leased,
        attempt: int | None,
        result: CallResult,
        *,
        state: str,
        wait: float = 0.0,
        waits: Mapping[int, float] | None = None,
    ) -> None:
        """Write what a call came to, in one transaction, if the shipment is still ours; else raise Replaced.

        state: the shipment's new one, which its records follow; `settled` takes the result's verdicts.
        wait: seconds until it is looked at again. waits: by line, seconds until a record may go afresh.
        """
        number = leased.shipment.label.shipment_no
        code: str = result.code
        problem = result.problem or f"{result.words}（{result.code}）"
        exceptions: list[tuple[Line, Verdict]] = []
        if state == "settled":
            code, exceptions = _apart(leased, result)
            problem = result.problem

        def work(connection: Connection) -> None:
            self._write(connection, leased.lease, attempt, result, state, code, problem, wait)
            if exceptions:
                self._exceptions(connection, number, exceptions, waits or {})

        with suppress(_Written):
            (self._safely if exceptions else self._at_once)(work)
        faultpoint("push.after_record")

    def put_back(self, leased: Leased, attempt: int | None) -> None:
        """Give a shipment back as it was: nothing was called about it, and its last problem stays."""
        result = CallResult(Kind.REFUSED, code="not_called")
        with suppress(_Written):
            self._at_once(
                lambda connection: self._write(connection, leased.lease, attempt, result, leased.before, "", "")
            )

    def dissolve(self, leased: Leased, attempt: int, result: CallResult, problem: str) -> None:
        """Give up a shipment that surely stored nothing: its records go afresh in another one."""
        with suppress(_Written):
            self._safely(lambda connection: self._dissolve(connection, leased.lease, attempt, result, problem))

    def failed(self, leased: Leased, attempt: int, result: CallResult, message: str, wait: float) -> Counter[str]:
        """Give up a shipment on which the platform failed as a whole; return the new states of its records.

        They go afresh after `wait` seconds, in smaller shipments when it was not the first time; a record that fails by
        itself, while others of its kind do not, is found.
        """

        def work(connection: Connection) -> Counter[str]:
            self._write(connection, leased.lease, attempt, result, "settled", result.code, message)
            number = leased.shipment.label.shipment_no
            parameters = {"shipment_no": number, "code": result.code, "message": message, "wait": wait}
            parameters["found_message"] = f"{message}；单独报送仍然如此，同类的其他记录则没有"
            return Counter(connection.execute(sql.load("push/lines_failed"), parameters).scalars())

        try:
            return self._safely(work)
        except _Written:
            ids = {"outbox_ids": [line.outbox_id for line in leased.shipment.lines]}
            return Counter(
                self._at_once(lambda connection: connection.execute(sql.load("push/lines_states"), ids).scalars().all())
            )

    def _dissolve(
        self, connection: Connection, lease: Mapping[str, object], attempt: int | None, result: CallResult, problem: str
    ) -> None:
        self._write(connection, lease, attempt, result, "settled", result.code, problem)
        parameters = {"shipment_no": lease["shipment_no"], "code": result.code or None}
        connection.execute(sql.load("push/lines_afresh"), parameters)

    def _write(
        self,
        connection: Connection,
        lease: Mapping[str, object],
        attempt: int | None,
        result: CallResult,
        state: str,
        code: str,
        problem: str,
        wait: float = 0.0,
    ) -> None:
        """Write the new state of a shipment and the end of the attempt; raise Replaced when it is not ours.

        Raises _Written when this very write was committed before, on a connection that died before it could say so.
        """
        number = str(lease["shipment_no"])
        reply = result.reply
        outcome = f"{result.kind}:{result.refusal}" if result.refusal else str(result.kind)
        ours = connection.execute(
            sql.load("push/shipment_record"),
            {
                **lease,
                "attempt_id": attempt,
                "outcome": outcome,
                "http_status": result.http_status,
                "attempt_code": result.code or None,
                "state": state,
                "wait": wait,
                "task_id": result.task_id,
                "receipt_no": result.receipt_no,
                "reply_sealed": seal(self._exchange.keys, reply, number.encode()) if reply else None,
                "reply_digest": sm3_hex(reply) if reply else None,
                "code": code or None,
                "problem": problem or None,
            },
        ).one_or_none()
        if ours is None:
            given = {**lease, "attempt_id": attempt, "state": state, "outcome": outcome}
            if connection.execute(sql.load("push/written"), given).scalar_one():
                raise _Written
            raise Replaced(f"上报批次 {number} 已由另一进程接手，答复由其登记")

    @staticmethod
    def _exceptions(
        connection: Connection, number: str, exceptions: list[tuple[Line, Verdict]], waits: Mapping[int, float]
    ) -> None:
        written = connection.execute(
            sql.load("push/lines_exceptions"),
            {
                "shipment_no": number,
                "outbox_ids": [line.outbox_id for line, _ in exceptions],
                "states": [STATE_OF[verdict.outcome] for _, verdict in exceptions],
                "codes": [verdict.code for _, verdict in exceptions],
                "messages": [verdict.message for _, verdict in exceptions],
                "waits": [waits.get(line.line_no, 0.0) for line, _ in exceptions],
            },
        ).rowcount
        if written != len(exceptions):
            raise Replaced(f"上报批次 {number} 中有记录已不在途中，由接手的进程继续")

    # --- looking

    def give_back(self) -> None:
        """End the leases of what was not begun: anybody may send it at once."""
        self._safely(lambda connection: connection.execute(sql.load("push/leases_end"), self._base))

    def anything_left(self) -> bool:
        """Tell whether there is anything that is not finished."""
        return self._safely(
            lambda connection: bool(connection.execute(sql.load("push/anything_left"), self._base).scalar_one())
        )

    def takedowns_wait(self) -> bool:
        """Tell whether a takedown waits to be packed, or may: also one whose time has not come."""
        parameters = {"platform": self._platform.platform, "priority": PRIORITY["withdraw"]}
        return self._at_once(
            lambda connection: bool(connection.execute(sql.load("push/takedowns_wait"), parameters).scalar_one())
        )

    def left(self) -> dict[str, int]:
        """Return how many records are not finished, by state."""
        rows = self._safely(lambda connection: connection.execute(sql.load("push/left"), self._base).all())
        return {row.state: row.records for row in rows}

    def overdue(self) -> dict[str, tuple[str, int]]:
        """Return state and records of the shipments that nobody has found out about for a day: a person is told."""
        rows = self._safely(lambda connection: connection.execute(sql.load("push/overdue"), self._base).all())
        return {row.shipment_no: (row.state, row.records) for row in rows}

    def next_due(self, skip: Sequence[str], skip_rows: Sequence[int]) -> dict[str, float]:
        """Return in how many seconds the next shipment, unknown, task, other worker's lease or record is due."""
        parameters = {**self._base, "skip": list(skip), "skip_rows": list(skip_rows)}
        rows = self._safely(lambda connection: connection.execute(sql.load("push/next_due"), parameters).all())
        return {row.what: float(row.seconds) for row in rows if row.seconds is not None}


def _apart(leased: Leased, result: CallResult) -> tuple[str, list[tuple[Line, Verdict]]]:
    """Return the code of most delivered records, which the shipment keeps for all, and those that fared otherwise."""
    alike = result.alike()
    if alike is not None and alike.outcome is Outcome.DELIVERED and not alike.message:
        return alike.code, []
    delivered = Counter(v.code for v in result.verdicts.values() if v.outcome is Outcome.DELIVERED and not v.message)
    code = delivered.most_common(1)[0][0] if delivered else ""
    usual = Verdict(Outcome.DELIVERED, code)
    return code, [
        (line, result.verdicts[line.line_no])
        for line in leased.shipment.lines
        if result.verdicts[line.line_no] != usual
    ]
