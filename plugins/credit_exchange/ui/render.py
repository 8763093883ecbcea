"""Templates: everything is escaped; numbers, times and words are shown as people read them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

SHANGHAI = ZoneInfo("Asia/Shanghai")
WORDS = {
    "complete": "完整",
    "partial": "部分",
    "held": "待人工确认",
    "missing": "未报送",
    "late": "迟到",
    "failed": "失败",
    "open": "待更正",
    "corrected": "已更正",
    "dismissed": "已驳回",
    "current": "有效",
    "withdrawn": "已撤下",
    "expired": "已到期",
    "ready": "待上报",
    "sending": "上报中",
    "awaiting_receipt": "等待回执",
    "unknown": "结果不明",
    "delivered": "已送达",
    "rejected": "被退回",
    "retry": "待重试",
    "superseded": "被新版本取代",
    "cancelled": "已取消",
    "settled": "已结清",
    "upsert": "报送",
    "withdraw": "撤下",
    "send": "发送",
    "withhold": "不予发送",
    "hold": "待人工确认",
    "release": "发布",
    "closed": "正常",
    "half_open": "试探",
    "good": "完成",
    "content": "内容",
    "withdrawal": "撤下",
    "reinstatement": "恢复",
    "expiry": "到期",
    "reject": "退回",
    "warn": "提示",
    "scheduled": "定时",
    "backfill": "补数",
    "manual": "手工",
    "command": "命令行",
}
CIRCUIT_WORDS = {"open": "暂停上报"}
_BAD = frozenset({"missing", "failed", "unknown", "rejected", "reject"})
_CARE = frozenset({"partial", "held", "hold", "late", "retry", "awaiting_receipt", "warn", "half_open", "withhold"})


@cache
def environment() -> Environment:
    """Return the template environment, with autoescape on and undefined names as errors."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(word=word, moment=moment, number=number, state=state, bar=bar)
    return made


def page(template: str, **given: Any) -> str:
    """Render one page."""
    return environment().get_template(template).render(**given)


def word(value: object) -> str:
    """Return the Chinese word of a state; unknown ones as they are."""
    return WORDS.get(str(value), str(value if value is not None else "—"))


def state(value: object, words: dict[str, str] | None = None) -> Markup:
    """Return a state as a coloured label."""
    text = str(value)
    kind = "bad" if text in _BAD else "care" if text in _CARE else "good"
    return Markup('<span class="state {}">{}</span>').format(kind, (words or {}).get(text) or word(value))


def moment(value: datetime | None) -> str:
    """Return a time in Asia/Shanghai."""
    return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if value else "—"


def number(value: object) -> str:
    """Return a whole number with thousands separators."""
    return f"{int(str(value)):,}" if value is not None else "—"


def bar(parts: list[tuple[str, int]], width: int = 160) -> Markup:
    """Return a bar of named parts (css class, count) as inline SVG, with the same told as text."""
    total = sum(count for _, count in parts)
    shapes, x = Markup(""), 0.0
    for name, count in parts:
        share = width * count / total if total else 0.0
        if share:
            shapes += Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"/>').format(
                name, f"{x:.1f}", f"{max(share, 1.0):.1f}"
            )
        x += share
    told = "、".join(f"{name} {count}" for name, count in parts)
    return Markup('<svg class="bar" width="{}" height="10" role="img" aria-label="{}">{}</svg>').format(
        width, told, shapes
    )
