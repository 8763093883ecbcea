"""One department's delivery tried out in a throw-away database: collected, checked, merged, released; nothing is sent.

The department's source is only read, the exchange's own database and object store are not touched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from credit_exchange.adapters.connections import resolve_by_command
from credit_exchange.cli import night_summary
from credit_exchange.config.connections import Connection
from credit_exchange.config.labels import rule_label
from credit_exchange.config.loader import usable
from credit_exchange.errors import ConfigurationError, ExchangeError
from credit_exchange.laptop.ports import free_port
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_feed
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect, migrate, transaction


def dry_run(feed_id: str, business_date: date, console: Console) -> int:
    """Try one feed's delivery out and print what would become of it; 0 when it could be taken, 2 when not."""
    usable().feed(feed_id)
    with _throw_away() as exchange:
        problem = ""
        try:
            run_feed(exchange, feed_id, business_date)
            release(exchange)
        except ExchangeError as error:
            problem = str(error)
        told = night_summary.show(exchange.engine, exchange.config, business_date, console, tried_out=True)
        with transaction(exchange.engine) as connection:
            reasons = connection.execute(sql.load("summary/reasons")).mappings().all()
        table = Table(title="问题数据（按规则）", title_justify="left")
        for heading in ("规则", "字段", "行数", "首行", "说明"):
            table.add_column(heading, overflow="fold")
        for row in reasons:
            rule, *rest = (str(value) for value in row.values())
            table.add_row(rule_label(rule), *rest)
        if reasons:
            console.print(table)
        if problem and problem not in told:
            console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print("试运行：未写入正式库，未上报任何平台")
    return 2 if problem else 0


@contextmanager
def _throw_away() -> Iterator[Exchange]:
    with tempfile.TemporaryDirectory(prefix="credit-exchange-dry-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # started by root, the server runs as nobody and must get in
        landing = os.environ.get("CREDIT_EXCHANGE_LANDING")
        os.environ["CREDIT_EXCHANGE_LANDING"] = str(directory / "landing")
        try:
            with EmbeddedPostgres(directory / "postgres", free_port(), durable=False) as server:
                server.create_database("exchange")
                url = server.url("exchange")
                migrate(url)
                exchange = Exchange(config=usable(), engine=connect(url), resolve=_with_own_keys)
                try:
                    yield exchange
                finally:
                    exchange.engine.dispose()
        finally:
            os.environ.pop("CREDIT_EXCHANGE_LANDING")
            if landing is not None:
                os.environ["CREDIT_EXCHANGE_LANDING"] = landing


def _with_own_keys(conn_id: str) -> Connection:
    """Sources are resolved as always; what is thrown away needs no real keys."""
    if conn_id != "credit_keys":
        return resolve_by_command(conn_id)
    try:
        return resolve_by_command(conn_id)
    except ConfigurationError:
        return Connection(conn_id, password=os.urandom(32).hex(), extra={"hmac_key": os.urandom(32).hex()})
