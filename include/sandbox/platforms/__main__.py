"""``python -m platforms``: serve one platform or all three until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from .sandbox import Sandbox

_LABELS = {"fuzhou": "信用福州", "fujian": "信用福建", "china": "信用中国"}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m platforms", description=__doc__)
    parser.add_argument("--kind", choices=["all", *_LABELS], default="all")
    parser.add_argument("--home", type=Path, help="directory of the SQLite files; without it nothing is kept")
    parser.add_argument("--ports", default="", help="comma-separated, in the order fuzhou,fujian,china; 0: any")
    parser.add_argument(
        "--credentials-file",
        type=Path,
        required=True,
        help="JSON, by platform: fuzhou app_key and app_secret, fujian client_id and client_secret, china token",
    )
    parser.add_argument(
        "--faults-file", type=Path, help='JSON: {"fuzhou": [{"endpoint", "fault", "times", "after", options…}], …}'
    )
    parser.add_argument("--no-rate-limit", action="store_true", help="信用中国 takes any number of calls a second")
    parser.add_argument("--fast", action="store_true", help="counters instead of the ledger's rows, no rate limit")
    parser.add_argument("--delay-seconds", type=float, default=0.0, help="waited before every answer")
    parser.add_argument("--task-seconds", type=float, default=0.5, help="how long a task of 信用福建 takes")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; exit code 0 after a clean stop, 1 when a sandbox had an error of its own."""
    arguments = _arguments(argv)
    kinds = list(_LABELS) if arguments.kind == "all" else [arguments.kind]
    ports = [int(port) for port in arguments.ports.split(",") if port] or [0] * len(kinds)
    if len(ports) != len(kinds):
        print(f"--ports: {len(kinds)} wanted, {len(ports)} given", file=sys.stderr)
        return 2
    credentials = json.loads(arguments.credentials_file.read_text(encoding="utf-8"))
    faults = json.loads(arguments.faults_file.read_text(encoding="utf-8")) if arguments.faults_file else {}
    if arguments.home:
        arguments.home.mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    sandboxes: list[Sandbox] = []
    try:
        for kind, port in zip(kinds, ports, strict=True):
            sandbox = Sandbox(
                kind,
                port=port,
                store=str(arguments.home / f"{kind}.sqlite") if arguments.home else ":memory:",
                credentials=credentials.get(kind),
                rate_limit=not (arguments.no_rate_limit or arguments.fast),
                delay_seconds=arguments.delay_seconds,
                task_seconds=arguments.task_seconds,
                fast=arguments.fast,
            )
            sandboxes.append(sandbox)
            sandbox.faults.load(faults.get(kind, []))
            sandbox.start()
            print(f"{kind} {_LABELS[kind]} {sandbox.url}", flush=True)
        while not ended.wait(1.0):
            pass  # waiting in short steps lets a signal in on every system
    finally:
        for sandbox in sandboxes:
            sandbox.close()
    return 1 if any(sandbox.errors for sandbox in sandboxes) else 0


if __name__ == "__main__":
    sys.exit(main())
