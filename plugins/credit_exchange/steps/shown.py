"""What a platform shows of our records: its list, or, where it gives none, its answers about some of them. ADR 0006."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from credit_exchange.config.platform import Platform
from credit_exchange.core.jsontext import Reader
from credit_exchange.steps.payload import sheets_there
from credit_exchange.steps.push.dialects.base import Dialect, Wire
from credit_exchange.steps.push.dialects.listing import Answers, Lies, Listed, Lists, NoList, again
from credit_exchange.steps.push.twins import lying, sent_bytes, siblings
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Row

    from credit_exchange.steps.context import Exchange

_MOST = 500  # asked about at a time: some five minutes at two calls a second
_AT_ONCE = 5000  # contents held at once
_OTHER = "other"  # what no digest is


class Shown(ABC):
    """What one comparison reads of a platform. `asked`: about which records; None: its whole list."""

    asked: list[str] | None = None

    def __init__(self, exchange: Exchange, platform: Platform, dialect: Dialect, wire: Wire) -> None:
        """Take the platform with its dialect."""
        self._exchange, self._platform, self._dialect, self._wire = exchange, platform, dialect, wire
        self.datasets = [name for name in platform.datasets if name in exchange.config.datasets]

    @staticmethod
    def of(
        exchange: Exchange, platform: Platform, dialect: Dialect, wire: Wire, named: Collection[str] = ()
    ) -> Shown | None:
        """Return how to read what a platform shows; None where it tells nothing. named: to be asked about first."""
        if isinstance(dialect, Lists):
            return _Whole(exchange, platform, dialect, wire)
        return _Asked(exchange, platform, dialect, wire, named) if isinstance(dialect, Answers) else None

    @abstractmethod
    def pages(self, once_more: Collection[str]) -> Iterator[list[Listed]]:
        """Yield what is shown. once_more: the records that matter when it is read a second time.

        Raises NoList, Lost or NotSent for what did not come, though it was asked for a few times; and the stops of the
        wire.
        """

    @abstractmethod
    def alike(self, connection: Connection, rows: Sequence[Row[Any]]) -> set[int]:
        """Return the outbox ids of those rows of `reconcile/differences` of which the content is as it was sent."""


class _Whole(Shown):
    """The platform's list."""

    _dialect: Any

    def pages(self, once_more: Collection[str]) -> Iterator[list[Listed]]:
        for name in self.datasets:
            given = {"dataset": name, "field": self._exchange.config.datasets[name].identity.decided_on}
            with transaction(self._exchange.engine) as connection:
                dates = list(connection.execute(sql.load("reconcile/dates"), given).scalars())
            yield from self._dialect.listing(name, dates, self._wire)

    def alike(self, connection: Connection, rows: Sequence[Row[Any]]) -> set[int]:
        """Where a field travels under another name, or not at all, the digest of what was released is not that of what
        was sent: that is worked out again."""
        alike: set[int] = set()
        for dataset, some in groupby(sorted(rows, key=lambda row: row.dataset), key=lambda row: row.dataset):
            theirs = {row.outbox_id: row.digest for row in some}
            ids = sorted(theirs)
            for start in range(0, len(ids), _AT_ONCE):
                part = ids[start : start + _AT_ONCE]
                for sheet in sheets_there(connection, Reader(), part, self._exchange.config.datasets[dataset]):
                    for one in map(sheet.payload, range(len(sheet.outbox_ids))):
                        if self._dialect.digest_of(one) == theirs[one.outbox_id]:
                            alike.add(one.outbox_id)
        return alike


class _Asked(Shown):
    """Answers about single records."""

    _dialect: Any
    asked: list[str]

    def __init__(
        self, exchange: Exchange, platform: Platform, dialect: Dialect, wire: Wire, named: Collection[str]
    ) -> None:
        super().__init__(exchange, platform, dialect, wire)
        scope = {"platform": platform.platform, "datasets": self.datasets, "most": _MOST, "named": sorted(named)}
        with transaction(exchange.engine) as connection:
            self.asked = list(connection.execute(sql.load("reconcile/to_ask"), scope).scalars())

    def pages(self, once_more: Collection[str]) -> Iterator[list[Listed]]:
        given = {"platform": self._platform.platform, "record_ids": sorted(once_more) or list(self.asked)}
        with transaction(self._exchange.engine) as connection:
            rows = connection.execute(sql.load("push/last_word"), given).all()
        for shipment_id, some in groupby(rows, key=lambda row: row.shipment_id):
            with transaction(self._exchange.engine) as connection:
                dataset, body = sent_bytes(self._exchange, connection, shipment_id)
            yield [one for row in some for one in self._seen(row, dataset, body)]
        self._note(given["record_ids"])

    def alike(self, connection: Connection, rows: Sequence[Row[Any]]) -> set[int]:
        return set()

    def _note(self, record_ids: Collection[str]) -> None:
        given = {"platform": self._platform.platform, "record_ids": list(record_ids)}
        with transaction(self._exchange.engine) as connection:
            connection.execute(sql.load("reconcile/asked"), given)

    def _seen(self, row: Row[Any], dataset: str, body: bytes) -> list[Listed]:
        """Return what is listed of one record: nothing, or its place, version and whether it is what was sent.

        One of which our files do not say any more under what it lies there (a column has another name) is not asked
        about.
        """
        if not self._dialect.under(dataset, body, row.line_no):
            self.asked.remove(row.record_id)
            return []
        try:
            lies = again(self._platform.retry)(self._dialect.lies, dataset, body, row.line_no, self._wire)
        except NoList:
            self._note([row.record_id])  # next time others come first, should this one never be answered
            raise
        if lies is Lies.NOTHING or (row.op == "withdraw" and self._is_anothers(row, dataset, body)):
            return []
        digest = _OTHER if lies is Lies.OTHER else None
        return [Listed(row.lane, row.record_id, row.version, digest)]

    def _is_anothers(self, row: Row[Any], dataset: str, body: bytes) -> bool:
        """Tell whether another record of ours lies where this one was taken down."""
        gone = self._dialect.under(dataset, body, row.line_no)
        with transaction(self._exchange.engine) as connection:
            others = siblings(connection, self._platform, [row.record_id])
            there = lying(self._exchange, self._platform, self._dialect, connection, others)
        return any(identity in gone for identities in there.values() for identity in identities)
