"""Where no database is configured: the laptop's embedded PostgreSQL, the running one or one for this command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.settings import Laptop
from credit_exchange.stores.database import migrate


@contextmanager
def database() -> Iterator[None]:
    """Make sure that CREDIT_EXCHANGE_DATABASE_URL and the laptop's connections are set while a command runs.

    What is set from outside is left alone. A server that `make run` has started is used and goes on; otherwise one is
    started for the command, on the same data, and stopped after it.
    """
    if os.environ.get("CREDIT_EXCHANGE_DATABASE_URL", "").strip():
        yield
        return
    laptop = Laptop.of()
    server = laptop.server()
    started = None if _answers(server) else laptop.start_server()
    added = {
        name: value
        for name, value in laptop.environment(started or server).items()
        if name.startswith(("CREDIT_EXCHANGE_", "AIRFLOW_CONN_")) and name not in os.environ
    }
    os.environ.update(added)
    try:
        migrate()
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
        if started is not None:
            started.stop()


def _answers(server: EmbeddedPostgres) -> bool:
    if not (server.cluster / "PG_VERSION").exists():
        return False
    try:
        server.connect("exchange").close()
    except psycopg.OperationalError:
        return False
    return True
