"""Data Docs of a batch: one compact page in Chinese from the expectations' results; nothing is loaded from outside.

It holds counts, rules and field names, never a value that a department delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_STYLE = """
body{font:14px/1.5 system-ui,"Noto Sans SC","Microsoft YaHei",sans-serif;margin:2rem auto;max-width:72rem;
padding:0 1rem;
color:#1c2733;background:#fff}h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#5b6b7b}dd{margin:0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #e3e8ee;vertical-align:top}
th{color:#5b6b7b;font-weight:600}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr:target{background:#fff7d6}
.bar{background:#e3e8ee;height:.6rem;width:8rem;border-radius:.3rem;overflow:hidden}
.bar i{display:block;height:100%}
.reject i{background:#c0392b}.hold i{background:#8e44ad}.warn i{background:#d68910}
.good{color:#1e8449}.tag{font-size:.8rem;border-radius:.3rem;padding:0 .4rem;color:#fff;white-space:nowrap}
.tag.reject{background:#c0392b}.tag.hold{background:#8e44ad}.tag.warn{background:#d68910}
@media(prefers-color-scheme:dark){body{background:#14191f;color:#dfe6ee}th,td{border-color:#2b3540}.bar{background:#2b3540}
tr:target{background:#3a3413}}
"""
_EFFECT = {"reject": "退回", "hold": "待人工", "warn": "提醒"}


@dataclass(frozen=True)
class Line:
    """One rule on one field: how many rows it spoke about and how many failed."""

    rule_id: str
    field: str
    field_name: str
    message: str
    effect: str
    failed: int
    checked: int


def anchor(rule_id: str, field: str) -> str:
    """The fragment under which a rule's line is found on the page."""
    return f"{rule_id}-{field}" if field else rule_id


def page(header: Sequence[tuple[str, Any]], lines: Sequence[Line]) -> bytes:
    """The whole page as UTF-8 HTML. header: label and value pairs about the batch."""
    facts = "".join(f"<dt>{escape(str(label))}</dt><dd>{escape(str(value))}</dd>" for label, value in header)
    failed = sorted((x for x in lines if x.failed), key=lambda x: (x.effect == "warn", -x.failed, x.rule_id, x.field))
    passed = [x for x in lines if not x.failed]
    problems = _table(failed) if failed else '<p class="good">没有发现问题。</p>'
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>数据校验报告</title><style>{_STYLE}</style></head><body>"
        f'<h1>数据校验报告</h1><dl id="batch">{facts}</dl>'
        f'<h2 id="problems">发现问题的规则（{len(failed)}）</h2>{problems}'
        f'<h2 id="passed">全部通过的规则（{len(passed)}）</h2>{_table(passed)}'
        "</body></html>"
    ).encode()


def _table(lines: Sequence[Line]) -> str:
    rows = "".join(_row(line) for line in lines)
    head = "<tr><th>规则</th><th>字段</th><th>处理</th><th>未通过 / 检查</th><th>占比</th><th>说明</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if lines else "<p>无。</p>"


def _row(line: Line) -> str:
    share = line.failed / line.checked if line.checked else 0.0
    # a failure must be seen, however small its share
    width = max(2, round(share * 100)) if line.failed else 0
    name = f"{escape(line.field_name)}<br><small>{escape(line.field)}</small>" if line.field else "—"
    return (
        f'<tr id="{escape(anchor(line.rule_id, line.field), quote=True)}">'
        f"<td>{escape(line.rule_id)}</td><td>{name}</td>"
        f'<td><span class="tag {line.effect}">{_EFFECT[line.effect]}</span></td>'
        f'<td class="n">{line.failed} / {line.checked}</td>'
        f'<td><div class="bar {line.effect}" title="{share:.2%}"><i style="width:{width}%"></i></div></td>'
        f"<td>{escape(line.message)}</td></tr>"
    )
