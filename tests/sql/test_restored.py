"""What is noted beside the database: when it says that the database is older, and when it stops nothing."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from merging import batch, query, row

from credit_exchange.errors import FatalError
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.orders import order
from credit_exchange.steps.push import drain
from credit_exchange.steps.release import release

DAY = date(2026, 11, 22)


def behind(exchange: Exchange) -> None:
    """An order that the database has lost."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [record] = query(exchange, "select record_id from exchange.record")
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    query(exchange, "delete from exchange.withdrawal_order returning 1")
    query(exchange, "select setval(pg_get_serial_sequence('exchange.withdrawal_order', 'order_id'), 1, false)")


def test_a_database_that_lost_an_order_releases_and_sends_nothing_until_it_is_stated(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_FUZHOU", '{"host": "http://127.0.0.1:9", "login": "a", "password": "b"}')
    behind(exchange)
    for work in (lambda: release(exchange), lambda: drain(exchange, "fuzhou")):
        with pytest.raises(FatalError, match=r"从备份恢复.*restored --reason"):
            work()
    assert query(exchange, "select 1 from exchange.release") == []
    found = restored.state(exchange, "演练 350102199001011234", "tester")
    assert (found.kept, found.orders) == (1, 1)
    assert len(found.unsure) == 1, "nobody knows whether it was shown and taken down before"
    assert release(exchange)["fuzhou.withhold"] == 1
    [said] = query(exchange, "select * from exchange.restored")
    assert "19900101" not in said["reason"]
    [record] = query(exchange, "select status, version from exchange.record")
    assert record["status"] == "withdrawn"
    assert record["version"] > said["first_version"]
    again = restored.state(exchange, "再一次", "tester")
    assert (again.orders, again.unsure) == (0, ())
    assert again.first_version > record["version"]


def test_a_landing_that_is_gone_or_damaged_keeps_nothing_from_leaving(exchange: Exchange, tmp_path: Path) -> None:
    """Takedowns must not wait for the object store; what was noted there is noted again."""
    behind(exchange)
    notes = tmp_path / "landing" / "notes"
    (notes / "newest").write_bytes(b"damaged")
    assert release(exchange)["fuzhou.upsert"] == 1
    shutil.rmtree(notes)
    shutil.rmtree(tmp_path / "landing" / "orders")
    for one in (notes, tmp_path / "landing" / "orders"):
        one.touch()  # a file in its place stands for a disk that is full or read-only
    [record] = query(exchange, "select record_id from exchange.record")
    told = order(exchange, record["record_id"], "withdraw", "repair", "信用修复", "", "tester")
    assert told.startswith("已登记，但没有另存到落地区")
    assert told.endswith("须重新下达")
    assert release(exchange), "the takedown is decided"
    for one in (notes, tmp_path / "landing" / "orders"):
        one.unlink()
    assert "另存" not in order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    assert (notes / "newest").is_file()


def test_an_order_that_a_merge_removed_is_no_sign_of_a_backup(exchange: Exchange) -> None:
    """Of a department's orders that say the same the first is kept, whatever was noted since."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [record] = query(exchange, "select record_id from exchange.record")
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    query(exchange, "delete from exchange.withdrawal_order returning 1")
    assert release(exchange)["fuzhou.upsert"] == 1
