"""A delivery that never comes, cannot be read or is refused has a way out: a person says so, and its night goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from credit_exchange.errors import FatalError, HoldForPerson, NotDelivered
from credit_exchange.steps.collect import collect
from credit_exchange.steps.collect.batches import by_id, newest
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_feed
from credit_exchange.steps.orders import approve_batch, waive_batch
from credit_exchange.steps.validate import validate
from credit_exchange.stores import sql

OPEN = Callable[..., Exchange]
DAY = date(2026, 1, 5)
HEADER = "行政相对人名称,统一社会信用代码,决定书文号,决定日期,备注"
ROW = "甲公司,9135010026017703XW,文1号,2026-01-05,\n"
CSV = {"form": "csv", "path": "t/{date}.csv", "settle_seconds": 0}
FEW = {"volume": {"min_rows": 2}}


def deliver(inbox: Path, content: str) -> None:
    (inbox / "t").mkdir(exist_ok=True)
    (inbox / "t" / "20260105.csv").write_text(content, encoding="utf-8")


def shown(exchange: Exchange, statement: str, **given: Any) -> list[Any]:
    with exchange.engine.connect() as connection:
        return list(connection.execute(sql.load(statement), given).mappings())


def counts(exchange: Exchange) -> dict[str, int]:
    return {name: number for name, number in run_feed(exchange, "t", DAY).items() if name != "batch_id" and number}


def test_what_never_comes_is_waited_for_no_more_and_taken_when_it_comes_after_all(
    exchange_of: OPEN, inbox: Path
) -> None:
    exchange = exchange_of(CSV)
    with pytest.raises(NotDelivered):
        collect(exchange, "t", DAY)
    batch = newest(exchange.engine, "t", DAY)
    assert batch is not None
    assert waive_batch(exchange, batch.batch_id, "系统停用，当日无数据", "office") == (DAY, "t")
    for _ in range(2):
        assert counts(exchange) == {}
    found = by_id(exchange.engine, batch.batch_id)
    assert (found.stage, found.state, found.waived_by) == ("merged", "missing", "office")
    assert "没有收到" in str(found.problem)
    deliver(inbox, f"{HEADER}\n{ROW}")
    assert collect(exchange, "t", DAY) == batch.batch_id
    found = by_id(exchange.engine, batch.batch_id)
    assert (found.stage, found.waived_by) == ("collected", None)
    assert validate(exchange, batch.batch_id)["rows_delivered"] == 1


def test_a_held_delivery_that_is_refused_counts_as_held_and_is_nobodys_task(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract=FEW)
    deliver(inbox, f"{HEADER}\n{ROW}")
    with pytest.raises(HoldForPerson):
        run_feed(exchange, "t", DAY)
    [held] = shown(exchange, "alerts/held_batches")
    waive_batch(exchange, held["batch_id"], "误报，部门确认不要", "office")
    assert counts(exchange) == {"rows_delivered": 1, "rows_held": 1}
    assert shown(exchange, "alerts/held_batches") == []
    assert shown(exchange, "ui/unbalanced", business_date=DAY) == []
    assert shown(exchange, "alerts/unmerged", business_date=DAY, feeds=["t"]) == []
    [told] = shown(exchange, "summary/feeds", business_date=DAY)
    assert (told["state"], told["rows_held"], told["waived_reason"]) == ("held", 1, "误报，部门确认不要")
    with pytest.raises(FatalError, match="没有要登记的"):
        waive_batch(exchange, held["batch_id"], "再一次", "office")


def test_a_refused_delivery_is_taken_when_it_is_approved_or_corrected_after_all(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract=FEW)
    deliver(inbox, f"{HEADER}\n{ROW}")
    with pytest.raises(HoldForPerson):
        run_feed(exchange, "t", DAY)
    first = newest(exchange.engine, "t", DAY)
    assert first is not None
    waive_batch(exchange, first.batch_id, "误报", "office")
    approve_batch(exchange, first.batch_id, "部门又说是对的", "office")
    found = by_id(exchange.engine, first.batch_id)
    assert (found.stage, found.waived_by) == ("collected", None)
    assert validate(exchange, collect(exchange, "t", DAY))["rows_delivered"] == 1

    exchange = exchange_of(CSV, contract=FEW)
    with exchange.engine.begin() as connection:
        connection.execute(text("update exchange.batch set stage = 'merged', state = 'held', waived_by = 'office'"))
    deliver(inbox, f"{HEADER}\n{ROW}{ROW.replace('文1号', '文2号')}")
    second = collect(exchange, "t", DAY)
    assert second != first.batch_id
    assert validate(exchange, second)["rows_delivered"] == 2


def test_a_batch_with_which_nothing_is_wrong_or_that_is_worked_on_is_not_given_up(
    exchange_of: OPEN, inbox: Path
) -> None:
    exchange = exchange_of(CSV)
    deliver(inbox, f"{HEADER}\n{ROW}")
    number = collect(exchange, "t", DAY)
    for step in (lambda: None, lambda: validate(exchange, number)):
        step()
        with pytest.raises(FatalError, match=f"报送批次 {number} 不是未报送"):
            waive_batch(exchange, number, "x", "office")
