"""Explains one record: source bytes and line, rules, decisions, shipments, receipts. No personal data is printed."""

from __future__ import annotations

from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from credit_exchange.core.masking import hide_name, scrub_text
from credit_exchange.core.text import document_key
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

PARTS = {
    "versions": "版本（来源批次、行号）",
    "claims": "各部门的说法",
    "quarantined": "问题数据",
    "orders": "撤下与恢复",
    "releases": "发布决定（规则与版本）",
    "deliveries": "上报与回执",
}


def explanation(exchange: Exchange, record_id: str) -> dict[str, Any]:
    """Return everything known of a record as plain data. Raises FatalError when there is no such record."""
    with transaction(exchange.engine) as connection:
        row = connection.execute(sql.load("explain/record"), {"record_id": record_id}).mappings().one_or_none()
        if row is None:
            raise FatalError(f"there is no record {record_id}")
        told: dict[str, Any] = {"record": dict(row)}
        for part in PARTS:
            found = connection.execute(sql.load(f"explain/{part}"), {"record_id": record_id}).mappings()
            told[part] = [dict(item) for item in found]
        person = connection.execute(sql.load("explain/person"), {"record_id": record_id}).scalar()
    for item, key in [(v, "note") for v in told["versions"]] + [(o, "reason") for o in told["orders"]]:
        item[key] = hide_name(scrub_text(item[key] or ""), person) or None  # people wrote it
    return told


def find(exchange: Exchange, document_no: str) -> list[str]:
    """Return the ids of the records with this document number, whatever its brackets, width and blanks."""
    with transaction(exchange.engine) as connection:
        given = {"document_key": document_key(document_no)}
        return list(connection.execute(sql.load("explain/find"), given).scalars())


def as_json(told: dict[str, Any]) -> str:
    """Return an explanation as JSON text."""
    return orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2).decode()


def show(told: dict[str, Any], console: Console) -> None:
    """Print an explanation, a line for each fact: as columns a row would need three times the width of a terminal."""
    console.print({key: str(value) for key, value in told["record"].items() if value is not None})
    for part, title in PARTS.items():
        rows = told[part]
        if not rows:
            continue
        table = Table("", "", title=f"{title}：{len(rows)}", title_justify="left", show_header=False)
        table.columns[1].overflow = "fold"
        for row in rows:
            table.add_section()
            for key, value in row.items():
                if value not in (None, "", [], {}):
                    table.add_row(key, str(value))
        console.print(table)
