"""What every feed delivers for one business date: a function of seed, feed, date and volume alone.

Because no date depends on which others were made, one more day never changes an earlier day's files.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from random import Random

from city import people
from city.defects import DEFECTS
from city.departments import BY_ID, FeedSpec
from city.records import Row, ordinary, penalty, permit, reported_by_window

FEWEST = 14
"""New ordinary records a night at least: later nights change, repeat and withdraw the first of them."""

WITHDRAW, REINSTATE = "撤销", "恢复"


def count_of(spec: FeedSpec, volume: float) -> int:
    """Ordinary new records of a night."""
    return max(4 if spec.full_days else FEWEST, round(spec.rows * volume))


@lru_cache(maxsize=2048)
def _plain(seed: int, spec: FeedSpec, day: date, volume: float) -> tuple[Row, ...]:
    rows = ordinary(seed, spec, day, count_of(spec, volume))
    return tuple(_stamp(spec, day, rows))


@lru_cache(maxsize=2048)
def _planted(seed: int, spec: FeedSpec, day: date, volume: float) -> tuple[Row, ...]:
    make = permit if spec.dataset == "permit" else penalty
    rows: list[Row] = []
    for number, name in enumerate(spec.defects, start=801):
        rng = Random(f"{seed}/{spec.feed}/{day.isoformat()}/{name}")
        base = make(rng, spec, spec.agency, people.make(rng, "legal", day), day, number)
        for row in DEFECTS[name](base, rng, day):
            row.defect = name
            rows.append(row)
    if spec.feed == "fz_zwfw_permit":
        rows += reported_by_window(seed, spec, day, count_of(BY_ID["fz_scjg_permit"], volume))
    return tuple(_stamp(spec, day, rows, hour=14))


def _stamp(spec: FeedSpec, day: date, rows: list[Row], hour: int = 8) -> list[Row]:
    if spec.stamped:
        start = datetime.combine(day, time(hour))
        step = max(1, min(37, 5 * 3600 // max(1, len(rows))))  # all within five hours, no two at once
        for i, row in enumerate(rows):
            row.updated = (start + timedelta(seconds=step * i)).strftime("%Y-%m-%d %H:%M:%S")
    return rows


def plain(seed: int, spec: FeedSpec, day: date, volume: float) -> list[Row]:
    """The day's new records without defects (fresh copies)."""
    return [row.clone() for row in _plain(seed, spec, day, volume)]


def planted(seed: int, spec: FeedSpec, day: date, volume: float) -> list[Row]:
    """The day's planted rows (fresh copies)."""
    return [row.clone() for row in _planted(seed, spec, day, volume)]


def changed(row: Row) -> Row:
    """The record with the content it has after a correction by the department."""
    row.defect = "changed"
    row.set("NR", row.get("NR") + "（更正）")
    row.values["BZ"] = "部门更正"
    return row


def _repeat(row: Row) -> Row:
    row.defect = "repeat"
    return row


def _order(row: Row, operation: str, reason: str) -> Row:
    row.operation, row.reason = operation, reason
    row.defect = "withdrawal" if operation == WITHDRAW else "reinstatement"
    return row


def delivery(seed: int, spec: FeedSpec, day: date, volume: float) -> list[Row]:
    """The rows in this day's file; for a table or a service, the rows added on this day. In the order delivered."""

    def ago(days: int) -> list[Row]:
        return plain(seed, spec, day - timedelta(days=days), volume)

    if spec.full_days:
        return _full(seed, spec, day, volume)
    rows = plain(seed, spec, day, volume) + planted(seed, spec, day, volume)
    if spec.windowed:
        # three days later, so that no window of two days ever holds both contents of one record
        return rows + _stamp(spec, day, [changed(row) for row in ago(3)[6:8]], hour=20)
    rows += [_repeat(row) for row in ago(1)[:6]] + [changed(row) for row in ago(1)[6:8]]
    if "legacy_code" in spec.defects:
        rows += _with_unified_code(seed, spec, day - timedelta(days=1))
    if spec.operation:
        rows += [_order(row, WITHDRAW, "原许可决定已被依法撤销") for row in ago(2)[8:10]]
        rows += [_order(row, REINSTATE, "复议决定恢复原许可") for row in ago(4)[9:10]]
    Random(f"{seed}/{spec.feed}/{day.isoformat()}/order").shuffle(rows)
    return rows


def _with_unified_code(seed: int, spec: FeedSpec, day: date) -> list[Row]:
    """The record reported on `day` with its old organisation code only, now with the unified code around it."""
    rng = Random(f"{seed}/{spec.feed}/{day.isoformat()}/legacy_code")
    number = 801 + spec.defects.index("legacy_code")
    row = permit(rng, spec, spec.agency, people.make(rng, "legal", day), day, number)
    row.defect = "legacy_code_resolved"
    return [row]


def _full(seed: int, spec: FeedSpec, day: date, volume: float) -> list[Row]:
    rows: list[Row] = []
    for back in range(spec.full_days - 1, -1, -1):
        born = day - timedelta(days=back)
        for place, row in enumerate(plain(seed, spec, born, volume)):
            if place == 2 and back >= 1:
                rows += _stamp(spec, born + timedelta(days=1), [changed(row)], hour=9)
            elif place == 3 and back == 2:
                # withdrawn today; tomorrow's full file carries the record again, and it must stay withdrawn
                rows += _stamp(spec, day, [_order(row, WITHDRAW, "许可依法注销")], hour=9)
            else:
                rows.append(_repeat(row) if back else row)
        if born.toordinal() % 5 == 0:  # three bad rows in every window, delivered again each night
            rows += planted(seed, spec, born, volume)
    return rows


def night(seed: int, spec: FeedSpec, day: date, volume: float, days: frozenset[date]) -> list[Row]:
    """What the exchange reads for this business date: the day's delivery, and yesterday's in a window's overlap."""
    rows = delivery(seed, spec, day, volume)
    yesterday = day - timedelta(days=1)
    if spec.windowed and yesterday in days:
        rows = delivery(seed, spec, yesterday, volume) + rows
    return rows
