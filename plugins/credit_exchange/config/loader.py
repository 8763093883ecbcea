"""Loads and checks the whole configuration directory.

`include/` by default, another directory when CREDIT_EXCHANGE_CONFIG names it. Every problem of every file is collected
and reported at once, each with file, place and remedy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from credit_exchange.config.base import Model
from credit_exchange.config.catalog import Dataset
from credit_exchange.config.feed import Feed
from credit_exchange.config.platform import Platform
from credit_exchange.config.sharing import SharingFile, SharingRule
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.errors import ConfigurationError

M = TypeVar("M", bound=Model)
DERIVED_ATTRIBUTES = {"_subject_kind", "_severity", "_minor", "_decided_on"}


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand only once and nothing is guessed to be a date, a number or a boolean wrongly."""


def _no_duplicates(loader: Any, node: Any) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_duplicates)


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
            raise ConfigurationError(f"there is no feed {feed_id!r}; known: {', '.join(sorted(self.feeds))}")
        return self.feeds[feed_id]

    def platform(self, platform_id: str) -> Platform:
        """Return a platform; raises ConfigurationError naming the known ones."""
        if platform_id not in self.platforms:
            raise ConfigurationError(
                f"there is no platform {platform_id!r}; known: {', '.join(sorted(self.platforms))}"
            )
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
        raise ConfigurationError(
            f"{root}: no such directory; set CREDIT_EXCHANGE_CONFIG to the configuration directory"
        )
    datasets = {d.dataset: d for p, d in _files(root, "catalog", Dataset, problems) if _stem_is(p, d.dataset, problems)}
    platforms = {
        x.platform: x for p, x in _files(root, "platforms", Platform, problems) if _stem_is(p, x.platform, problems)
    }
    feeds = {p.stem: f for p, f in _files(root, "feeds", Feed, problems)}
    rules: dict[str, SharingRule] = {}
    for path, file in _files(root, "sharing", SharingFile, problems):
        for rule in file.rules:
            if rule.id in rules:
                problems.append(f"{path}: rule {rule.id} is declared twice; give one of them another id")
            rules[rule.id] = rule
    if not problems:
        problems.extend(_references(root, datasets, feeds, platforms, rules))
    if problems:
        raise ConfigurationError("the configuration has problems:\n" + "\n".join(f"  {p}" for p in problems))
    ordered = tuple(rules[key] for key in sorted(rules))
    return Configuration(root, datasets, dict(sorted(feeds.items())), dict(sorted(platforms.items())), ordered)


def _files(root: Path, folder: str, model: type[M], problems: list[str]) -> list[tuple[Path, M]]:
    loaded = []
    for path in sorted((root / folder).glob("*.yaml")):
        problems.append(f"{path}: name it {path.stem}.yml; only .yml files are read")
    for path in sorted((root / folder).glob("*.yml")):
        try:
            text = path.read_text(encoding="utf-8")
            loaded.append((path, model.model_validate(yaml.load(text, _StrictLoader))))  # noqa: S506 - a SafeLoader
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problems.append(
                f"{path}{line}: not valid YAML ({getattr(error, 'problem', None) or 'syntax'}); mend it there"
            )
        except UnicodeDecodeError:
            problems.append(f"{path}: not UTF-8; save it as UTF-8")
        except ValidationError as error:
            for item in error.errors():
                place = ".".join(str(part) for part in item["loc"]) or "the file"
                problems.append(
                    f"{path}{_line_of(text, item['loc'])}: {place}: {item['msg']}; "
                    "`python -m credit_exchange schema` shows what may stand there"
                )
    return loaded


def _line_of(text: str, loc: tuple[int | str, ...]) -> str:
    """Find the line of the deepest known part of a location, for the error message."""
    node = yaml.compose(text, yaml.SafeLoader)
    line = node.start_mark.line if node else 0
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return f", line {line + 1}"


def _stem_is(path: Path, name: str, problems: list[str]) -> bool:
    if path.stem != name:
        problems.append(f"{path}: the file must be named {name}.yml after what it declares")
    return path.stem == name


def _references(
    root: Path,
    datasets: dict[str, Dataset],
    feeds: dict[str, Feed],
    platforms: dict[str, Platform],
    rules: dict[str, SharingRule],
) -> list[str]:
    problems = []
    for feed_id, feed in feeds.items():
        where = root / "feeds" / f"{feed_id}.yml"
        dataset = datasets.get(feed.dataset)
        if dataset is None:
            problems.append(
                f"{where}: dataset {feed.dataset!r} is not in the catalogue; add catalog/{feed.dataset}.yml"
            )
            continue
        version = dataset.version(feed.schema_version) if feed.schema_version else dataset.current
        if version is None:
            known = ", ".join(v.id for v in dataset.versions)
            problems.append(f"{where}: schema_version {feed.schema_version!r} is unknown; {feed.dataset} has {known}")
            continue
        columns = (
            set(dataset.fields)
            if version is dataset.current
            else set(version.crosswalk) | {old for olds in version.join.values() for old in olds}
        )
        for code in [*feed.columns]:
            if code not in columns:
                problems.append(f"{where}: columns.{code}: {feed.dataset} {version.id} has no such field")
        for code in [*feed.constants, *feed.units]:
            if code not in dataset.fields:
                problems.append(f"{where}: {code}: {feed.dataset} has no such field")
    for platform_id, platform in platforms.items():
        for name in platform.datasets:
            if name not in datasets and name not in WIRE_DATASETS:
                problems.append(
                    f"{root / 'platforms' / platform_id}.yml: datasets.{name}: not in the catalogue; "
                    f"add catalog/{name}.yml"
                )
    known_fields = {code for dataset in datasets.values() for code in dataset.fields} | DERIVED_ATTRIBUTES
    for rule in rules.values():
        for name in rule.datasets:
            if name != "*" and name not in datasets and name not in WIRE_DATASETS:
                problems.append(f"{root / 'sharing'}: rule {rule.id}: dataset {name!r} is not in the catalogue")
        for name in rule.platforms:
            if name != "*" and name not in platforms:
                problems.append(f"{root / 'sharing'}: rule {rule.id}: platform {name!r} is not under platforms/")
        for code in [*rule.fields, *(c.field for c in rule.match)]:
            if code not in known_fields:
                problems.append(f"{root / 'sharing'}: rule {rule.id}: no data set has a field {code!r}")
    return problems


WIRE_DATASETS = frozenset(
    [
        "permit",
        "penalty",
        "commitment",
        "red_list",
        "black_list",
        "false_statement",
        "restriction",
        "procurement_misconduct",
        "procurement_transaction",
        "tender_project",
        "tender_violation",
        "contract_performance",
        "third_party_rating",
        "article",
        "case_report",
        "monthly_report",
    ]
)
"""The data sets that the platforms' interfaces name; a platform may list one before the catalogue has it."""
