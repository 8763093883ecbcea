"""What a configuration may say and hardly means: no night stops for it, `config check` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.conditions import foreign
from credit_exchange.config.feed import CsvSource, Feed, RowdataZipSource, XlsxSource
from credit_exchange.config.sharing import SharingRule
from credit_exchange.core.canonical import canonical_json


def unmeant_rules(rules: tuple[SharingRule, ...], datasets: Mapping[str, Dataset]) -> Iterator[str]:
    """Yield conditions of sharing rules that hold for no value of the code list."""
    for rule in rules:
        about = [d for name, d in datasets.items() if "*" in rule.datasets or name in rule.datasets]
        for condition in rule.match:
            having = [d for d in about if condition.field in d.fields]
            told = [list(foreign(condition, dataset)) for dataset in having]
            if told and all(told):
                yield (
                    f"规则 {rule.id} 的条件 {condition.field} 为 {'、'.join(told[0])}，不在代码表中，规则不会生效；"
                    "请对照目录更正"
                )


def unmeant_feeds(feeds: Mapping[str, Feed], datasets: Mapping[str, Dataset]) -> Iterator[str]:
    """Yield feeds none of whose rows can be good, that read one file for every date, or what another one reads."""
    sources: dict[bytes, str] = {}
    for name, feed in feeds.items():
        blank = _never_filled(feed, datasets[feed.dataset])
        if blank:
            yield (
                f"feeds/{name}.yml：必填项 {'、'.join(blank)} 没有对应的列，也没有常量，每一行都会被退回；"
                "请补入 columns 或 constants"
            )
        if isinstance(feed.source, CsvSource | XlsxSource | RowdataZipSource) and "{" not in feed.source.path:
            yield (
                f"feeds/{name}.yml：source.path 没有 {{date}}，每个业务日期都读同一个文件：部门停止更新时仍算报送，"
                "补数时读到的是今天的内容；请让部门按日期命名"
            )
        source = canonical_json([feed.dataset, feed.source.model_dump(mode="json")])
        other = sources.setdefault(source, name)
        if other != name:
            yield f"feeds/{name}.yml 与 feeds/{other}.yml 读取同一来源，同样的行会算作两家的说法；请更正其一"


def unmeant_versions(datasets: Mapping[str, Dataset], today: date) -> Iterator[str]:
    """Yield data sets whose current version begins later: it is the current one from the day it is written."""
    for name, dataset in datasets.items():
        if dataset.current.since > today:
            yield (
                f"catalog/{name}.yml：现行版本 {dataset.current.id} 自 {dataset.current.since} 起适用，"
                "但从今夜起就按它校验和报送；请到那天再写入"
            )


def _never_filled(feed: Feed, dataset: Dataset) -> list[str]:
    version = dataset.version(feed.schema_version) if feed.schema_version else dataset.current
    assert version is not None
    codes = {version.crosswalk.get(code, code) for code in feed.columns}
    codes |= {new for new, olds in version.join.items() if any(old in feed.columns for old in olds)}
    codes |= {*feed.constants, *version.constants, *version.constants_when, *version.waived}
    codes |= {new for new, other in version.stand_ins.items() if other in codes}
    checked = [
        rule for rule in dataset.rules if rule.check == "required" and rule.on_failure == "reject" and not rule.when
    ]
    return [
        code
        for code, field in dataset.fields.items()
        if code not in codes and any(code in rule.fields or (not rule.fields and field.required) for rule in checked)
    ]
