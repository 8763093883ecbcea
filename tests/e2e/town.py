"""The sandbox city with its services, the three platforms and an exchange, for end-to-end tests in one process."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from city import database, serve
from city import home as city_home
from city.generate import generate
from credit_exchange.config.loader import load
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import NightResult, run_night
from credit_exchange.stores.database import connect, transaction
from platforms import Sandbox

CREDENTIALS: dict[str, dict[str, str]] = {
    "fuzhou": {"app_key": "fz-key", "app_secret": "fz-secret-of-the-tests"},
    "fujian": {"client_id": "fj-id", "client_secret": "fj-secret-of-the-tests"},
    "china": {"token": "zg-token-of-the-tests"},
}
LOGIN = {
    "fuzhou": ("fz-key", "fz-secret-of-the-tests"),
    "fujian": ("fj-id", "fj-secret-of-the-tests"),
    "china": ("", "zg-token-of-the-tests"),
}
UNTIL = date(2026, 11, 22)


@dataclass
class Town:
    """Everything around one exchange."""

    home: Path
    url: str
    days: list[date]
    platforms: dict[str, Sandbox]
    exchange: Exchange
    environment: dict[str, str] = field(default_factory=dict)

    def night(self, day: date, **options: Any) -> NightResult:
        """Run the night of a business date in this process."""
        return run_night(self.exchange, day, **options)

    def key(self, feed: str, day: date) -> list[dict[str, Any]]:
        """The answer key's lines of one delivery."""
        path = self.home / "key" / feed / f"{day}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def final(self) -> list[dict[str, Any]]:
        """The answer key's records at the end of the last night."""
        text_ = (self.home / "key" / "final.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text_.splitlines()]

    def query(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of our database as dicts."""
        with transaction(self.exchange.engine) as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def held_by_platforms(self) -> dict[str, set[tuple[str, str]]]:
        """(data set, record id) visible at the platforms that know record ids."""
        return {name: set(self.platforms[name].current()) for name in ("fuzhou", "fujian")}

    def missing_at(self, platform: str) -> set[str]:
        """Records that a platform should show and does not, or shows and should not; empty when both agree.

        信用中国 knows no record ids: there only the number is compared.
        """
        ours = self.query(
            """select record_id from exchange.release as e
            join exchange.record as r using (record_id, version)
            where e.platform = :platform and e.effect = 'send'""",
            platform=platform,
        )
        wanted = {row["record_id"] for row in ours}
        if platform == "china":
            return {"number"} if len(wanted) != len(self.platforms["china"].current()) else set()
        return wanted ^ {record_id for _, record_id in self.platforms[platform].current()}

    def check_receivers(self) -> None:
        """Promises 1 to 4 at the receivers: everything is there, once, never backwards, and no ID number anywhere."""
        off = self.query(
            """select * from report.batch
            where rows_delivered <> rows_accepted + rows_quarantined + rows_unchanged + rows_held"""
        )
        assert off == []
        for name, sandbox in self.platforms.items():
            assert self.missing_at(name) == set()
            assert sandbox.ledger.repeated() == []
            assert sandbox.ledger.backwards() == []
            assert sandbox.ledger.anomalies == []
            assert sandbox.errors == []
            shown = " ".join(str(value) for value in sandbox.platform.current().values())
            for found in re.findall(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", shown):
                assert scrub_text(found) == found, "an ID number is visible"

    def traces(self) -> dict[str, Any]:
        """What a quiet run leaves as it is: rows of the stores, changes at the platforms."""
        tables = (
            "record",
            "record_version",
            "claim",
            "withdrawal_order",
            "release",
            "lot",
            "shipment",
            "shipment_run",
            "quarantine",
        )
        rows = {t: self.query(f"select count(*) as n, max(xmin::text::bigint) as x from exchange.{t}") for t in tables}
        return {**rows, **{name: len(sandbox.ledger.applies()) for name, sandbox in self.platforms.items()}}

    def state(self) -> dict[str, Any]:
        """What must not depend on the order of nights: here and at each platform, without version numbers."""
        records = self.query(
            """select record_id, status, content_digest, subject_code, document_no, department
            from exchange.record order by record_id"""
        )
        orders = self.query(
            """select distinct on (record_id) record_id, action, authority, reason, business_date
            from exchange.withdrawal_order
            order by record_id, business_date desc, sequence desc, order_id desc"""
        )
        published = self.query(
            "select platform, record_id, content_digest from report.published order by platform, record_id"
        )
        there = {name: sandbox.current() for name, sandbox in self.platforms.items()}
        return {
            "records": records,
            "orders": orders,
            "published": published,
            "fuzhou": {key: value[1] for key, value in there["fuzhou"].items()},
            "fujian": {key: value[1] for key, value in there["fujian"].items()},
            "china": there["china"],
        }


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare two states part by part, so that a difference is named."""
    assert {row["record_id"]: row for row in found["records"]} == {row["record_id"]: row for row in expected["records"]}
    for part in expected:
        assert found[part] == expected[part], part


def nights_in_order(directory: Path, url: str, *, days: int, volume: float, until: date) -> dict[str, Any]:
    """The state that the same nights leave when they run in this process, in order and with nothing failing."""
    with town(directory, url, days=days, volume=volume, until=until) as place:
        for day in place.days:
            result = place.night(day)
            assert result.good, result.failed
        place.check_receivers()
        return place.state()


@contextmanager
def town(
    directory: Path,
    url: str,
    *,
    days: int = 1,
    seed: int = 7,
    faults: bool = False,
    volume: float = 1.0,
    until: date = UNTIL,
) -> Iterator[Town]:
    """Generate the city up to `until`, start its services and the platforms, and open an exchange on `url`."""
    home, inbox = directory / "city", directory / "inbox"
    generate(home, inbox, seed, until, days, volume, faults)
    front = f"sqlite:///{directory / 'front.db'}"
    city = city_home.read(home)
    database.load(front, city)
    server = serve.server(home, 0, "city-token", faults)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    sandboxes = {
        kind: Sandbox(kind, credentials=CREDENTIALS[kind], rate_limit=False, task_seconds=0.1) for kind in CREDENTIALS
    }
    for sandbox in sandboxes.values():
        sandbox.start()
    environment = {
        "CREDIT_EXCHANGE_DATABASE_URL": url,
        "CREDIT_EXCHANGE_LANDING": str(directory / "landing"),
        "CREDIT_EXCHANGE_INBOX": str(inbox),
        "CREDIT_EXCHANGE_NOW": f"{until + timedelta(days=1)}T01:30:00",
        "AIRFLOW_CONN_CREDIT_KEYS": json.dumps(
            {"password": "an encryption key of a test", "extra": {"hmac_key": "an hmac key of a test"}}
        ),
        "AIRFLOW_CONN_CITY_FRONT_DATABASE": json.dumps({"conn_type": "generic", "extra": {"url": front}}),
        "AIRFLOW_CONN_CITY_HTTP": json.dumps(
            {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}", "password": "city-token"}
        ),
        **{
            f"AIRFLOW_CONN_CREDIT_{kind.upper()}": json.dumps(
                {"conn_type": "http", "host": sandbox.url, "login": LOGIN[kind][0], "password": LOGIN[kind][1]}
            )
            for kind, sandbox in sandboxes.items()
        },
    }
    before = dict(os.environ)
    os.environ.update(environment)
    exchange = Exchange(config=quick(load()), engine=connect(url))
    try:
        every = [until - timedelta(days=back) for back in range(days - 1, -1, -1)]
        yield Town(home, url, every, sandboxes, exchange, environment)
    finally:
        exchange.engine.dispose()
        for sandbox in sandboxes.values():
            sandbox.close()
        server.shutdown()
        server.server_close()
        thread.join(5)
        os.environ.clear()
        os.environ.update(before)


def quick(config: Any) -> Any:
    """The shipped configuration with the waiting times of tests: no pace, short settling and retries; its time-outs
    are met by nothing that only has to do with a machine that stalls."""
    from dataclasses import replace

    platforms = {
        name: platform.model_copy(
            update={
                "limits": platform.limits.model_copy(update={"calls_per_second": None}),
                "settle_after_seconds": 0.3,
                "poll_seconds": 0.1,
                "poll_in_drain_seconds": 10,
                "read_timeout": 100.0,
                "total_timeout": 120.0,
                "lease_seconds": 120.0,
                "retry": platform.retry.model_copy(update={"first_seconds": 0.05, "max_seconds": 0.2}),
                "circuit": platform.circuit.model_copy(update={"open_seconds": 0.5}),
            }
        )
        for name, platform in config.platforms.items()
    }
    return replace(config, platforms=platforms)
