"""Collects from a front database table: named columns, one window of update times, landed as CSV (C15, C16).

The table is only read: read-only transaction, statement time-out, server-side cursor. Column and table names come from
the feed's file and are quoted by SQLAlchemy.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

import psycopg
from sqlalchemy import Engine, Select, TableClause, and_, column, func, literal, not_, or_, select, table
from sqlalchemy.dialects.mysql import BIT
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import BINARY, VARBINARY, Date, DateTime, LargeBinary, String, TypeEngine

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import TableSource
from credit_exchange.core.business_time import SHANGHAI, day_bounds
from credit_exchange.core.unseen import column_name
from credit_exchange.errors import FatalError, HoldForPerson, RetriableError
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.databases import code_of, columns_of, open_engine, remedy

_BATCH = 5_000
log = logging.getLogger(__name__)
_ISO_DAY = "____-__-__%"
_NOTHING = datetime(1901, 1, 1)  # noqa: DTZ001 - compared with wall clocks
"""Update times before this one are none."""
_BYTES = (LargeBinary, BINARY, VARBINARY)


def window(business_date: date, overlap_hours: float) -> tuple[datetime, datetime]:
    """Return [D 00:00 - overlap, D+1 00:00) in wall clock Asia/Shanghai, without offset."""
    start, end = day_bounds(business_date)
    return (start - timedelta(hours=overlap_hours)).replace(tzinfo=None), end.replace(tzinfo=None)


def fetch_table(
    connection: Connection, source: TableSource, layout: Layout, business_date: date, target: IO[bytes]
) -> dict[str, Any]:
    """Write the window's rows as CSV to `target` and return what to remember: rows, window, columns, and how many rows
    no window will ever have (`undated`: the watchdog tells of them).

    Raises HoldForPerson when the table lost a declared column or gained one under `freeze`, RetriableError when the
    database does not answer, ConfigurationError when the connection is no database.
    """
    start, end = window(business_date, source.overlap_hours)
    engine: Engine | None = None
    try:
        engine = open_engine(connection, source, layout.where)
        kinds, updated = _columns(engine, source, layout)
        names = list(kinds)
        query = _query(engine, source, names, updated, start, end)
        if engine.dialect.name == "postgresql":
            rows = _copy(engine, query, target)
        else:
            rows = _stream(engine, query, kinds, target)
        if not rows:
            _comparable(engine, source, layout, updated)
        undated = _undated(engine, source, updated)
    except (DBAPIError, psycopg.Error) as error:
        code = code_of(error)
        raise RetriableError(
            f"{layout.where}：无法通过连接 {source.connection} 读取表 {source.table}（错误 {code}）；"
            f"{remedy(code)}，然后重新运行"
        ) from None
    except SQLAlchemyError as error:
        raise FatalError(
            f"{layout.where}：无法读取表 {source.table}（{type(error).__name__}）；请检查报送源的配置文件"
        ) from None
    finally:
        if engine is not None:
            engine.dispose()
    return {"rows": rows, "window": [start.isoformat(), end.isoformat()], "columns": names, "undated": undated}


def _columns(
    engine: Engine, source: TableSource, layout: Layout
) -> tuple[dict[str, TypeEngine[Any]], tuple[str, TypeEngine[Any]]]:
    """Return the columns to select, as the table spells them, with their types; and the update time with its type."""
    try:
        there = columns_of(engine, source)
    except NoSuchTableError:
        raise HoldForPerson(
            f"{layout.where}：表 {source.table} 不存在或没有授权；请联系部门，或更正报送源的 source.table"
        ) from None
    names = [name for name, _ in there]
    place = f"表 {source.table}"
    layout.missing({target for name in names for target in layout.targets(name)}, place, HoldForPerson)
    layout.check(names, place)
    updated = next((item for item in there if column_name(item[0]) == column_name(source.updated_at)), None)
    if updated is None:
        raise HoldForPerson(
            f"{layout.where}{place}：没有更新时间列 {source.updated_at}；请联系部门，或更正 source.updated_at"
        )
    wanted = {name: kind for name, kind in there if layout.targets(name)}
    for name, kind in wanted.items():
        # a row's own order may be one (rowversion); a text in bytes could be of any encoding, and would leave as digits
        if isinstance(kind, _BYTES) and engine.dialect.name != "sqlite" and layout.targets(name) != ["_sequence"]:
            raise HoldForPerson(
                f"{layout.where}{place}：列 {name} 是二进制类型，无法确定其中文字的编码；"
                "请部门改为文本类型，或提供转换为文本的视图"
            )
    return wanted, updated


def _query(
    engine: Engine,
    source: TableSource,
    names: Sequence[str],
    updated: tuple[str, TypeEngine[Any]],
    start: datetime,
    end: datetime,
) -> Select[Any]:
    kind = updated[1]
    bounds: list[Any] = [start, end]
    if engine.dialect.name == "sqlite" or isinstance(kind, String):
        # text: "2026-01-02 08:00:00" (a "T" between sorts the same way at midnight); midnight is the bare day, before
        # which no time of that day sorts, with or without hours
        bounds = [literal(moment.isoformat(" ", "seconds").removesuffix(" 00:00:00"), String) for moment in bounds]
    elif isinstance(kind, DateTime):
        bounds = [_moment(kind, moment) for moment in bounds]
    elif isinstance(kind, Date):
        bounds = [literal(moment.date(), Date) for moment in bounds]
    else:
        raise FatalError(
            f"更新时间列 {source.updated_at} 既不是日期、时间，也不是文本；请在 source.updated_at 中改用其他列"
        )
    changed: Any = column(updated[0])
    there: TableClause = table(source.table, *map(column, names), schema=source.schema_name)
    return (
        select(*(there.c[name] for name in names))
        .select_from(there)
        .where(and_(changed >= bounds[0], changed < bounds[1]))
        .order_by(changed)
    )


def _moment(kind: DateTime, moment: datetime) -> Any:
    return literal(moment.replace(tzinfo=SHANGHAI) if kind.timezone else moment, DateTime(timezone=bool(kind.timezone)))


def _comparable(engine: Engine, source: TableSource, layout: Layout, updated: tuple[str, TypeEngine[Any]]) -> None:
    """Raises HoldForPerson when update times are text of another form: no window would ever have a row."""
    changed: Any = column(updated[0], String)
    there = table(source.table, changed, schema=source.schema_name)
    if not isinstance(updated[1], String):
        return
    iso = changed.like(_ISO_DAY)
    with engine.connect() as connection:
        good, other = (
            connection.execute(select(literal(1)).select_from(there).where(condition).limit(1)).first()
            for condition in (iso, and_(changed != "", not_(iso)))
        )
    if other and not good:
        raise HoldForPerson(
            f"{layout.where}表 {source.table}：更新时间列 {source.updated_at} 是文本，"
            "但不是 YYYY-MM-DD hh:mm:ss 的形式，无法按日期取数；请联系部门，或改用其他列"
        )


def _undated(engine: Engine, source: TableSource, updated: tuple[str, TypeEngine[Any]]) -> int | None:
    """Return how many rows have no update time, or as text one that no window finds; None when that takes too long.

    Only counted to be told: the rows that were asked for are here, and a table too large to count must not lose them.
    """
    name, kind = updated
    is_text = engine.dialect.name == "sqlite" or isinstance(kind, String)
    changed: Any = column(name, String) if is_text else column(name)
    there = table(source.table, changed, schema=source.schema_name)
    if is_text:
        other = not_(changed.like(_ISO_DAY))
    else:  # MySQL's 0000-00-00, SQL Server's 1900-01-01, Oracle's 0001-01-01: what a front writes for nothing
        other = changed < (_moment(kind, _NOTHING) if isinstance(kind, DateTime) else literal(_NOTHING.date(), Date))
    never = or_(changed.is_(None), other)
    try:
        with engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(there).where(never)).scalar_one())
    except DBAPIError as error:
        log.warning("%s：没有数出更新时间为空的行（%s），采集不受影响", source.table, type(error.orig).__name__)
        return None


def _copy(engine: Engine, query: Select[Any], target: IO[bytes]) -> int:
    """PostgreSQL: the server writes the CSV itself, in a read-only transaction."""
    statement = str(query.compile(engine, compile_kwargs={"literal_binds": True})).replace("%%", "%")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER)".encode()) as copy:
                for block in copy:
                    target.write(block)
            return cursor.rowcount


def _stream(engine: Engine, query: Select[Any], kinds: Mapping[str, TypeEngine[Any]], target: IO[bytes]) -> int:
    """Any other database: a server-side cursor where there is one, rows in batches."""
    rows = 0
    as_text = [_bits if isinstance(kind, BIT) else _text for kind in kinds.values()]
    # what SQLite cannot decode lands as the bytes it is: the reader quarantines that row, and takes the others
    text = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\r\n")  # else a carriage return alone would stand without quotes
        writer.writerow(kinds)
        with engine.connect().execution_options(stream_results=True, yield_per=_BATCH) as connection:
            if engine.dialect.name == "sqlite":
                driver: Any = connection.connection.driver_connection
                driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            for batch in connection.execute(query).partitions(_BATCH):
                writer.writerows([[say(value) for say, value in zip(as_text, row, strict=True)] for row in batch])
                rows += len(batch)
    finally:
        text.detach()
    return rows


def _bits(value: Any) -> str:
    """Return MySQL's BIT as its number: it stands for a truth or a small code."""
    return str(int.from_bytes(value)) if isinstance(value, bytes) else _text(value)


def _text(value: Any) -> str:
    """Return a value as text: ISO dates and times, decimals without exponent, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        local = value.astimezone(SHANGHAI).replace(tzinfo=None) if value.tzinfo else value
        return local.date().isoformat() if local.time() == time.min else local.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
