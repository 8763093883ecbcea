"""A task that sends ends with the process that supervises it: Airflow starts it again, and both would push."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from credit_exchange.adapters import tasks
from credit_exchange.config.loader import load
from credit_exchange.steps import push
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import DrainResult
from credit_exchange.stores.database import connect

SUPERVISOR = """
import os, sys
if os.fork() == 0:
    from credit_exchange.adapters.exchange import die_with_parent
    die_with_parent()
    print("at work", flush=True)
    os.read(0, 1)
    print("went on", flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell a process that its parent died")
def test_a_task_ends_with_its_supervisor() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdin
        assert supervisor.stdout
        assert supervisor.stdout.readline() == b"at work\n"
        supervisor.kill()
        supervisor.wait()  # by then the kernel has told the task
        supervisor.stdin.close()
        assert supervisor.stdout.read() == b""


def test_what_sends_or_asks_says_so_before_its_first_call(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def calls(_exchange: Any, platform: str) -> DrainResult:
        called.append(platform)
        return DrainResult()

    monkeypatch.setattr(tasks, "die_with_parent", lambda: called.append("tied"))
    monkeypatch.setattr(push, "drain", calls)
    monkeypatch.setattr(push, "poll_receipts", calls)
    exchange = Exchange(load(), connect(database_url))
    try:
        with exchange.engine.begin() as connection:
            connection.exec_driver_sql(
                "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, "
                "body_digest, records, state) values ('s', 'fujian', 'permit', 'upsert', 'b', 'k', '', '', 1, "
                "'awaiting_receipt')"
            )
        tasks.Push(task_id="push", platform="china").work(exchange, {})
        tasks.PollReceipts(task_id="poll").work(exchange, {})
    finally:
        exchange.engine.dispose()
    assert called == ["tied", "china", "tied", "fujian"]
