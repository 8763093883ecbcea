"""Before every call: is the circuit closed, is it our turn, is the shipment still ours? Kept in our database."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Engine

from credit_exchange.config.platform import Platform
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.steps.push.dialects.base import Reply
from credit_exchange.steps.push.streams import Stream
from credit_exchange.steps.push.transport import Signs, Transport
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

_MARGIN = 1.04
"""Two calls that leave exactly half a second apart may arrive a little closer."""


class Stop(Exception):
    """This drain goes no further now; the message says why and what to do."""


class Replaced(Stop):
    """Another process has taken the shipment over: nothing may be sent or written for it any more."""


class State(NamedTuple):
    """How a platform stands: seconds until it may be called, and whether it failed lately."""

    wait_seconds: float
    troubled: bool


class Gate:
    """The circuit and the pace of one platform."""

    def __init__(self, engine: Engine, platform: Platform) -> None:
        self._engine = engine
        self._platform = platform
        self._interval = _MARGIN / platform.limits.calls_per_second if platform.limits.calls_per_second else 0.0
        self._last_call = float("-inf")

    @property
    def patience(self) -> float:
        """The longest wait for a turn, in seconds; what asks for more ends the drain: no worker sleeps for hours."""
        return max(self._platform.retry.max_seconds, 1.0)

    def prepare(self, *, at_once: bool, try_again: bool) -> None:
        """Make the platform's row; if `try_again`, an open circuit may be tried (`at_once`: also before its time)."""
        parameters = {"platform": self._platform.platform}
        with transaction(self._engine) as connection:
            state = connection.execute(sql.load("push/state_read"), parameters).one_or_none()
            if state is None:
                connection.execute(sql.load("push/state_ensure"), parameters)
            elif try_again and state.circuit == "open":
                connection.execute(sql.load("push/state_half_open"), parameters | {"at_once": at_once})

    def closed_until(self) -> datetime | None:
        """Return when the maintenance window that lasts now ends, None outside of any."""
        now = datetime.now(SHANGHAI)
        for window in self._platform.maintenance:
            begun, lasts = now.time() >= window.start, now.time() < window.end
            if (begun and lasts) if window.start < window.end else (begun or lasts):
                over = datetime.combine(now.date(), window.end, SHANGHAI)
                return over if over > now else over + timedelta(days=1)
        return None

    def open_hours(self) -> None:
        """Raise Stop inside a maintenance window."""
        over = self.closed_until()
        if over is not None:
            raise Stop(f"{self._platform.name}：平台维护中，到 {over:%H:%M} 为止，其余留待下次上报")

    def state(self, row: Any) -> State:
        """Return how the platform stands, of a row with its state. Raises Stop when it may not be called soon."""
        name = self._platform.name
        if row.circuit == "open":
            raise Stop(f"{name}：暂停上报，到时自动再试；{row.reason}")
        if row.wait_seconds > self.patience:
            raise Stop(f"{name}：平台要求等待 {row.wait_seconds:.0f} 秒，其余留待下次上报")
        return State(float(row.wait_seconds), row.circuit != "closed" or row.failures > 0)

    def at_once(self, state: State) -> bool:
        """Tell whether a call may leave right now without taking a turn."""
        return state.wait_seconds <= 0 and not self._interval

    def turn(self) -> None:
        """Wait for this platform's next call slot, which is then ours. Raises Stop."""
        self.open_hours()
        with transaction(self._engine) as connection:
            row = connection.execute(sql.load("push/state_read"), {"platform": self._platform.platform}).one()
        wait = self.state(row).wait_seconds
        if self._interval:
            with transaction(self._engine) as connection:
                reserved = connection.execute(
                    sql.load("push/state_reserve"),
                    {"platform": self._platform.platform, "interval": self._interval, "patience": self.patience},
                ).scalar_one_or_none()
            if reserved is None:
                raise Stop(f"{self._platform.name}：短时间内没有空出的调用时段，其余留待下次上报")
            wait = float(reserved)
        if wait > 0:
            time.sleep(wait)

    @property
    def begins_within(self) -> float:
        """For so many seconds of a lease a call may begin: it has to be over before the lease is."""
        return max(self._platform.lease_seconds - self._platform.total_timeout, 0.0)

    def leave(self) -> None:
        """Keep a distance to our own last call too: what lies between a turn and its call takes more or less time."""
        early = self._last_call + self._interval - time.monotonic()
        if early > 0:
            time.sleep(early)
        self._last_call = time.monotonic()

    def pause(self, seconds: float) -> None:
        """All workers wait: the platform said so."""
        self._do("state_pause", seconds=seconds)

    def saw(self, signs: Signs) -> None:
        """Keep what the platform showed in passing, for the watchdog."""
        if signs != Signs():
            self._do("state_signs", certificate_ends=signs.certificate_ends, clock_ahead=signs.clock_ahead)

    def success(self) -> None:
        """The platform took a shipment."""
        self._do("state_success")

    def open_alone(
        self, reason: str, tried: Collection[Stream], skip: Iterable[str], skip_rows: Iterable[int], *, asked: bool
    ) -> bool:
        """Stop all calls, unless another drain knows better or is about to; tell whether it was done.

        For a drain that holds no shipment itself, and could take nothing of other streams than those it tried.
        skip, skip_rows: shipments and records that it tried often enough.
        asked: it asked about what the platform has taken, in vain; unless it did, tasks that are open keep it closed.
        """
        seconds = self._platform.circuit.open_seconds
        given = {"seconds": seconds, "reason": reason, "asked": asked, "skip": sorted(skip)}
        given |= {"skip_rows": sorted(skip_rows), "streams": sorted(" ".join(stream) for stream in tried)}
        given["tried"] = sorted({f"{stream.dataset} {stream.op}" for stream in tried})
        with transaction(self._engine) as connection:
            done = connection.execute(
                sql.load("push/state_open_alone"), {"platform": self._platform.platform, **given}
            ).one_or_none()
        return done is not None

    def failure(self, reason: str) -> bool:
        """The platform did not answer properly once more; tell whether that is enough to open the circuit."""
        given = {"platform": self._platform.platform, "limit": self._platform.circuit.failures, "reason": reason}
        with transaction(self._engine) as connection:
            return bool(connection.execute(sql.load("push/state_failure"), given).scalar_one())

    def open(self, reason: str) -> None:
        """Stop all calls to the platform."""
        self._do("state_open", seconds=self._platform.circuit.open_seconds, reason=reason)

    def _do(self, statement: str, **parameters: object) -> None:
        with transaction(self._engine) as connection:
            connection.execute(sql.load(f"push/{statement}"), {"platform": self._platform.platform, **parameters})


