"""What the benchmark says: the tables, and which promises are broken."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.sides import QUIET_TABLES, Night

MAX_RATIO = 0.25
RATIO_FROM = 1_000_000
MAX_MIB = 1024.0


@dataclass
class Result:
    """One size: the plain script, the exchange, and the exchange's unchanged night; None where it was not run."""

    rows: int
    plain: Night | None = None
    product: Night | None = None
    unchanged: Night | None = None

    @property
    def ratio(self) -> float | None:
        """Time of the exchange by time of the plain script."""
        return self.product.seconds / self.plain.seconds if self.product and self.plain else None


def broken(result: Result) -> list[str]:
    """The promises that this result breaks, as sentences."""
    found = []
    size = f"{result.rows:,} records"
    if result.ratio is not None and result.rows >= RATIO_FROM and result.ratio > MAX_RATIO:
        found.append(f"{size}: {result.ratio:.2f} of the plain script's time; at most {MAX_RATIO} is promised")
    for night in (result.product, result.unchanged):
        for process in night.processes if night else []:
            if process.peak_mib > MAX_MIB:
                found.append(f"{size}: {process.name} held {process.peak_mib:,.0f} MiB; at most 1 GiB is promised")
    if result.product and result.plain:
        for kind, count in result.product.shown.items():
            other = result.plain.shown[kind].shown
            if count.shown != other:
                found.append(f"{size}: {kind} has {count.shown:,} records of the exchange, {other:,} of the script")
    if result.product and min(count.shown for count in result.product.shown.values()) < 0.9 * result.rows:
        found.append(f"{size}: a receiver has less than nine tenths of the records")
    if result.product and result.unchanged:
        for name in QUIET_TABLES:
            if result.unchanged.written.get(name):
                found.append(f"{size}: the unchanged night wrote {result.unchanged.written[name]:,} rows of {name}")
        for kind, count in result.unchanged.shown.items():
            more = count.data_calls - result.product.shown[kind].data_calls
            if more:
                found.append(f"{size}: the unchanged night made {more} data calls to {kind}")
    return found


def show(results: list[Result], say: Console) -> None:
    """Print every size's tables and the comparison."""
    for result in results:
        if result.plain:
            _night(result.plain, f"plain script, {result.rows:,} records", say, stages=True)
        if result.product:
            _night(result.product, f"exchange, {result.rows:,} records", say)
        if result.unchanged:
            _night(result.unchanged, f"exchange, unchanged night, {result.rows:,} records", say)
            written = {name: number for name, number in result.unchanged.written.items() if number}
            say.print("rows written by the unchanged night (bookkeeping):", written)
    table = Table(title="comparison", title_justify="left")
    for column in ("records", "plain s", "exchange s", "ratio", "exchange rows/s", "peak MiB", "unchanged s", "shown"):
        table.add_column(column, justify="right")
    for result in results:
        night = result.product
        some = night or result.plain
        shown = some.shown if some else {}
        table.add_row(
            f"{result.rows:,}",
            f"{result.plain.seconds:.1f}" if result.plain else "–",
            f"{night.seconds:.1f}" if night else "–",
            f"{result.ratio:.3f}" if result.ratio is not None else "–",
            f"{result.rows / night.seconds:,.0f}" if night else "–",
            f"{night.peak_mib:,.0f}" if night else "–",
            f"{result.unchanged.seconds:.1f}" if result.unchanged else "–",
            " ".join(f"{count.shown:,}" for count in shown.values()),
        )
    say.print(table)
    _linearity(results, say)


def _linearity(results: list[Result], say: Console) -> None:
    done = [(result.rows, result.product.seconds) for result in results if result.product]
    if len(done) > 1:
        (small, first), (large, last) = done[0], done[-1]
        factor = last / (first * large / small)
        say.print(f"cost of {large:,} records by {large // small} × {small:,}: {factor:.2f} (1 is linear)")


def _night(night: Night, title: str, say: Console, *, stages: bool = False) -> None:
    table = Table(title=title, title_justify="left")
    for column, side in (("step", "left"), ("s", "right"), ("CPU s", "right"), ("rows/s", "right"), ("MiB", "right")):
        table.add_column(column, justify="left" if side == "left" else "right")
    if stages:
        for name, seconds in night.stages.items():
            table.add_row(f"  {name}", f"{seconds:.2f}", "", _rate(night.rows, seconds), "")
    for process in night.processes:
        rows = int(process.result.get("rows_delivered", 0)) or night.rows
        half = "collect" in process.name or "validate" in process.name or "merge" in process.name
        rate = _rate(night.rows // 2 if half else rows, process.seconds)
        table.add_row(
            process.name, f"{process.seconds:.2f}", f"{process.cpu_seconds:.2f}", rate, f"{process.peak_mib:,.0f}"
        )
    table.add_section()
    if not stages:
        for name, seconds in night.stages.items():
            table.add_row(f"all of {name}", f"{seconds:.2f}", "", _rate(night.rows, seconds), "")
    table.add_row("CPU of PostgreSQL", "", f"{night.database_cpu:.2f}", "", "")
    for kind, count in night.shown.items():
        table.add_row(f"CPU of receiver {kind} so far", "", f"{count.cpu_seconds:.2f}", "", "")
    table.add_row("total", f"{night.seconds:.2f}", "", _rate(night.rows, night.seconds), f"{night.peak_mib:,.0f}")
    say.print(table)


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f}" if seconds > 0 else "–"
