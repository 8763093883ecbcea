"""A record that moves between the catalogues of 信用福建: merged, released and delivered by the real steps.

Also a program, `python moving.py <URL of the platform> <database URL>`: drains once in a process of its own, to be
killed at a fault point.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sql"))

from merging import batch, query, row
from world import environment, open_exchange, permit

from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.push import DrainResult, drain
from credit_exchange.steps.release import release

if TYPE_CHECKING:
    from platforms import Sandbox  # not on the path of the program that this file also is

ROOT = Path(__file__).resolve().parents[3]
KINDS = {"legal": "法人及非法人组织", "sole_trader": "个体工商户", "person": "自然人"}
CATALOG = {"legal": "frxk", "sole_trader": "frxk", "person": "zrrxk"}
WAY = [("legal", "person"), ("person", "legal")]
"""From which kind of subject to which."""
HISTORY = "select version, op, state from report.delivery where platform = 'fujian' order by version"


def told(
    exchange: Exchange, day: int, kind: str, text: str = "准予经营", *, platforms: Any = ("fujian",)
) -> dict[str, int]:
    """One more night: the department says who the permit is about; what was released for it."""
    fields = permit("r0001", 1) | {"XK_XDR_MC": "陈榕生", "XK_XDR_LB": KINDS[kind], "XK_NR": text}
    merge(exchange, batch(exchange, [row(exchange, "1号", subject_kind=kind, fields=fields)], date(2026, 11, day)))
    return release(exchange, platforms)


def ordered(exchange: Exchange, action: str, reason: str = "信用修复") -> dict[str, int]:
    """A person orders it to be taken down, or back; what was released for it."""
    (found,) = query(exchange, "select record_id from exchange.record")
    orders.order(exchange, found["record_id"], action, "repair", reason, "发改委令第36号", "tester")
    return release(exchange, ["fujian"])


def push(exchange: Exchange) -> DrainResult:
    """One drain."""
    return drain(exchange, "fujian")


def history(exchange: Exchange) -> list[tuple[int, str, str]]:
    """Version, operation and state of every delivery."""
    return [(r["version"], r["op"], r["state"]) for r in query(exchange, HISTORY)]


def shown(sandbox: Sandbox) -> dict[str, int]:
    """The version that each catalogue shows."""
    return {catalog: value[0] for (catalog, _), value in sandbox.platform.current().items()}


def in_order(exchange: Exchange, sandbox: Sandbox) -> None:
    """Nothing in two catalogues, twice or backwards, at no time; and our view says what the platform shows."""
    assert sandbox.ledger.anomalies == []
    assert sandbox.ledger.repeated() == []
    assert sandbox.ledger.backwards() == []
    published = query(exchange, "select version from report.published where platform = 'fujian'")
    assert [r["version"] for r in published] == sorted(shown(sandbox).values())


def quiet(exchange: Exchange, sandbox: Sandbox) -> None:
    """The next night finds nothing to do, writes nothing and calls nobody."""

    def traces() -> list[Any]:
        tables = ("record", "record_version", "release", "lot", "shipment", "shipment_run", "attempt")
        return [
            len(sandbox.ledger.requests()),
            *(query(exchange, f"select xmin::text, * from exchange.{t}") for t in tables),
        ]

    before = traces()
    assert release(exchange, ["fujian"]) == {}
    assert push(exchange).calls == 0
    assert traces() == before


def pushed_and_killed(sandbox: Sandbox, database_url: str, point: str) -> int:
    """Drain in a process that kills itself at this point; its exit code."""
    path = f"{ROOT / 'plugins'}:{ROOT / 'include' / 'sandbox'}"
    with environment(CREDIT_EXCHANGE_FAULT=f"{point}:kill", PYTHONPATH=path) as variables:
        return subprocess.run(
            [sys.executable, __file__, sandbox.url, database_url], env=variables, timeout=60, check=False
        ).returncode


def let_time_pass(exchange: Exchange, shipments: timedelta = timedelta(hours=2)) -> None:
    """What waits for its time waits no longer."""
    query(
        exchange, f"update exchange.shipment set next_attempt_at = next_attempt_at - interval '{shipments}' returning 1"
    )
    query(exchange, "update exchange.release set not_before = null where not_before is not null returning 1")
    query(
        exchange,
        "update exchange.platform_state set next_call_at = now(), circuit = 'closed', failures = 0 returning 1",
    )


if __name__ == "__main__":
    print(push(open_exchange(sys.argv[2], {"fujian": sys.argv[1]})))
