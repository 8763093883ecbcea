"""The same rows, written by independent writers in every form of delivery, are read alike: a row that is taken holds
the same values, a row that is not has the same reasons and the line at which the writer put it, and every row of the
writer is counted. `EVERY_FORM_SEEDS=50` invents more of them.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from every_amount import UNITS, fined
from every_form import PIECES, WRITERS, Row, Written, as_csv, rows_of
from sqlalchemy import text

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import Feed
from credit_exchange.config.loader import Configuration, load
from credit_exchange.steps.collect import collect, delimited, encoding
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.delimited import read_delimited
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.validate import validate
from credit_exchange.stores.database import connect, transaction
from samples import PERMIT

DAY = date(2026, 9, 1)
SEEDS = range(int(os.environ.get("EVERY_FORM_SEEDS", "1")))
SHIPPED = load(Path(__file__).resolve().parents[3] / "include")
READ = Callable[..., dict[str, Any]]


def feed_with(source: dict[str, Any], columns: list[str], **more: Any) -> Feed:
    given = {
        "department": {"code": "fz_test", "name": "福州市测试局"},
        "dataset": "permit",
        "owner": "联络员",
        "contact": "test@example.invalid",
        "source": source,
        "columns": {code: code for code in columns},
    }
    return Feed.model_validate(given | more)


@pytest.fixture
def read_back(database_url: str, inbox: Path) -> Iterator[READ]:
    """Return a function that collects and validates a delivery and says what became of each line."""
    engine = connect(database_url)
    keys = Connection("credit_keys", password="a" * 64, login="b" * 64)

    def read(delivery: Written, columns: list[str], **more: Any) -> dict[str, Any]:
        feeds = {"t": feed_with(delivery.source, columns, **more)}
        config = Configuration(SHIPPED.root, SHIPPED.datasets, feeds, {}, ())
        connections = {"there": delivery.connection or keys}
        exchange = Exchange(config, engine, resolve=lambda name: connections.get(name, keys))
        if delivery.content:
            (inbox / delivery.source["path"]).write_bytes(delivery.content)
        try:
            number = collect(exchange, "t", DAY)
        finally:
            delivery.close()
        counts = validate(exchange, number, chunk_rows=25)
        with transaction(engine) as connection:
            uri = connection.execute(text("select accepted_uri from exchange.batch")).scalar_one()
            told = connection.execute(text("select line_no, rule_id, field from report.quarantine")).all()
        accepted = pq.read_table(io.BytesIO(exchange.landing.get_bytes(uri))).to_pylist()
        reasons: dict[int, set[tuple[str, str]]] = {}
        for line, rule, code in told:
            reasons.setdefault(line, set()).add((rule, code))
        taken = {one["line_no"]: json.loads(one["content"]) for one in accepted}
        return {"counts": counts, "taken": taken, "not": reasons}

    yield read
    engine.dispose()


def alike(rows: list[Row], delivery: Written, found: dict[str, Any]) -> None:
    """What was read is what the writer wrote: values, reasons, lines and numbers."""
    not_taken = {line: set(row.reasons) for line, row in zip(delivery.lines, rows, strict=True) if row.reasons}
    assert found["not"] == not_taken
    for line, row in zip(delivery.lines, rows, strict=True):
        if line in found["taken"]:  # else it is the repeat of one that is
            assert {k: v for k, v in found["taken"][line].items() if k[0] != "_"} == row.meant, line
    counts = {name.removeprefix("rows_"): number for name, number in found["counts"].items()}
    taken = len(rows) - len(not_taken) - 1
    assert counts["delivered"] == len(rows)
    assert (counts["quarantined"], counts["held"], counts["unchanged"]) == (len(not_taken), 0, 1)
    assert counts["accepted"] == len(found["taken"]) == taken


@pytest.mark.parametrize(("form", "seed"), list(itertools.product(WRITERS, SEEDS)))
def test_rows_are_read_alike_in_every_form(
    form: str, seed: int, read_back: READ, empty_database_url: str, tmp_path: Path
) -> None:
    """Permits, or penalties with amounts: of two seeds one gets each in a form."""
    rows, more = rows_of(seed), {}
    if (list(WRITERS).index(form) + seed) % 2:
        rows = [fined(row, random.Random(f"{seed} {row.written['XK_WSH']}")) for row in rows]
        more = {"dataset": "penalty", "units": UNITS}
    delivery = WRITERS[form](rows, seed, empty_database_url, tmp_path)
    alike(rows, delivery, read_back(delivery, list(rows[0].written), **more))


OLDER = {"XK_XMMC": "XK_XKWS", "XK_SPLB": "XK_XKLB", "XK_XDR": "XK_XDR_MC", "XK_FR": "XK_FRDB", "XK_JZQ": "XK_YXQZI"}
OLDER |= {"XK_XZJG": "XK_XKJG"} | {name: name for name in ("XK_WSH", "XK_NR", "XK_XDR_SHXYM", "XK_JDRQ", "XK_ZT", "BZ")}
AGENCY = {"XK_XKJGDM": PERMIT["XK_XKJGDM"]}


def older(row: Row) -> Row:
    """The row as the standard of 2016 has it: fewer columns under other names; its begin is the day of the decision."""
    written = {old: row.written[new] for old, new in OLDER.items()}
    written |= {"XK_ZT": "0", "DFBM": "350100", "SJC": "2026-08-31 10:00:00"}
    typed = {old: row.typed[new] for old, new in OLDER.items() if new in row.typed} | {"XK_ZT": 0, "DFBM": 350100}
    meant = {new: row.meant[new] for new in [*OLDER.values(), "XK_XDR_LB"] if new in row.meant} | AGENCY
    stand_ins = {"XK_YXQZ": "XK_JDRQ", "XK_LYDW": "XK_XKJG", "XK_LYDWDM": "XK_XKJGDM"}
    also = {(rule, new) for new, old in stand_ins.items() for rule, name in row.reasons if name == old}
    return Row(written, typed, meant | {n: meant.get(o, "") for n, o in stand_ins.items()}, row.reasons | also)


@pytest.mark.parametrize(("form", "seed"), list(itertools.product(("xlsx", "postgres_typed"), SEEDS)))
def test_rows_of_the_older_standard_are_read_alike(
    form: str, seed: int, read_back: READ, empty_database_url: str, tmp_path: Path
) -> None:
    rows = [older(row) for row in rows_of(seed)]
    delivery = WRITERS[form](rows, seed, empty_database_url, tmp_path)
    alike(rows, delivery, read_back(delivery, list(rows[0].written), schema_version="v2016", constants=AGENCY))


# --- wherever blocks end


@pytest.mark.parametrize("seed", SEEDS)
def test_text_is_read_alike_wherever_its_blocks_end(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small texts and small blocks, so that every oddity comes to lie at the end of one sooner or later."""
    names = ["XK_XDR_MC", "XK_WSH", "BZ"]
    layout = Layout("t", feed_with({"form": "csv", "path": "d.csv"}, names), SHIPPED.datasets["permit"])
    for number in range(200):
        chance = random.Random(f"{seed} {number}")
        odd = chance.choice([0.0, 0.02, 0.3])

        def value(chance: random.Random = chance, odd: float = odd) -> str:
            return "".join(chance.choice(PIECES if chance.random() < odd else ["甲", "b", ""]) for _ in range(4))

        rows = [Row({n: f"{n[-1]}{k}{value()}" for n in names}, {}, {}) for k in range(chance.randrange(1, 40))]
        newline, codec = chance.choice(["\n", "\r\n"]), chance.choice(["utf-8", "utf-8-sig", "gb18030"])
        quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        delivery = as_csv(rows, codec, ";", newline, quoting, "auto", gaps=chance.random() < 0.2)
        monkeypatch.setattr(delimited, "BLOCK", chance.choice([16, 17, 64, 100]))
        monkeypatch.setattr(encoding, "BLOCK", delimited.BLOCK)
        monkeypatch.setattr(delimited, "_ARROW_BLOCK", chance.choice([256, 1000]))
        found = [
            (int(line), list(record))
            for chunk in read_delimited(io.BytesIO(delivery.content), layout, ";", "auto", chance.choice([1, 3, 50]))
            for line, record in zip(chunk.line_no, chunk.frame.itertuples(index=False), strict=True)
        ]
        assert found == [(line, list(row.written.values())) for line, row in zip(delivery.lines, rows, strict=True)]
