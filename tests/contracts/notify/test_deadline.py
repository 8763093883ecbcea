"""What Airflow calls when a night missed its deadline: it looks into our tables, and tells people once."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from servers import Mailbox

from credit_exchange.adapters.notifiers import NightLateNotifier
from credit_exchange.steps import alerts
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import close_night, open_night

GIVEN: dict[str, Any] = {"dag_run": {}, "deadline": {}}


def missed() -> None:
    asyncio.run(NightLateNotifier().async_notify(GIVEN))


def test_a_missed_deadline_is_told_once_and_a_finished_night_is_none(
    exchange: Exchange, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-20T06:00:00")
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-19")
    missed()
    missed()  # a scheduler more, or the deadline of a run that was triggered by hand
    assert alerts.open_incidents(exchange, "late:") == ["late:2026-11-19"]
    assert len(mailbox.mails) == 1
    open_night(exchange, "manual", date(2026, 11, 19), "manual")
    close_night(exchange, "manual", [])
    missed()
    assert alerts.open_incidents(exchange, "late:") == []
    assert len(mailbox.mails) == 1
