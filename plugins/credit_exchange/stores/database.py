"""Our PostgreSQL database: engine, transactions, migrations. Never Airflow's own database."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from credit_exchange.core import business_time
from credit_exchange.errors import ConfigurationError, RetriableError
from credit_exchange.stores import sql

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "credit_exchange_version"
_SESSION = (
    "-c timezone=Asia/Shanghai -c statement_timeout=1800000 -c lock_timeout=600000 "
    "-c idle_in_transaction_session_timeout=600000 -c jit=off -c temp_buffers=128MB -c search_path=exchange,public"
)
MIGRATION_LOCK_S = 5.0
"""Seconds that a migration waits for a table at a time, and then leaves it to others."""
MIGRATION_TRIES = 120
_CLOCKS_APART = timedelta(minutes=10)
_RELIED_ON = ("Asia/Shanghai", "exchange,public", "30min")


def database_url() -> str:
    """Return CREDIT_EXCHANGE_DATABASE_URL with the psycopg 3 driver.

    Raises ConfigurationError when it is not set or not PostgreSQL.
    """
    given = os.environ.get("CREDIT_EXCHANGE_DATABASE_URL", "").strip()
    if not given:
        raise ConfigurationError(
            "没有设置 CREDIT_EXCHANGE_DATABASE_URL；make run 会启动内置的 PostgreSQL，否则请设为 "
            "postgresql+psycopg://user:password@host/database"
        )
    return with_driver(given)


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL that names the psycopg 3 driver. Raises ConfigurationError for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError("本系统自己的数据库必须是 PostgreSQL；请更正 CREDIT_EXCHANGE_DATABASE_URL")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def connect(url: str | None = None, *, pool_size: int = 5) -> Engine:
    """Return an engine with time-outs, keep-alive and the session settings every step relies on.

    A connection that comes without them raises ConfigurationError when it is made.
    """
    engine = create_engine(
        with_driver(url) if url else database_url(),
        pool_size=pool_size,
        max_overflow=25,  # a night in one process drains all platforms side by side, each on up to three
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # a failing statement must not print a person's data
        connect_args={
            "connect_timeout": 5,
            "options": _SESSION + _pretended_time(),
            "keepalives_idle": 30,
            "tcp_user_timeout": 60_000,
            "application_name": "credit_exchange",
        },
    )

    @event.listens_for(engine, "connect")
    def _settled(dbapi_connection: psycopg.Connection[Any], _record: object) -> None:
        dbapi_connection.prepare_threshold = None  # no statements kept by the server: a pooler may lose them
        found = dbapi_connection.execute(sql.source("session/settings")).fetchone()
        dbapi_connection.rollback()
        if found != _RELIED_ON:
            dbapi_connection.close()
            raise ConfigurationError(
                "CREDIT_EXCHANGE_DATABASE_URL：连接丢掉了会话的设置（可能经过不理会 options 的连接池）："
                "时间会按别的时区算，会话的锁可能遗留；请直接连接 PostgreSQL，本系统自带小连接池"
                + "。本进程设有环境变量 PGTZ，它盖过会话的时区：请先去掉它"
                * ("PGTZ" in os.environ)
            )

    return engine


def _pretended_time() -> str:
    """Tell the session of CREDIT_EXCHANGE_NOW: deliveries settle in business time, since clocks are met by them."""
    moment = business_time.pretended()
    return f" -c credit_exchange.now={moment.isoformat()}" if moment else ""


def reached(engine: Engine, attempts: int = 4) -> Connection:
    """Return a connection, tried so many times, for some fifteen seconds: the server may be restarting."""
    for attempt in range(1, attempts):
        try:
            return engine.connect()
        except OperationalError:
            time.sleep(0.5 * 2**attempt)
    return engine.connect()


@contextmanager
def transaction(engine: Engine, attempts: int = 4) -> Iterator[Connection]:
    """Open a connection, tried so many times, and one transaction on it."""
    with reached(engine, attempts) as connection, connection.begin():
        yield connection


def check_clock(connection: Connection) -> None:
    """Raise RetriableError when this machine's clock is not the database's, before anything is judged by its today.

    A clock of another year knows no rule that is in force, or only records that have expired: all would be taken down.
    """
    apart = clocks_apart(connection)
    if apart:
        raise RetriableError(
            f"本机的时钟与数据库的相差 {apart} 分钟，因此什么也没有决定；请校准两台机器的时钟（NTP），然后重新运行"
        )


def clocks_apart(connection: Connection) -> int:
    """Return by how many minutes this machine's clock and the database's differ, 0 when it does not matter.

    A pretended time may be any.
    """
    if business_time.pretended() is not None:
        return 0
    apart = abs(connection.execute(sql.load("session/clock")).scalar_one() - business_time.now())
    return round(apart.total_seconds() / 60) if apart > _CLOCKS_APART else 0


def raw(connection: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection below an SQLAlchemy one, for COPY inside the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def alembic_config(url: str | None = None) -> Config:
    """Return the configuration of our migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = with_driver(url) if url else database_url()
    config.attributes["version_table"] = VERSION_TABLE
    config.attributes["lock_timeout"] = f"{MIGRATION_LOCK_S:g}s"
    return config


def migrate(url: str | None = None, revision: str = "head") -> None:
    """Bring our schema up to date (also called by `airflow db migrate` through the external database manager).

    A table that a running step reads is waited for a few seconds at a time: who waits for it longer keeps everybody
    else waiting behind, the step itself among them. Each migration is a transaction, so the next try goes on where
    this one stopped. Raises RetriableError when a step held on for too long.
    """
    for attempt in range(1, MIGRATION_TRIES + 1):
        try:
            command.upgrade(alembic_config(url), revision)
            return
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            if attempt == MIGRATION_TRIES:
                raise RetriableError(
                    "数据库升级：有任务一直在使用要改动的表，升级没有完成，已完成的部分保留；请停止 worker 后再运行一次"
                ) from None
            log.warning("数据库升级：等待正在运行的任务用完要改动的表（第 %d 次）", attempt)
            time.sleep(MIGRATION_LOCK_S)
