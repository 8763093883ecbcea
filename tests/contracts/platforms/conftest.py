"""One sandbox platform and one exchange for each delivery test."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from platforms import Sandbox

sys.path.insert(0, str(Path(__file__).parent))

from world import CREDENTIALS, PLATFORMS, open_exchange

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.dialects import fujian_task
from credit_exchange.steps.push.transport import _Guard


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
def silence(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Called where the platform answers, let it say nothing, and the total time of the call under way be over.

    A short time-out instead would be met by other calls as well where the machine stalls.
    """
    under_way: list[_Guard] = []
    ended = threading.Event()
    running = _Guard.running

    @contextmanager
    def noted(guard: _Guard) -> Iterator[None]:
        under_way[:] = [guard]
        with running(guard):
            yield

    def say_nothing() -> None:
        under_way[0]._expire()
        ended.wait(60)

    monkeypatch.setattr(_Guard, "running", noted)
    yield say_nothing
    ended.set()


@pytest.fixture
def a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the real merge and release need: somewhere to land, and a business time."""
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T01:30:00")
