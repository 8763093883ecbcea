"""One sandbox platform in a process of its own, empty at its start, that counts when asked over its standard input.

``python -m bench.receiver --kind fuzhou --credentials '{…}'`` prints its address, answers each line on standard input
with one line of JSON, and ends when standard input does (so it never outlives the benchmark). It is the platform of
``python -m platforms --fast --no-rate-limit``, kept in memory, with tasks done as soon as they are looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from platforms import Sandbox

_SHOWN = {
    "fuzhou": "SELECT count(*) FROM record WHERE shown",
    "fujian": "SELECT count(*) FROM record WHERE shown",
    "china": "SELECT count(*) FROM record",
}


def main() -> int:
    """Serve until standard input ends; exit code 1 when the sandbox had an error of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.receiver", description=__doc__)
    parser.add_argument("--kind", choices=sorted(_SHOWN), required=True)
    parser.add_argument("--credentials", type=json.loads, required=True)
    arguments = parser.parse_args()
    sandbox = Sandbox(arguments.kind, credentials=arguments.credentials, rate_limit=False, task_seconds=0.0, fast=True)
    with sandbox:
        print(sandbox.url, flush=True)
        for _line in sys.stdin:
            sandbox.platform.settle()
            shown = sandbox.platform.store.read(_SHOWN[arguments.kind])[0][0]
            told = {"shown": shown, "cpu": time.process_time(), "counters": dict(sandbox.ledger.counters)}
            print(json.dumps(told), flush=True)
        return 1 if sandbox.errors else 0


if __name__ == "__main__":
    sys.exit(main())
