"""One sandbox platform and one exchange for each delivery test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from platforms import Sandbox

sys.path.insert(0, str(Path(__file__).parent))

from world import CREDENTIALS, PLATFORMS, open_exchange

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.dialects import fujian_task


@pytest.fixture(params=PLATFORMS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every platform in turn."""
    return str(request.param)


@pytest.fixture
def sandbox(kind: str) -> Iterator[Sandbox]:
    """The platform, listening; its own bugs fail the test."""
    fujian_task._TOKENS.clear()
    with Sandbox(kind, credentials=CREDENTIALS[kind], task_seconds=0.1, rate_limit=False) as platform:
        yield platform
        assert platform.errors == []


@pytest.fixture
def exchange_with(database_url: str, sandbox: Sandbox, kind: str) -> Iterator[Callable[..., Exchange]]:
    """Make the exchange with settings of the platform changed."""
    made: list[Exchange] = []

    def make(**settings: Any) -> Exchange:
        made.append(open_exchange(database_url, {kind: sandbox.url}, **settings))
        return made[-1]

    yield make
    for exchange in made:
        exchange.engine.dispose()


@pytest.fixture
def exchange(exchange_with: Callable[..., Exchange]) -> Exchange:
    """The exchange, quick."""
    return exchange_with()


@pytest.fixture
def a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the real merge and release need: somewhere to land, and a business time."""
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T01:30:00")
