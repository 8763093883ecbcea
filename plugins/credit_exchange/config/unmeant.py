"""What a configuration may say and hardly means: no night stops for it, `config check` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.conditions import foreign
from credit_exchange.config.feed import Feed, FileSource
from credit_exchange.config.files import paths, run_together
from credit_exchange.config.platform import Platform
from credit_exchange.config.sharing import SharingRule
from credit_exchange.core.canonical import canonical_json


def unmeant_rules(rules: tuple[SharingRule, ...], datasets: Mapping[str, Dataset]) -> Iterator[str]:
    """Yield conditions of sharing rules, and of the catalogue's rules, that hold for no value of the code list."""
    for name, dataset in datasets.items():
        for check in dataset.rules:
            for condition in check.when:
                if strange := list(foreign(condition, dataset)):
                    yield (
                        f"catalog/{name}.yml：规则 {check.id} 的条件 {condition.field} 为 {'、'.join(strange)}，"
                        "不在代码表中，规则不会生效；请对照目录更正"
                    )
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


def unmeant_feeds(feeds: Mapping[str, Feed], datasets: Mapping[str, Dataset], last_date: date) -> Iterator[str]:
    """Yield feeds none of whose rows can be good, that read one file for every date or what another one reads, that
    name another department than their own, or from which nothing is collected for the last business date."""
    sources: dict[bytes, list[str]] = {}
    codes: dict[str, str] = {}
    for name, feed in feeds.items():
        blank = _never_filled(feed, datasets[feed.dataset])
        if blank:
            yield (
                f"feeds/{name}.yml：必填项 {'、'.join(blank)} 没有对应的列，也没有常量，每一行都会被退回；"
                "请补入 columns 或 constants"
            )
        if isinstance(feed.source, FileSource) and not feed.source.is_dated:
            yield (
                f"feeds/{name}.yml：source.path 没有 {{date}}，每个业务日期都读同一个文件：部门停止更新时仍算报送，"
                "补数时读到的是今天的内容；请让部门按日期命名"
            )
        if not feed.delivers_on(last_date):
            window = f"{feed.valid_from or '最早'} 至 {feed.valid_to or '今后'}"
            yield f"feeds/{name}.yml：报送期是 {window}，业务日期 {last_date} 不采集；有误请更正 valid_from、valid_to"
        yield from _foreign_words(name, feed, datasets[feed.dataset])
        yield from _of_others(name, feed, feeds)
        first = codes.setdefault(feed.department.uscc or name, name)
        if feeds[first].department.code != feed.department.code:
            yield f"feeds/{first}.yml 与 feeds/{name}.yml 是两个部门的，department.uscc 却相同；请更正其一"
        source = canonical_json([feed.dataset, feed.source.model_dump(mode="json")])
        others = sources.setdefault(source, [])
        if other := next((one for one in others if feed.overlaps(feeds[one])), None):
            yield f"feeds/{name}.yml 与 feeds/{other}.yml 读取同一来源，同样的行会算作两家的说法；请更正其一"
        others.append(name)


def _of_others(name: str, feed: Feed, feeds: Mapping[str, Feed]) -> Iterator[str]:
    """Constants that name another department, as in a file that was copied: every record would be told as its own."""
    mine = feed.department
    known = {
        word: other
        for other, one in feeds.items()
        if one.department.code != mine.code
        for word in (one.department.name, one.department.uscc)
    }
    for code, word in feed.constants.items():
        if word in known and word not in (mine.name, mine.uscc):
            whose = f"feeds/{known[word]}.yml 的{feeds[known[word]].department.name}"
            yield f"feeds/{name}.yml：constants 中 {code} 是 {whose}；抄来的请更正，确是代它报送的不必理会"


def _foreign_words(name: str, feed: Feed, dataset: Dataset) -> Iterator[str]:
    """Words that a feed gives a field and its code list does not have, where a rule sends such rows back."""
    checked = {code for rule in dataset.rules if rule.check == "in_values" for code in rule.fields}
    version = dataset.version(feed.schema_version) if feed.schema_version else dataset.current
    given = [("constants", code, [word], "每一行都会被退回") for code, word in feed.constants.items()]
    given += [("values", code, [*words.values()], "这样的行会被退回") for code, words in feed.values.items()]
    for part, code, words, what in given:
        field = dataset.fields.get(code)
        if field is None or code not in checked or field.separator or field.other_prefix:
            continue
        again = version.values.get(code, {}) if version and part == "values" else {}  # constants are taken as they are
        known = {*field.values, *again, ""}
        if wrong := [word for word in dict.fromkeys(words) if word not in known]:
            yield (
                f"feeds/{name}.yml：{part} 中 {code} 为 {'、'.join(wrong)}，不在代码表中，{what}；"
                f"请填写：{'、'.join(field.values)}"
            )


def unmeant_files(root: Path) -> Iterator[str]:
    """Yield files that nobody reads since they lie too deep, and items of lists that were typed as one."""
    for folder in ("catalog", "feeds", "platforms", "sharing"):
        for path in sorted((root / folder).glob("*/**/*.y*ml")):
            yield f"{path.relative_to(root)} 不会被读取；请移到 {folder}/ 下"
        for path in paths(root, folder):
            for line, text in run_together(path.read_text(encoding="utf-8-sig")):
                yield (
                    f"{folder}/{path.name} 第 {line} 行：“{text}”是一项；几项之间用半角逗号和空格，确是一项的请加引号"
                )


def unmeant_platforms(platforms: Mapping[str, Platform]) -> Iterator[str]:
    """Yield platforms that send to the same place: one would replace and withdraw what the other published."""
    known: dict[str, str] = {}
    for name, platform in platforms.items():
        other = known.setdefault(platform.connection, name)
        if other != name:
            yield (
                f"platforms/{other}.yml 与 platforms/{name}.yml 用同一个连接 {platform.connection}，会报送到同一处，"
                "互相覆盖和撤下；请更正其一"
            )


def goes_nowhere(
    feeds: Mapping[str, Feed],
    platforms: Mapping[str, Platform],
    rules: tuple[SharingRule, ...],
    datasets: Mapping[str, Dataset],
) -> Iterator[str]:
    """Yield data sets that are delivered and reach no platform."""
    for name in sorted({feed.dataset for feed in feeds.values()}):
        takers = [key for key, one in platforms.items() if name in one.datasets and not one.datasets[name].retired]
        releases = any(
            rule.effect == "release"
            and ("*" in rule.datasets or name in rule.datasets)
            and ("*" in rule.platforms or set(takers) & set(rule.platforms))
            for rule in rules
        )
        if not takers:
            yield f"{datasets[name].name}没有平台接收，收下后不会报送任何平台；请写入 platforms/ 下某个文件的 datasets"
        elif not releases:
            yield (
                f"{datasets[name].name}没有规则放行，收下后不会报送任何平台；"
                "请参照 sharing/10_release.yml 写一条放行的规则"
            )


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
