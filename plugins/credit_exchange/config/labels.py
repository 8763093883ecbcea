"""How people call the parts and steps of a night, for alerts and pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credit_exchange.config.loader import Configuration  # heavy: a DAG that is parsed needs the words only

STEP_WORDS = {
    "open_night": "开始",
    "collect": "采集",
    "validate": "校验",
    "merge": "归并",
    "platforms": "平台清单",
    "release": "发布",
    "push": "上报",
    "summary": "汇总",
}
"""The steps: their display names in the DAG."""


def feed_label(config: Configuration, feed_id: str) -> str:
    """Return 部门 · 数据集 of a feed. Raises ConfigurationError when there is none of this id."""
    return f"{config.feed(feed_id).department.name} · {config.dataset_of(feed_id).name}"


def part_label(config: Configuration, part: str) -> str:
    """Return how people call a part: `feed <id>`, `platform <id>`, or a step; an unknown one as it is."""
    kind, _, name = part.partition(" ")
    if kind == "feed" and name in config.feeds:
        return feed_label(config, name)
    if kind == "platform" and name in config.platforms:
        return config.platform(name).name
    return STEP_WORDS.get(part, part)
