"""A small configuration of its own, with a feed of each form, on a real database and a real landing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from credit_exchange.config.connections import Connection, from_environment
from credit_exchange.config.feed import Feed
from credit_exchange.config.loader import Configuration, load
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.database import connect

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = {
    "XK_XDR_MC": ["行政相对人名称", "name"],
    "XK_XDR_SHXYM": ["统一社会信用代码", "uscc"],
    "XK_WSH": ["决定书文号", "wsh"],
    "XK_JDRQ": ["决定日期", "decided"],
    "BZ": ["备注", "note"],
}


def feed_of(source: dict[str, Any], **more: Any) -> Feed:
    """A feed of permits with this source; required fields that these tests do not deliver are constants."""
    shipped = load(ROOT / "include").datasets["permit"]
    constants = {code: "1" for code, field in shipped.fields.items() if field.required and code not in COLUMNS}
    given = {
        "department": {"code": "fz_test", "name": "福州市测试局"},
        "dataset": "permit",
        "owner": "联络员",
        "contact": "test@example.invalid",
        "source": source,
        "columns": COLUMNS,
        "constants": constants,
    }
    return Feed.model_validate(given | more)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inbox of this test; home and landing are beside it."""
    monkeypatch.setenv("CREDIT_EXCHANGE_HOME", str(tmp_path))
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def exchange_of(database_url: str, inbox: Path) -> Iterator[Callable[..., Exchange]]:
    """Return a function that opens an exchange with one feed `t`."""
    engine = connect(database_url)
    connections: dict[str, Connection] = {
        "credit_keys": Connection("credit_keys", password="a" * 64, login="b" * 64),
    }

    def open_with(source: dict[str, Any], connection: Connection | None = None, **more: Any) -> Exchange:
        shipped = load(ROOT / "include")
        if connection:
            connections[connection.conn_id] = connection
        config = Configuration(shipped.root, shipped.datasets, {"t": feed_of(source, **more)}, {}, ())
        return Exchange(config, engine, resolve=lambda name: connections.get(name) or from_environment(name))

    yield open_with
    engine.dispose()
