"""What the pages show: reads our own database, read-only and with a short time limit, and hands rows to templates.

Names of natural persons come only from the view report.record, where they are masked; sealed contents are never opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping

from credit_exchange.adapters.connections import resolve
from credit_exchange.config.loader import Configuration, load
from credit_exchange.core import business_time
from credit_exchange.errors import ConfigurationError
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect
from credit_exchange.ui.render import CIRCUIT_WORDS

PAGE_SIZE = 100


class Pages:
    """Answers the questions of the pages. One per process; the engine is made when first used."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._given = engine

    @cached_property
    def engine(self) -> Engine:
        """A small pool of connections."""
        return self._given or connect(pool_size=2)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One read-only transaction with a time limit."""
        with self.engine.connect().execution_options(postgresql_readonly=True) as connection, connection.begin():
            connection.execute(sql.load("ui/limits"))
            yield connection

    def night(self, day: date | None, run_id: str) -> dict[str, Any]:
        """What arrived, was quarantined, withheld and delivered on a business date."""
        with self.reading() as connection:
            if run_id and day is None:
                day = next((row["business_date"] for row in _all(connection, "night_date", run_id=run_id)), None)
            day = day or _all(connection, "newest_date", fallback=business_time.last_business_date())[0]["day"]
            return {
                "title": f"业务日期 {day}",
                "day": day,
                "runs": _all(connection, "night_runs", business_date=day),
                "batches": _all(connection, "night_batches", business_date=day),
                "totals": _all(connection, "night_totals", business_date=day)[0],
                "deliveries": _all(connection, "night_deliveries", business_date=day),
                "withheld": _all(connection, "night_withheld", business_date=day),
                "alerts": _all(connection, "open_alerts"),
                "days": _all(connection, "recent_dates"),
                **_names(),
            }

    def batch(self, batch_id: int) -> dict[str, Any] | None:
        """Which rules a batch failed, and how its rows add up."""
        with self.reading() as connection:
            found = _all(connection, "batch", batch_id=batch_id)
            if not found:
                return None
            return {
                "title": f"报送批次 {batch_id}",
                "batch": found[0],
                "checks": _all(connection, "batch_checks", batch_id=batch_id),
                "problems": _all(connection, "batch_problems", batch_id=batch_id, size=PAGE_SIZE),
                "size": PAGE_SIZE,
                **_names(),
            }

    def docs(self, batch_id: int) -> str | None:
        """Return the Data Docs of a batch (HTML without personal data), or None."""
        with self.reading() as connection:
            found = _all(connection, "batch", batch_id=batch_id)
        if not found or not found[0]["docs_uri"]:
            return None
        from credit_exchange.steps.context import Exchange

        exchange = Exchange(config=load(), engine=self.engine, resolve=resolve)
        return exchange.landing.get_bytes(str(found[0]["docs_uri"])).decode("utf-8")

    def quarantine(self, feed: str, rule: str, before: int | None) -> dict[str, Any]:
        """What waits for correction, newest first, a page at a time."""
        with self.reading() as connection:
            given = {"feed": feed or None, "rule": rule or None, "before": before, "size": PAGE_SIZE}
            rows = _all(connection, "quarantine", **given)
            return {
                "title": "问题数据",
                "rows": rows,
                "summary": _all(connection, "quarantine_summary"),
                "feed": feed,
                "rule": rule,
                "next": rows[-1]["quarantine_id"] if len(rows) == PAGE_SIZE else None,
                **_names(),
            }

    def record(self, record_id: str) -> dict[str, Any] | None:
        """Where a record came from, what let it out or held it, and what proves that it arrived."""
        with self.reading() as connection:
            found = _all(connection, "record", record_id=record_id)
            if not found:
                return None
            return {
                "title": f"记录 {record_id}",
                "record": found[0],
                "versions": _all(connection, "record_versions", record_id=record_id),
                "claims": _all(connection, "record_claims", record_id=record_id),
                "decisions": _all(connection, "record_decisions", record_id=record_id),
                "deliveries": _all(connection, "record_deliveries", record_id=record_id),
                "attempts": _all(connection, "record_attempts", record_id=record_id),
                "orders": _all(connection, "record_orders", record_id=record_id),
                **_names(),
            }

    def platforms(self, platform: str) -> dict[str, Any]:
        """How much waits for each platform, and whether it is being called."""
        with self.reading() as connection:
            return {
                "title": "上报平台",
                "platforms": _all(connection, "platforms"),
                "shipments": _all(connection, "shipments", platform=platform or None, size=PAGE_SIZE),
                "platform": platform,
                "circuit_words": CIRCUIT_WORDS,
                **_names(),
            }


def _all(connection: Connection, name: str, **given: Any) -> list[RowMapping]:
    return list(connection.execute(sql.load(f"ui/{name}"), given).mappings())


def _names() -> dict[str, dict[str, str]]:
    try:
        config: Configuration = load()
    except ConfigurationError:
        return {"datasets": {}, "platform_names": {}}  # the pages work without it: ids instead of names
    return {
        "datasets": {key: dataset.name for key, dataset in config.datasets.items()},
        "platform_names": {key: platform.name for key, platform in config.platforms.items()},
    }
