"""A landing that is a bucket and cannot be reached: what is noted there of our database stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import fsspec
import pytest
from merging import batch, query, row
from test_restored import behind

from bucket import SECRET, Bucket, bucket
from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.orders import order
from credit_exchange.steps.release import release
from credit_exchange.stores import s3


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with bucket() as serving:
        monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", "s3://landing")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setattr(s3, "_TRIES", 1)
        given = {"endpoint_url": serving.url, "config_kwargs": {"read_timeout": 1.0}}
        monkeypatch.setitem(fsspec.config.conf, "s3", given)
        yield serving


def test_what_cannot_be_read_is_not_noted_anew_by_a_database_that_may_be_behind(
    exchange: Exchange, server: Bucket
) -> None:
    """Or a store that refuses for a moment takes away for ever what tells that the database is a restored one."""
    behind(exchange)
    server.fault = lambda _, call: call.command in ("GET", "HEAD") and call.refuse(403, "AccessDenied")
    noted = restored.Noted(exchange, sending=True)  # takedowns do not wait for the landing
    noted.sent(5)
    noted.close()
    with pytest.raises(RetriableError, match="密钥"):
        restored.begin(exchange)
    server.fault = None
    with pytest.raises(FatalError, match="从备份恢复"):
        release(exchange)


def test_a_landing_that_does_not_answer_is_not_asked_again_at_once(
    exchange: Exchange, server: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question may wait for minutes, and what is sent waits with it."""
    noted = restored.Noted(exchange, sending=True)
    monkeypatch.setattr(restored, "_EVERY", 0.0)
    server.fault = lambda held, _: held.closing.wait(60)
    noted.sent(1)
    asked = len(server.calls)
    noted.sent(2)
    assert len(server.calls) == asked


def test_a_landing_that_lists_no_orders_though_some_were_noted_is_told(exchange: Exchange, server: Bucket) -> None:
    """A bucket restored without its newest objects: the records that were withdrawn would be shown again in silence."""
    behind(exchange)
    gone = {key: server.objects.pop(key) for key in list(server.objects) if key.startswith("orders/")}
    assert restored.state(exchange, "演练", "tester").lists_none
    server.objects |= gone
    found = restored.state(exchange, "演练", "tester")
    assert (found.orders, found.lists_none) == (1, False)


def test_a_landing_that_lists_what_was_noted_or_of_which_nothing_was_is_not_doubted(exchange: Exchange) -> None:
    assert not restored.state(exchange, "演练", "tester").lists_none, "no order was ever given"
    merge(exchange, batch(exchange, [row(exchange, "1号")], date(2026, 11, 22)))
    [record] = query(exchange, "select record_id from exchange.record")
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    found = restored.state(exchange, "再一次", "tester")
    assert (found.kept, found.lists_none) == (1, False)
