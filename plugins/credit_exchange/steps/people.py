"""The people whom records name: what is written about a record is shown without their names."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from credit_exchange.core.masking import hide_name
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
