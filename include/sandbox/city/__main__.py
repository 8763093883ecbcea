"""`python -m city generate|load-database|serve`: makes the sandbox city, fills its front tables, runs its services."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import date
from pathlib import Path

from city import database, home, serve
from city.generate import generate


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0 good, 1 cannot be done)."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "generate":
            city = generate(given.home, given.inbox, given.seed, given.until, given.days, given.volume, given.faults)
            print(f"city: {len(city.days)} business dates up to {max(city.days)}; key in {given.home / 'key'}")
        elif given.command == "load-database":
            counts = database.load(given.url, home.read(given.home))
            print("city: " + ", ".join(f"{table} {rows} rows" for table, rows in counts.items()))
        else:
            _serve(given)
    except home.CityError as error:
        print(f"city: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(given: argparse.Namespace) -> None:
    home.read(given.home)
    try:
        server = serve.server(given.home, given.port, given.token, given.faults)
    except OSError as error:
        raise home.CityError(
            f"port {given.port} cannot be used ({error.strerror}): choose another with --port"
        ) from None

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with server:
        print(f"city: services on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever(poll_interval=0.2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m city", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="make deliveries in the inbox, and the answer key")
    make.add_argument("--home", type=Path, required=True, help="where the city keeps city.json and key/")
    make.add_argument("--inbox", type=Path, required=True, help="where file feeds are dropped")
    make.add_argument("--seed", type=int, default=7)
    make.add_argument("--until", type=date.fromisoformat, required=True, help="last business date, YYYY-MM-DD")
    make.add_argument("--days", type=int, default=1)
    make.add_argument("--volume", type=float, default=1.0, help="1.0 is about 700 rows a night")
    make.add_argument("--faults", action="store_true", help="broken deliveries on the last day")
    fill = commands.add_parser("load-database", help="make and fill the departments' front tables")
    url = os.environ.get("CITY_DATABASE_URL", "")
    fill.add_argument("--url", default=url, help="SQLAlchemy URL (CITY_DATABASE_URL)")
    fill.add_argument("--home", type=Path, required=True)
    run = commands.add_parser("serve", help="run the departments' HTTP services")
    run.add_argument("--home", type=Path, required=True)
    run.add_argument("--port", type=int, required=True)
    run.add_argument("--token", default=os.environ.get("CITY_TOKEN", ""), help="what callers must show (CITY_TOKEN)")
    run.add_argument("--faults", action="store_true", help="one service fails")
    return parser


if __name__ == "__main__":
    sys.exit(main())
