"""Arrow to COPY: CSV in which a null is an unquoted nothing and an empty string is quoted, as PostgreSQL reads it."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import Connection

from credit_exchange.stores import sql
from credit_exchange.stores.database import raw

_OPTIONS = pa_csv.WriteOptions(include_header=False, quoting_style="needed")


def csv_bytes(table: pa.Table) -> bytes:
    """Return the table as CSV for `COPY … WITH (FORMAT csv)`."""
    out = io.BytesIO()
    pa_csv.write_csv(table, out, _OPTIONS)
    return out.getvalue()


def copy_table(connection: Connection, statement: str, table: pa.Table) -> None:
    """COPY a table inside the connection's transaction by the statement include/sql/<statement>.sql."""
    if table.num_rows == 0:
        return
    with raw(connection).cursor() as cursor, cursor.copy(sql.source(statement)) as copy:
        copy.write(csv_bytes(table))
