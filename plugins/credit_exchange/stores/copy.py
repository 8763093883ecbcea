"""Arrow to COPY: CSV in which a null is an unquoted nothing and an empty string is quoted, as PostgreSQL reads it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import Connection

from credit_exchange.stores import sql
from credit_exchange.stores.database import raw

_OPTIONS = pa_csv.WriteOptions(include_header=False, quoting_style="needed")


def copy_table(connection: Connection, statement: str, table: pa.Table) -> None:
    """COPY a table inside the connection's transaction by the statement include/sql/<statement>.sql."""
    if table.num_rows:
        copy_tables(connection, statement, [table])


def copy_tables(connection: Connection, statement: str, tables: Iterable[pa.Table]) -> None:
    """:func:`copy_table` for tables that come one after another, all by one COPY; one of them is held at a time."""
    with raw(connection).cursor() as cursor, cursor.copy(sql.source(statement)) as copy:
        for table in tables:
            out = pa.BufferOutputStream()
            pa_csv.write_csv(table, out, _OPTIONS)
            copy.write(memoryview(out.getvalue()))


def copy_numbers(connection: Connection, statement: str) -> npt.NDArray[np.int64]:
    """Return the one column of whole numbers that the COPY … TO of include/sql/<statement>.sql gives."""
    with raw(connection).cursor() as cursor, cursor.copy(sql.source(statement)) as copy:
        text = b"".join(copy)
    return np.array(text.split(), dtype=np.int64)
