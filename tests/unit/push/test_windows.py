"""When a platform that is closed opens again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import create_engine

from credit_exchange.config.loader import load
from credit_exchange.config.platform import Window
from credit_exchange.core.business_time import SHANGHAI
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
