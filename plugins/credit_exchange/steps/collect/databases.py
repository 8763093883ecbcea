"""What differs between the databases of departments: address and driver, time-outs, session, columns, words for errors.

PostgreSQL is always read by psycopg and MySQL by pymysql, which are installed and for which the time-outs are known;
any other database by the driver that its URL names.
"""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, inspect
from sqlalchemy.dialects.mysql import BIT
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, ProgrammingError, SQLAlchemyError
from sqlalchemy.types import Date, DateTime, LargeBinary, NullType, String, TypeEngine

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import TableSource
from credit_exchange.errors import ConfigurationError, RetriableError

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_DRIVERS |= {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql"}
_BARE = {"mssql": "mssql+pymssql", "oracle": "oracle+oracledb"}
_PACKAGES = {
    "oracle": " oracledb（URL 写 oracle+oracledb://…）",
    "mssql": " pymssql（URL 写 mssql+pymssql://…）",
    "dm": " dmPython 和 dmSQLAlchemy（URL 写 dm+dmPython://…）",
}
_CONNECT_SECONDS = 60.0
"""How long any database may take until it has let us in: some drivers know no end of their own."""
_NO_SUCH_TABLE = (1146, 1049)
_MYSQL_TYPES: dict[str, TypeEngine[Any]] = {
    "datetime": DateTime(),
    "timestamp": DateTime(),
    "date": Date(),
    "bit": BIT(),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), String()),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), LargeBinary()),
}
_WORDS = {
    "登录被拒，请核对连接的账号、密码和对方允许的来源地址": ("28000", "28P01", 1045, 1698, "ORA-01017", 18456),
    "该账号没有读取的权限，请部门授予 SELECT": ("42501", 1044, 1142, 1143, "ORA-01031", 229, 230),
    "连接中断或太久没有答复，请联系部门检查数据库和网络": (2006, 2013, 1317, "57P01", "DPY-4011"),
    "没有这个库，请核对连接的地址": ("3D000", 1046, 1049, "ORA-12514", "DPY-6001", 4060),
    "等待太久，表可能被锁住或没有更新时间的索引，请联系部门或调大 source.statement_timeout_seconds": (
        "57014",
        "55P03",
        1205,
        1969,
        3024,
        "DPY-4024",
    ),
}
_LETS_NOBODY_IN = (
    (re.compile(r'(?:database|数据库) ?"[^"]*" (?:does not exist|不存在)'), "3D000"),
    (
        re.compile(r'authentication failed|认证失败|pg_hba\.conf|(?:role|角色) ?"[^"]*" (?:does not exist|不存在)'),
        "28000",
    ),
)
"""PostgreSQL's own words before a session begins, when psycopg is told no SQLSTATE."""
_REMEDY = {code: words for words, codes in _WORDS.items() for code in codes}


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
        backend = url.drivername.partition("+")[0]
        return url.set(drivername=_DRIVERS.get(backend) or _BARE.get(url.drivername, url.drivername))
    except (ArgumentError, ValueError, TypeError):
        raise ConfigurationError(
            f"连接 {connection.conn_id} 不是数据库地址；请填写 SQLAlchemy URL（密码中的 @ : / 等写成 %XX），"
            "在 Airflow 中填入 extra 的 url"
        ) from None


def open_engine(connection: Connection, source: TableSource, where: str) -> Engine:
    """Return an engine that only reads, in Shanghai's time, and waits for nothing without end; it has connected once.

    Raises ConfigurationError when the driver is missing or does not know what the URL says, RetriableError when nobody
    answers in time; what the database says itself comes through as SQLAlchemy's error.
    """
    url = database_url(connection)
    seconds = source.statement_timeout_seconds
    place = f"{where}：连接 {source.connection} "
    if url.get_backend_name() == "sqlite" and (not url.database or not Path(url.database).is_file()):
        raise RetriableError(f"{place}的数据库文件不存在；请检查其路径")
    try:
        options = _options(url, seconds)
        engine = create_engine(url, connect_args=options, hide_parameters=True, pool_size=1, max_overflow=0)
    except (ImportError, NoSuchModuleError):
        package = _PACKAGES.get(url.get_backend_name(), "它的 SQLAlchemy 方言和驱动")
        raise ConfigurationError(
            f"{place}的驱动 {url.drivername} 没有安装；请将{package}加入 requirements.in，"
            "make lock 后重建镜像（docs/configuration.zh-CN.md「前置库」），或核对 URL 开头的名称"
        ) from None
    event.listen(engine, "do_connect", lambda dialect, _, args, more: _in_time(dialect, args, more, place))
    event.listen(engine, "connect", lambda raw, _: _begin(engine.dialect.name, raw, seconds))
    try:
        with engine.connect():
            return engine
    except Exception as error:  # drivers meet what they do not know with errors of any kind
        engine.dispose()
        unknown = isinstance(error, ProgrammingError) and code_of(error) == "ProgrammingError"  # libpq, of an option
        if isinstance(error, SQLAlchemyError | RetriableError) and not unknown:
            raise
        raise ConfigurationError(
            f"{place}的地址中有驱动 {url.drivername} 不认识的选项，或该驱动不适用于这个数据库"
            f"（{type(error).__name__}）；请更正 URL 或换用该数据库自己的方言"
        ) from None


