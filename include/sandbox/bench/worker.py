"""One step of the exchange in a process of its own, as Airflow runs it: ``python -m bench.worker collect FEED DATE``.

Prints what the step returned as one line of JSON. With BENCH_PROFILE naming a directory, the profile and the seconds of
each statement (by the first line of its file) are written there.
"""

from __future__ import annotations

import cProfile
import faulthandler
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from credit_exchange.steps.context import Exchange

_RECEIPTS_WITHIN_S = 600.0


def _collect(exchange: Exchange, feed: str, day: str) -> dict[str, Any]:
    from credit_exchange.steps.collect import collect

    return {"batch_id": collect(exchange, feed, date.fromisoformat(day))}


def _validate(exchange: Exchange, batch_id: str) -> dict[str, Any]:
    from credit_exchange.steps.validate import validate

    return dict(validate(exchange, int(batch_id)))


def _merge(exchange: Exchange, batch_id: str) -> dict[str, Any]:
    from credit_exchange.steps.merge import merge

    return dict(merge(exchange, int(batch_id)))


def _release(exchange: Exchange) -> dict[str, Any]:
    from credit_exchange.steps.release import release

    return {"release": release(exchange)}


def _drain(exchange: Exchange, platform: str) -> dict[str, Any]:
    """Drain, then look after open tasks until every receipt is there."""
    from credit_exchange.steps.push import drain, poll_receipts

    result = drain(exchange, platform)
    end = time.monotonic() + _RECEIPTS_WITHIN_S
    left = result
    while (left.awaiting or left.unknown) and time.monotonic() < end:
        time.sleep(0.5)
        left = poll_receipts(exchange, platform)
    return {**asdict(result), "awaiting": left.awaiting, "unknown": left.unknown}


_STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "collect": _collect,
    "validate": _validate,
    "merge": _merge,
    "release": _release,
    "drain": _drain,
}


def _watch(engine: Engine) -> dict[str, list[float]]:
    """Count the calls and seconds of every statement from now on."""
    spent: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    begun: list[float] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _before(*_arguments: Any) -> None:
        begun[:] = [time.perf_counter()]

    @event.listens_for(engine, "after_cursor_execute")
    def _after(_connection: Any, _cursor: Any, statement: str, *_arguments: Any) -> None:
        line = spent[statement.strip().split("\n", 1)[0][:150]]
        line[0] += 1
        line[1] += time.perf_counter() - begun[0]

    return spent


def main() -> int:
    """Run the step named by the arguments."""
    faulthandler.register(signal.SIGUSR1)  # where does it hang? kill -USR1 says it in the step's .err
    step, *rest = sys.argv[1:]
    profile_to = os.environ.get("BENCH_PROFILE", "")
    exchange = Exchange.open()
    try:
        if profile_to:
            spent = _watch(exchange.engine)
            profile = cProfile.Profile()
            result = profile.runcall(_STEPS[step], exchange, *rest)
            name = "-".join([step, *rest, str(os.getpid())])
            profile.dump_stats(Path(profile_to) / f"{name}.prof")
            lines = [f"{seconds:9.3f} s {int(calls):7d} x  {what}" for what, (calls, seconds) in spent.items()]
            (Path(profile_to) / f"{name}.sql").write_text("\n".join(sorted(lines, reverse=True)), encoding="utf-8")
        else:
            result = _STEPS[step](exchange, *rest)
    finally:
        exchange.engine.dispose()
    print(json.dumps(result, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
