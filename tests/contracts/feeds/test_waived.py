"""A delivery that never comes, cannot be read or is refused has a way out: a person says so, and its night goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import create_engine, text

from credit_exchange.cli.night_summary import show
from credit_exchange.config.connections import Connection
from credit_exchange.errors import FatalError, HoldForPerson, NotDelivered
from credit_exchange.steps.collect import batches, collect, read, run
from credit_exchange.steps.collect.batches import by_id, newest
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
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
    said = Console(file=StringIO(), width=200)
    show(exchange.engine, exchange.config, DAY, said)
    [row] = [line for line in said.file.getvalue().splitlines() if "福州市测试局" in line and "行政许可" in line][:1]
    assert "不再等待" in row
    assert "；office 登记不再等待：误报，部门确认不要" in said.file.getvalue()


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


def test_what_is_given_up_while_it_is_validated_is_not_taken(exchange_of: OPEN, inbox: Path) -> None:
    """Whoever gave it up was told that nothing of it is taken: the run that was at it finds that, and is good."""
    exchange = exchange_of(CSV, contract=FEW)
    deliver(inbox, f"{HEADER}\n{ROW}")
    with pytest.raises(HoldForPerson):
        run_feed(exchange, "t", DAY)
    number = collect(exchange, "t", DAY)
    approve_batch(exchange, number, "部门说是对的", "office")

    def given_up(*given: Any) -> Iterator[Any]:
        waive_batch(exchange, number, "部门又说不要", "office")
        yield from read(*given)

    validate(exchange, number, reader=given_up)
    assert merge(exchange, number) == {
        "rows_delivered": 1, "rows_accepted": 0, "rows_quarantined": 0, "rows_unchanged": 0, "rows_held": 1,
    }  # fmt: skip
    found = by_id(exchange.engine, number)
    assert (found.stage, found.state, found.waived_by) == ("merged", "held", "office")


@pytest.mark.parametrize("content", [None, ""])
def test_what_is_given_up_while_it_is_looked_for_stays_given_up(
    exchange_of: OPEN, inbox: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    exchange = exchange_of(CSV)
    with pytest.raises(NotDelivered):
        collect(exchange, "t", DAY)
    if content is not None:
        deliver(inbox, content)
    batch = newest(exchange.engine, "t", DAY)
    assert batch is not None
    land = run._land

    def given_up(*given: Any, **options: Any) -> Any:
        waive_batch(exchange, batch.batch_id, "系统停用", "office")
        return land(*given, **options)

    monkeypatch.setattr(run, "_land", given_up)
    assert counts(exchange) == {}
    monkeypatch.setattr(run, "_land", land)
    assert counts(exchange) == {}
    found = by_id(exchange.engine, batch.batch_id)
    assert (found.stage, found.waived_by) == ("merged", "office")


@pytest.mark.parametrize("content", [None, "", f"{HEADER}\n{ROW}{ROW.replace('文1号', '文2号')}"])
def test_a_run_whose_lock_went_with_its_session_leaves_what_another_has_taken(
    exchange_of: OPEN, inbox: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """The database was restarted while a department was still being read, and another run was quicker."""
    exchange = exchange_of(CSV)
    with pytest.raises(NotDelivered):
        collect(exchange, "t", DAY)
    land = run._land
    cut = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"

    def overtaken(*given: Any, **options: Any) -> Any:
        monkeypatch.setattr(run, "_land", land)
        with exchange.engine.connect() as connection:
            connection.execute(text(cut))
        deliver(inbox, f"{HEADER}\n{ROW}")
        run_feed(exchange, "t", DAY)
        (inbox / "t" / "20260105.csv").unlink()
        if content is not None:
            deliver(inbox, content)
        return land(*given, **options)

    monkeypatch.setattr(run, "_land", overtaken)
    number = collect(exchange, "t", DAY)
    taken = {name: count for name, count in merge(exchange, number).items() if count}
    assert taken == {"rows_delivered": 1, "rows_quarantined": 1}


def test_who_approves_while_another_delivery_comes_has_not_seen_its_size(
    exchange_of: OPEN, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_of(CSV, contract=FEW)
    deliver(inbox, f"{HEADER}\n{ROW}")
    number = batches.create(
        exchange.engine, feed="t", department="d", department_name="d", dataset="permit", schema_version="v2019_790",
        business_date=DAY, generation=1,
    )  # fmt: skip
    batches.mark_problem(exchange.engine, number, "held", "有新增的列")
    land = run._land

    def approved(*given: Any, **options: Any) -> Any:
        approve_batch(exchange, number, "列名核实过", "office")
        return land(*given, **options)

    monkeypatch.setattr(run, "_land", approved)
    with pytest.raises(HoldForPerson, match="少于约定的下限"):
        run_feed(exchange, "t", DAY)


def test_who_refuses_what_was_approved_takes_the_approval_back(exchange_of: OPEN, tmp_path: Path) -> None:
    """A table is held before it lands: approved and then refused, it would have been taken by the next 采集."""
    front = f"sqlite:///{tmp_path / 'front.db'}"
    table = {"form": "table", "connection": "front", "table": "t", "updated_at": "changed", "overlap_hours": 1}
    exchange = exchange_of(table, Connection("front", uri=front))
    with create_engine(front).begin() as connection:
        connection.execute(text("create table t (name, uscc, wsh, decided, note, extra, changed datetime)"))
    with pytest.raises(HoldForPerson, match="出现新列 'extra'"):
        collect(exchange, "t", DAY)
    batch = newest(exchange.engine, "t", DAY)
    assert batch is not None
    approve_batch(exchange, batch.batch_id, "新列不需要", "one")
    waive_batch(exchange, batch.batch_id, "部门说这一批不要", "two")
    assert counts(exchange) == {}
    found = by_id(exchange.engine, batch.batch_id)
    assert (found.stage, found.approved_by, found.waived_by) == ("merged", None, "two")
    approve_batch(exchange, batch.batch_id, "又说是对的", "three")
    assert by_id(exchange.engine, batch.batch_id).stage == "expected"
    assert collect(exchange, "t", DAY) == batch.batch_id
    found = by_id(exchange.engine, batch.batch_id)
    assert (found.stage, found.approved_by, found.waived_by) == ("collected", "three", None)
