"""Tables whose rows are not all sound: one bad row stays one bad row."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from test_collect import DAY, NUMBER, OPEN, TABLE, sqlite_table

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
