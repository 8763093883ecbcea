"""上报: brings what waits in the outbox to one platform and settles what became of it.

Safe to run never, once, or many times at once, and to be killed at any moment: what is sent is stored first, and the
lease, the fence and every state are in our database. No transaction is open while a platform is called.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.steps import restored
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.outbox import PRIORITY
from credit_exchange.steps.payload import payloads
from credit_exchange.steps.push import owner
from credit_exchange.steps.push.ahead import Ahead
from credit_exchange.steps.push.claim import Claim, Claimer, Leased, PayloadSource
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Kind,
    Lost,
    NotSent,
    Refusal,
    Shipment,
    Wire,
    dialect_for,
)
from credit_exchange.steps.push.discreet import discreet
from credit_exchange.steps.push.gate import Caller, Gate, Replaced, Stop
from credit_exchange.steps.push.result import DrainResult, result_of
from credit_exchange.steps.push.settle import Settler
from credit_exchange.steps.push.transport import Transport
from credit_exchange.steps.rules import is_stale
from credit_exchange.stores.database import transaction

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange

log = logging.getLogger(__name__)
_TAKEDOWNS = PRIORITY["withdraw"]
_EVERYTHING = 32_767
_LONGEST_NAP = 1.0
_RECOVER_EVERY = 2.0
_LOOK_EVERY = 0.5
_POLL = timedelta(minutes=5)
_LONGEST_WAIT = 60.0
"""Between two looks at the clock while a platform is closed: a machine may sleep, and its clock be set."""


def drain(
    exchange: Exchange,
    platform_id: str,
    *,
    until: datetime | None = None,
    payload_source: PayloadSource = payloads,
) -> DrainResult:
    """Send and settle until nothing is left that can be done now, the time is over or the platform does not work.

    until: an aware real time at which to end; never later than the platform's drain_seconds from now. Unknown shipments
    whose settling time lies within that are waited for; open tasks for poll_in_drain_seconds after everything else, the
    rest is for `poll_receipts`. A maintenance window at the beginning that ends within that time is waited for. Raises
    ConfigurationError for an unknown platform, dialect or connection, or a CA bundle that is of no use.
    """
    return _run(exchange, platform_id, until, payload_source, sending=True)


def poll_receipts(exchange: Exchange, platform_id: str, *, payload_source: PayloadSource = payloads) -> DrainResult:
    """Look once at each open task and unknown shipment that is due, for five minutes at most; nothing is sent."""
    until = datetime.now(SHANGHAI) + _POLL  # other platforms have to be asked in the same run
    return _run(exchange, platform_id, until, payload_source, sending=False)


def _run(
    exchange: Exchange, platform_id: str, until: datetime | None, source: PayloadSource, *, sending: bool
) -> DrainResult:
    with owner.working() as me:
        return _Drain(exchange, platform_id, until, source, me, sending=sending).run()


class _Drain:
    """One drain at work."""

    def __init__(
        self,
        exchange: Exchange,
        platform_id: str,
        until: datetime | None,
        source: PayloadSource,
        me: str,
        *,
        sending: bool,
    ) -> None:
        self._exchange = exchange
        self._platform = platform = exchange.config.platform(platform_id)
        self._sending = sending
        seconds = platform.drain_seconds
        if until is not None:
            seconds = min(seconds, (until - datetime.now(SHANGHAI)).total_seconds())
        self._seconds, self._is_limited = seconds, until is not None
        self._end = time.monotonic() + seconds
        connection = exchange.connection(platform.connection)
        self._dialect = dialect_for(Context(platform, exchange.config.datasets, connection))
        self._transport = Transport.of(platform)
        self._gate = Gate(exchange.engine, platform)
        self._desk = Desk(exchange, platform, me)
        self._claimer = Claimer(exchange, platform, self._dialect, source, me)
        names = {key: dataset.name for key, dataset in exchange.config.datasets.items()}
        self._settler = Settler(platform, self._desk, self._gate, self._claimer, names)
        self._calls = 0
        self._packed: deque[Leased] = deque()
        self._ahead = Ahead(self._next_of_lots)
        self._lots_next = False
        self._look_at = 0.0
        self._recover_at = 0.0
        self._tasks_until: float | None = None
        self._looked_at: set[str] = set()  # tasks that are no longer waited for
        self._noted = restored.Noted(exchange, sending=sending)
        self._stale = sending and is_stale(exchange, platform_id)  # then takedowns only, until it is released again

    def run(self) -> DrainResult:
        """Work until there is nothing to do or a reason to stop."""
        try:
            return self._work()
        finally:
            self._desk.close()
            self._noted.close()

    def _work(self) -> DrainResult:
        problem: str | None = None
        left: dict[str, int] | None = None
        try:
            if self._sending:
                self._desk.held_again()
                self._wait_until_open()
            self._gate.prepare(at_once=self._sending, try_again=self._desk.anything_left())
            while True:
                if time.monotonic() >= self._end:
                    told = self._settler.trouble.broken.values()
                    problem = "；".join([f"{self._platform.name}：本次上报的时间已用完，其余留待下次", *told])
                    break
                if self._step() or self._wait():
                    continue
                # counted before the last look: what another night releases after it is that night's to send
                left = self._desk.left()
                if not self._step() and not self._wait():
                    break
        except Stop as stop:
            problem = str(stop)
        finally:
            left_over = self._ahead.close()
            self._desk.give_back()
            if left_over is not None:
                self._settler.counts.update(left_over.aside)
        self._gate.saw(self._transport.signs)
        now_left = self._desk.left()
        if left is None or problem or _undone(now_left) < _undone(left):
            left = now_left  # what another drain was sending at the last look may have arrived
        overdue, sending, stale = self._desk.overdue(), self._sending, self._stale
        return result_of(
            self._platform, self._settler, problem, left, overdue, calls=self._calls, sending=sending, stale=stale
        )

    def _wait_until_open(self) -> None:
        """Wait for the end of a maintenance window: nights begin at the same hour, and would never send anything."""
        while (over := self._gate.closed_until()) is not None:
            wait = (over - datetime.now(SHANGHAI)).total_seconds()
            if time.monotonic() + wait > self._end or not self._desk.anything_left():
                return
            log.warning("%s：平台维护中，到 %s 为止；等到那时再上报", self._platform.name, f"{over:%H:%M}")
            while wait > 0:
                time.sleep(min(wait, _LONGEST_WAIT))
                wait = (over - datetime.now(SHANGHAI)).total_seconds()
        if not self._is_limited:
            self._end = time.monotonic() + self._seconds

    def _step(self) -> bool:
        """Do the most urgent thing; False when there is nothing that can be done now."""
        now = time.monotonic()
        if now >= self._recover_at:
            self._desk.recover(takedowns_only=self._stale)
            self._recover_at = now + _RECOVER_EVERY
        # a takedown that has just been ordered goes before shipments that are already packed
        if (
            not self._packed or (now >= self._look_at and self._packed[0].shipment.label.op != "withdraw")
        ) and self._urgent():
            return True
        if not self._sending:
            return self._look_last()
        part = self._settler.apart.next()
        if part is not None:
            return self._send_part(part)
        if self._packed:
            # where a record leaves another of ours may come, and not before: while it is taken down nothing is packed
            if not self._stale and self._packed[0].shipment.label.op != "withdraw":
                self._ahead.begin()
            self._send_now(self._packed.popleft())
            return True
        if not self._stale and (self._send(takedowns_only=False) or self._claim(_EVERYTHING)):
            return True
        return self._look_last()

    def _urgent(self) -> bool:
        """Take something down, ask about what is unknown, look at a task; False when there is none of it."""
        if self._sending and (
            self._send(takedowns_only=True) or (self._desk.takedowns_wait() and self._claim(_TAKEDOWNS))
        ):
            return True
        # tasks may be due all the time: takedowns go first, always, and something is sent between two looks
        if time.monotonic() < self._look_at:
            return False
        looked = not self._settler.unanswered and not self._settler.trouble.doubt and self._look_after()
        self._look_at = time.monotonic() + _LOOK_EVERY
        return looked

    def _claim(self, priority: int) -> bool:
        everything = priority == _EVERYTHING
        done = self._lots() if everything and self._lots_next else None
        if done is None:
            ahead = everything and self._ahead.begun
            done = self._pack(priority, lots=not ahead)
            if done is None and ahead:
                done = self._lots()
        # by turns: what waits by itself goes first, and keeps back no lots, however much of it fails again and again
        self._lots_next ^= everything
        if done is None:
            return False
        self._settler.counts.update(done.aside)
        if priority == _TAKEDOWNS:
            self._packed.extendleft(reversed(done.packed))
        else:
            self._packed.extend(done.packed)
        return True

    def _lots(self) -> Claim | None:
        if not self._ahead.begun:
            return self._next_of_lots()
        try:
            return self._ahead.take()
        except OperationalError:  # of a while ago: since then the drain may have found its database again
            return self._next_of_lots()

    def _next_of_lots(self) -> Claim | None:
        return self._pack(_EVERYTHING, ahead=True)

    def _send_part(self, ids: list[int]) -> bool:
        """Send some records of a shipment that was refused as a whole, in one of their own."""
        done = self._pack(_EVERYTHING, lots=False, only=ids)
        if done is not None:
            self._settler.counts.update(done.aside)
            self._packed.extendleft(reversed(done.packed))
            if done.packed:
                self._send_now(self._packed.popleft())
        return True

    def _send_now(self, leased: Leased) -> None:
        if not self._settler.keeps_back(leased):
            self._call(leased, "send", self._dialect.send)
            self._tasks_until = None  # tasks are waited for from the last time that anything was sent
            self._looked_at.clear()

    def _pack(
        self, priority: int, *, ahead: bool = False, lots: bool = True, only: list[int] | None = None
    ) -> Claim | None:
        faultpoint("push.before_claim")
        skip = () if ahead or only else self._settler.skip_records
        with transaction(self._exchange.engine) as connection:
            done = self._claimer.claim(connection, priority, skip, ahead=ahead, lots=lots, only=only)
        if done is not None:
            faultpoint("push.after_claim")
        return done

    def _send(self, *, takedowns_only: bool) -> bool:
        leased = self._desk.take(sorted(self._settler.skip_shipments), takedowns_only=takedowns_only)
        if isinstance(leased, Leased):
            self._send_now(leased)
        return leased is not None

    def _look_after(self) -> bool:
        """Look at what is unknown, or at a task; when looks at several in a row were not answered, at nothing more."""
        return not self._gave_up() and (
            self._look("unknown", "ask", self._dialect.ask)
            or self._look("awaiting_receipt", "poll", self._dialect.poll)
        )

    def _look_last(self) -> bool:
        """Look while nothing can be sent; after a look in vain only here, since each may take as long as a call may."""
        asked, settler = bool(self._settler.unanswered), self._settler
        if settler.trouble.doubt and not asked and self._look_after():
            return True  # an answer to any question shows that the platform works
        settler.trouble.nothing_else(settler.skip_shipments, settler.skip_records, asked=asked)
        if self._tasks_until is None:
            self._tasks_until = time.monotonic() + self._platform.poll_in_drain_seconds
        return self._look_after()

    def _gave_up(self) -> bool:
        return len(self._settler.unanswered) >= max(2, self._platform.circuit.failures)

    def _look(self, state: str, kind: str, method: Callable[[Shipment, Wire], CallResult]) -> bool:
        leased = self._desk.take_open(state, sorted(self._settler.skip_shipments | self._looked_at))
        if leased is None:
            return False
        if not self._sending:  # once: the next round is minutes away
            self._settler.skip_shipments.add(leased.shipment.label.shipment_no)
        elif state == "awaiting_receipt" and self._tasks_until is not None and time.monotonic() >= self._tasks_until:
            self._looked_at.add(leased.shipment.label.shipment_no)
        self._call(leased, kind, method)
        return True

    def _call(self, leased: Leased, kind: str, method: Callable[[Shipment, Wire], CallResult]) -> None:
        """Attempt row, call, outcome."""
        leased_at = time.monotonic()
        try:
            attempt, state = self._desk.begin(leased, kind, self._gate)
        except Replaced:
            return  # its lease ended while it waited here, and somebody else has it now
        except Stop:
            self._desk.put_back(leased, None)
            raise
        if kind == "send":
            self._noted.sent(attempt)
        self._settler.trouble.lately = state.troubled
        faultpoint("push.after_attempt_row")
        at_once = self._gate.at_once(state)
        caller = Caller(self._exchange.engine, self._gate, self._transport, leased.lease, leased_at, at_once=at_once)
        stop: Stop | None = None
        try:
            result = method(leased.shipment, caller)
        except NotSent as error:
            result = _not_sent(str(error)) if not caller.answered else CallResult(Kind.UNKNOWN, problem=str(error))
        except Lost as error:
            result = (
                CallResult(Kind.UNKNOWN, http_status=error.status, reply=error.reply, problem=str(error))
                if caller.begun
                else _not_sent(str(error))
            )
        except Replaced:
            raise
        except Stop as error:
            stop = error
            if not caller.begun:
                self._desk.put_back(leased, attempt)
                raise
            result = CallResult(Kind.UNKNOWN, problem=str(error))
        finally:
            self._calls += caller.calls
        faultpoint("push.after_send")
        result = discreet(self._exchange, leased.shipment, result)
        if kind == "send":
            self._settler.sent(leased, attempt, result)
        else:
            self._settler.asked(leased, attempt, result)
        if stop is not None:
            raise stop

    def _wait(self) -> bool:
        """Wait a little for the next thing that will be due within this drain; False when there is none."""
        if not self._sending:
            return False
        due = self._desk.next_due(sorted(self._settler.skip_shipments), sorted(self._settler.skip_records))
        passed_by = ["unknown", "task"] * self._gave_up() + ["shipment", "record"] * self._stale
        due = {what: seconds for what, seconds in due.items() if what not in passed_by}
        now = time.monotonic()
        self._recover_at = 0.0 if due.get("other", 1.0) <= 0 else self._recover_at
        waits = [
            seconds
            for what, seconds in due.items()
            if what != "task" and seconds <= (self._end - now if what in ("unknown", "other") else self._gate.patience)
        ]
        until = 0.0 if self._tasks_until is None else self._tasks_until
        if "task" in due and not waits and now + max(due["task"], 0.0) < until:
            waits.append(due["task"])
        if not waits or now + min(waits) > self._end:
            return False
        time.sleep(min(max(min(waits), 0.01), _LONGEST_NAP))
        return True


def _undone(left: Mapping[str, int]) -> int:
    """Return how many records have not reached the platform for certain; tasks have."""
    return sum(records for state, records in left.items() if state != "awaiting_receipt")


def _not_sent(problem: str) -> CallResult:
    return CallResult(Kind.REFUSED, refusal=Refusal.UNREACHABLE, code="unreachable", problem=problem)
