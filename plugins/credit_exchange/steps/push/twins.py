"""At a platform without record ids: where our records lie, and which of them would be one row there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from credit_exchange.config.platform import Platform
from credit_exchange.core.crypto import open_sealed
from credit_exchange.steps.push.dialects.base import Dialect, Identity, Outcome, Verdict
from credit_exchange.stores import sql

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.payload import Sheet

_ROWS = 2_000
_CLASH = Verdict(
    Outcome.HELD, "IDENTITY", "平台上文书号、机关代码和相对人相同的记录不止一条，请核对后撤下或更正其一，其余自动报送"
)
_MASKED = Verdict(
    Outcome.HELD, "IDENTITY", "平台以文书号和机关代码识别记录，共享规则不能遮蔽它们，请检查 include/sharing"
)
_ARRIVING = Verdict(
    Outcome.HELD, "IDENTITY", "另一条记录正以该文书号、机关代码和相对人报送，有结果之前不撤下；下一夜自动再判断"
)
_ANOTHERS = Verdict(Outcome.DELIVERED, "NONE", "平台上以该文书号、机关代码和相对人公示的是另一条记录，没有要撤下的")


def sent_bytes(exchange: Exchange, connection: Connection, shipment_id: int) -> tuple[str, bytes]:
    """Return the data set of a shipment and the bytes that were sent."""
    shipment = connection.execute(sql.load("push/body"), {"shipment_id": shipment_id}).one()
    body = open_sealed(exchange.keys, bytes(shipment.body_sealed), shipment.shipment_no.encode())
    return str(shipment.dataset), body


def lying(
    exchange: Exchange, platform: Platform, dialect: Dialect, connection: Connection, record_ids: Iterable[str]
) -> dict[str, list[Identity]]:
    """Return under which identity each of these records lies at the platform, if it does: that of its last row."""
    parameters = {"platform": platform.platform, "record_ids": sorted(record_ids)}
    if not parameters["record_ids"]:
        return {}
    rows = [row for row in connection.execute(sql.load("push/last_word"), parameters) if row.op == "upsert"]
    found: dict[str, list[Identity]] = {}
    for shipment_id, some in groupby(rows, key=lambda row: row.shipment_id):
        identities = dialect.identities(*sent_bytes(exchange, connection, shipment_id))
        found |= {row.record_id: [identities[row.line_no]] for row in some if row.line_no in identities}
    return found


def siblings(connection: Connection, platform: Platform, record_ids: Iterable[str]) -> list[str]:
    """Return the other records of these records' documents: only they can be one row with them."""
    given = {"platform": platform.platform, "record_ids": list(record_ids)}
    return list(connection.execute(sql.load("push/siblings"), given).scalars())


class Twins:
    """The records of one platform that may be one row there."""

    def __init__(
        self,
        exchange: Exchange,
        platform: Platform,
        dialect: Dialect,
        payloads: Callable[[Connection, Sequence[int]], list[Sheet]],
    ) -> None:
        """payloads: what rows of the outbox carry."""
        self._exchange, self._platform, self._dialect, self._payloads = exchange, platform, dialect, payloads

    def there(self, connection: Connection, record_ids: Iterable[str]) -> dict[str, list[Identity]]:
        """Return under which identity each of these records lies at the platform, if it does (:func:`lying`)."""
        return lying(self._exchange, self._platform, self._dialect, connection, record_ids)

    def clashes(self, connection: Connection, sheets: list[Sheet]) -> dict[int, Verdict]:
        """Return the rows to hold: two of our records would be one row there, never to be told apart again.

        Only records of the same document can be one row, so nearly always a look for such others is enough.
        """
        held: dict[int, Verdict] = {}
        ours: list[Sheet] = []
        for sheet in sheets:
            if sheet.op != "upsert":
                continue  # what lies there is taken down, whatever rules say by now
            names = self._exchange.config.datasets[sheet.dataset].identity
            if sheet.masked & {names.document_no, names.agency_code}:
                held |= dict.fromkeys(sheet.outbox_ids, _MASKED)
            else:
                ours.append(sheet)
        keys = [key for sheet in ours for key in self._dialect.identity_keys(sheet)]
        record_ids = [record_id for sheet in ours for record_id in sheet.record_ids]
        others = siblings(connection, self._platform, record_ids) if ours else []
        if not others and len(set(keys)) == len(keys):
            return held
        records: dict[str, set[str]] = {}
        for key, record_id in zip(keys, record_ids, strict=True):
            if key is not None:
                records.setdefault(key, set()).add(record_id)
        for key, record_id in self._coming(connection, others):
            records.setdefault(key, set()).add(record_id)
        for record_id, identities in self.there(connection, others).items():
            for identity in identities:
                records.setdefault(self._dialect.identity_key(identity), set()).add(record_id)
        outbox_ids = (outbox_id for sheet in ours for outbox_id in sheet.outbox_ids)
        clashing = {key for key, some in records.items() if len(some) > 1}
        return held | {i: _CLASH for i, key in zip(outbox_ids, keys, strict=True) if key in clashing}

    def _coming(
        self, connection: Connection, record_ids: Sequence[str], *, arriving: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Yield what of these records is going to the platform: the identity that it has or leaves there, and the
        record. arriving: only what is under way to be shown."""
        given = {"platform": self._platform.platform, "record_ids": record_ids, "arriving": arriving}
        coming = connection.execute(sql.load("push/coming"), given).scalars().all()
        parts = (self._payloads(connection, coming[at : at + _ROWS]) for at in range(0, len(coming), _ROWS))
        for sheet in chain.from_iterable(parts):
            for key, record_id in zip(self._dialect.identity_keys(sheet), sheet.record_ids, strict=True):
                if key is not None:
                    yield key, record_id

    def anothers(
        self, connection: Connection, sheets: list[Sheet], there: Mapping[str, Sequence[Identity]]
    ) -> dict[int, Verdict]:
        """Return the takedowns of what we took down already, where another of our records lies by now, or may.

        there: where records lie. What the platform was found to show again is taken down once more, and so is what may
        have been sent by a database that was lost: by then the row may be another's.
        """
        gone = [
            (outbox_id, record_id, key)
            for sheet in sheets
            if sheet.op == "withdraw"
            for outbox_id, record_id, key in zip(
                sheet.outbox_ids, sheet.record_ids, self._dialect.identity_keys(sheet), strict=True
            )
            if record_id not in there
        ]
        if not gone:
            return {}
        others = siblings(connection, self._platform, (record_id for _, record_id, _ in gone))
        taken = {
            self._dialect.identity_key(identity)
            for identities in self.there(connection, others).values()
            for identity in identities
        }
        # what another drain is sending, or nobody knows of, may be there before this takedown, and would go with it
        arriving = {key for key, _ in self._coming(connection, others, arriving=True)}
        return {i: _ANOTHERS if key in taken else _ARRIVING for i, _, key in gone if key in taken | arriving}
