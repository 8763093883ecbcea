"""What is wrong with the inbox itself is no department's fault, and what lies in a file's place is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from credit_exchange.errors import FatalError, NotDelivered, RetriableError
from credit_exchange.steps.collect import collect
from credit_exchange.steps.collect.batches import by_id, newest
from credit_exchange.steps.context import Exchange

DAY = date(2026, 1, 5)
HEADER = "行政相对人名称,统一社会信用代码,决定书文号,决定日期,备注"
CSV = {"form": "csv", "path": "t/{date}.csv", "settle_seconds": 0}
OPEN = Callable[..., Exchange]


def test_an_inbox_that_is_not_there_is_no_department_s_silence(exchange_of: OPEN, inbox: Path) -> None:
    """A share that is not mounted: nothing is taken for delivered as nothing, and no department is called for it."""
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    inbox.rmdir()
    for not_there in (lambda: None, inbox.touch):
        not_there()
        with pytest.raises(RetriableError, match=r"（t）：投放目录 .* 不存在，无法判断部门是否报送") as told:
            collect(exchange, "t", DAY)
        assert not isinstance(told.value, NotDelivered)
        batch = newest(exchange.engine, "t", DAY)
        assert batch is not None
        assert (batch.stage, batch.state) == ("expected", "failed")
        assert "投放目录" in str(batch.problem)
    inbox.unlink()
    inbox.mkdir()
    assert by_id(exchange.engine, collect(exchange, "t", DAY)).state == "complete"


def test_what_lies_in_a_file_s_place_is_named(exchange_of: OPEN, inbox: Path) -> None:
    """A directory, links in a circle, a manifest that cannot be read: told, recorded, mended by a rightful file."""
    exchange = exchange_of(CSV)
    path = inbox / "t" / "20260105.csv"
    path.mkdir(parents=True)
    with pytest.raises(FatalError, match="不是普通文件"):
        collect(exchange, "t", DAY)
    path.rmdir()
    path.symlink_to(path.name)
    with pytest.raises(FatalError, match="不接受链接"):
        collect(exchange, "t", DAY)
    batch = newest(exchange.engine, "t", DAY)
    assert batch is not None
    assert "不接受链接" in str(batch.problem)
    path.unlink()
    path.write_text(f"{HEADER}\n")
    assert collect(exchange, "t", DAY) == batch.batch_id
    long = f"{'x' * 250}.csv"  # a file that may be there, and beside it no manifest can be looked for
    (inbox / "t" / long).write_text(f"{HEADER}\n")
    other = exchange_of(CSV | {"path": f"t/{long}", "manifest": {"suffix": ".manifest"}})
    with pytest.raises(RetriableError, match=r"读取 t/x+\.csv 时出错（File name too long）；请检查投放目录"):
        collect(other, "t", date(2026, 1, 6))
