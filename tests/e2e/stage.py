"""Plays an invented history with the real steps, a real database and the real sandbox platforms."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import yaml
from invented import AGENCY, FEEDS, FIRST, OF_2016, History, Step, dates
from reference import Batch, Document, Knowledge, Row, Rule, linked, quarantined, standing_order
from sqlalchemy import text
from town import CREDENTIALS, LOGIN, quick

from credit_exchange.config.loader import load
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_night
from credit_exchange.steps.orders import dismiss, order
from credit_exchange.stores.database import connect, transaction
from platforms import Sandbox

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "include"
CATALOG = {name: yaml.safe_load((SHIPPED / f"catalog/{name}.yml").read_text("utf-8")) for name in ("permit", "penalty")}
HEADS = {name: [f["code"] for f in catalogue["versions"][0]["fields"]] for name, catalogue in CATALOG.items()}
COLUMNS_OF_2016 = {
    "XK_WSH": "XK_WSH", "XK_XMMC": "XK_XKWS", "XK_SPLB": "XK_XKLB", "XK_NR": "XK_NR", "XK_XDR": "XK_XDR_MC",
    "XK_XDR_SHXYM": "XK_XDR_SHXYM", "XK_XDR_GSDJ": "XK_XDR_GSZC", "XK_XDR_SFZ": "XK_XDR_ZJHM", "XK_FR": "XK_FRDB",
    "XK_JDRQ": "XK_JDRQ", "XK_JZQ": "XK_YXQZI", "XK_XZJG": "XK_XKJG", "BZ": "BZ", "SECRET": "SECRET",
    "XK_ZT": "XK_ZT", "XK_SYFW": "USE_SCOPE", "CF_WSH": "CF_WSH", "CF_CFMC": "CF_WFXW", "CF_CFLB1": "CF_CFLB",
    "CF_CFLB2": "CF_CFLB", "CF_SY": "CF_SY", "CF_YJ": "CF_YJ", "CF_XDR_MC": "CF_XDR_MC",
    "CF_XDR_SHXYM": "CF_XDR_SHXYM", "CF_XDR_GSDJ": "CF_XDR_GSZC", "CF_XDR_SFZ": "CF_XDR_ZJHM", "CF_FR": "CF_FRDB",
    "CF_JG": "CF_NR", "CF_JDRQ": "CF_JDRQ", "CF_JZQ": "CF_YXQ", "CF_GSJZQ": "CF_GSJZQ", "CF_XZJG": "CF_CFJG",
    "CF_ZT": "STATUS", "CF_SYFW": "USE_SCOPE", "PROCEDURE": "PROCEDURE", "BAN_END": "BAN_END",
}  # fmt: skip
"""Column of the tables of 2016 -> today's code."""
SPOKEN_IN_2016 = {
    "XK_ZT": {"1": "0", "2": "1"}, "CF_ZT": {"": "0", "撤销": "1", "异议": "2", "其他": "3"},
    "XK_SYFW": {"": "0", "政务共享": "1", "授权查询": "2"}, "CF_SYFW": {"": "0", "政务共享": "1", "授权查询": "2"},
}  # fmt: skip
"""Column of 2016 -> what stands there for today's word."""
UNITS = {"CF_NR_FK": ("yuan", 10_000), "CF_NR_WFFF": ("fen", 1_000_000)}
"""In what the feed of today's penalties gives its amounts, and how many of it are one of 万元."""
WORDS = {"upsert": "", "withdraw": "撤销", "reinstate": "恢复"}


