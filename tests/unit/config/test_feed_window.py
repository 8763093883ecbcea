"""From when to when a feed's file applies: nights of other dates pass it over, and say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from credit_exchange.config.loader import Configuration, as_it_is
from credit_exchange.core.business_time import last_business_date
from credit_exchange.steps.readiness import notes
from credit_exchange.ui.night import not_due

FIRST, LAST = date(2026, 11, 5), date(2026, 11, 9)
FEED = "fz_zjj_permit"


@pytest.fixture
def of(copied: Path) -> Callable[[str], Configuration]:
    """Return a function that loads the shipped configuration with these lines in a feed's file."""

    def loaded(lines: str) -> Configuration:
        path = copied / "feeds" / f"{FEED}.yml"
        path.write_text(path.read_text(encoding="utf-8") + lines, encoding="utf-8")
        return as_it_is(copied)

    return loaded


def test_a_feed_delivers_from_its_first_to_its_last_date(of: Callable[[str], Configuration]) -> None:
    config = of(f"valid_from: {FIRST}\nvalid_to: {LAST}\n")
    days = [FIRST + timedelta(days=n) for n in range(-1, 6)]
    assert [day for day in days if FEED in config.feeds_on(day)] == days[1:-1]
    assert set(config.ids("feed")) - set(config.feeds_on(days[0])) == {FEED}


def test_one_date_is_enough(of: Callable[[str], Configuration]) -> None:
    config = of(f"valid_from: {FIRST}\nvalid_to: {FIRST}\n")
    assert not config.broken
    assert FEED in config.feeds_on(FIRST)


def test_without_dates_it_always_delivers(of: Callable[[str], Configuration]) -> None:
    assert FEED in of("").feeds_on(date(2016, 1, 1))


def test_one_whose_file_is_wrong_is_not_passed_over(of: Callable[[str], Configuration]) -> None:
    """Nobody knows then from when it delivers: that it fails is what people see."""
    config = of("valid_from: tomorrow\n")
    assert FEED in config.broken[f"feed {FEED}"][0]
    assert FEED in config.feeds_on(FIRST)


def test_an_end_before_the_beginning_is_refused(of: Callable[[str], Configuration]) -> None:
    (problem,) = of(f"valid_from: {LAST}\nvalid_to: {FIRST}\n").broken[f"feed {FEED}"]
    assert "valid_to 早于 valid_from" in problem


@pytest.mark.parametrize(
    ("line", "is_told"), [("valid_from: 2096-11-05", True), ("valid_to: 2026-01-01", True), ("", False)]
)
def test_a_check_tells_what_is_not_collected_now(of: Callable[[str], Configuration], line: str, is_told: bool) -> None:
    told = [note for note in notes(of(line + "\n")) if note.startswith(f"feeds/{FEED}.yml：报送期")]
    assert len(told) == is_told
    assert all(str(last_business_date()) in note for note in told)


def test_the_night_page_names_what_is_passed_over_and_did_not_deliver(of: Callable[[str], Configuration]) -> None:
    config = of(f"valid_from: {LAST}\n")
    assert not_due(config, FIRST, []) == ["福州市城乡建设局 · 行政许可"]
    assert not_due(config, FIRST, [{"feed": FEED}]) == []
    assert not_due(config, LAST, []) == []


@pytest.mark.parametrize(("begins", "is_told"), [(LAST, True), (LAST + timedelta(days=1), False)])
def test_two_files_of_one_source_are_told_only_where_both_deliver_on_a_date(
    of: Callable[[str], Configuration], copied: Path, begins: date, is_told: bool
) -> None:
    """So a department keeps its file's name when its columns change on a day."""
    text = (copied / "feeds" / f"{FEED}.yml").read_text(encoding="utf-8")
    (copied / "feeds" / "fz_zjj_permit_next.yml").write_text(f"{text}valid_from: {begins}\n", encoding="utf-8")
    told = [note for note in notes(of(f"valid_to: {LAST}\n")) if "读取同一来源" in note]
    assert len(told) == is_told
