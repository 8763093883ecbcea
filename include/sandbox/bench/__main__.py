"""``python -m bench``: both sides on the same data in one run, with a verdict as exit status.

Exit status 1 when a promise is broken: at 1,000,000 records more than a quarter of the plain script's time, a process
of the exchange above 1 GiB, an unchanged night that writes records or sends data, or receivers that did not get the
same number of records from both sides.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from bench.report import RATIO_FROM, Result, broken, show
from bench.sides import Product, Sizes, plain_night
from bench.surroundings import BenchError, Receivers, Surroundings, surroundings


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default="100000,1000000", help="numbers of records, comma-separated")
    parser.add_argument("--keep", type=Path, help="directory to work in and to keep; a temporary one without it")
    parser.add_argument("--only", choices=["product", "plain"], help="one side alone; no ratio, no verdict on it")
    parser.add_argument(
        "--receivers",
        choices=["strict", "bare"],
        default="bare",
        help="bare: receivers that count and answer, so that the senders' time is seen; strict: the sandbox platforms, "
        "which check and store everything and cost about as much as either sender",
    )
    parser.add_argument("--profile", action="store_true", help="profile every step into <keep>/profiles")
    arguments = parser.parse_args(argv)
    try:
        arguments.sizes = sorted({int(size.replace("_", "")) for size in arguments.sizes.split(",")})
    except ValueError:
        parser.error("--sizes: whole numbers, e.g. 100000,1000000")
    if arguments.sizes[0] < 100:
        parser.error("--sizes: at least 100 records")
    if arguments.profile and not arguments.keep:
        parser.error("--profile needs --keep DIR")
    return arguments


def _one_size(around: Surroundings, rows: int, only: str | None, module: str, say: Console) -> Result:
    say.print(f"[bold]{rows:,}[/bold] records: making the deliveries …")
    began = time.perf_counter()
    size = Sizes.make(around, rows)
    say.print(f"  made in {time.perf_counter() - began:.1f} s")
    result = Result(rows)
    if only != "product":
        with Receivers(around.environment, module) as receivers:
            result.plain = plain_night(size, receivers)
            say.print(f"  plain script: {result.plain.seconds:.1f} s")
    if only != "plain":
        with Receivers(around.environment, module) as receivers:
            product = Product(size, receivers)
            result.product = product.night()
            say.print(f"  exchange: {result.product.seconds:.1f} s")
            result.unchanged = product.night(later=1)
            say.print(f"  exchange, unchanged night: {result.unchanged.seconds:.1f} s")
            product.drop()
    around.server.drop_database(f"front_{rows}")
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print it."""
    arguments = _arguments(argv)
    say = Console()
    results: list[Result] = []
    module = "bench.receiver" if arguments.receivers == "strict" else "bench.bare"
    try:
        with surroundings(arguments.keep, arguments.profile) as around:
            for rows in arguments.sizes:
                results.append(_one_size(around, rows, arguments.only, module, say))
    except BenchError as error:
        say.print(str(error), style="red", markup=False)
        return 1
    show(results, say)
    problems = [problem for result in results for problem in broken(result)]
    for problem in problems:
        say.print(f"[red]BROKEN[/red] {problem}")
    if not problems:
        judged = arguments.only is None and arguments.sizes[-1] >= RATIO_FROM
        not_judged = "" if judged else f" (the ratio is judged only with both sides, from {RATIO_FROM:,} records on)"
        say.print(f"[green]no promise judged here is broken[/green]{not_judged}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
