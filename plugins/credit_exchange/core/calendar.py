"""Working days of the People's Republic of China, for the clocks that count them.

The plan of a year is published by the State Council's office about November of the year before
(国务院办公厅关于…年部分节假日 安排的通知) and kept as one file a year in ``include/calendar/``. A year without a file
is never guessed as if it were known: weekends are off, no holiday is assumed, and the answer says that it is
provisional. Such a deadline is never later than the true one can turn out, except where the plan makes a weekend a
working day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from credit_exchange.errors import ConfigurationError


class WorkCalendar:
    """Which days are worked, from the exceptions of each covered year: ``{year: {day: is_workday}}``.

    Days not named follow the week (Monday to Friday are worked). Raises ConfigurationError when a day is filed under
    another year.
    """

    def __init__(self, years: Mapping[int, Mapping[date, bool]]) -> None:
        """Build from exceptions; every year that is a key is covered."""
        for year, days in years.items():
            wrong = next((day for day in days if day.year != year), None)
            if wrong is not None:
                raise ConfigurationError(f"{year} 年的日历中有 {wrong}；请移到该日所属年份的文件")
        self._years = frozenset(years)
        self._exceptions: dict[date, bool] = {day: worked for days in years.values() for day, worked in days.items()}

    @property
    def plan(self) -> list[list[Any]]:
        """All that it says, as JSON holds it: the covered years, and each exception with whether it is worked."""
        exceptions = sorted(self._exceptions.items())
        return [sorted(self._years), [[day.isoformat(), worked] for day, worked in exceptions]]

    def covers(self, year: int) -> bool:
        """Whether the official plan of `year` is known."""
        return year in self._years

    def is_workday(self, day: date) -> bool:
        """Whether `day` is worked; in a year that is not covered, Monday to Friday are."""
        return self._exceptions.get(day, day.weekday() < 5)


def _read_year(path: Path) -> tuple[int, dict[date, bool]]:
    try:
        data: Any = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a day that does not exist
        raise ConfigurationError(f"{path}：不能作为 UTF-8 的 YAML 读取（{error}）；请更正") from error
    if not isinstance(data, dict) or data.get("year") != _year_of(path) or not str(data.get("source") or "").strip():
        raise ConfigurationError(f"{path}：应写明 year: {path.stem} 和 source（放假安排通知的文号）；请补上")
    unknown = sorted(set(data) - {"year", "source", "days_off", "days_worked"}, key=str)
    if unknown:
        raise ConfigurationError(f"{path}：没有键 {unknown[0]!r}；可用：year、source、days_off、days_worked")
    days: dict[date, bool] = {}
    for key, worked in (("days_off", False), ("days_worked", True)):
        for day in data.get(key) or {}:
            if type(day) is not date or day in days:
                raise ConfigurationError(f"{path}：{key}：{day!r} 不是日期 YYYY-MM-DD，或写了两次；请更正")
            days[day] = worked
    return data["year"], days


def _year_of(path: Path) -> int:
    if not (path.stem.isascii() and path.stem.isdigit() and len(path.stem) == 4):
        raise ConfigurationError(f"{path}：日历文件名应为 <年份>.yml，例如 2027.yml；请改名")
    return int(path.stem)


def load_calendar(folder: Path) -> WorkCalendar:
    """The calendar of all ``<year>.yml`` in `folder`. Raises ConfigurationError naming file and remedy, also for no
    file."""
    paths = sorted(folder.glob("*.yml"))
    if not paths:
        raise ConfigurationError(f"{folder}：没有日历文件；请为每一年放一个 <年份>.yml")
    return WorkCalendar(dict(_read_year(path) for path in paths))