class Caller:
    """The wire as a dialect sees it, for one leased shipment: each call takes its turn and renews the lease first."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        transport: Transport,
        lease: Mapping[str, object],
        leased_at: float,
        *,
        at_once: bool = False,
    ) -> None:
        """`lease`: shipment_no, fence, owner, lease (seconds), renewed at `leased_at` (monotonic) or a little later.

        `at_once`: the first call needs no turn of its own.
        """
        self._at_once = at_once
        self._leased_at = leased_at
        self._engine = engine
        self._gate = gate
        self._transport = transport
        self._lease = dict(lease)
        self.calls = 0
        self.begun = False
        """A request that carries records (or asks about them) has been started."""
        self.answered = False
        """One of those has been answered."""

    def target(self, url: str) -> str:
        """Return the request target exactly as it will be sent."""
        return self._transport.target(url)

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", login: bool = False
    ) -> Reply:
        """Send one request when it is our turn. Raises NotSent, Lost, Stop; Replaced when the shipment is not ours."""
        if self._at_once:
            self._at_once = False
        else:
            self._gate.turn()
            self._renew()
        self._gate.leave()
        if time.monotonic() - self._leased_at > self._gate.begins_within:  # this process stood still
            self._renew()
        self.begun = self.begun or not login
        self.calls += 1
        reply = self._transport.call(method, url, headers or {}, body)
        self.answered = self.answered or not login
        return reply

    def _renew(self) -> None:
        now = time.monotonic()
        with transaction(self._engine) as connection:
            if connection.execute(sql.load("push/renew"), self._lease).rowcount != 1:
                raise Replaced(f"上报批次 {self._lease['shipment_no']} 已由另一进程接手")
        self._leased_at = now
