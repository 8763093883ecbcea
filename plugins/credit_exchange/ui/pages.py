"""What the pages show: reads our own database, read-only and with a short time limit, and hands rows to templates.

Names of natural persons come only from the view report.record, where they are masked; sealed contents are never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine

from credit_exchange.adapters.connections import resolve
from credit_exchange.adapters.runs import DAG_ID, RECEIPTS_DAG_ID, is_paused, nightly_state
from credit_exchange.config.labels import DIFFERENCE_WORDS, STEP_WORDS, names_of, part_label
from credit_exchange.config.loader import as_it_is
from credit_exchange.core import business_time
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect
from credit_exchange.ui import night, paused
from credit_exchange.ui.night import Standing
from credit_exchange.ui.words import CIRCUIT_WORDS, NIGHT_WORDS, WORKING_WORDS

PAGE_SIZE = 100
SHIPMENTS = 40


class Pages:
    """Answers the questions of the pages. One per process; the engine is made when first used."""

    def __init__(
        self,
        engine: Engine | None = None,
        airflow_state: Callable[[str], str] = nightly_state,
        airflow_paused: Callable[[str], bool] = is_paused,
    ) -> None:
        """airflow_state: the state of a run in Airflow, "" when there is none; airflow_paused: whether a DAG is
        paused (a test hands in its own)."""
        self._given = engine
        self._airflow_state = airflow_state
        self._airflow_paused = airflow_paused

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
        """What arrived, was quarantined, withheld and delivered on a business date, and what is to be done about it."""
        with self.reading() as connection:
            is_known = True
            if run_id and day is None:
                day = next((row["business_date"] for row in _all(connection, "night_date", run_id=run_id)), None)
                is_known = day is not None
            day = day or _all(connection, "newest_date", fallback=business_time.last_business_date())[0]["day"]
            given = {"business_date": day}
            runs = _all(connection, "night_runs", **given)
            skipped = _all(connection, "skipped", **given)
            delivered = _all(connection, "night_batches", **given)
            deliveries = _all(connection, "night_deliveries", **given)
            withheld = _all(connection, "night_withheld", **given)
            totals = _all(connection, "night_totals", **given)[0]
            unbalanced = [row["feed"] for row in _all(connection, "unbalanced", **given)]
            states = {row["platform"]: row for row in _all(connection, "platform_states")}
            alerts = _all(connection, "open_alerts")
            days = _all(connection, "recent_dates")
            config = as_it_is()
            unreleased = connection.execute(sql.load("alerts/unreleased"), {**given, "datasets": config.taken()})
            waiting = int(unreleased.scalar_one())
        names = _names()
        is_newest = not days or day >= days[0]["day"]
        sums = night.by_platform(deliveries, withheld)
        stands = self._standing(runs)
        running = stands in ("running", "again")
        batches = night.in_order(night.while_running(delivered) if running else delivered)
        tasks = night.to_do(
            day,
            batches,
            sums,
            states,
            runs[0] if runs else None,
            unbalanced,
            # what is wrong now is shown with the newest date; an older one is judged by what is its own
            [
                a
                for a in alerts
                if (is_newest or f"date={day}" in str(a["link"])) and not a["incident_key"].startswith("files:")
            ],
            names["platform_names"],
            names["datasets"],
            names["parts"],
            names["contacts"],
            running=running,
            unreleased=waiting,
        )
        if stands == "lost":
            tasks = [night.of_lost(day, runs[0]), *tasks]
        if is_newest:
            tasks = [*night.of_files(_wrong_files()), *tasks]
        told = night.verdict(day, runs, tasks, batches, skipped, stands)
        by_airflow = running and runs[0]["kind"] != "command"
        if is_newest and self._airflow_paused(RECEIPTS_DAG_ID):
            tasks, told = [paused.of_paused_receipts(), *tasks], paused.while_receipts_paused(told)
        if (is_newest or by_airflow) and self._airflow_paused(DAG_ID):
            tasks = [paused.of_paused(), *tasks]
            told = paused.while_paused(told, running=by_airflow)
        if not is_known:
            tasks, told = [night.of_unknown(run_id), *tasks], night.instead(day, told)
        return {
            "title": f"业务日期 {day}",
            "day": day,
            "runs": runs,
            "skipped": skipped,
            "night_words": NIGHT_WORDS,
            "stands": stands,
            "running": running,
            "progress": night.progress(batches, len(config.feeds_on(day)), sums) if running else "",
            "verdict": told,
            "tasks": tasks,
            "shown": night.SHOWN,
            "batches": batches,
            "not_due": night.not_due(config, day, batches),
            "totals": totals,
            "platforms": sums,
            "deliveries": deliveries,
            "withheld": night.by_rule(withheld),
            "unreleased": waiting,
            "alerts": alerts,
            "days": days,
            **names,
        }

    def batch(self, batch_id: int) -> dict[str, Any] | None:
        """Which rules a batch failed, and how its rows add up."""
        with self.reading() as connection:
            found = _all(connection, "batch", batch_id=batch_id)
            if not found:
                return None
            checks = _all(connection, "batch_checks", batch_id=batch_id)
            runs = _all(connection, "night_runs", business_date=found[0]["business_date"])
            if self._standing(runs) in ("running", "again"):
                found = night.while_running(found)
            return {
                "title": f"报送批次 {batch_id}",
                "batch": found[0],
                "working": found[0]["state"] in WORKING_WORDS,
                "no_reason": night.NO_REASON,
                "failed": [row for row in checks if row["failed"]],
                "passed": [row for row in checks if not row["failed"]],
                "problems": _all(connection, "batch_problems", batch_id=batch_id, size=PAGE_SIZE),
                "states": _all(connection, "batch_states", batch_id=batch_id)[0],
                "size": PAGE_SIZE,
                **_names(found[0]["dataset"]),
            }

    def _standing(self, runs: list[dict[str, Any]]) -> Standing:
        """Where the newest of a date's runs stands; Airflow is asked about its own, while there is no verdict."""
        run = runs[0] if runs else None
        is_open = run is not None and run["outcome"] is None and run["kind"] != "command"
        airflow = self._airflow_state(run["run_id"]) if run is not None and is_open else None
        return night.standing(run, airflow, business_time.now())

    def docs(self, batch_id: int) -> str | None:
        """Return the Data Docs of a batch (HTML without personal data), or None."""
        with self.reading() as connection:
            found = _all(connection, "batch", batch_id=batch_id)
        if not found or not found[0]["docs_uri"]:
            return None
        from credit_exchange.steps.context import Exchange

        exchange = Exchange(config=as_it_is(), engine=self.engine, resolve=resolve)
        return exchange.landing.get_bytes(str(found[0]["docs_uri"])).decode("utf-8")

    def quarantine(self, feed: str, rule: str, before: int | None) -> dict[str, Any]:
        """What waits for correction, newest first, a page at a time."""
        with self.reading() as connection:
            given = {"feed": feed or None, "rule": rule or None, "before": before, "size": PAGE_SIZE}
            rows = _all(connection, "quarantine", **given)
            summary = _all(connection, "quarantine_summary")
            waiting = connection.execute(sql.load("orders/waiting"), {"feed": feed or None, "size": PAGE_SIZE})
            nowhere = [dict(row) for row in waiting.mappings()]
        feeds = sorted((row for row in summary if row["rule_id"] is None), key=lambda row: -row["open_rows"])
        rules: dict[str, list[dict[str, Any]]] = {}
        for row in summary:
            if row["rule_id"] is not None:
                rules.setdefault(row["feed"], []).append(row)
        return {
            "title": "问题数据",
            "rows": rows,
            "nowhere": nowhere,
            "feeds": feeds,
            "rules": {key: sorted(lines, key=lambda row: -row["open_rows"]) for key, lines in rules.items()},
            "open_rows": sum(row["open_rows"] for row in feeds),
            "feed": feed,
            "rule": rule,
            "next": rows[-1]["quarantine_id"] if len(rows) == PAGE_SIZE else None,
            **_names(),
        }

    def find(self, document_no: str) -> dict[str, Any]:
        """The records with a document number."""
        from credit_exchange.core.text import document_key  # pandas: only where somebody looks for one

        with self.reading() as connection:
            given = {"document_key": document_key(document_no)} if document_no else {}
            found = _all(connection, "record_find", **given) if given else []
        return {"title": "记录查询", "document_no": document_no, "found": found, **_names()}

    def record(self, record_id: str) -> dict[str, Any] | None:
        """Where a record came from, what let it out or held it, and what proves that it arrived."""
        with self.reading() as connection:
            found = _all(connection, "record", record_id=record_id)
            if not found:
                return None
            parts = ("versions", "lanes", "decisions", "deliveries", "attempts", "orders")
            claims = connection.execute(sql.load("explain/claims"), {"record_id": record_id}).mappings()
            return {
                "title": f"记录 {record_id}",
                "difference_words": DIFFERENCE_WORDS,
                "record": found[0],
                "claims": [dict(claim) for claim in claims if not claim["history"]],
                **{part: _all(connection, f"record_{part}", record_id=record_id) for part in parts},
                **_names(found[0]["dataset"]),
            }

    def platforms(self, platform: str) -> dict[str, Any]:
        """How much waits for each platform, and whether it is being called."""
        with self.reading() as connection:
            platforms = _all(connection, "platforms")
            refused = _all(connection, "platform_refused", platform=platform or None, size=PAGE_SIZE)
            asked = [row for row in platforms if platform in ("", row["platform"])]
            counts = {row["platform"]: row["records"] for row in refused}
            names = _names()
            reconciled = _all(connection, "reconciled")
            differ = {row["platform"]: row["differences"] for row in reconciled}
            causes = {
                row["platform"]: _cause(row, names["platform_names"])
                for row in _all(connection, "platform_causes")
                if not _is_gone(row["platform"])  # nothing would end what its last try said
            }
            told = night.of_platforms(asked, counts, names["platform_names"], causes, differ)
            return {
                "title": "上报平台",
                "platforms": platforms,
                "verdict": paused.while_receipts_paused(told) if self._airflow_paused(RECEIPTS_DAG_ID) else told,
                "causes": causes,
                "refused": refused,
                "reconciled": [row for row in reconciled if platform in ("", row["platform"])],
                "differences": _all(connection, "differences", platform=platform or None, size=PAGE_SIZE),
                "difference_words": DIFFERENCE_WORDS,
                "most": max((p["ready"] + p["in_flight"] + p["unknown"] + p["held"] for p in platforms), default=0),
                "shipments": _all(connection, "shipments", platform=platform or None, size=SHIPMENTS),
                "platform": platform,
                "circuit_words": CIRCUIT_WORDS,
                **names,
            }


