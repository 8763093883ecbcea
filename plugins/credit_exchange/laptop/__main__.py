"""`python -m credit_exchange.laptop run|stop|status`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from credit_exchange.errors import ExchangeError
from credit_exchange.laptop.launcher import EXIT_BROKEN, Launcher, running_pid, stop
from credit_exchange.laptop.settings import Laptop


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m credit_exchange.laptop", description="the exchange on one machine")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything, run the last night, stay until Ctrl-C")
    run.add_argument("--once", action="store_true", help="end after the night: 0 all good, 2 a part failed")
    run.add_argument(
        "--faults",
        action="store_true",
        help="broken deliveries and misbehaving platforms, in a home of their own (<home>/faults)",
    )
    commands.add_parser("stop", help="stop what runs")
    commands.add_parser("status", help="say what runs")
    commands.add_parser("clean", help="stop what runs and delete the database's files, wherever they are")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=False)
    try:
        base = Laptop.of()
        homes = [base, Laptop.of(base.home / "faults")] if (base.home / "faults").exists() else [base]
        if chosen.command == "run":
            # apart from the good nights: what was landed and delivered for a date once is never replaced
            laptop = Laptop.of(base.home / "faults") if chosen.faults else base
            return Launcher(laptop, console, once=chosen.once, faults=chosen.faults).run()
        for laptop in homes:
            if chosen.command == "clean":
                stop(laptop)
                laptop.server().delete()
            elif chosen.command == "stop":
                console.print(f"{laptop.home}: {'stopped' if stop(laptop) else 'nothing runs'}", soft_wrap=True)
            else:
                pid = running_pid(laptop)
                what = f"runs (pid {pid}), {laptop.ui_url}" if pid else "nothing runs"
                console.print(f"{laptop.home}: {what}", soft_wrap=True, highlight=False)
    except ExchangeError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return EXIT_BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
