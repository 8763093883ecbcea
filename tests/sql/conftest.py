"""An exchange on a real database and a real object store for the merge and release tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from merging import open_exchange

from credit_exchange.steps.context import Exchange


@pytest.fixture
def exchange(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T01:30:00")
    monkeypatch.setenv(
        "AIRFLOW_CONN_CREDIT_KEYS",
        '{"password": "an encryption key of a test", "extra": {"hmac_key": "an hmac key of a test"}}',
    )
    opened = open_exchange(database_url)
    yield opened
    opened.engine.dispose()
