"""Templates: everything is escaped; numbers, times and words are shown as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from credit_exchange.config.labels import rule_label
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.ui.words import ATTEMPT_WORDS, BAD, CARE, CHANNEL_WORDS, IDLE, WORDS

_WEEKDAYS = "一二三四五六日"


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
    made.filters.update(
        word=word,
        moment=moment,
        number=number,
        state=state,
        bar=bar,
        share=share,
        since=since,
        weekday=weekday,
        call=call,
        channel=channel,
        rule=rule_label,
    )
    return made


def page(template: str, **given: Any) -> str:
    """Render one page; the template's name tells the navigation where it is."""
    return environment().get_template(template).render(here=template.partition(".")[0], **given)


def word(value: object) -> str:
    """Return the Chinese word of a state; unknown ones as they are."""
    return WORDS.get(str(value), str(value if value is not None else "—"))


def call(value: str | None) -> str:
    """Return what a call to a platform came to, e.g. `refused:unreachable`; None: there was no answer."""
    return "没有答复" if value is None else "：".join(ATTEMPT_WORDS.get(part, part) for part in value.split(":"))


def channel(value: str) -> str:
    """Return on which channel people were told and how that went, e.g. `mail:sent`."""
    return "".join(CHANNEL_WORDS.get(part, part) for part in value.rsplit(":", 1))


def state(value: object, words: Mapping[str, str] | None = None) -> Markup:
    """Return a state as a coloured label; `words` replaces words, and a word that is not the usual one is a bad one."""
    text = str(value)
    special = (words or {}).get(text)
    kind = "bad" if text in BAD or special else "care" if text in CARE else "idle" if text in IDLE else "good"
    return Markup('<span class="state {}">{}</span>').format(kind, special or word(value))


def moment(value: datetime | None) -> str:
    """Return a time in Asia/Shanghai."""
    return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if value else "—"


def weekday(value: date) -> str:
    """Return the day of the week."""
    return f"周{_WEEKDAYS[value.weekday()]}"


def since(value: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a time was, in the largest unit that fits: 35 秒, 12 分钟, 3 小时, 2 天."""
    if value is None:
        return "—"
    passed = max((now or datetime.now(SHANGHAI)) - value, timedelta())
    seconds = int(passed.total_seconds())
    for size, unit in ((86400, "天"), (3600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"


def number(value: object) -> str:
    """Return a whole number with thousands separators."""
    return f"{int(str(value)):,}" if value is not None else "—"


def share(part: int, whole: int) -> str:
    """Return a share in per cent; a small one is never rounded to nothing, a nearly whole one never to the whole."""
    if not whole:
        return "—"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1%"
    return ">99.9%" if 99.9 < percent < 100 else f"{percent:.1f}%"


def bar(parts: Sequence[tuple[str, str, int]], whole: int | None = None, width: int = 120) -> Markup:
    """Return a bar of parts (css class, Chinese name, count) as inline SVG, with the same told as text.

    `whole` is the count that fills the bar; the sum of the parts by default. A part is never too small to be seen.
    """
    total = max(whole if whole is not None else 0, sum(count for _, _, count in parts))
    shapes, x = Markup(""), 0.0
    for kind, _, count in parts:
        if not count:
            continue
        wide = max(width * count / total, 2.0)
        left = min(x, width - wide)
        shapes += Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"/>').format(
            kind, f"{left:.1f}", f"{wide:.1f}"
        )
        x = left + wide
    told = "、".join(f"{name} {number(count)}" for _, name, count in parts if count) or "无"
    return Markup(
        '<svg class="bar" width="{}" height="10" viewBox="0 0 {} 10" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="rail" x="0" y="0" width="{}" height="10"/>{}</svg>'
    ).format(width, width, told, told, width, shapes)