def lay_out(root: Path, history: History) -> None:
    """Write configuration and deliveries of a history: the shipped catalogue, platforms and rules, feeds of our own."""
    for folder in ("catalog", "platforms", "sharing", "calendar"):
        shutil.copytree(SHIPPED / folder, root / "config" / folder)
    (root / "config" / "feeds").mkdir()
    if history.rules:
        written = yaml.safe_dump({"rules": [_rule(rule) for rule in history.rules]}, allow_unicode=True)
        (root / "config" / "sharing" / "95_invented.yml").write_text(written, "utf-8")
    for feed in FEEDS:
        department, dataset = feed.split("_")
        made = {
            "department": {"code": department, "name": f"样例{department}局"},
            "dataset": dataset, "owner": "样例", "contact": "sample@example.invalid", "transfer": "full",
            "source": {"form": "csv", "path": feed + "/{date}.csv", "encoding": "utf-8", "settle_seconds": 0},
            "columns": {code: code for code in heads(feed)},
            "sequence": "更新序号",
            "operation": {"column": "操作", "withdraw": ["撤销"], "reinstate": ["恢复"], "reason_column": "操作原因"},
            "contract": {"volume": {"hold_below": 0.0, "hold_above": 1000.0}},
        }  # fmt: skip
        if feed in OF_2016:
            made["schema_version"] = "v2016"
            made["constants"] = {"XK_XKJGDM" if dataset == "permit" else "CF_CFJGDM": AGENCY}
        elif dataset == "penalty":
            made["units"] = {code: unit for code, (unit, _) in UNITS.items()}
        (root / "config" / "feeds" / f"{feed}.yml").write_text(yaml.safe_dump(made, allow_unicode=True), "utf-8")
        (root / "inbox" / feed).mkdir(parents=True)
        for day in dates(history.days):
            deliver(root, history, (feed, day, 1))


def heads(feed: str) -> list[str]:
    """The columns of a feed's file, without those of orders."""
    dataset = feed.split("_")[1]
    if feed not in OF_2016:
        return HEADS[dataset]
    other = "CF" if dataset == "permit" else "XK"
    mine = set(HEADS[dataset])
    return [old for old, new in COLUMNS_OF_2016.items() if new in mine and old[:2] != other] + ["DFBM", "SJC"]


def deliver(root: Path, history: History, batch: Batch) -> None:
    """Put a delivery into the inbox, over an earlier one of the same day."""
    feed, day, _ = batch
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*heads(feed), "更新序号", "操作", "操作原因"])
    writer.writeheader()
    writer.writerows(cells(row, document) for document, _, row in delivered(history, batch))
    (root / "inbox" / feed / f"{day:%Y%m%d}.csv").write_text(out.getvalue(), "utf-8", newline="")


def delivered(history: History, batch: Batch) -> list[tuple[Document, int, Row]]:
    """The rows of one delivery in the order of its lines, each with its document and its place there."""
    return [
        (document, place, row)
        for document in history.documents
        for place, row in enumerate(document.rows)
        if row.batch == batch
    ]


def cells(row: Row, document: Document) -> dict[str, str]:
    """A row as it stands in the department's file."""
    fields = dict(row.fields)
    reason = because(document) if WORDS[row.operation] else ""
    if row.flaw == "S01":
        fields.pop("XK_NR" if document.dataset == "permit" else "CF_NR")
    elif row.flaw == "OP02":
        reason *= 60
    if row.feed in OF_2016:
        fields = as_in_2016(fields, heads(row.feed))
    for code, (_, many) in UNITS.items():
        if code in fields:
            plain = format((Decimal(fields[code]) * many).normalize(), "f")
            fields[code] = amounts(plain)[row.sequence % 4]
    return fields | {"更新序号": str(row.sequence), "操作": WORDS[row.operation], "操作原因": reason}


def as_in_2016(fields: dict[str, str], columns: list[str]) -> dict[str, str]:
    """The same as the tables of 2016 have it."""
    made = {old: fields.get(COLUMNS_OF_2016.get(old, ""), "") for old in columns}
    made |= {old: words[made[old]] for old, words in SPOKEN_IN_2016.items() if old in made}
    if "CF_CFLB1" in made:
        made["CF_CFLB1"], _, made["CF_CFLB2"] = made["CF_CFLB1"].partition(";")
    return made | {"DFBM": "350100", "SJC": "2026-11-10 08:00:00"}


def amounts(plain: str) -> list[str]:
    """An amount as departments write it."""
    whole, point, rest = plain.partition(".")
    grouped = f"{int(whole):,}{point}{rest}"
    wide = "".join(chr(ord(c) + 0xFEE0) for c in grouped)
    return [plain, grouped, wide, f" {plain}{'' if point else '.00'}\u3000"]


def because(document: Document) -> str:
    """Why something is ordered, as a careless person writes it."""
    who = document.subject
    return f"{who.name}（{who.representative}）{who.id_number}，{who.mobile}：信用修复"


