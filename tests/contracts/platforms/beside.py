"""What a platform shows is changed beside the exchange, as no delivery of ours would."""

from __future__ import annotations

import sqlite3
from typing import Any

from moving import query
from world import permit

from credit_exchange.steps.context import Exchange
from platforms import Sandbox

IDS = {"fuzhou": "record_id", "fujian": "id"}
VERSIONS = {"fuzhou": "version", "fujian": "ver"}


def decided(exchange: Exchange) -> None:
    """The dates of the made-up permits, which the record store of the delivery tests leaves out."""
    for number in range(20):
        day = permit(f"r{number}", 1)["XK_JDRQ"]
        these = f"cast(substr(record_id, 2) as int) % 20 = {number}"
        query(exchange, f"update exchange.record set decided_on = '{day}' where {these} returning 1")


def tampered(sandbox: Sandbox, statement: str, *given: Any) -> None:
    """Change what the platform shows behind everybody's back; `id` and `ver` stand for its names of them."""
    with sandbox.platform.store.transaction() as store:
        names_there = {"{id}": IDS[sandbox.kind], "{ver}": VERSIONS[sandbox.kind]}
        for ours, theirs in names_there.items():
            statement = statement.replace(ours, theirs)
        cursor: sqlite3.Cursor = store.execute(statement, given)
        assert cursor.rowcount == 1


def add_copy(sandbox: Sandbox, of: str, named: str) -> None:
    """One record more that the platform shows, otherwise like another."""
    rows = sandbox.platform.store.read(f"select * from record where {IDS[sandbox.kind]} = ?", (of,))
    values = [named if value == of else value for value in rows[0]]
    with sandbox.platform.store.transaction() as store:
        store.execute(f"insert into record values ({','.join('?' * len(values))})", values)