def _options(url: URL, seconds: float) -> dict[str, Any]:
    backend = url.get_backend_name()
    if backend == "postgresql":
        return {
            "connect_timeout": 10,
            "tcp_user_timeout": 60_000,
            "application_name": "credit_exchange",
            "client_encoding": "utf8",  # else the server's own, in which COPY hands out the text
            "options": f"-c statement_timeout={int(seconds * 1000)} -c default_transaction_read_only=on "
            "-c timezone=Asia/Shanghai -c datestyle=ISO",
        }
    whole = max(1, int(seconds))
    if backend == "sqlite":
        return {"timeout": min(seconds, 60)}
    if backend == "mysql":
        # any other character set has no place for some names, and gives a ? for them; the server's own end comes first
        return {"charset": "utf8mb4", "connect_timeout": 10, "read_timeout": whole + 10, "write_timeout": 60}
    if url.drivername == "mssql+pymssql":
        return {"login_timeout": 10, "timeout": whole}
    return {}


def _in_time(dialect: Any, args: Any, more: Any, place: str) -> Any:
    """Connect, and give up after a while whatever the driver does: it is left behind in a thread of its own, and
    a session that comes too late is closed."""
    found: list[tuple[Any, BaseException | None]] = []
    given_up = threading.Event()

    def attempt() -> None:
        try:
            made = dialect.connect(*args, **more)
            if given_up.is_set():
                made.close()
            found.append((made, None))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            found.append((None, error))

    if dialect.name == "sqlite":  # a file; and its connections belong to their thread
        return dialect.connect(*args, **more)
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(_CONNECT_SECONDS)
    if not found:
        given_up.set()
        raise RetriableError(
            f"{place}的数据库接受了连接，但 {_CONNECT_SECONDS:g} 秒内没有答复；请联系部门检查数据库，然后重新运行"
        )
    made, error = found[0]
    if error is not None:
        raise error
    return made


def _begin(dialect: str, raw: Any, seconds: float) -> None:
    """Say to a new session what its kind of database needs to be told."""
    if dialect in ("mysql", "mariadb"):
        # a TIMESTAMP is given in the session's zone, which is the server's: mostly UTC
        _execute(raw, "set time_zone = '+08:00'")
        for statement in (
            "set session transaction read only",
            f"set session max_statement_time = {seconds:f}",  # MariaDB
            f"set session max_execution_time = {int(seconds * 1000)}",  # MySQL
        ):
            with contextlib.suppress(raw.Error):  # unknown to the other, and to older ones
                _execute(raw, statement)
    elif dialect == "oracle":
        _execute(raw, "alter session set time_zone = '+08:00'")
        with contextlib.suppress(AttributeError):
            raw.call_timeout = int(seconds * 1000)
    elif dialect == "sqlite":
        _execute(raw, "pragma query_only = on")
    elif dialect == "mssql" and hasattr(raw, "timeout"):  # pyodbc
        raw.timeout = max(1, int(seconds))


def _execute(raw: Any, statement: str) -> None:
    cursor = raw.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def columns_of(engine: Engine, source: TableSource) -> list[tuple[str, TypeEngine[Any]]]:
    """Return name and type of each column of the feed's table. Raises NoSuchTableError."""
    if engine.dialect.name not in ("mysql", "mariadb"):
        found = inspect(engine).get_columns(source.table, schema=source.schema_name)
        return [(str(item["name"]), item["type"]) for item in found]
    # SQLAlchemy asks for SHOW CREATE TABLE, for which a view needs a right that a reader of it does not have
    quote = engine.dialect.identifier_preparer.quote_identifier
    name = ".".join(quote(part) for part in (source.schema_name, source.table) if part)
    try:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"show columns from {name.replace('%', '%%')}").all()
    except SQLAlchemyError as error:
        if code_of(error) in _NO_SUCH_TABLE:
            raise NoSuchTableError(source.table) from None
        raise
    return [(str(row[0]), _mysql_type(row[1])) for row in rows]


def _mysql_type(written: str | bytes) -> TypeEngine[Any]:
    text = written.decode() if isinstance(written, bytes) else str(written)
    name = re.match(r"[a-z]*", text.lower())
    return _MYSQL_TYPES.get(name[0] if name else "", NullType())


def code_of(error: BaseException) -> str | int:
    """Return what the database calls an error, never its text: its own number, SQLSTATE, else the driver's class."""
    original: Any = getattr(error, "orig", None) or error
    first = original.args[0] if original.args else None
    if isinstance(first, tuple) and first:  # pymssql
        first = first[0]
    own = getattr(first, "full_code", first)  # oracledb: ORA-00942
    if isinstance(own, int) and own:
        return own
    if isinstance(own, str) and re.fullmatch(r"[A-Z]{3}-\d{4,5}", own):
        return own
    sqlstate = getattr(original, "sqlstate", None)
    if sqlstate is None and isinstance(original, psycopg.OperationalError):
        sqlstate = next((state for words, state in _LETS_NOBODY_IN if words.search(str(original))), None)
    return sqlstate if isinstance(sqlstate, str) else type(original).__name__


def remedy(code: str | int) -> str:
    """Return what to do about an error of this code."""
    return _REMEDY.get(code, "请检查数据库是否可达、权限和语句超时")
