"""A record that moves: between the catalogues of 信用福建, or from one identity to another at 信用中国. It is merged,
released and delivered by the real steps.

Also a program, `python moving.py <platform> <its URL> <database URL>`: drains once in a process of its own, to be
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
HISTORY = "select version, op, state from report.delivery where platform = :platform order by version"
PUBLISHED = """
    select p.version, v.content ->> 'XK_XDR_LB' as kind, v.content ->> 'XK_NR' as text
    from report.published as p
    cross join lateral (
        select w.content::jsonb as content from exchange.record_version as w
        where w.record_id = p.record_id and w.version <= p.version and w.content is not null
        order by w.version desc limit 1
    ) as v
    where p.platform = :platform order by p.version"""


def told(
    exchange: Exchange,
    day: int,
    kind: str,
    text: str = "准予经营",
    *,
    platforms: Any = ("fujian",),
    fields: dict[str, str] | None = None,
) -> dict[str, int]:
    """One more night: the department says who the permit is about; what was released for it."""
    said = permit("r0001", 1) | {"XK_XDR_MC": "陈榕生", "XK_XDR_LB": KINDS[kind], "XK_NR": text} | (fields or {})
    day_of = date(2026, 11, 1) + timedelta(days=day - 1)
    merge(exchange, batch(exchange, [row(exchange, "1号", subject_kind=kind, fields=said)], day_of))
    return release(exchange, platforms)


def ordered(
    exchange: Exchange, action: str, reason: str = "信用修复", *, platforms: Any = ("fujian",)
) -> dict[str, int]:
    """A person orders it to be taken down, or back; what was released for it."""
    (found,) = query(exchange, "select record_id from exchange.record")
    orders.order(exchange, found["record_id"], action, "repair", reason, "发改委令第36号", "tester")
    return release(exchange, platforms)


def push(exchange: Exchange, platform: str = "fujian") -> DrainResult:
    """One drain."""
    return drain(exchange, platform)


def history(exchange: Exchange, platform: str = "fujian") -> list[tuple[int, str, str]]:
    """Version, operation and state of every delivery."""
    return [(r["version"], r["op"], r["state"]) for r in query(exchange, HISTORY, platform=platform)]


def message(exchange: Exchange, version: int) -> str:
    """What is told of one delivery."""
    (found,) = query(exchange, "select outcome_message from report.delivery where version = :version", version=version)
    return str(found["outcome_message"])


def as_published(exchange: Exchange, sandbox: Sandbox) -> None:
    """Our view says what the platform without versions shows: who it is about, and the very text."""
    published = [(r["kind"], r["text"]) for r in query(exchange, PUBLISHED, platform="china")]
    assert published == [(row["XK_XDR_LB"], row["XK_NR"]) for row in sandbox.current().values()]


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


def quiet(exchange: Exchange, sandbox: Sandbox, platform: str = "fujian") -> None:
    """The next night finds nothing to do, writes nothing and calls nobody."""

    def traces() -> list[Any]:
        tables = ("record", "record_version", "release", "lot", "shipment", "shipment_run", "attempt")
        return [
            len(sandbox.ledger.requests()),
            *(query(exchange, f"select xmin::text, * from exchange.{t}") for t in tables),
        ]

    before = traces()
    assert release(exchange, [platform]) == {}
    assert push(exchange, platform).calls == 0
    assert traces() == before


def pushed_and_killed(sandbox: Sandbox, database_url: str, point: str) -> int:
    """Drain in a process that kills itself at this point; its exit code."""
    path = f"{ROOT / 'plugins'}:{ROOT / 'include' / 'sandbox'}"
    with environment(CREDIT_EXCHANGE_FAULT=f"{point}:kill", PYTHONPATH=path) as variables:
        return subprocess.run(
            [sys.executable, __file__, sandbox.kind, sandbox.url, database_url], env=variables, timeout=200, check=False
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
    print(push(open_exchange(sys.argv[3], {sys.argv[1]: sys.argv[2]}), sys.argv[1]))
