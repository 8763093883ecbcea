"""One SQLite file for each platform: what it stored, and the ledger of what was asked of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_LEDGER = """
CREATE TABLE IF NOT EXISTS seen (
    no INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, endpoint TEXT NOT NULL, target TEXT NOT NULL,
    headers TEXT NOT NULL, body_sm3 TEXT NOT NULL, body_bytes INTEGER NOT NULL, status INTEGER NOT NULL,
    code TEXT NOT NULL, fault TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS applied (
    no INTEGER PRIMARY KEY, at REAL NOT NULL, key TEXT NOT NULL, version INTEGER, op TEXT NOT NULL,
    digest TEXT NOT NULL, carrier TEXT NOT NULL);
"""


class Store:
    """A SQLite connection shared by the server's threads; every use holds one lock, every write is one transaction."""

    def __init__(self, path: str, schema: str) -> None:
        """Open or make the file at ``path`` (":memory:" keeps nothing) with the tables of ``schema``."""
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        if path != ":memory:":
            self._connection.execute("PRAGMA journal_mode=WAL")
        # NORMAL keeps every committed transaction when the process is killed; only a power cut may lose the last ones.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_LEDGER + schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end, rolled back on any exception."""
        with self.lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query."""
        with self.lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close the file; repeating it does nothing."""
        with self.lock:
            self._connection.close()


def record_applies(
    connection: sqlite3.Connection, rows: Iterable[tuple[float, str, int | None, str, str, str]]
) -> None:
    """Write applies (time, key as JSON, version, op, digest, carrier) into the transaction that makes them."""
    connection.executemany("INSERT INTO applied (at, key, version, op, digest, carrier) VALUES (?,?,?,?,?,?)", rows)