def _rule(rule: Rule) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": rule.rule_id, "name": "样例规则", "legal_basis": "样例依据", "datasets": [rule.dataset],
        "platforms": list(rule.platforms), "effect": rule.effect, "valid_from": rule.valid_from.isoformat(),
        "match": [{"field": name, "op": "eq", "value": value} for name, value in rule.when],
    }  # fmt: skip
    if rule.valid_to:
        made["valid_to"] = rule.valid_to.isoformat()
    return made | ({"fields": list(rule.drops)} if rule.drops else {})


@dataclass
class Stage:
    """One exchange with everything around it, and what is known of it until now."""

    root: Path
    history: History
    exchange: Exchange
    platforms: dict[str, Sandbox]
    known: Knowledge
    logs: io.StringIO
    told: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def query(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of the database as dicts."""
        with transaction(self.exchange.engine) as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def play(self, step: Step) -> None:
        """The office's orders, then the step's nights, with the step's faults."""
        self.known.today = step.today
        os.environ["CREDIT_EXCHANGE_NOW"] = f"{step.today}T01:30:00"
        self._order(step)
        self._dismiss(step)
        for kind, (endpoint, name, options, times) in step.faults.items():
            self.platforms[kind].faults.add(endpoint, name, times=times, **options)
        for kind in step.down:
            self.platforms[kind].stop()
        whole = not step.faults and not step.down
        nights = step.nights or [(FIRST, ())]
        if step.killed and step.nights:
            self._killed(*nights[0], step.killed)
        if step.at_once and (len(nights) > 1 or step.at_once == "same"):
            other = nights[1] if step.at_once == "other" else nights[0]
            with ThreadPoolExecutor(2) as both:
                for done in [both.submit(self.night, *one, whole=whole) for one in (nights[0], other)]:
                    done.result()
            self._in_the_order_of_the_merges()
            self.known.at_once.append({(feed, day, 1) for day, feeds in (nights[0], other) for feed in feeds})
            nights = [one for one in nights if one not in (nights[0], other)]
        for day, feeds in nights:
            self.night(day, feeds, whole=whole)
        for feed, day in step.again:
            if (feed, day, 1) in self.known.merged:
                deliver(self.root, self.history, (feed, day, 2))
                self.night(day, (feed,), whole=whole, again=True)
        for sandbox in self.platforms.values():
            sandbox.faults.clear()
            sandbox.start()

    def night(self, day: date, feeds: tuple[str, ...], *, whole: bool, again: bool = False) -> None:
        """Run a night of these feeds; where nothing misbehaves nothing may fail."""
        platforms = () if feeds else tuple(self.platforms)
        result = run_night(self.exchange, day, feeds=feeds, platforms=platforms, recollect=again, say=self.told.append)
        self.told += result.failed.values()
        generation = 2 if again else 1
        self.known.merged += [(f, day, generation) for f in feeds if (f, day, generation) not in self.known.merged]
        wrong = {part: why for part, why in result.failed.items() if whole or not part.startswith("platform")}
        assert not wrong, (day, wrong)

    def _killed(self, day: date, feeds: tuple[str, ...], point: str) -> None:
        """A night in a process of its own, which is killed where it comes to this point."""
        path = os.pathsep.join(str(ROOT / folder) for folder in ("plugins", "config", "include/sandbox", "tests/e2e"))
        url = self.exchange.engine.url.render_as_string(hide_password=False)
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("night_process.py")), str(day), *feeds],
            env={
                **os.environ, "CREDIT_EXCHANGE_DATABASE_URL": url, "PYTHONPATH": path,
                "CREDIT_EXCHANGE_FAULT": f"{point}:kill",
            },
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.told += [done.stdout, done.stderr]

    def _in_the_order_of_the_merges(self) -> None:
        """Which of two batches that ran at the same time was merged first is known only afterwards."""
        rows = self.query("select feed, business_date, generation, merged_at from exchange.batch")
        merged = {(row["feed"], row["business_date"], row["generation"]): row["merged_at"] for row in rows}
        self.known.merged.sort(key=lambda batch: merged[batch])

    def _order(self, step: Step) -> None:
        for one in step.orders:
            document = next(d for d in self.history.documents if d.number == one.number)
            if one.action == "reinstate" and document.subject.is_scattered and not linked(document, self.known):
                continue  # of two records perhaps one only is withdrawn
            found = self.query("select record_id from exchange.record where document_no = :number", number=one.number)
            for record in found:
                reason = because(document)
                order(self.exchange, record["record_id"], one.action, "office", reason, "样例依据", "样例人员")
            # what no order withdrew cannot be reinstated: the word would outdo a withdrawal that comes late
            if found and (one.action == "withdraw" or standing_order(document, self.known) == "withdraw"):
                self.known.orders.append(one)

    def _dismiss(self, step: Step) -> None:
        documents = {document.number: document for document in self.history.documents}
        for number, place in step.dismissals:
            row = documents[number].rows[place]
            if quarantined(documents[number], self.known).get(place) != {"open"}:
                continue
            batch = self.query(
                """select batch_id from exchange.batch
                where feed = :feed and business_date = :day and generation = :generation""",
                feed=row.feed,
                day=row.day,
                generation=row.generation,
            )
            lines = [(document.number, at) for document, at, _ in delivered(self.history, row.batch)]
            dismiss(self.exchange, batch[0]["batch_id"], lines.index((number, place)) + 2, "样例", "样例人员")
            self.known.dismissed.add(row.same)

    # --- what is there ---------------------------------------------------------------------------------------------

    def shown(self, platform: str) -> list[tuple[str, dict[str, str]]]:
        """What the public sees at a platform: (document number, fields), in the standard's own spelling."""
        store = self.platforms[platform].platform.store
        column = {"fuzhou": "fields", "fujian": "content", "china": "content"}[platform]
        where = "" if platform == "china" else "where shown"
        rows = [orjson.loads(content) for (content,) in store.read(f"select {column} from record {where}")]
        return sorted((plain(row, platform) for row in rows), key=lambda pair: pair[0])

    def waiting(self) -> dict[tuple[str, int], str]:
        """(document number, place) -> state of its row in quarantine."""
        found = self.query(
            """select b.feed, b.business_date, b.generation, q.line_no, q.state
            from exchange.quarantine as q inner join exchange.batch as b using (batch_id)"""
        )
        states = {}
        for row in found:
            lines = delivered(self.history, (row["feed"], row["business_date"], row["generation"]))
            document, place, _ = lines[row["line_no"] - 2]
            states[document.number, place] = row["state"]
        return states


