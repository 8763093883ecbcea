"""Our PostgreSQL database: engine, transactions, migrations. Never Airflow's own database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from credit_exchange.core.business_time import pretended
from credit_exchange.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "credit_exchange_version"
_SESSION = (
    "-c timezone=Asia/Shanghai -c statement_timeout=1800000 -c lock_timeout=600000 "
    "-c idle_in_transaction_session_timeout=600000 -c jit=off -c temp_buffers=128MB -c search_path=exchange,public"
)


def database_url() -> str:
    """Return CREDIT_EXCHANGE_DATABASE_URL with the psycopg 3 driver.

    Raises ConfigurationError when it is not set or not PostgreSQL.
    """
    given = os.environ.get("CREDIT_EXCHANGE_DATABASE_URL", "").strip()
    if not given:
        raise ConfigurationError(
            "CREDIT_EXCHANGE_DATABASE_URL is not set; `make run` starts an embedded PostgreSQL, or set it to "
            "postgresql+psycopg://user:password@host/database"
        )
    return with_driver(given)


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL that names the psycopg 3 driver. Raises ConfigurationError for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError("the exchange's own database must be PostgreSQL")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def connect(url: str | None = None, *, pool_size: int = 5) -> Engine:
    """Return an engine with time-outs, keep-alive and the session settings every step relies on."""
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
    def _no_prepared(dbapi_connection: psycopg.Connection[Any], _record: object) -> None:
        dbapi_connection.prepare_threshold = None  # poolers in transaction mode keep no prepared statements

    return engine


def _pretended_time() -> str:
    """Tell the session of CREDIT_EXCHANGE_NOW: deliveries settle in business time, since clocks are met by them."""
    moment = pretended()
    return f" -c credit_exchange.now={moment.isoformat()}" if moment else ""


@contextmanager
def transaction(engine: Engine, attempts: int = 4) -> Iterator[Connection]:
    """Open a connection (tried a few times, the server may be restarting) and one transaction on it."""
    for attempt in range(1, attempts + 1):
        try:
            connection = engine.connect()
            break
        except OperationalError:
            if attempt == attempts:
                raise
            time.sleep(0.5 * 2**attempt)
    with connection, connection.begin():
        yield connection


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
    return config


def migrate(url: str | None = None, revision: str = "head") -> None:
    """Bring our schema up to date (also called by `airflow db migrate` through the external database manager)."""
    command.upgrade(alembic_config(url), revision)
