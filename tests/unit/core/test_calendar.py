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


def test_a_year_without_a_plan_is_known_as_such_and_only_its_weekends_are_off(calendar: WorkCalendar):
    assert [year for year in range(2010, 2040) if calendar.covers(year)] == list(range(2016, 2027))
    assert calendar.is_workday(date(2027, 1, 1))
    assert not calendar.is_workday(date(2027, 1, 2))


def test_every_day_agrees_with_the_independent_library(calendar: WorkCalendar):
    days = (date(2016, 1, 1) + timedelta(days=i) for i in range((date(2027, 1, 1) - date(2016, 1, 1)).days))
    assert [d for d in days if calendar.is_workday(d) != chinese_calendar.is_workday(d)] == []


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
        ("2027.yml", "- 2027\n", "应写明 year: 2027"),
        ("2027.yml", "year: 2027\nsource: x\n2027: x\nmore: x\n", "没有键 2027"),
        (
            "2027.yml",
            "year: 2027\nsource: x\ndays_off:\n  2027-01-02: x\ndays_worked:\n  2027-01-02: x\n",
            "写了两次",
        ),
        ("27.yml", "year: 27\nsource: x\n", "请改名"),
        ("２０２７.yml", "year: 2027\nsource: x\n", "请改名"),
        ("next.yml", "year: 2027\nsource: x\n", "请改名"),
        ("none.txt", "", "没有日历文件"),
    ],
)
def test_a_wrong_calendar_file_is_named_with_its_remedy(tmp_path: Path, name: str, content: str, message: str):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        load_calendar(tmp_path)


def test_a_new_year_is_one_file_more(tmp_path: Path):
    (tmp_path / "2027.yml").write_text(
        "year: 2027\nsource: 国办\ndays_off:\n  2027-01-01: 元旦\ndays_worked:\n  2027-01-02: 上班\n", encoding="utf-8"
    )
    assert load_calendar(tmp_path).covers(2027)
    assert not load_calendar(tmp_path).is_workday(date(2027, 1, 1))
    assert load_calendar(tmp_path).is_workday(date(2027, 1, 2))
