"""The commands of `python -m credit_exchange`. Exit status: 0 all good, 1 cannot go on, 2 a part failed."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console

from credit_exchange.config.base import Model
from credit_exchange.config.catalog import Dataset
from credit_exchange.config.connections import from_environment
from credit_exchange.config.feed import Feed
from credit_exchange.config.loader import load
from credit_exchange.config.platform import Platform
from credit_exchange.config.sharing import SharingFile
from credit_exchange.core.business_time import last_business_date, today
from credit_exchange.errors import ExchangeError

SCHEMAS: dict[str, type[Model]] = {"feed": Feed, "platform": Platform, "dataset": Dataset, "sharing": SharingFile}


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        prog="python -m credit_exchange", description="福州信用信息交换 · Fuzhou credit exchange"
    )
    top.add_argument("--debug", action="store_true", help="show where an unexpected error came from")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    config = commands.add_parser("config", help="check the whole configuration directory")
    config.add_argument("action", choices=["check"])
    schema = commands.add_parser("schema", help="print the JSON Schema of a configuration file")
    schema.add_argument("kind", choices=sorted(SCHEMAS))
    commands.add_parser("migrate", help="bring the database schema up to date")

    night = commands.add_parser("night", help="run a night in this process, without Airflow")
    night.add_argument("--date", type=date.fromisoformat, help="business date (default: the last one)")
    night.add_argument("--feed", action="append", default=[], help="only this feed (repeatable)")
    night.add_argument("--platform", action="append", default=[], help="only this platform (repeatable)")
    night.add_argument("--recollect", action="store_true", help="collect anew: a new generation of the batch")

    dry = commands.add_parser("dry-run", help="try one feed's delivery out: nothing is written or sent")
    dry.add_argument("--feed", required=True)
    dry.add_argument("--date", type=date.fromisoformat, help="business date (default: the last one)")

    explain = commands.add_parser("explain", help="why a record is what and where it is")
    explain.add_argument("record_id", nargs="?")
    explain.add_argument("--document-no", help="look the record up by its 文书号")
    explain.add_argument("--json", action="store_true")

    summary = commands.add_parser("summary", help="the night's table")
    summary.add_argument("--date", type=date.fromisoformat)
    commands.add_parser("backlog", help="what has not reached its platform yet")
    commands.add_parser(
        "watchdog", help="check deadlines, missed dates, circuits, stuck states; needs neither scheduler nor Airflow"
    )

    for action, text in (("withdraw", "take a record off the platforms"), ("reinstate", "put a withdrawn record back")):
        order = commands.add_parser(action, help=text)
        order.add_argument("record_id")
        order.add_argument("--authority", required=True, choices=["repair", "objection", "court", "office"])
        order.add_argument("--reason", required=True)
        order.add_argument("--legal-basis", default="")
    approve = commands.add_parser("approve", help="take a held delivery as it is")
    approve.add_argument("batch_id", type=int)
    approve.add_argument("--reason", required=True)
    dismiss = commands.add_parser("dismiss", help="close a quarantined row that will not be corrected")
    dismiss.add_argument("batch_id", type=int)
    dismiss.add_argument("line_no", type=int)
    dismiss.add_argument("--reason", required=True)

    skip = commands.add_parser("skip", help="state that business dates that were passed by are not to be exchanged")
    skip.add_argument("date", type=date.fromisoformat)
    skip.add_argument("--until", type=date.fromisoformat, help="the last one (default: only this one)")
    skip.add_argument("--reason", required=True)

    returns = commands.add_parser("return-file", help="write a department's quarantined rows as XLSX")
    returns.add_argument("department")
    returns.add_argument("--since", type=date.fromisoformat)
    returns.add_argument("--until", type=date.fromisoformat)
    returns.add_argument("--out", type=Path, required=True)
    evidence = commands.add_parser("evidence", help="export a record's evidence: explanation, shipments, replies")
    evidence.add_argument("record_id")
    evidence.add_argument("--out", type=Path, required=True, help="a new directory")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if given.debug else logging.WARNING, format="%(levelname)s %(message)s")
    console = Console()
    try:
        return _run(given, console)
    except ExchangeError as error:
        if given.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace, console: Console) -> int:
    if given.command == "schema":
        print(json.dumps(SCHEMAS[given.kind].model_json_schema(), ensure_ascii=False, indent=2))
        return 0
    if given.command == "config":
        from credit_exchange.steps import readiness

        found = load()
        readiness.check(found)
        console.print(
            f"{found.root}: {len(found.datasets)} data sets, {len(found.feeds)} feeds, "
            f"{len(found.platforms)} platforms, "
            f"{len(found.sharing)} sharing rules: good"
        )
        return 0
    if given.command == "migrate":
        from credit_exchange.stores.database import migrate

        migrate()
        return 0
    if given.command == "dry-run":
        from credit_exchange.cli.dry_run import dry_run

        return dry_run(given.feed, given.date or last_business_date(), console)
    return _with_exchange(given, console)


def _with_exchange(given: argparse.Namespace, console: Console) -> int:
    """Run the commands that need the database; heavy modules are imported only here."""
    from credit_exchange.adapters.connections import resolve_by_command
    from credit_exchange.cli import actions
    from credit_exchange.cli.embedded import database
    from credit_exchange.steps.context import Exchange

    with database():
        # the watchdog must not need what it watches
        exchange = Exchange.open(from_environment if given.command == "watchdog" else resolve_by_command)
        try:
            given.by = getpass.getuser()
            given.night = getattr(given, "date", None) or last_business_date()
            given.today = today()
            return actions.ACTIONS[given.command](exchange, given, console)
        finally:
            exchange.engine.dispose()
