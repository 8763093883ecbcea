"""Explains one record: source bytes and line, rules, decisions, shipments, receipts. No personal data is printed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from credit_exchange.config.labels import DIFFERENCE_WORDS, names_of, rule_label
from credit_exchange.config.loader import Configuration
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.core.text import document_key
from credit_exchange.steps import people
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.orders import unknown_record
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction
from credit_exchange.ui.words import WORDS

PARTS = {
    "versions": "版本（来源批次、行号）",
    "claims": "各部门的说法",
    "quarantined": "问题数据",
    "orders": "撤下与恢复",
    "releases": "发布决定（规则与版本）",
    "deliveries": "上报与回执",
    "differences": "与平台清单不一致",
    "handed_out": "证据的导出",
}

HEADINGS = {
    "record_id": "记录编号",
    "dataset": "数据集",
    "version": "版本",
    "department": "部门",
    "document_no": "文号",
    "subject_code": "主体代码",
    "subject_name": "信用主体",
    "subject_kind": "主体类别",
    "decided_on": "决定日期",
    "business_date": "业务日期",
    "status": "状态",
    "publish_until": "公示至",
    "feed": "报送源",
    "sources": "报送源个数",
    "reason": "原因",
    "created_at": "形成于",
    "note": "说明",
    "batch_id": "报送批次",
    "line_no": "行号",
    "source_digest": "原始字节 SM3",
    "landed_uri": "原始字节存于",
    "code_version": "程序版本",
    "sequence": "来源的序号",
    "stands_whole": "内容全部采用",
    "stands_for": "说法不一而取其值的字段",
    "history": "只进历史",
    "rule_id": "规则",
    "field": "字段",
    "message": "问题与处理办法",
    "state": "状态",
    "action": "动作",
    "authority": "由谁决定",
    "legal_basis": "依据",
    "ordered_by": "登记人",
    "taken_by": "导出人",
    "taken_at": "导出时间",
    "platform": "平台",
    "effect": "决定",
    "deciding_rule": "决定的规则",
    "rules": "适用的规则",
    "drop_fields": "去掉的字段",
    "mask_fields": "遮蔽的字段",
    "decided_at": "决定于",
    "op": "操作",
    "outcome_code": "结果码",
    "outcome_message": "平台的说法",
    "attempts": "发送次数",
    "shipment_no": "上报批次",
    "receipt_no": "回执号",
    "first_sent_at": "发出于",
    "settled_at": "结清于",
    "body_digest": "字节 SM3",
    "reply_digest": "答复 SM3",
    "kind": "不一致",
    "our_version": "本系统的版本",
    "their_version": "平台的版本",
    "compared_at": "核对于",
    "repaired_at": "安排更正于",
    "repaired_by": "安排人",
}
"""How people call the keys of an explanation; programs read them as they are (`--json`)."""
_CODED = {"status", "state", "subject_kind", "action", "authority", "effect", "op"}
_WRITTEN = ("reason", "legal_basis")
_EFFECTS = {"release": "放行", "mask": "遮蔽", "drop_field": "去掉字段", "withhold": "不予发送", "hold": "待人工确认"}


def explanation(exchange: Exchange, record_id: str) -> dict[str, Any]:
    """Return everything known of a record as plain data. Raises FatalError when there is no such record."""
    with transaction(exchange.engine) as connection:
        row = connection.execute(sql.load("explain/record"), {"record_id": record_id}).mappings().one_or_none()
        if row is None:
            raise unknown_record(record_id)
        told: dict[str, Any] = {"record": dict(row)}
        for part in PARTS:
            found = connection.execute(sql.load(f"explain/{part}"), {"record_id": record_id}).mappings()
            told[part] = [dict(item) for item in found]
        hidden = people.names(exchange.config.datasets.values(), connection, [record_id])[record_id]
        numbers = people.numbers(exchange, connection, [record_id]).get(record_id, [])
    for claim in told["claims"]:
        claim["sequence"] = claim["sequence"] and people.in_order(claim["sequence"], hidden, numbers)
    written = [(v, "note") for v in told["versions"]] + [(o, key) for o in told["orders"] for key in _WRITTEN]
    for item, key in written:  # people wrote it
        item[key] = people.without(scrub_text(item[key] or ""), hidden) or None
    return told


def find(exchange: Exchange, document_no: str) -> list[str]:
    """Return the ids of the records with this document number, whatever its brackets, width and blanks."""
    with transaction(exchange.engine) as connection:
        given = {"document_key": document_key(document_no)}
        return list(connection.execute(sql.load("explain/find"), given).scalars())


def as_json(told: dict[str, Any]) -> str:
    """Return an explanation as JSON text."""
    return orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2).decode()


def show(told: dict[str, Any], config: Configuration, console: Console) -> None:
    """Print an explanation, a line for each fact: as columns a row would need three times the width of a terminal."""
    names = _names(config, told["record"]["dataset"])
    for part, title in {"record": "记录", **PARTS}.items():
        rows = [told["record"]] if part == "record" else told[part]
        if not rows:
            continue
        heading = title if part == "record" else f"{title}：{len(rows)}"
        table = Table("", "", title=heading, title_justify="left", show_header=False)
        table.columns[0].no_wrap = True
        table.columns[1].overflow = "fold"
        for row in rows:
            table.add_section()
            for key, value in row.items():
                if value not in (None, "", [], {}):
                    coded = key in _CODED or (part, key) == ("versions", "reason")
                    text = WORDS.get(str(value), str(value)) if coded else _text(key, value, names)
                    table.add_row(HEADINGS.get(key, key), Text(text))
        console.print(table)


def _names(config: Configuration, dataset: str) -> dict[str, dict[str, str]]:
    """Return how people call what an explanation names by its id, by the key it stands under."""
    names = names_of(config, dataset)
    fields = dict.fromkeys(("field", "drop_fields", "mask_fields", "stands_for"), names["fields"])
    others = {"dataset": "datasets", "department": "departments", "platform": "platforms", "deciding_rule": "rules"}
    return fields | {key: names[kind] for key, kind in others.items()}


def _text(key: str, value: Any, names: dict[str, dict[str, str]]) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    if key == "rules":
        return "\n".join(
            f"{rule['id']} 第 {rule['version']} 版：{_EFFECTS.get(rule['effect'], rule['effect'])}" for rule in value
        )
    if key == "kind":
        return DIFFERENCE_WORDS[value]
    if key == "rule_id":
        return rule_label(value)
    known = names.get(key, {})
    if isinstance(value, (list, dict)):
        return "、".join(f"{known.get(code, '')} {code}".lstrip() for code in value)
    return f"{known[value]} {value}" if value in known else str(value)