def plain(row: dict[str, str], platform: str) -> tuple[str, dict[str, str]]:
    """A platform's row in the catalogue's spelling: codes in capitals, dates ISO, amounts in 万元, absent left out."""
    fields = {}
    for code, value in row.items():
        code = code.upper()
        if value and code.endswith(("JDRQ", "YXQZ", "YXQZI", "YXQ", "GSJZQ")):
            digits = value.replace("/", "").replace("-", "")
            value = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
        if value and code in ("CF_NR_FK", "CF_NR_WFFF"):
            amount = Decimal(value) / (10_000 if platform == "fujian" else 1)
            value = format(amount.normalize(), "f")
        if value:
            fields[code] = value
    return fields.get("XK_WSH") or fields["CF_WSH"], fields


@contextmanager
def stage(root: Path, url: str, history: History) -> Iterator[Stage]:
    """Open an exchange for a history on a fresh database, and the three platforms."""
    lay_out(root, history)
    sandboxes = {
        kind: Sandbox(kind, credentials=CREDENTIALS[kind], rate_limit=False, task_seconds=0.05).start()
        for kind in CREDENTIALS
    }
    keys = {"password": "an encryption key of a test", "extra": {"hmac_key": "an hmac key of a test"}}
    environment = {
        "CREDIT_EXCHANGE_CONFIG": str(root / "config"),
        "CREDIT_EXCHANGE_LANDING": str(root / "landing"),
        "CREDIT_EXCHANGE_INBOX": str(root / "inbox"),
        "CREDIT_EXCHANGE_NOW": datetime.combine(FIRST, time(1, 30)).isoformat(),
        "AIRFLOW_CONN_CREDIT_KEYS": json.dumps(keys),
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
    log, logs = logging.getLogger(), io.StringIO()
    level, handler = log.level, logging.StreamHandler(logs)
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield Stage(root, history, exchange, sandboxes, Knowledge(FIRST, rules=history.rules), logs)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        exchange.engine.dispose()
        for sandbox in sandboxes.values():
            sandbox.close()
        os.environ.clear()
        os.environ.update(before)
