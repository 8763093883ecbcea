"""Loads and checks the whole configuration directory.

`include/` by default, another directory when CREDIT_EXCHANGE_CONFIG names it. Every problem of every file is collected
and reported at once, each with file, place and remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.catalog_problems import problems_of
from credit_exchange.config.feed import Feed
from credit_exchange.config.files import File, M, files, paths, read
from credit_exchange.config.platform import Platform
from credit_exchange.config.references import feed_problems, platform_problems, sharing_problems
from credit_exchange.config.sharing import SharingFile, SharingRule
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.errors import ConfigurationError


@dataclass(frozen=True)
class Configuration:
    """Everything that differs, checked: data sets, feeds, platforms and sharing rules by id.

    broken: the parts (`feed <id>`, `platform <id>`) whose own file is wrong, with its problems; they stand nowhere
    else, and no other part fails for them. problems: what is wrong with the rest, of which nothing stands here then.
    """

    root: Path
    datasets: dict[str, Dataset]
    feeds: dict[str, Feed]
    platforms: dict[str, Platform]
    sharing: tuple[SharingRule, ...]
    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def ids(self, kind: str) -> list[str]:
        """Return the ids of all feeds or platforms (kind: `feed`, `platform`), also of those whose file is wrong."""
        good = self.feeds if kind == "feed" else self.platforms
        return sorted({*good, *(part.partition(" ")[2] for part in self.broken if part.startswith(f"{kind} "))})

    def feeds_on(self, business_date: date) -> list[str]:
        """Return the ids of the feeds that deliver for a business date, also of those whose file is wrong."""
        not_due = {name for name, feed in self.feeds.items() if not feed.delivers_on(business_date)}
        return [name for name in self.ids("feed") if name not in not_due]

    def dataset_of(self, feed_id: str) -> Dataset:
        """Return the data set that this feed delivers."""
        return self.datasets[self.feed(feed_id).dataset]

    def feed(self, feed_id: str) -> Feed:
        """Return a feed; raises ConfigurationError naming the known ones, or what is wrong with its file."""
        self._whole(f"feed {feed_id}")
        if feed_id not in self.feeds:
            raise ConfigurationError(f"没有报送源 {feed_id!r}；现有：{'、'.join(sorted(self.feeds))}")
        return self.feeds[feed_id]

    def platform(self, platform_id: str) -> Platform:
        """Return a platform; raises ConfigurationError naming the known ones, or what is wrong with its file."""
        self._whole(f"platform {platform_id}")
        if platform_id not in self.platforms:
            raise ConfigurationError(f"没有平台 {platform_id!r}；现有：{'、'.join(sorted(self.platforms))}")
        return self.platforms[platform_id]

    def taken(self) -> list[str]:
        """Return the data sets that any platform takes."""
        return sorted({name for platform in self.platforms.values() for name in platform.datasets})

    def _whole(self, part: str) -> None:
        if part in self.broken:
            raise ConfigurationError(told(self.broken[part]))

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
    found = as_it_is(root)
    problems = [*found.problems, *(problem for part in found.broken.values() for problem in part)]
    if problems:
        raise ConfigurationError(told(problems))
    return found


def usable(root: Path | None = None) -> Configuration:
    """Load what a night can work with: one feed or platform whose file is wrong leaves the others as they are.

    Raises ConfigurationError when something is wrong that concerns more than one of them.
    """
    found = as_it_is(root)
    if found.problems:
        raise ConfigurationError(told(found.problems))
    return found


def as_it_is(root: Path | None = None) -> Configuration:
    """Load what there is, for who tells people what is wrong; raises nothing."""
    chosen = (root or config_root()).resolve()
    return _load(chosen, _fingerprint(chosen))


def _fingerprint(root: Path) -> tuple[tuple[str, int, int], ...]:
    found = [p for folder in ("catalog", "feeds", "platforms", "sharing") for p in paths(root, folder)]
    return tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in found if p.exists())


def _each(root: Path, folder: str, model: type[M], broken: dict[str, list[str]]) -> list[tuple[File, M]]:
    """Return every file of a folder with what it holds; what is wrong with a part's own file goes to `broken`."""
    found: list[tuple[File, M]] = []
    for path in paths(root, folder):
        problems: list[str] = []
        found += read(path, model, problems)
        if problems:
            broken.setdefault(f"{folder.removesuffix('s')} {path.stem}", []).extend(problems)
    return found


@lru_cache(maxsize=4)
def _load(root: Path, _fingerprint: tuple[tuple[str, int, int], ...]) -> Configuration:
    problems: list[str] = []
    broken: dict[str, list[str]] = {}
    if not root.is_dir():
        problems.append(f"配置目录 {root} 不存在；请把 CREDIT_EXCHANGE_CONFIG 设为配置目录")
    catalogue = list(files(root, "catalog", Dataset, problems))
    receivers = _each(root, "platforms", Platform, broken)
    sources = _each(root, "feeds", Feed, broken)
    sharing = [
        (file, number, rule)
        for file, found in files(root, "sharing", SharingFile, problems)
        for number, rule in enumerate(found.rules)
    ]
    for file, dataset in catalogue:
        problems.extend(_misnamed(file, dataset.dataset))
        problems.extend(file.problem(place, what) for place, what in problems_of(dataset))
    for file, platform in receivers:
        _add(broken, f"platform {file.path.stem}", _misnamed(file, platform.platform))
    datasets = {dataset.dataset: dataset for _, dataset in catalogue}
    rules: dict[str, SharingRule] = {}
    for file, number, rule in sharing:
        if rule.id in rules:
            what = f"规则 {rule.id} 写了两次；请把其中一个改名"
            problems.append(file.problem(("rules", number, "id"), what))
        rules[rule.id] = rule
    if not problems:  # else much would be told that only follows from what is already told
        for file, feed in sources:
            _add(broken, f"feed {file.path.stem}", feed_problems(file, feed, datasets))
        for file, platform in receivers:
            _add(broken, f"platform {file.path.stem}", platform_problems(file, platform, datasets))
        known = {path.stem for path in paths(root, "platforms")}
        for file, number, rule in sharing:
            problems.extend(sharing_problems(file, number, rule, datasets, known))
    wrong = {part: tuple(what) for part, what in broken.items()}
    if problems:
        return Configuration(root, {}, {}, {}, (), wrong, tuple(problems))
    return Configuration(
        root,
        datasets,
        {file.path.stem: feed for file, feed in sources if f"feed {file.path.stem}" not in wrong},
        {file.path.stem: one for file, one in receivers if f"platform {file.path.stem}" not in wrong},
        tuple(rules[key] for key in sorted(rules)),
        wrong,
    )


def _misnamed(file: File, name: str) -> list[str]:
    if file.path.stem == name:
        return []
    return [f"{file.path}：文件名应与其中声明的名称一致；请改名为 {name}.yml"]


def _add(broken: dict[str, list[str]], part: str, problems: Iterable[str]) -> None:
    for problem in problems:
        broken.setdefault(part, []).append(problem)


def told(problems: Iterable[str]) -> str:
    """Return all problems of a configuration as one message."""
    return "配置有问题：\n" + "\n".join(f"  {p}" for p in problems)
