"""Where no database is configured: the laptop's embedded PostgreSQL, the running one or one for this command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from credit_exchange.errors import RetriableError
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.settings import Laptop
from credit_exchange.stores.database import migrate

_AIRFLOW = (
    "AIRFLOW_HOME",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API__BASE_URL",
)
"""Enough of the laptop's Airflow to find connections that were added there, and to lead to its pages."""


@contextmanager
def database() -> Iterator[None]:
    """Make sure that CREDIT_EXCHANGE_DATABASE_URL and the laptop's connections are set while a command runs.

    What is set from outside is left alone. A server that `make run` has started is used and goes on, also that of a
    red night (`FAULTS=1`); otherwise one is started for the command, on the same data, and stopped after it.
    """
    with _laptop(begins=True) as is_laptop:
        if is_laptop:
            migrate()
        yield


@contextmanager
def surroundings() -> Iterator[None]:
    """Set the laptop's inbox and connections, as `database` does, for a command that brings a database of its own.

    Before the first `make run` there are none, and no server is made for them.
    """
    with _laptop(begins=False):
        yield


@contextmanager
def _laptop(*, begins: bool) -> Iterator[bool]:
    """Set what the laptop gives its tasks and tell whether it did. begins: also where nothing has run yet."""
    if os.environ.get("CREDIT_EXCHANGE_DATABASE_URL", "").strip():
        yield False
        return
    laptop, running = _running() or (Laptop.of(), None)
    if not begins and not _was_made(laptop.server()):
        yield False
        return
    server = running or laptop.start_server()
    prefixes: tuple[str, ...] = ("CREDIT_EXCHANGE_", "AIRFLOW_CONN_")
    if (laptop.home / "airflow").is_dir():  # it has run here
        prefixes += _AIRFLOW
    added = {
        name: value
        for name, value in laptop.environment(server).items()
        if name.startswith(prefixes) and name not in os.environ
    }
    os.environ.update(added)
    try:
        yield True
    finally:
        for name in added:
            os.environ.pop(name, None)
        if running is None:
            server.stop()


def _running() -> tuple[Laptop, EmbeddedPostgres] | None:
    """Return the laptop whose server answers: the ordinary one, else that of the red night.

    What `make run` has started is found by the ports it was given, whatever this command's own environment says. Raises
    RetriableError when that does not answer: another server on its files would end it.
    """
    base = Laptop.of()
    faults = base.home / "faults"
    for place in [base, Laptop.of(faults)] if faults.exists() else [base]:
        pid, laptop = place.running() or (0, place)
        server = laptop.server()
        if _answers(server):
            if place is not base:
                print(f"以下是正在运行的红色之夜（FAULTS=1）的数据：{laptop.home}", file=sys.stderr)
            return laptop, server
        if pid:
            raise RetriableError(
                f"make run 正在 {laptop.home} 运行（进程 {pid}），它的 PostgreSQL 还没有答复；请稍后再试"
            )
    return None


def _answers(server: EmbeddedPostgres) -> bool:
    if not _was_made(server):
        return False
    try:
        server.connect("exchange").close()
    except psycopg.OperationalError:
        return False
    return True


def _was_made(server: EmbeddedPostgres) -> bool:
    return (server.cluster / "PG_VERSION").exists()
