"""A year that begins without the plan of its holidays is told before a deadline falls into it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange


@pytest.fixture
def every_year_is_planned() -> None:
    """Not here."""


def test_a_year_without_the_plan_is_told_anew_as_it_comes_nearer_and_over_when_it_is_there(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on a clock of working days guesses. The plan is published in November, and is one file."""
    exchange.config = dataclasses.replace(exchange.config, root=tmp_path)

    def found(today: str, last_known: int) -> list[tuple[str, str]]:
        (tmp_path / "calendar").mkdir(exist_ok=True)
        (tmp_path / f"calendar/{last_known}.yml").write_text(f"year: {last_known}\nsource: 国办\n", encoding="utf-8")
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"{today}T00:30:00")
        return [(one.incident_key, one.severity) for one in watchdog.check(exchange)]

    assert found("2026-11-30", 2026) == []
    for today in ("2026-12-01", "2026-12-17"):
        assert found(today, 2026) == [("calendar:2027:31", "warning")]
    for today in ("2026-12-18", "2026-12-31"):
        assert found(today, 2026) == [("calendar:2027:14", "warning")]
    for today in ("2027-01-01", "2027-12-31"):
        assert found(today, 2026) == [("calendar:2027:0", "critical")]
    assert found("2027-12-31", 2027) == [("calendar:2028:14", "warning")]
    assert found("2028-02-29", 2027) == [("calendar:2028:0", "critical")]
    assert found("2028-02-29", 2028) == []


def test_a_wrong_calendar_is_told_and_keeps_nothing_else_from_being_looked_at(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2027.yml").write_text("year: 2026\n", encoding="utf-8")
    exchange.config = dataclasses.replace(exchange.config, root=tmp_path)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T12:00:00")
    [one] = watchdog.check(exchange)
    assert (one.incident_key, one.severity) == ("calendar:files", "critical")
    assert "应写明 year: 2027" in one.detail
