"""Front databases as departments have them: MySQL, drivers that are missing, servers that say nothing, odd columns."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import Connection as Session
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from test_collect import DAY, MOMENTS, OPEN, TABLE, postgres_table, rows

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import TableSource
from credit_exchange.errors import ConfigurationError, HoldForPerson, RetriableError
from credit_exchange.laptop.ports import free_port
from credit_exchange.steps.collect import collect, databases
from credit_exchange.steps.collect.batches import by_id


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("oracle+cx_oracle://u:p@127.0.0.1:1/x", "请将 oracledb（URL 写 oracle\\+oracledb://…）加入 requirements.in"),
        ("dm+dmPython://u:p@127.0.0.1:1/x", "驱动 dm\\+dmPython 没有安装；请将 dmPython 和 dmSQLAlchemy"),
        ("kingbase://u:p@127.0.0.1:1/x", "请将它的 SQLAlchemy 方言和驱动加入 requirements.in"),
        ("mysql://u:p@127.0.0.1:1/x?no_such_option=1", "mysql\\+pymysql 不认识的选项"),
        ("postgresql://u:p@127.0.0.1:1/x?no_such_option=1", "postgresql\\+psycopg 不认识的选项"),
        ("jdbc:mysql://127.0.0.1/x", "密码中的 @ : / 等写成 %XX"),
    ],
)
def test_what_cannot_be_reached_from_here_says_what_is_missing(exchange_of: OPEN, uri: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        collect(exchange_of(TABLE, Connection("front", uri=uri)), "t", DAY)


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg"])
def test_postgresql_is_read_by_psycopg_whatever_its_url_names(
    exchange_of: OPEN, empty_database_url: str, driver: str
) -> None:
    table = postgres_table(empty_database_url)
    exchange = exchange_of(TABLE, Connection("front", uri=table.uri.replace("postgresql:", f"postgresql+{driver}:")))
    assert len(rows(exchange, collect(exchange, "t", DAY))) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "nowhere"}, "（错误 3D000）；没有这个库，请核对连接的地址"),
        ({"username": "nobody"}, "（错误 28000）；登录被拒，请核对连接的账号、密码"),
    ],
)
def test_postgresql_says_why_it_lets_nobody_in(
    exchange_of: OPEN, empty_database_url: str, change: dict[str, str], says: str
) -> None:
    uri = make_url(empty_database_url).set(**change).render_as_string(hide_password=False)
    with pytest.raises(RetriableError, match=says):
        collect(exchange_of(TABLE, Connection("front", uri=uri)), "t", DAY)


def test_a_server_that_accepts_and_says_nothing_holds_nobody(
    exchange_of: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"mysql://u:p@127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(RetriableError, match=r"接受了连接，但 0.1 秒内没有答复；请联系部门检查数据库"):
            collect(exchange_of(TABLE, Connection("front", uri=uri)), "t", DAY)


def test_a_chinese_table_name_a_text_in_bytes_and_an_update_time_that_stands_for_none(
    exchange_of: OPEN, empty_database_url: str
) -> None:
    connection = postgres_table(empty_database_url)
    with psycopg.connect(connection.uri, autocommit=True) as front:
        front.execute('alter table public.t_xzxk rename to "行政许可"')
        front.execute("update public.行政许可 set changed = '1900-01-01' where name = 'too old'")
    exchange = exchange_of(TABLE | {"table": "行政许可"}, connection)
    assert by_id(exchange.engine, collect(exchange, "t", DAY)).source_detail["undated"] == 1
    with psycopg.connect(connection.uri, autocommit=True) as front:
        front.execute("alter table public.行政许可 alter note type bytea using convert_to(note, 'UTF8')")
    with pytest.raises(HoldForPerson, match="列 note 是二进制类型，无法确定其中文字的编码；请部门改为文本类型"):
        collect(exchange, "t", DAY, recollect=True)


def test_a_session_that_comes_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        name, answer, closed = "mysql", threading.Event(), threading.Event()

        def connect(self) -> object:
            self.answer.wait()
            return SimpleNamespace(close=self.closed.set)

    monkeypatch.setattr(databases, "_CONNECT_SECONDS", 0)
    with pytest.raises(RetriableError):
        databases._in_time(Late(), (), {}, "")
    Late.answer.set()
    assert Late.closed.wait(60)


# --- MySQL


@pytest.fixture(scope="module")
def mysql() -> Iterator[Session]:
    """A MariaDB of this module, in UTC as most servers are; its URL and a session of its owner."""
    folder = Path("/tmp") / f"credit-exchange-mysql-{os.getpid()}"  # a socket's path must be short
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if not install or not server:
        # until the build machine has mariadb-server: the package index, from which all else comes, has no MySQL
        pytest.skip("没有安装 mariadb-server")
    user = ["--user=root"] if os.geteuid() == 0 else []
    port = free_port()
    try:
        data = f"--datadir={folder}"
        made = [install, "--no-defaults", data, "--auth-root-authentication-method=normal", *user]
        subprocess.run([*made, "--skip-test-db"], check=True, capture_output=True)
        where = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
        command = [server, "--no-defaults", data, *where, *user, "--default-time-zone=+00:00", "--skip-name-resolve"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{port}/", isolation_level="AUTOCOMMIT")
            try:
                while process.poll() is None:
                    try:
                        owner = engine.connect()
                        break
                    except DBAPIError:
                        time.sleep(0.1)
                else:
                    raise AssertionError("mariadbd has ended")
                with owner:
                    yield owner
            finally:
                engine.dispose()
                process.kill()  # its data goes with it
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def front(mysql: Session) -> Connection:
    """The window's rows in a table of MySQL with a TIMESTAMP, a view of it, and one who may read the view only."""
    mysql.exec_driver_sql("create or replace database front character set utf8mb4")
    mysql.exec_driver_sql("set session time_zone = '+08:00', sql_mode = ''")
    mysql.exec_driver_sql(
        "create table front.all_rows (name varchar(40), uscc varchar(18), wsh varchar(40), decided timestamp null,"
        " note bit(1), changed timestamp null)"
    )
    for name, moment in (MOMENTS | {"none": "0000-00-00"}).items():
        mysql.exec_driver_sql(
            "insert into front.all_rows values (%s, null, '榕𠮷1号', '2026-01-05', b'1', %s)", (name, moment)
        )
    mysql.exec_driver_sql("create view front.t_xzxk as select * from front.all_rows")
    mysql.exec_driver_sql("create or replace user reader@127.0.0.1 identified by 'hush'")
    mysql.exec_driver_sql("grant select on front.t_xzxk to reader@127.0.0.1")
    port = mysql.engine.url.port
    return Connection("front", "mysql", "127.0.0.1", "reader", "hush", "front", port, uri="")


