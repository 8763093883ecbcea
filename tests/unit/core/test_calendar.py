"""Working days: as the State Council planned them, and never guessed in silence."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest

from credit_exchange.core.calendar import WorkCalendar, load_calendar
from credit_exchange.errors import ConfigurationError

FOLDER = Path(__file__).parents[3] / "include" / "calendar"


@pytest.fixture(scope="module")
def calendar() -> WorkCalendar:
    return load_calendar(FOLDER)


@pytest.mark.parametrize(
    ("decided", "three", "seven", "twenty"),
    [
        ("2026-02-13", "2026-02-25", "2026-03-02", "2026-03-19"),  # Spring Festival with two worked Saturdays
        ("2026-04-29", "2026-05-07", "2026-05-12", "2026-05-29"),
        ("2026-09-18", "2026-09-22", "2026-09-29", "2026-10-22"),
        ("2026-09-28", "2026-10-08", "2026-10-13", "2026-10-30"),
    ],
)
def test_known_deadlines(calendar: WorkCalendar, decided: str, three: str, seven: str, twenty: str):
    for n, expected in ((3, three), (7, seven), (20, twenty)):
        end = date.fromisoformat(expected)
        assert calendar.add_working_days(date.fromisoformat(decided), n) == (end, False)
        assert calendar.working_days_between(date.fromisoformat(decided), end) == (n, False)


def test_a_deadline_beyond_the_last_plan_is_provisional_and_not_later_than_needed(calendar: WorkCalendar):
    assert calendar.years == tuple(range(2016, 2027))
    assert not calendar.covers(2027)
    assert calendar.add_working_days(date(2026, 12, 22), 7) == (date(2026, 12, 31), False)
    assert calendar.add_working_days(date(2026, 12, 23), 7) == (date(2027, 1, 1), True)
    assert calendar.working_days_between(date(2026, 12, 31), date(2027, 1, 4)) == (2, True)


def test_every_day_agrees_with_the_independent_library(calendar: WorkCalendar):
    days = (date(2016, 1, 1) + timedelta(days=i) for i in range((date(2027, 1, 1) - date(2016, 1, 1)).days))
    assert [d for d in days if calendar.is_workday(d) != chinese_calendar.is_workday(d)] == []


def test_the_bounds_of_counting(calendar: WorkCalendar):
    assert calendar.add_working_days(date(2026, 5, 1), 0) == (date(2026, 5, 1), False)
    assert calendar.working_days_between(date(2026, 5, 2), date(2026, 5, 1)) == (0, False)
    for wrong in (-1, 100_000):
        with pytest.raises(ValueError, match="working days"):
            calendar.add_working_days(date(2026, 5, 1), wrong)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("2027.yml", "year: 2026\nsource: x\n", "应写明 year: 2027"),
        ("2027.yml", "year: 2027\n", "source"),
        ("2027.yml", "year: 2027\nsource: x\noff:\n  2027-01-01: x\n", "没有键"),
        ("2027.yml", "year: 2027\nsource: x\ndays_off:\n  2027-13-01: x\n", "不能作为 UTF-8 的 YAML 读取"),
        ("2027.yml", "year: 2027\nsource: x\ndays_off:\n  2026-01-01: x\n", "所属年份"),
        ("2027.yml", "year: 2027\nsource: x\ndays_off:\n  new year: x\n", "不是日期"),
        ("2027.yml", "year: 2027\nsource: x\ndays_off:\n  - [", "不能作为 UTF-8 的 YAML 读取"),
        ("next.yml", "year: 2027\nsource: x\n", "请改名"),
        ("none.txt", "", "没有日历文件"),
    ],
)
def test_a_wrong_calendar_file_is_named_with_its_remedy(tmp_path: Path, name: str, content: str, message: str):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        load_calendar(tmp_path)


def test_a_new_year_is_one_file_more(tmp_path: Path):
    (tmp_path / "2027.yml").write_text("year: 2027\nsource: 国办\ndays_off:\n  2027-01-01: 元旦\n", encoding="utf-8")
    assert load_calendar(tmp_path).add_working_days(date(2027, 1, 1), 1) == (date(2027, 1, 4), False)
