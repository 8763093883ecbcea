"""The command and the task that compare: what they say, and how they end."""

from __future__ import annotations

import argparse
import io
from dataclasses import replace

import pytest
from beside import add_copy, decided, tampered
from rich.console import Console
from world import names, put, run

from credit_exchange.adapters import tasks
from credit_exchange.adapters.exchange import NotReady
from credit_exchange.cli import actions
from credit_exchange.config.labels import MENDED
from credit_exchange.errors import FatalError
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reconcile import repair
from platforms import Sandbox


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_command_and_task_say_what_differs_and_the_command_orders_its_repair(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(4))
    run(exchange, kind)
    alone = replace(exchange, config=replace(exchange.config, platforms={kind: exchange.config.platforms[kind]}))
    task = tasks.Reconcile(task_id="reconcile")
    assert task.work(alone, {}) == {kind: 4}
    tampered(sandbox, "update record set shown = 0 where {id} = ?", "r0001")
    add_copy(sandbox, "r0004", "stranger")
    with pytest.raises(FatalError, match="信用福州：应公示而平台上没有 1 条，平台上有而本系统没有 1 条；"):
        task.work(alone, {})
    put(exchange, "fujian", ["r0009"])
    decided(exchange)
    with pytest.raises(NotReady, match=r"信用福建：没有读完平台的清单.*信用福州：应公示"):
        task.work(exchange, {})  # which cannot be reached
    said = io.StringIO()
    given = argparse.Namespace(platform=["fujian", kind, "china"], repair=[], reason="", record=[], by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2
    assert said.getvalue().startswith("正在核对 信用福建，"), "it takes minutes where single records are asked about"
    assert "信用福建：没有读完平台的清单" in said.getvalue()
    assert "信用福州：应公示 4 条，应公示而平台上没有 1 条" in said.getvalue()
    assert "r0001" in said.getvalue()
    assert "信用中国：逐条查询 0 条，其中应公示 0 条，全部一致" in said.getvalue()
    said = io.StringIO()
    given = argparse.Namespace(platform=["fujian", kind], repair=[], reason="", record=[], by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=80)) == 2, "one cannot be reached"
    assert "信用福建：没有读完平台的清单" in said.getvalue()
    assert "应公示而平台上没有" in said.getvalue().splitlines()[-3], "no cell is folded"
    given = argparse.Namespace(platform=[kind], repair=["missing"], reason="平台恢复过备份", record=[], by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2, "one is for a person"
    assert "1 条将在下一次发布时重新上报或撤下" in said.getvalue()
    assert "其余 1 条不在这次更正之内" in said.getvalue()
    said = io.StringIO()
    given = argparse.Namespace(platform=[kind], repair=["missing"], reason="再一次", record=[], by="tester")
    assert actions.ACTIONS["reconcile"](exchange, given, Console(file=said, width=120)) == 2
    assert "1 条正在上报或等待发布，没有核对，其中 1 条此前不一致" in said.getvalue()
    assert "0 条将" not in said.getvalue()
    tampered(sandbox, "delete from record where {id} = ?", "stranger")
    with pytest.raises(FatalError, match="其中 1 条此前不一致"):
        task.work(alone, {})  # ordered is not mended
    restored.begin(exchange)
    with pytest.raises(FatalError, match="restored --reason"):
        repair(exchange, kind, MENDED, "先要登记恢复", "tester")
