"""恢复: a database that was restored from a backup knows less than the platforms do; it is noticed, and made good.

What is given to it and cannot be collected again, the orders of the credit office, is kept in the landing as well, and
so is how far it had come. A database that is behind that releases and sends nothing: by what it knows, a record that
was withdrawn since the backup is to be shown, and its versions are below those that platforms have.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from credit_exchange.core.canonical import canonical_json
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.errors import ExchangeError, FatalError, RetriableError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

log = logging.getLogger(__name__)
_ORDERS = "orders"
_NAME = "newest"
_EVERY = 60.0
_PATIENCE = 10
"""Of a landing that does not answer no more than a tenth of a drain's time is spent on waiting for it."""


@dataclass(frozen=True)
class Restored:
    """What came of stating it: orders kept and found again, the first version, and records that nobody knows about;
    whether orders were noted and the landing lists none."""

    kept: int
    orders: int
    first_version: int
    unsure: tuple[str, ...]
    lists_none: bool = False


class Noted:
    """Keeps outside of the database which call to a platform was the newest, while one drain sends."""

    def __init__(self, exchange: Exchange, *, sending: bool) -> None:
        """Raise as :func:`refuse`, if anything is to be sent."""
        if sending:
            refuse(exchange)
        self._exchange = exchange
        self._attempt = 0
        self._again_at = 0.0

    def sent(self, attempt: int) -> None:
        """Keep it before the first call, and once a minute: an attempt row is there, and something may arrive."""
        self._attempt = attempt
        begun = time.monotonic()
        if begun >= self._again_at:
            self.close()
            ended = time.monotonic()
            self._again_at = ended + max(_EVERY, _PATIENCE * (ended - begun))

    def close(self) -> None:
        """Keep the last one."""
        if self._attempt:
            _raise(self._exchange, attempt=self._attempt)


def refuse(exchange: Exchange) -> None:
    """Raise FatalError when the database is behind what is noted in the landing: it was restored from a backup.

    A landing that cannot be read keeps nothing from being sent: takedowns must not wait for it. Raises
    ConfigurationError for keys that are not the database's.
    """
    _ = exchange.keys
    noted: dict[str, int] = {}
    try:
        noted = _noted(exchange) or {}  # first: what is called and noted meanwhile is known by then
    except RetriableError as error:
        log.warning("%s", error)
    known = _known(exchange)
    if any(noted.get(name, 0) > number for name, number in known.items()):
        raise FatalError(
            "本数据库比已经上报的旧，是从备份恢复的（或不是这个落地区的数据库）：没有发布，也没有上报，以免已撤下的记录重新公示。"
            "请先补做备份之后的业务日期（采集到归并），再运行 python -m credit_exchange restored --reason …，"
            "然后清除「发布」（含下游）"
        )


def keep_order(exchange: Exchange, given: Mapping[str, object]) -> None:
    """Keep an order of the credit office in the landing as well, and how far the orders have come.

    Raises RetriableError when it cannot be written there.
    """
    exchange.landing.put_bytes(_ORDERS, canonical_json(dict(given)))
    _raise(exchange, office_order=_known(exchange)["office_order"])


def begin(exchange: Exchange) -> None:
    """Let nothing be released or sent until the restore is stated: a landing that was restored too does not tell it.

    Raises RetriableError when it cannot be noted.
    """
    noted = _noted(exchange) or {}
    newest = {name: max(number, noted.get(name, 0)) for name, number in _known(exchange).items()}
    exchange.landing.note(_NAME, canonical_json(newest | {"statement": newest["statement"] + 1}))


def state(exchange: Exchange, reason: str, stated_by: str) -> Restored:
    """Give again the orders that are kept and not known, raise every version, and let everything be decided again.

    Safe to run again, also where nothing was restored: then it costs a version of every record. Raises LandingAway,
    with nothing stated, where the landing cannot be read or listed.
    """
    noted = _noted(exchange) or {}
    kept = [json.loads(exchange.landing.get_bytes(uri)) for uri in exchange.landing.uris(_ORDERS)]
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("merge/lock"))
        for part in (0, 1):
            connection.execute(sql.load("release/lock"), {"part": part})
        for platform in exchange.config.ids("platform"):
            connection.execute(sql.load("push/lock"), {"platform": platform})
        found = sum(
            bool(connection.execute(sql.load("orders/insert"), order).rowcount)
            for order in sorted(kept, key=lambda order: str(order["sequence"]))
        )
        given = {"orders": found, "reason": scrub_text(reason), "stated_by": stated_by}
        first_version = int(connection.execute(sql.load("restored/state"), given).scalar_one())
        connection.execute(sql.load("restored/may_differ"))
        connection.execute(sql.load("restored/raise_versions"), {"first_version": first_version})
        connection.execute(sql.load("restored/undecide"))
        connection.execute(sql.load("restored/may_lie"))
        datasets = {name for platform in exchange.config.platforms.values() for name in platform.datasets}
        unsure = tuple(connection.execute(sql.load("restored/unsure"), {"datasets": sorted(datasets)}).scalars())
    exchange.landing.note(_NAME, canonical_json(_known(exchange)))
    return Restored(len(kept), found, first_version, unsure, lists_none=not kept and noted.get("office_order", 0) > 0)


def _known(exchange: Exchange) -> dict[str, int]:
    with transaction(exchange.engine) as connection:
        row = connection.execute(sql.load("restored/newest")).one()
    return {name: int(number) for name, number in row._mapping.items()}


def _noted(exchange: Exchange) -> dict[str, int] | None:
    """Return what is noted, None when nothing is, or it is damaged. Raises RetriableError where nobody can tell."""
    try:
        kept = exchange.landing.noted(_NAME)
    except FatalError as error:
        log.warning("%s", error)
        return None
    found: dict[str, int] | None = json.loads(kept) if kept else None
    return found


def _raise(exchange: Exchange, **reached: int) -> None:
    """Note what is newer than what is noted; what cannot be noted is told, and stops nothing.

    What cannot be read is not written either: a database that is behind would take away what tells that it is.
    """
    try:
        noted = _noted(exchange)
        there = noted or _known(exchange)  # what was damaged or lost is noted anew, as a whole
        newer = there | {name: max(number, there.get(name, 0)) for name, number in reached.items()}
        if newer != noted:
            exchange.landing.note(_NAME, canonical_json(newer))
    except ExchangeError as error:
        log.warning("%s", error)
