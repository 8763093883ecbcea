"""Data Docs of a batch: one compact page in Chinese from the expectations' results; nothing is loaded from outside.

It holds counts, rules and field names, never a value that a department delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.labels import SUBJECT_WORDS
from credit_exchange.steps.validate.fill import Share

_STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--page:#fff;--soft:#59636e;--line:#d9dfe5;--panel:#f6f8fa;
--reject:#cf222e;--hold:#8250df;--warn:#9a6700;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--page:#11161c;--soft:#9aa7b4;--line:#303a45;--panel:#1a2129;
--reject:#ff8078;--hold:#c297ff;--warn:#e8b84a;--good:#56d364}}
body{font:14px/1.55 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif;margin:1.2rem auto;
max-width:80rem;padding:0 1.5rem;color:var(--ink);background:var(--page)}
h1{font-size:1.4rem;margin:.6rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}a{color:inherit}
dl{display:flex;flex-wrap:wrap;gap:.5rem;margin:0}dl div{border:1px solid var(--line);border-radius:.4rem;
padding:.3rem .7rem;background:var(--panel)}dt{color:var(--soft);font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}tr:target{outline:2px solid var(--warn)}
th,td{text-align:left;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}small{color:var(--soft)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{background:var(--line);height:.6rem;width:8rem;border-radius:.2rem;overflow:hidden;margin-top:.45rem}
.bar i{display:block;height:100%}
.reject i{background:var(--reject)}.hold i{background:var(--hold)}.warn i{background:var(--warn)}
.share i{background:var(--soft)}summary{cursor:pointer;color:var(--soft)}
.good{color:var(--good)}
.tag{font-size:.85rem;border:1px solid;border-radius:.3rem;padding:0 .45rem;white-space:nowrap}
.tag.reject{color:var(--reject);font-weight:600}.tag.hold{color:var(--hold)}.tag.warn{color:var(--warn)}
@media(max-width:50rem){body{padding:0 .8rem}table{display:block;overflow-x:auto}td:nth-child(2){min-width:9rem}
td:last-child{min-width:16rem}}
"""
_EFFECT = {"reject": "退回", "hold": "待人工确认", "warn": "提示"}


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


def batch_page(
    batch: Mapping[str, Any],
    dataset: Dataset,
    numbers: tuple[int, int, int, int, int],
    checks: Sequence[Mapping[str, Any]],
    shares: Sequence[Share],
) -> bytes:
    """The page of a batch. numbers: rows delivered, accepted, quarantined, held, repeated. checks: a score of each rule
    and field, with its message."""
    labels = ("收到", "通过", "问题数据", "待人工", "批内重复")
    header = [
        ("报送批次", batch["batch_id"]),
        ("部门", batch["department_name"]),
        ("报送源", batch["feed"]),
        ("数据集", f"{dataset.name}（{batch['schema_version']}）"),
        ("业务日期", batch["business_date"].isoformat()),
        ("原始数据摘要（SM3）", batch["digest"] or "—"),
        *zip(labels, numbers, strict=True),
    ]
    names = {code: field.name for code, field in dataset.fields.items()}
    lines = [
        Line(
            c["rule_id"],
            c["field"],
            names.get(c["field"], c["field"]),
            c["message"],
            c["severity"],
            c["failed"],
            c["checked"],
        )
        for c in checks
    ]
    return page(header, lines, [(names[one.code], one) for one in shares])


def page(header: Sequence[tuple[str, Any]], lines: Sequence[Line], fields: Sequence[tuple[str, Share]] = ()) -> bytes:
    """The whole page as UTF-8 HTML. header: label and value pairs about the batch. fields: name and share of each."""
    facts = "".join(f"<div><dt>{escape(str(label))}</dt><dd>{_value(value)}</dd></div>" for label, value in header)
    failed = sorted((x for x in lines if x.failed), key=lambda x: (x.effect == "warn", -x.failed, x.rule_id, x.field))
    passed = [x for x in lines if not x.failed]
    problems = _table(failed) if failed else '<p class="good">没有发现问题。</p>'
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>数据校验报告</title><style>{_STYLE}</style></head><body>"
        f'<h1>数据校验报告</h1><dl id="batch">{facts}</dl>'
        f'<h2 id="problems">发现问题的规则（{len(failed)}）</h2>{problems}'
        f"{_filled(fields)}"
        f'<h2 id="passed">全部通过的规则（{len(passed)}）</h2>{_table(passed)}'
        "</body></html>"
    ).encode()


def _filled(fields: Sequence[tuple[str, Share]]) -> str:
    """In how many rows each field stands, beside what is usual; what a person has to look at first."""
    told = [(name, one) for name, one in fields if one.filled or one.usual]
    if not told:
        return ""
    rows = "".join(_share(name, one) for name, one in sorted(told, key=lambda pair: not pair[1].low))
    head = (
        '<tr><th>字段</th><th>主体类别</th><th class="n">有值 / 行数</th><th class="n">占比</th><th></th>'
        '<th class="n">平常</th><th></th></tr>'
    )
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    shown = " open" if any(one.low for _, one in told) else ""
    return f'<h2 id="filled">字段填写</h2><details{shown}><summary>{len(told)} 项</summary>{table}</details>'


def _share(name: str, one: Share) -> str:
    usual = "—" if one.usual is None else f"{one.usual:.0%}"
    label = '<span class="tag hold">明显空缺</span>' if one.low else ""
    return (
        f"<tr><td>{escape(name)}<br><small>{escape(one.code)}</small></td>"
        f"<td>{escape(SUBJECT_WORDS.get(one.kind, '—'))}</td>"
        f'<td class="n">{one.filled} / {one.rows}</td><td class="n">{one.share:.0%}</td>'
        f'<td><div class="bar {"hold" if one.low else "share"}"><i style="width:{one.share:.0%}"></i></div></td>'
        f'<td class="n">{usual}</td><td>{label}</td></tr>'
    )


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _table(lines: Sequence[Line]) -> str:
    rows = "".join(_row(line) for line in lines)
    head = (
        '<tr><th>规则</th><th>字段</th><th>处理</th><th class="n">未通过 / 检查</th>'
        '<th class="n">占比</th><th></th><th>说明</th></tr>'
    )
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if lines else "<p>无。</p>"


def _row(line: Line) -> str:
    share = line.failed / line.checked if line.checked else 0.0
    # a failure must be seen, however small its share
    width = max(2, round(share * 100)) if line.failed else 0
    effect = _EFFECT[line.effect]
    # a rule that passed has had no effect: it bears no alarming label
    label = f'<span class="tag {line.effect}">{effect}</span>' if line.failed else f"<small>不通过则{effect}</small>"
    name = f"{escape(line.field_name)}<br><small>{escape(line.field)}</small>" if line.field else "—"
    return (
        f'<tr id="{escape(anchor(line.rule_id, line.field), quote=True)}">'
        f"<td>{escape(line.rule_id)}</td><td>{name}</td>"
        f"<td>{label}</td>"
        f'<td class="n">{line.failed} / {line.checked}</td><td class="n">{share:.2%}</td>'
        f'<td><div class="bar {line.effect}" title="{share:.2%}"><i style="width:{width}%"></i></div></td>'
        f"<td>{escape(line.message)}</td></tr>"
    )
