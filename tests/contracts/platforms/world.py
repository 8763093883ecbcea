"""A small world for delivery tests: an outbox with made-up permits, a sandbox platform, and the exchange between them.

Also a program, `python world.py <platform> <its URL> <database URL> <records a call>`: drains once in a process of
its own, to be killed at a fault point.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection as Database
from sqlalchemy import text

from credit_exchange.config.connections import Connection
from credit_exchange.config.loader import Configuration, load
from credit_exchange.core.identifiers import uscc_check_char
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.payload import Payload, Sheet, sheets_of
from credit_exchange.steps.push import DrainResult, drain
from credit_exchange.steps.push.desk import Desk
from credit_exchange.stores.database import connect, transaction

if TYPE_CHECKING:
    import pytest

    from platforms import Sandbox  # not on the path of the program that this file also is

CREDENTIALS = {
    "fuzhou": {"app_key": "app", "app_secret": "s3cret-of-fuzhou"},
    "fujian": {"client_id": "client", "client_secret": "s3cret-of-fujian"},
    "china": {"token": "token-of-china"},
}
SEND = {"fuzhou": "records", "fujian": "upload", "china": "import_permission"}
PLATFORMS = tuple(CREDENTIALS)
NOWHERE = "http://127.0.0.1:9"


def uscc(number: int) -> str:
    """A valid made-up code."""
    first = f"91350100MA{number:07d}"
    return first + uscc_check_char(first)


def permit(record_id: str, version: int) -> dict[str, str]:
    """The released fields of a made-up permit: the record's number decides what it is about."""
    number = int("".join(c for c in record_id if c.isdigit()) or "0")
    return {
        "XK_XDR_MC": f"榕城样例{number}有限公司",
        "XK_XDR_LB": "自然人" if record_id.startswith("p") else "法人及非法人组织",
        "XK_XDR_SHXYM": uscc(number),
        "XK_FRDB": "林样例",
        "XK_XKWS": "行政许可决定书",
        "XK_WSH": f"榕许〔2026〕{number}号" + ("" if "x" not in record_id else f"-{version}"),
        "XK_XKLB": "普通",
        "XK_NR": f'准予第{version}版，含 < & > 与 "引号"',
        "XK_JDRQ": (date(2026, 11, 1) + timedelta(days=number % 20)).isoformat(),
        "XK_YXQZ": "2026-11-22",
        "XK_YXQZI": "2099-12-31",
        "XK_XKJG": "福州样例局",
        "XK_XKJGDM": uscc(9_000_001),
        "XK_ZT": "1",
        "XK_LYDW": "福州样例局",
        "XK_LYDWDM": uscc(9_000_001),
    }


def made_up(_exchange: Exchange, connection: Database, _platform: str, ids: Sequence[int]) -> list[Sheet]:
    """A payload source that needs no record store. Records whose name begins with p are about natural persons."""
    rows = connection.execute(
        text("select * from exchange.outbox where outbox_id = any(:ids)"),
        {"ids": list(ids)},
    )
    return sheets_of(
        Payload(
            outbox_id=r.outbox_id,
            record_id=r.record_id,
            version=r.version,
            op=r.op,
            dataset=r.dataset,
            subject_kind="person" if r.record_id.startswith("p") else "legal",
            fields=permit(r.record_id, r.version) if r.dataset == "permit" else {"XXLY": f"第{r.version}版"},
            reason=r.reason or "",
        )
        for r in rows
    )


@cache
def _shipped() -> Configuration:
    return load()


def open_exchange(url: str, base_urls: dict[str, str], **settings: Any) -> Exchange:
    """The exchange with the shipped configuration, but with the pauses of a test.

    Its time-outs are long: on a machine that stalls, one that nothing is meant to meet must not be met either.
    """
    quick: dict[str, Any] = {
        "settle_after_seconds": 0.3,
        "connect_timeout": 10.0,
        "read_timeout": 20.0,
        "total_timeout": 30.0,
        "lease_seconds": 40.0,
        "drain_seconds": 120.0,
        "poll_seconds": 0.05,
        "poll_in_drain_seconds": 3.0,
    } | settings
    shipped = _shipped()
    retry = {"first_seconds": 0.05, "max_seconds": 2.0} | quick.pop("retry", {})
    circuit = {"failures": 5, "open_seconds": 60.0} | quick.pop("circuit", {})
    limits = quick.pop("limits", {})
    platforms = {}
    for name, platform in shipped.platforms.items():
        faster = {"calls_per_second": None} if name == "china" else {}
        platforms[name] = platform.model_copy(
            update=quick
            | {
                "retry": platform.retry.model_copy(update=retry),
                "circuit": platform.circuit.model_copy(update=circuit),
                "limits": platform.limits.model_copy(update=faster | limits),
            }
        )
    connections = {
        "credit_keys": Connection("credit_keys", password="11" * 32, extra={"hmac_key": "22" * 32}),
        "credit_fuzhou": Connection(
            "credit_fuzhou", host=base_urls.get("fuzhou", NOWHERE), login="app", password="s3cret-of-fuzhou"
        ),
        "credit_fujian": Connection(
            "credit_fujian", host=base_urls.get("fujian", NOWHERE), login="client", password="s3cret-of-fujian"
        ),
        "credit_china": Connection("credit_china", host=base_urls.get("china", NOWHERE), password="token-of-china"),
    }
    return Exchange(replace(shipped, platforms=platforms), connect(url, pool_size=2), connections.__getitem__)


