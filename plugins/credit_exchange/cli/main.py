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
from typing import NoReturn

from rich.console import Console

from credit_exchange.config.base import Model
from credit_exchange.config.catalog import Dataset
from credit_exchange.config.connections import from_environment
from credit_exchange.config.feed import Feed
from credit_exchange.config.loader import load
from credit_exchange.config.platform import Platform
from credit_exchange.config.sharing import SharingFile
from credit_exchange.core.business_time import ended, last_business_date, today
from credit_exchange.errors import ExchangeError, FatalError, without_values

SCHEMAS: dict[str, type[Model]] = {"feed": Feed, "platform": Platform, "dataset": Dataset, "sharing": SharingFile}


class Parser(argparse.ArgumentParser):
    """A parser whose exit status for a wrong argument is 1: 2 says that a part of a night failed."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and exit with status 1."""
        self.exit(1, f"error: {message}; see {self.prog} --help\n")


def day(text: str) -> date:
    """Return a date. Raises ArgumentTypeError with an example when the text is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write e.g. 2026-11-22") from None


def reason(text: str) -> str:
    """Return why somebody decided something. Raises ArgumentTypeError for blanks: it is read when it is asked why."""
    if not text.strip():
        raise argparse.ArgumentTypeError("write why, in a few words")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = Parser(
        prog="python -m credit_exchange",
        description="福州信用信息交换 · Fuzhou credit exchange",
        epilog="exit status: 0 all good, 1 cannot go on (also: wrong arguments), 2 a part failed",
    )
    top.add_argument("--debug", action="store_true", help="show where an unexpected error came from")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    config = commands.add_parser("config", help="check the whole configuration directory")
    config.add_argument("action", choices=["check"], help="names file, line and remedy of what is wrong")
    schema = commands.add_parser("schema", help="print the JSON Schema of a configuration file")
    schema.add_argument("kind", choices=sorted(SCHEMAS), help="which kind of file")
    commands.add_parser("migrate", help="bring the database schema up to date")

    night = commands.add_parser("night", help="run a night in this process, without Airflow")
    night.add_argument("--date", type=day, help="business date (default: the last one)")
    night.add_argument("--feed", action="append", default=[], help="only this feed (repeatable)")
    night.add_argument("--platform", action="append", default=[], help="only this platform (repeatable)")
    night.add_argument("--recollect", action="store_true", help="collect anew: a new generation of the batch")

    dry = commands.add_parser("dry-run", help="try one feed's delivery out: nothing is written or sent")
    dry.add_argument("--feed", required=True, help="file name under include/feeds without .yml")
    dry.add_argument("--date", type=day, help="business date (default: the last one)")

    explain = commands.add_parser("explain", help="why a record is what and where it is")
    explain.add_argument("record_id", nargs="?", help="as in the reports and pages")
    explain.add_argument("--document-no", help="look the record up by its 文书号")
    explain.add_argument("--json", action="store_true", help="as JSON, for programs")

    summary = commands.add_parser("summary", help="the night's table")
    summary.add_argument("--date", type=day, help="business date (default: the last one)")
    commands.add_parser("backlog", help="what has not reached its platform yet")
    commands.add_parser(
        "watchdog", help="check deadlines, missed dates, circuits, stuck states; needs neither scheduler nor Airflow"
    )

    for action, text in (("withdraw", "take a record off the platforms"), ("reinstate", "put a withdrawn record back")):
        order = commands.add_parser(action, help=text)
        order.add_argument("record_id", help="as in the reports and pages")
        order.add_argument(
            "--authority",
            required=True,
            choices=["repair", "objection", "court", "office"],
            help="who decided: 信用修复, 异议处理, 法院, 信用主管部门",
        )
        order.add_argument("--reason", required=True, type=reason, help="why, in a few words")
        order.add_argument("--legal-basis", default="", help="law and article")
    approve = commands.add_parser("approve", help="take a held delivery as it is")
    approve.add_argument("batch_id", type=int, help="报送批次, as on its page")
    approve.add_argument("--reason", required=True, type=reason, help="what was found when it was looked at")
    dismiss = commands.add_parser("dismiss", help="close a quarantined row that will not be corrected")
    dismiss.add_argument("batch_id", type=int, help="报送批次, as on its page")
    dismiss.add_argument("line_no", type=int, help="行号, as on the page of its batch")
    dismiss.add_argument("--reason", required=True, type=reason, help="why it will not be corrected")

    settle = commands.add_parser("settle", help="state what became of a shipment of which the platform does not say it")
    settle.add_argument("shipment_no", help="上报批次, as on the page 上报平台")
    settle.add_argument(
        "--as", dest="fate", required=True, choices=["delivered", "afresh"], help="all its records arrived, or none did"
    )
    settle.add_argument("--reason", required=True, type=reason, help="who at the platform said so")

    skip = commands.add_parser("skip", help="state that business dates that were passed by are not to be exchanged")
    skip.add_argument("date", type=day, help="the first business date")
    skip.add_argument("--until", type=day, help="the last one (default: only this one)")
    skip.add_argument("--reason", required=True, type=reason, help="why, in a few words")

    returns = commands.add_parser("return-file", help="write a department's quarantined rows as XLSX")
    returns.add_argument("department", help="its code, e.g. fz_gulou")
    returns.add_argument("--since", type=day, help="first business date (default: all)")
    returns.add_argument("--until", type=day, help="last business date (default: all)")
    returns.add_argument("--out", type=Path, required=True, help="the XLSX file; one that is there is replaced")
    evidence = commands.add_parser("evidence", help="export a record's evidence: explanation, shipments, replies")
    evidence.add_argument("record_id", help="as in the reports and pages")
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
    except KeyboardInterrupt:
        print("interrupted; what was finished stays, run it again for the rest", file=sys.stderr)
        return 130
    except Exception as error:
        if given.debug:
            raise
        print(f"error: {_unexpected(error)}", file=sys.stderr)
        return 1


def _unexpected(error: Exception) -> str:
    """Say what an error that nobody raised on purpose is; its own text may hold a person's data."""
    import psycopg
    from sqlalchemy.exc import OperationalError

    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    cause = error.orig if isinstance(error, OperationalError) else error
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:  # the server itself has a state to tell
        first = str(cause).splitlines()[0]
        return f"the database cannot be reached, see CREDIT_EXCHANGE_DATABASE_URL: {first}"
    return f"{without_values(error)}; run it with --debug before the command to see all"


def _checked(given: argparse.Namespace) -> None:
    """Raise FatalError for dates that cannot be meant together or yet."""
    if given.command == "night" and given.date:
        ended(given.date)
    since, until = getattr(given, "since", None), getattr(given, "until", None)
    if since and until and until < since:
        raise FatalError(f"--until {until} is before --since {since}")


def _run(given: argparse.Namespace, console: Console) -> int:
    _checked(given)
    if given.command == "schema":
        print(json.dumps(SCHEMAS[given.kind].model_json_schema(), ensure_ascii=False, indent=2))
        return 0
    if given.command == "config":
        from credit_exchange.steps import readiness

        found = load()
        readiness.check(found)
        for note in readiness.notes(found):
            console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"{found.root}: {len(found.datasets)} data sets, {len(found.feeds)} feeds, "
            f"{len(found.platforms)} platforms, "
            f"{len(found.sharing)} sharing rules: good",
            soft_wrap=True,
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
