"""Sandboxes on free ports for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sandbox_senders import CREDENTIALS, ChinaSender, FujianSender, FuzhouSender

from platforms import Sandbox


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes; at the end none may have had an error of its own."""
    running: list[Sandbox] = []

    def start(kind: str, **options: Any) -> Sandbox:
        options.setdefault("rate_limit", False)
        sandbox = Sandbox(
            kind, credentials=CREDENTIALS[kind], task_seconds=options.pop("task_seconds", 0.05), **options
        )
        running.append(sandbox)
        return sandbox.start()

    yield start
    for sandbox in running:
        sandbox.close()
        assert sandbox.errors == []


@pytest.fixture
def fuzhou(serve: Callable[..., Sandbox]) -> FuzhouSender:
    return FuzhouSender(serve("fuzhou"))


@pytest.fixture
def fujian(serve: Callable[..., Sandbox]) -> FujianSender:
    sender = FujianSender(serve("fujian"))
    sender.login()
    return sender


@pytest.fixture
def china(serve: Callable[..., Sandbox]) -> ChinaSender:
    return ChinaSender(serve("china"))
