"""An address that leads past the interface is told as that: nobody looks there when he reads that nothing arrived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import names, open_exchange, put, run

from credit_exchange.steps.context import Exchange
from platforms import Sandbox


@pytest.fixture
def astray(database_url: str, sandbox: Sandbox, kind: str) -> Iterator[Exchange]:
    """The connection's host lacks the interface's path: the web server answers 404 to everything."""
    exchange = open_exchange(database_url, {kind: f"{sandbox.url}/elsewhere"})
    yield exchange
    exchange.engine.dispose()


def test_what_the_sending_was_answered_is_told_and_where_to_look(astray: Exchange, kind: str) -> None:
    put(astray, kind, names(2))
    problem = run(astray, kind).problem
    assert problem is not None
    assert "平台答复 HTTP 404；一直这样时请核对连接的地址（host）" in problem
