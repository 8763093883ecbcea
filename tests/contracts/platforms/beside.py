"""What a platform shows is changed beside the exchange, as no delivery of ours would."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import date
from typing import Any

from moving import batch, merge, push, query, release, row
from world import permit, uscc

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


def sent(exchange: Exchange, kind: str, numbers: Iterable[int]) -> list[str]:
    """One night in which permits of these numbers reach the platform; their ids."""
    rows = []
    for number in numbers:
        fields = permit(f"r{number:04d}", 1) | {"XK_WSH": f"{number}号"}
        rows.append(row(exchange, f"{number}号", codes=[f"uscc:{uscc(number)}"], fields=fields))
    merge(exchange, batch(exchange, rows, date(2026, 11, 22)))
    release(exchange, [kind])
    assert push(exchange, kind).delivered == len(rows)
    return [str(one["record_id"]) for one in rows]


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
