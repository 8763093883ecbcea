"""The people whom records name: what is written about a record is shown without their names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection

from credit_exchange.core.crypto import TEXT_PREFIX, open_text
from credit_exchange.core.masking import hide_name, hide_number, scrub_text
from credit_exchange.errors import FatalError
from credit_exchange.steps.carried import old_codes
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql


def names(exchange: Exchange, connection: Connection, record_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the names in these records of natural persons, and of representatives and operators, by record id."""
    codes: set[str] = set()
    for dataset in exchange.config.datasets.values():
        code = dataset.identity.subject.representative
        codes |= {code, *old_codes(dataset, code)} if code else set()
    given = {
        "representatives": sorted(codes),
        "record_ids": sorted(record_ids),
    }
    return {row.record_id: row.names for row in connection.execute(sql.load("explain/people"), given)}


def without(words: str, hidden: Iterable[str]) -> str:
    """Return a text in which these names are masked."""
    for name in hidden:
        words = hide_name(words, name)
    return words


def without_numbers(exchange: Exchange, connection: Connection, record_id: str, words: str) -> str:
    """Return what a person wrote about a record without numbers of people: also those that only the record itself shows
    to be one, as of a passport."""
    given = {"record_id": record_id, "prefix": TEXT_PREFIX}
    for sealed in connection.execute(sql.load("orders/numbers"), given).scalars():
        with suppress(FatalError):  # damaged: a takedown does not wait for that
            words = hide_number(words, open_text(exchange.keys, sealed))
    return scrub_text(words)