def _all(connection: Connection, name: str, **given: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sql.load(f"ui/{name}"), given).mappings()]


def _is_gone(platform: str) -> bool:
    """Tell whether a platform has no file any more; not where the files are wrong as a whole."""
    config = as_it_is()
    return not (config.problems or platform in config.platforms or f"platform {platform}" in config.broken)


def _cause(row: dict[str, Any], names: dict[str, str]) -> str:
    """Why the newest try of a platform failed, on a page on which the platform is named already."""
    name = names.get(row["platform"], row["platform"])
    return f"业务日期 {row['business_date']}：{row['cause'].removeprefix(f'{name}：')}"


def _wrong_files() -> dict[str, tuple[str, ...]]:
    """What is wrong with the configuration's files, by how people call the part that does not run."""
    config = as_it_is()
    whole = {"整个交换": config.problems} if config.problems else {}
    return whole | {part_label(config, part): problems for part, problems in config.broken.items()}


def _names(dataset: str | None = None) -> dict[str, dict[str, str]]:
    """Names by id, fields as this data set calls them; where the files are wrong a page works, and shows ids."""
    config = as_it_is()
    parts = [*STEP_WORDS, *(f"feed {key}" for key in config.feeds), *(f"platform {key}" for key in config.platforms)]
    names = names_of(config, dataset)
    return {
        "platform_names": names.pop("platforms"),  # pages have rows of their own under these names
        "rule_names": names.pop("rules"),
        **names,
        "parts": {part: part_label(config, part) for part in parts},
        "contacts": {key: f"{feed.owner} {feed.contact}".strip() for key, feed in config.feeds.items()},
    }
