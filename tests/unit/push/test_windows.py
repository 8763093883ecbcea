"""When a platform that is closed opens again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine

from credit_exchange.config.loader import load
from credit_exchange.config.platform import Window
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.steps.push.drain import _Drain
from credit_exchange.steps.push.gate import Gate


def test_a_window_over_midnight_ends_on_the_day_after_it_began() -> None:
    now = datetime.now(SHANGHAI)
    nearly_a_day = Window(start=(now - timedelta(minutes=1)).time(), end=(now - timedelta(minutes=2)).time())
    fuzhou = load().platforms["fuzhou"]
    gate = Gate(create_engine("postgresql+psycopg://"), fuzhou.model_copy(update={"maintenance": [nearly_a_day]}))
    over = gate.closed_until()
    assert over is not None
    assert timedelta(hours=23) < over - now < timedelta(hours=24)
    gate = Gate(create_engine("postgresql+psycopg://"), fuzhou.model_copy(update={"maintenance": []}))
    assert gate.closed_until() is None


@pytest.mark.parametrize(
    ("seconds", "left", "is_limited", "looks", "is_moved"),
    [
        (0.01, True, False, 2, True),
        (0.01, True, True, 2, False),
        (0.01, False, False, 1, False),
        (3600.0, True, False, 1, False),
    ],
    ids=["waits-and-has-its-time-after-it", "ends-when-it-was-told", "nothing-to-send", "too-long"],
)
def test_a_drain_waits_for_the_end_of_a_window_where_that_is_of_use(
    seconds: float, left: bool, is_limited: bool, looks: int, is_moved: bool
) -> None:
    """looks: how often it looks whether the platform is open; is_moved: its own end is counted from there on."""
    seen: list[int] = []

    def closed_until() -> Iterator[datetime | None]:
        yield datetime.now(SHANGHAI) + timedelta(seconds=seconds)
        yield None

    window = closed_until()
    drain: Any = _Drain.__new__(_Drain)
    drain._gate = SimpleNamespace(closed_until=lambda: (seen.append(1), next(window))[1])
    drain._desk = SimpleNamespace(anything_left=lambda: left)
    drain._platform = SimpleNamespace(name="信用福州")
    drain._seconds, drain._is_limited = 600.0, is_limited
    drain._end = end = time.monotonic() + 600.0
    drain._wait_until_open()
    assert (len(seen), drain._end > end) == (looks, is_moved)
