"""Loads and checks the whole configuration directory.

`include/` by default, another directory when CREDIT_EXCHANGE_CONFIG names it. Every problem of every file is collected
and reported at once, each with file, place and remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.catalog_problems import problems_of
from credit_exchange.config.feed import Feed
from credit_exchange.config.files import files
from credit_exchange.config.platform import Platform
from credit_exchange.config.references import feed_problems, platform_problems, sharing_problems
from credit_exchange.config.sharing import SharingFile, SharingRule
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.errors import ConfigurationError


@dataclass(frozen=True)
class Configuration:
    """Everything that differs, checked: data sets, feeds, platforms and sharing rules by id."""

    root: Path
    datasets: dict[str, Dataset]
    feeds: dict[str, Feed]
    platforms: dict[str, Platform]
    sharing: tuple[SharingRule, ...]

    def dataset_of(self, feed_id: str) -> Dataset:
        """Return the data set that this feed delivers."""
        return self.datasets[self.feed(feed_id).dataset]

    def feed(self, feed_id: str) -> Feed:
        """Return a feed; raises ConfigurationError naming the known ones."""
        if feed_id not in self.feeds:
            raise ConfigurationError(f"没有报送源 {feed_id!r}；现有：{'、'.join(sorted(self.feeds))}")
        return self.feeds[feed_id]

    def platform(self, platform_id: str) -> Platform:
        """Return a platform; raises ConfigurationError naming the known ones."""
        if platform_id not in self.platforms:
            raise ConfigurationError(f"没有平台 {platform_id!r}；现有：{'、'.join(sorted(self.platforms))}")
        return self.platforms[platform_id]

    def digest(self) -> str:
        """Return the SM3 of the whole configuration's content."""
        parts = {
            "datasets": {k: v.model_dump(mode="json") for k, v in self.datasets.items()},
            "feeds": {k: v.model_dump(mode="json") for k, v in self.feeds.items()},
            "platforms": {k: v.model_dump(mode="json") for k, v in self.platforms.items()},
            "sharing": [r.model_dump(mode="json") for r in self.sharing],
        }
        return sm3_hex(canonical_json(parts))


def config_root() -> Path:
    """Return the configuration directory: CREDIT_EXCHANGE_CONFIG, else `include/` of this repository."""
    given = os.environ.get("CREDIT_EXCHANGE_CONFIG", "").strip()
    return Path(given).expanduser() if given else Path(__file__).resolve().parents[3] / "include"


def load(root: Path | None = None) -> Configuration:
    """Load and check everything. Raises ConfigurationError listing every problem found."""
    return _load((root or config_root()).resolve(), _fingerprint((root or config_root()).resolve()))


def _fingerprint(root: Path) -> tuple[tuple[str, int, int], ...]:
    found = [
        p for folder in ("catalog", "feeds", "platforms", "sharing") for p in sorted((root / folder).glob("*.y*ml"))
    ]
    return tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in found)


@lru_cache(maxsize=4)
def _load(root: Path, _fingerprint: tuple[tuple[str, int, int], ...]) -> Configuration:
    problems: list[str] = []
    if not root.is_dir():
        raise ConfigurationError(f"配置目录 {root} 不存在；请把 CREDIT_EXCHANGE_CONFIG 设为配置目录")
    catalogue = list(files(root, "catalog", Dataset, problems))
    receivers = list(files(root, "platforms", Platform, problems))
    sources = list(files(root, "feeds", Feed, problems))
    sharing = [
        (file, number, rule)
        for file, found in files(root, "sharing", SharingFile, problems)
        for number, rule in enumerate(found.rules)
    ]
    names = [(file, dataset.dataset) for file, dataset in catalogue] + [(file, one.platform) for file, one in receivers]
    for file, name in names:
        if file.path.stem != name:
            problems.append(f"{file.path}：文件名应与其中声明的名称一致；请改名为 {name}.yml")
    datasets = {dataset.dataset: dataset for _, dataset in catalogue}
    platforms = {platform.platform: platform for _, platform in receivers}
    rules: dict[str, SharingRule] = {}
    for file, number, rule in sharing:
        if rule.id in rules:
            what = f"规则 {rule.id} 写了两次；请把其中一个改名"
            problems.append(file.problem(("rules", number, "id"), what))
        rules[rule.id] = rule
    for file, dataset in catalogue:
        problems.extend(file.problem(place, what) for place, what in problems_of(dataset))
    if not problems:  # else much would be told that only follows from what is already told
        for file, feed in sources:
            problems.extend(feed_problems(file, feed, datasets))
        for file, platform in receivers:
            problems.extend(platform_problems(file, platform, datasets))
        for file, number, rule in sharing:
            problems.extend(sharing_problems(file, number, rule, datasets, platforms))
    if problems:
        raise ConfigurationError(told(problems))
    return Configuration(
        root,
        datasets,
        {file.path.stem: feed for file, feed in sorted(sources, key=lambda one: one[0].path.stem)},
        dict(sorted(platforms.items())),
        tuple(rules[key] for key in sorted(rules)),
    )


def told(problems: Iterable[str]) -> str:
    """Return all problems of a configuration as one message."""
    return "配置有问题：\n" + "\n".join(f"  {p}" for p in problems)
