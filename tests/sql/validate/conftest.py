"""The office of the validation's tests, on a fresh database and a fresh store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from office import FEED, GOOD, Office

from credit_exchange.config import loader
from credit_exchange.config.connections import Connection
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import connect

INCLUDE = Path(__file__).resolve().parents[3] / "include"


@pytest.fixture
def office(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A configuration with the real catalogue and one feed, on a fresh database and a fresh store."""
    shutil.copytree(INCLUDE / "catalog", tmp_path / "include" / "catalog")
    (tmp_path / "include" / "feeds").mkdir()
    feed = {
        "department": {"code": "fz_test", "name": "测试局"},
        "dataset": "permit",
        "owner": "联络员",
        "contact": "t@example.invalid",
        "source": {"form": "csv", "path": "x.csv"},
        "columns": {code: code for code in [*GOOD, "XK_XDR_ZJLX", "XK_XDR_ZJHM"]},
        "operation": {"column": "操作", "withdraw": ["撤下"], "reason_column": "原因"},
        "contract": {"bad_rows_max_share": 0.9},
    }
    (tmp_path / "include" / "feeds" / f"{FEED}.yml").write_text(yaml.safe_dump(feed), encoding="utf-8")
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-09-10T02:00:00")
    keys = Connection("credit_keys", login="22" * 32, password="11" * 32)
    engine = connect(database_url)
    yield Office(Exchange(loader.load(tmp_path / "include"), engine, lambda _: keys))
    engine.dispose()
