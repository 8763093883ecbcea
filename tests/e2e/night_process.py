"""One night in a process of its own, which can be killed: `python night_process.py <business date> <feed> …`."""

from __future__ import annotations

import os
import sys
from datetime import date

from town import quick

from credit_exchange.config.loader import load
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_night
from credit_exchange.stores.database import connect


def main() -> int:
    """Run the night with the waiting times of tests; 0 when it was good."""
    exchange = Exchange(config=quick(load()), engine=connect(os.environ["CREDIT_EXCHANGE_DATABASE_URL"]))
    result = run_night(exchange, date.fromisoformat(sys.argv[1]), feeds=sys.argv[2:], say=print)
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