def put(
    exchange: Exchange,
    platform: str,
    records: Sequence[str],
    version: int = 1,
    op: str = "upsert",
    dataset: str = "permit",
) -> None:
    """Put records into the outbox, ready to be sent; those with one number are about one document."""
    with transaction(exchange.engine) as connection:
        connection.execute(
            text(
                "insert into exchange.record (record_id, dataset, agency_code, document_key, document_no, subject_ref, "
                "subject_id, subject_kind, subject_name, department, feed, business_date, version, content_version, "
                "status, content_digest) select r, :dataset, 'a', substr(r, 2), substr(r, 2), 's', 0, 'legal', 'n', "
                "'d', 'f', '2026-11-22', 1, 1, 'current', 'x' from unnest(cast(:records as text[])) as r "
                "on conflict (record_id) do nothing"
            ),
            {"records": list(records), "dataset": dataset},
        )
        connection.execute(
            text(
                "with block as materialized (select nextval('exchange.outbox_seq') as first_id), "
                "made as (insert into exchange.release "
                "(platform, dataset, record_id, version, op, priority, reason, outbox_id) "
                "select :platform, :dataset, r, :version, :op, :priority, :reason, first_id + n - 1 "
                "from unnest(cast(:records as text[])) with ordinality as r (r, n), block returning outbox_id) "
                "insert into exchange.lot (platform, dataset, op, priority, first_id, last_id) "
                "select :platform, :dataset, :op, :priority, min(outbox_id), max(outbox_id) from made"
            ),
            {
                "dataset": dataset,
                "platform": platform,
                "records": list(records),
                "version": version,
                "op": op,
                "priority": 0 if op == "withdraw" else 5,
                "reason": "信用修复" if op == "withdraw" else None,
            },
        )


def decided_while_called(monkeypatch: pytest.MonkeyPatch, exchange: Exchange, platform: str) -> None:
    """Put the next version of r0001 into the outbox just before the platform is called about the first."""
    begin = Desk.begin

    def begin_later(self: Desk, *given: Any) -> Any:
        if ("r0001", 2) not in outbox(exchange):
            put(exchange, platform, ["r0001"], version=2)
        return begin(self, *given)

    monkeypatch.setattr(Desk, "begin", begin_later)


def names(count: int, first: int = 1) -> list[str]:
    """Record ids."""
    return [f"r{number:04d}" for number in range(first, first + count)]


def wait_again(exchange: Exchange, platform: str) -> None:
    """Let everything that was ever put wait as on the first day, as if nothing had been sent."""
    query(exchange, "with gone as (delete from exchange.shipment_run) select 1")
    query(
        exchange,
        "insert into exchange.lot (platform, dataset, op, priority, first_id, last_id) "
        "select :platform, 'permit', 'upsert', 5, min(outbox_id), max(outbox_id) from exchange.release returning 1",
        platform=platform,
    )


def forget_notes() -> None:
    """Emptying tables looks like a database that was restored from a backup: forget what was noted beside it."""
    shutil.rmtree(Path(os.environ["CREDIT_EXCHANGE_LANDING"]) / "notes", ignore_errors=True)


def outbox(exchange: Exchange) -> dict[tuple[str, int], Any]:
    """Every row of the outbox by record and version."""
    with transaction(exchange.engine) as connection:
        rows = connection.execute(text("select * from exchange.outbox order by outbox_id"))
        return {(row.record_id, row.version): row for row in rows}


def states(exchange: Exchange) -> dict[str, int]:
    """How many rows of the outbox are in which state."""
    counts: dict[str, int] = {}
    for row in outbox(exchange).values():
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts


def finish_tasks(sandbox: Sandbox) -> None:
    """信用福建 is done with every task it has, however long each should have taken."""
    with sandbox.platform.store.transaction() as store:
        store.execute("UPDATE task SET running_at = 0, due_at = min(due_at, ?)", (time.time(),))


def arrived_once(sandbox: Sandbox, count: int) -> None:
    """Everything is there, and nothing was done twice or backwards."""
    assert len(sandbox.current()) == count
    assert len(sandbox.ledger.applies()) == count
    assert sandbox.ledger.repeated() == []
    assert sandbox.ledger.backwards() == []
    assert sandbox.ledger.anomalies == []


def run(exchange: Exchange, platform: str) -> DrainResult:
    """Drain with made-up payloads."""
    return drain(exchange, platform, payload_source=made_up)


def query(exchange: Exchange, statement: str, **parameters: Any) -> list[Any]:
    """Rows of a statement."""
    with transaction(exchange.engine) as connection:
        return list(connection.execute(text(statement), parameters).all())


@contextmanager
def environment(**values: str) -> Any:
    """The environment of a child process."""
    yield {**os.environ, **values}


def main() -> None:
    """Drain once; CREDIT_EXCHANGE_FAULT may kill us."""
    platform, base_url, url, records = sys.argv[1:5]
    print(run(open_exchange(url, {platform: base_url}, limits={"records": int(records)}), platform))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "plugins"))
    main()