def test_mysql_gives_the_window_in_shanghai_s_time_through_a_view_that_may_only_be_read(
    exchange_of: OPEN, mysql: Session, front: Connection
) -> None:
    exchange = exchange_of(TABLE, front)
    batch_id = collect(exchange, "t", DAY)
    found = rows(exchange, batch_id)
    assert [row["XK_XDR_MC"] for row in found] == ["overlap", "in", "last"]
    assert {(row["XK_WSH"], row["XK_JDRQ"], row["BZ"]) for row in found} == {("榕𠮷1号", "2026-01-05", "1")}
    assert by_id(exchange.engine, batch_id).source_detail["undated"] == 1
    owner = Connection("front", uri=mysql.engine.url.set(database="front").render_as_string())
    with pytest.raises(HoldForPerson, match="表 nope 不存在"):
        collect(exchange_of(TABLE | {"table": "nope"}, owner), "t", DAY, recollect=True)


def test_mysql_says_why_it_gives_nothing(exchange_of: OPEN, mysql: Session, front: Connection) -> None:
    def told(**more: object) -> str:
        with pytest.raises(RetriableError) as caught:
            collect(exchange_of(TABLE | more, front), "t", DAY)
        return str(caught.value)

    assert "（错误 1142）；该账号没有读取的权限，请部门授予 SELECT" in told(table="all_rows")
    mysql.exec_driver_sql("lock tables front.all_rows write, front.t_xzxk write")
    try:
        assert "（错误 1969）；等待太久，表可能被锁住" in told(statement_timeout_seconds=0.2)
    finally:
        mysql.exec_driver_sql("unlock tables")
    mysql.exec_driver_sql("alter user reader@127.0.0.1 identified by 'another'")
    assert "（错误 1045）；登录被拒，请核对连接的账号、密码" in told()


def test_mysql_is_only_read(mysql: Session, front: Connection) -> None:
    mysql.exec_driver_sql("grant all on front.* to reader@127.0.0.1")
    engine = databases.open_engine(front, TableSource.model_validate(TABLE), "")
    with engine.connect() as connection, pytest.raises(DBAPIError, match="1792"):
        connection.exec_driver_sql("update front.all_rows set name = ''")
    engine.dispose()
