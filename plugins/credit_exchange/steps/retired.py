"""What a platform is to get no more: withdrawn where its file says so, told where its file says nothing of it.

An entry that is missing may as well be a slip: it takes nothing down, and what is published stays known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction


class Forgotten(NamedTuple):
    """Records that lie at a platform although the configuration sends nothing of their data set there."""

    platform: str
    dataset: str
    records: int
    what: str
    remedy: str


def forgotten(exchange: Exchange) -> Iterator[Forgotten]:
    """Yield what lies at platforms and would never be taken down there, by platform and data set."""
    config = exchange.config
    known = [(p, d) for p, one in config.platforms.items() for d in one.datasets if d in config.datasets]
    parameters = {"platforms": [p for p, _ in known], "datasets": [d for _, d in known]}
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("release/forgotten"), parameters).all()
    for platform, dataset, records in rows:
        if f"platform {platform}" in config.broken:
            continue  # what its file says is told when it is mended
        receiver = config.platforms.get(platform)
        name = receiver.name if receiver else f"平台 {platform}"
        kind = config.datasets[dataset].name if dataset in config.datasets else f"数据集 {dataset}"
        entry = f"platforms/{platform}.yml 中的 {dataset}"
        if dataset not in config.datasets:
            gone = f"catalog/{dataset}.yml"
            entry += " 及其目录文件"
        elif receiver is None:
            gone = f"platforms/{platform}.yml"
        else:
            gone = entry
        what = f"{name}：{kind}仍有 {records} 条在公示，配置中已没有 {gone}，撤下、到期和更正都送不到平台"
        remedy = f"请恢复 {gone}；如不再报送，请在 {entry} 写上 retired: true，由系统全部撤下后再删除"
        yield Forgotten(platform, dataset, records, what, remedy)
