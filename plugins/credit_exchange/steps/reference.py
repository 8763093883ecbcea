"""Copies the working-day calendar and the statutory clocks from the configuration into tables, when they changed; tells
of a year whose plan of holidays is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pyarrow as pa

from credit_exchange.config.loader import Configuration
from credit_exchange.core.business_time import pretended, today
from credit_exchange.core.calendar import WorkCalendar, load_calendar
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.alerts import Finding
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table
from credit_exchange.stores.database import transaction

FIRST_DAY = date(2016, 1, 1)
CALENDAR = "calendar:"
TOLD_AT = (0, 14, 31)
"""Days before a year without a plan: at each of them it is an incident of its own. The plan is published in November;
the first deadlines that need it are those of decisions made some ten days before the year."""


def sync_reference(exchange: Exchange) -> bool:
    """Bring calendar and clocks up to date; return whether any of them was written.

    Days beyond the published calendar are filled two years ahead and marked provisional.
    """
    calendar = calendar_of(exchange.config)
    last = date(today().year + 2, 12, 31)
    clocks = [
        {
            "dataset": name,
            "clock": clock.id,
            "name": clock.name,
            "amber_days": clock.amber.days,
            "amber_working": clock.amber.kind == "working",
            "red_days": clock.red.days,
            "red_working": clock.red.kind == "working",
        }
        for name, dataset in sorted(exchange.config.datasets.items())
        for clock in dataset.clocks
    ]
    digest = sm3_hex(canonical_json([clocks, calendar.plan, [FIRST_DAY.isoformat(), last.isoformat()]]))
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("reference/lock"))
        moment = pretended()
        connection.execute(sql.load("reference/business_now"), {"moment": moment.isoformat() if moment else None})
        if connection.execute(sql.load("reference/remembered")).scalar() == digest:
            return False
        days = _days(calendar, last)
        connection.execute(sql.load("reference/clear_calendar"))
        connection.execute(sql.load("reference/clear_clocks"))
        table = pa.table(
            {
                "day": [str(day) for day, _, _, _ in days],
                "is_workday": [worked for _, worked, _, _ in days],
                "ordinal": [ordinal for _, _, ordinal, _ in days],
                "provisional": [provisional for _, _, _, provisional in days],
            }
        )
        copy_table(connection, "reference/copy_calendar", table)
        if clocks:
            connection.execute(sql.load("reference/store_clock"), clocks)
        connection.execute(sql.load("reference/remember"), {"digest": digest})
    return True


def unplanned(exchange: Exchange) -> Iterable[Finding]:
    """Find that the plan of a year is missing that begins soon or has begun: deadlines there are guessed."""
    try:
        calendar = calendar_of(exchange.config)
    except ConfigurationError as error:
        what = "工作日日历有错，下一夜不能运行"
        yield Finding(f"{CALENDAR}files", "critical", what, str(error)[:1000], "/exchange/night")
        return
    year = today().year
    while calendar.covers(year):
        year += 1
    days = (date(year, 1, 1) - today()).days
    bound = next((bound for bound in TOLD_AT if days <= bound), None)
    if bound is not None:
        yield Finding(
            f"{CALENDAR}{year}:{bound}",
            "warning" if bound else "critical",
            f"工作日日历中没有 {year} 年的节假日安排",
            f"落在 {year} 年的工作日期限暂按只休周末推算，报送时限的超期和及时率因此不准；"
            f"请按国务院办公厅的通知（一般在上一年 11 月公布）新增 calendar/{year}.yml，写法同往年的文件，"
            "下一夜即按它重新计算",
            "/exchange/night",
        )


def calendar_of(config: Configuration) -> WorkCalendar:
    """Return the configuration's calendar, the shipped one where it has none. Raises ConfigurationError."""
    folder = config.root / "calendar"
    return load_calendar(folder if folder.is_dir() else sql.ROOT.parent / "calendar")


def _days(calendar: WorkCalendar, last: date) -> list[tuple[date, bool, int, bool]]:
    days, ordinal, day = [], 0, FIRST_DAY
    while day <= last:
        worked = calendar.is_workday(day)
        ordinal += worked
        days.append((day, worked, ordinal, not calendar.covers(day.year)))
        day += timedelta(days=1)
    return days
