"""What a machine with a wrong clock would decide: no rule in force yet, everything expired. It decides nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from merging import batch, query, row

from credit_exchange.core import business_time
from credit_exchange.errors import RetriableError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release

DAY = date(2026, 11, 20)


@pytest.mark.parametrize("years", [-20, 20])
def test_a_clock_that_is_not_the_databases_takes_nothing_down(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    monkeypatch.delenv("CREDIT_EXCHANGE_NOW")
    first = batch(exchange, [row(exchange, "1号")], DAY)
    second = batch(exchange, [row(exchange, "2号")], DAY + timedelta(days=1))
    merge(exchange, first)
    release(exchange)
    before = query(exchange, "select * from exchange.release order by platform")
    with monkeypatch.context() as patch:
        wrong = timedelta(days=365 * years)
        patch.setattr(business_time, "now", lambda: datetime.now(business_time.SHANGHAI) + wrong)
        for work in (lambda: merge(exchange, second), lambda: release(exchange)):
            with pytest.raises(RetriableError, match=r"本机的时钟与数据库的相差 .* 分钟"):
                work()
    assert query(exchange, "select * from exchange.release order by platform") == before
    merge(exchange, second)
    release(exchange)
    assert query(exchange, "select distinct op from exchange.release") == [{"op": "upsert"}]


def test_a_pretended_time_may_be_any(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2031-01-01T01:30:00")
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    assert release(exchange)
