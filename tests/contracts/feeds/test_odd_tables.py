"""Tables whose rows are not all sound: one bad row stays one bad row."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import psycopg
import pytest
from test_collect import DAY, NUMBER, OPEN, TABLE, postgres_table, sqlite_table

from credit_exchange.steps import watchdog
from credit_exchange.steps.collect import collect, read


def test_a_text_that_sqlite_cannot_decode_is_one_bad_row(exchange_of: OPEN, tmp_path: Path) -> None:
    """Also beside a row that is too long."""
    connection = sqlite_table(tmp_path)
    with sqlite3.connect(tmp_path / "front.db") as lite:
        lite.execute("update t_xzxk set note = cast(? as text) where name = 'in'", ("备".encode("gb18030"),))
        lite.execute("update t_xzxk set note = ? where name = 'last'", ("长" * 500_000,))
    lite.close()
    exchange = exchange_of(TABLE, connection)
    (chunk,) = read(exchange, collect(exchange, "t", DAY))
    assert chunk.frame["XK_XDR_MC"].tolist() == ["overlap", "in", "last"]
    assert chunk.frame["XK_WSH"].tolist() == [NUMBER] * 3
    assert chunk.frame["BZ"][1] == "\\xb1\\xb8"
    assert [problem[:3] for problem in chunk.row_problems] == [(1, "S18", "BZ"), (2, "ROW01", "BZ")]


@pytest.mark.parametrize("kind", ["timestamp", "text"])
def test_rows_that_no_business_date_takes_are_told_until_they_have_an_update_time(
    exchange_of: OPEN, empty_database_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-01-07T05:00:00")
    connection = postgres_table(empty_database_url, kind)
    other = {"too old": None, "next day": None if kind == "timestamp" else "2026/1/6 8:00"}

    def table(change: str, *values: object) -> None:
        with psycopg.connect(connection.uri, autocommit=True) as front:
            front.execute(change, values)  # type: ignore[arg-type]

    for name, moment in other.items():
        table("update public.t_xzxk set changed = %s where name = %s", moment, name)
    exchange = exchange_of(TABLE, connection)

    def told() -> list[str]:
        return [one.subject for one in watchdog.check(exchange) if one.incident_key == "undated:t"]

    (chunk,) = read(exchange, collect(exchange, "t", DAY))  # the others are not kept waiting
    assert chunk.frame["XK_XDR_MC"].tolist() == ["overlap", "in", "last"]
    assert told() == ["福州市测试局 的表有 2 行没有可用的更新时间（t）"]
    table("update public.t_xzxk set changed = '2026-01-06 09:00:00' where name = any(%s)", list(other))
    (chunk,) = read(exchange, collect(exchange, "t", date(2026, 1, 6)))
    assert set(other) <= set(chunk.frame["XK_XDR_MC"])
    assert told() == []


def test_a_table_that_cannot_be_counted_loses_no_row_and_is_not_told_of(
    exchange_of: OPEN, empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = postgres_table(empty_database_url, "timestamp")
    with psycopg.connect(connection.uri, autocommit=True) as front:
        front.execute("update public.t_xzxk set changed = null where name = 'too old'")
        front.execute("alter table public.t_xzxk rename to t_all")
        front.execute(
            "create function public.countable() returns boolean language plpgsql as $$ begin "
            "if current_query() ilike 'select count%' then raise query_canceled; end if; return true; end $$"
        )
        front.execute("create view public.t_xzxk as select * from public.t_all where public.countable()")
    exchange = exchange_of(TABLE, connection)
    (chunk,) = read(exchange, collect(exchange, "t", DAY))
    assert chunk.frame["XK_XDR_MC"].tolist() == ["overlap", "in", "last"]
    assert "没有数出更新时间为空的行（QueryCanceled）" in caplog.text
    assert [one for one in watchdog.check(exchange) if one.incident_key == "undated:t"] == []
