"""The people whom records name: what is written about a record is shown without their names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.core.crypto import TEXT_PREFIX, open_text
from credit_exchange.core.names_in_text import hide_name, hide_number
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.errors import FatalError
from credit_exchange.steps.carried import old_codes
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql


def names(datasets: Iterable[Dataset], connection: Connection, record_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the names in these records of natural persons, and of representatives and operators, by record id; also
    those that were corrected since."""
    representatives: set[str] = set()
    subjects: set[str] = set()
    for dataset in datasets:
        who = dataset.identity.subject
        subjects |= {who.name, *old_codes(dataset, who.name)}
        if who.representative:
            representatives |= {who.representative, *old_codes(dataset, who.representative)}
    given = {
        "representatives": sorted(representatives),
        "subjects": sorted(subjects),
        "record_ids": sorted(record_ids),
    }
    return {row.record_id: row.names for row in connection.execute(sql.load("explain/people"), given)}


def without(words: str, hidden: Iterable[str]) -> str:
    """Return a text in which these names are masked: the longest first, since one may begin like another."""
    for name in sorted(hidden, key=len, reverse=True):
        words = hide_name(words, name)
    return words


def numbers(exchange: Exchange, connection: Connection, record_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the numbers of documents in these records, now or before, by record id: also those that only their own
    field shows to be one, as of a passport."""
    found: dict[str, list[str]] = {}
    given = {"record_ids": sorted(record_ids), "prefix": TEXT_PREFIX}
    for row in connection.execute(sql.load("orders/numbers"), given):
        with suppress(FatalError):  # damaged: a takedown does not wait for that
            found.setdefault(row.record_id, []).append(open_text(exchange.keys, row.value))
    return found


def without_numbers(words: str, hidden: Iterable[str]) -> str:
    """Return a text without these numbers, and without any that is a person's by its form."""
    for number in hidden:
        words = hide_number(words, number)
    return scrub_text(words)


def in_order(sequence: str, names: Iterable[str], numbers: Iterable[str]) -> str:
    """Return a row's place in its source's own order, padded as it is kept; without people where a column slipped."""
    bare = sequence.lstrip("0")
    shown = without_numbers(without(bare, names), numbers)
    return sequence if shown == bare else shown
