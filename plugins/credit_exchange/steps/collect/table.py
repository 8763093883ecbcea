"""Collects from a front database table: named columns, one window of update times, landed as CSV (C15, C16).

The table is only read: read-only transaction, statement time-out, server-side cursor. Column and table names come from
the feed's file and are quoted by SQLAlchemy.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import psycopg
from sqlalchemy import (
    URL,
    Engine,
    Select,
    TableClause,
    and_,
    column,
    create_engine,
    func,
    inspect,
    literal,
    not_,
    or_,
    select,
    table,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import Date, DateTime, String

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import TableSource
from credit_exchange.core.business_time import SHANGHAI, day_bounds
from credit_exchange.errors import ConfigurationError, FatalError, HoldForPerson, RetriableError
from credit_exchange.steps.collect.columns import Layout, normal

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_BATCH = 5_000
log = logging.getLogger(__name__)
_ISO_DAY = "____-__-__%"


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
    engine = _engine(connection, source, layout.where)
    try:
        names, kind = _columns(engine, source, layout)
        query = _query(engine, source, names, kind, start, end)
        if engine.dialect.name == "postgresql":
            rows = _copy(engine, query, target)
        else:
            rows = _stream(engine, query, names, target)
        if not rows:
            _comparable(engine, source, layout, kind)
        undated = _undated(engine, source, kind)
    except (DBAPIError, psycopg.Error) as error:
        code = getattr(getattr(error, "orig", error), "sqlstate", None) or type(error).__name__
        raise RetriableError(
            f"{layout.where}：无法通过连接 {source.connection} 读取表 {source.table}（错误 {code}）；"
            "请检查数据库、权限和语句超时，然后重新运行"
        ) from None
    except SQLAlchemyError as error:
        raise FatalError(
            f"{layout.where}：无法读取表 {source.table}（{type(error).__name__}）；请检查报送源的配置文件"
        ) from None
    finally:
        engine.dispose()
    return {"rows": rows, "window": [start.isoformat(), end.isoformat()], "columns": names, "undated": undated}


def _engine(connection: Connection, source: TableSource, where: str) -> Engine:
    url = database_url(connection)
    options: dict[str, Any] = {}
    milliseconds = int(source.statement_timeout_seconds * 1000)
    if url.get_backend_name() == "postgresql":
        options = {
            "connect_timeout": 10,
            "tcp_user_timeout": 60_000,
            "application_name": "credit_exchange",
            "client_encoding": "utf8",  # else the server's own, in which COPY hands out the text
            "options": f"-c statement_timeout={milliseconds} -c default_transaction_read_only=on "
            "-c timezone=Asia/Shanghai -c datestyle=ISO",
        }
    elif url.get_backend_name() == "sqlite":
        if not url.database or not Path(url.database).is_file():
            raise RetriableError(f"{where}：连接 {source.connection} 的数据库文件不存在；请检查其路径")
        options = {"timeout": min(source.statement_timeout_seconds, 60)}
    elif url.get_backend_name() in ("mysql", "mariadb"):
        options = {"connect_timeout": 10, "read_timeout": int(source.statement_timeout_seconds)}
    try:
        return create_engine(url, connect_args=options, hide_parameters=True, pool_size=1, max_overflow=0)
    except (ImportError, NoSuchModuleError):
        raise ConfigurationError(
            f"{where}：连接 {source.connection} 的驱动 {url.drivername} 没有安装；请在镜像中安装"
        ) from None


def database_url(connection: Connection) -> URL:
    """Return the SQLAlchemy URL of a connection: its uri, or one made of its parts. Raises ConfigurationError."""
    try:
        if connection.uri:
            url = make_url(connection.uri)
            url = url.difference_update_query(["__extra__"])
        else:
            url = URL.create(
                connection.conn_type,
                connection.login or None,
                connection.password or None,
                connection.host or None,
                connection.port,
                connection.schema or None,
            )
        return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    except (ArgumentError, ValueError, TypeError):
        raise ConfigurationError(
            f"连接 {connection.conn_id} 不是数据库地址；请填写 SQLAlchemy URL，在 Airflow 中填入 extra 的 url"
        ) from None


def _columns(engine: Engine, source: TableSource, layout: Layout) -> tuple[list[str], Any]:
    """Return the columns to select, as the table spells them, and the type of the update time."""
    try:
        there = inspect(engine).get_columns(source.table, schema=source.schema_name)
    except NoSuchTableError:
        raise HoldForPerson(
            f"{layout.where}：表 {source.table} 不存在或没有授权；请联系部门，或更正报送源的 source.table"
        ) from None
    names = [str(item["name"]) for item in there]
    place = f"表 {source.table}"
    layout.missing({target for name in names for target in layout.targets(name)}, place, HoldForPerson)
    layout.check(names, place)
    updated = next((item for item in there if normal(str(item["name"])) == normal(source.updated_at)), None)
    if updated is None:
        raise HoldForPerson(
            f"{layout.where}{place}：没有更新时间列 {source.updated_at}；请联系部门，或更正 source.updated_at"
        )
    return [name for name in names if layout.targets(name)], updated


def _query(
    engine: Engine, source: TableSource, names: Sequence[str], updated: Any, start: datetime, end: datetime
) -> Select[Any]:
    kind = updated["type"]
    bounds: list[Any] = [start, end]
    if engine.dialect.name == "sqlite" or isinstance(kind, String):
        # text: "2026-01-02 08:00:00" (a "T" between sorts the same way at midnight); midnight is the bare day, before
        # which no time of that day sorts, with or without hours
        bounds = [literal(moment.isoformat(" ", "seconds").removesuffix(" 00:00:00"), String) for moment in bounds]
    elif isinstance(kind, DateTime):
        bounds = [moment.replace(tzinfo=SHANGHAI) for moment in bounds] if kind.timezone else bounds
        bounds = [literal(moment, DateTime(timezone=bool(kind.timezone))) for moment in bounds]
    elif isinstance(kind, Date):
        bounds = [literal(moment.date(), Date) for moment in bounds]
    else:
        raise FatalError(
            f"更新时间列 {source.updated_at} 既不是日期、时间，也不是文本；请在 source.updated_at 中改用其他列"
        )
    changed: Any = column(str(updated["name"]))
    there: TableClause = table(source.table, *map(column, names), schema=source.schema_name)
    return (
        select(*(there.c[name] for name in names))
        .select_from(there)
        .where(and_(changed >= bounds[0], changed < bounds[1]))
        .order_by(changed)
    )


def _comparable(engine: Engine, source: TableSource, layout: Layout, updated: Any) -> None:
    """Raises HoldForPerson when update times are text of another form: no window would ever have a row."""
    changed: Any = column(str(updated["name"]), String)
    there = table(source.table, changed, schema=source.schema_name)
    if not isinstance(updated["type"], String):
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


def _undated(engine: Engine, source: TableSource, updated: Any) -> int | None:
    """Return how many rows have no update time, or as text one that no window finds; None when that takes too long.

    Only counted to be told: the rows that were asked for are here, and a table too large to count must not lose them.
    """
    is_text = engine.dialect.name == "sqlite" or isinstance(updated["type"], String)
    changed: Any = column(str(updated["name"]), String) if is_text else column(str(updated["name"]))
    there = table(source.table, changed, schema=source.schema_name)
    never = or_(changed.is_(None), not_(changed.like(_ISO_DAY))) if is_text else changed.is_(None)
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


def _stream(engine: Engine, query: Select[Any], names: Sequence[str], target: IO[bytes]) -> int:
    """Any other database: a server-side cursor where there is one, rows in batches."""
    rows = 0
    # what SQLite cannot decode lands as the bytes it is: the reader quarantines that row, and takes the others
    text = io.TextIOWrapper(target, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\r\n")  # else a carriage return alone would stand without quotes
        writer.writerow(names)
        with engine.connect().execution_options(stream_results=True, yield_per=_BATCH) as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
                driver: Any = connection.connection.driver_connection
                driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            for batch in connection.execute(query).partitions(_BATCH):
                writer.writerows([[_text(value) for value in row] for row in batch])
                rows += len(batch)
    finally:
        text.detach()
    return rows


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
