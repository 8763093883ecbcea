"""What is wrong between the files of a configuration: feeds, platforms and sharing rules against the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from credit_exchange.config.catalog import Dataset, SchemaVersion, no_bound
from credit_exchange.config.conditions import DECIDED, DERIVED_WORDS, misread
from credit_exchange.config.feed import Feed
from credit_exchange.config.files import File, like
from credit_exchange.config.platform import Platform, Route
from credit_exchange.config.sharing import SharingRule

DERIVED_ATTRIBUTES = frozenset({*DERIVED_WORDS, DECIDED})
"""What sharing rules may look at beside the fields."""
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
Datasets = Mapping[str, Dataset]


def feed_problems(file: File, feed: Feed, datasets: Datasets) -> Iterator[str]:
    """Yield what a feed names that its data set does not have, in the feed's version of it."""
    dataset = datasets.get(feed.dataset)
    if dataset is None:
        yield file.problem(("dataset",), f"资源目录中没有 {feed.dataset!r}；请新增 catalog/{feed.dataset}.yml")
        return
    version = dataset.version(feed.schema_version) if feed.schema_version else dataset.current
    if version is None:
        known = "、".join(v.id for v in dataset.versions)
        yield file.problem(("schema_version",), f"没有版本 {feed.schema_version!r}；{feed.dataset} 有：{known}")
        return
    own, current = _columns(dataset, version), set(dataset.fields)
    for part, known_codes in (
        ("columns", own),
        ("values", own | current),
        ("constants", current),
        ("units", {code for code, field in dataset.fields.items() if field.unit}),
    ):
        for code in getattr(feed, part):
            if code not in known_codes:
                what = "金额字段" if part == "units" else "字段"
                wrong = f"{feed.dataset} {version.id} 没有这个{what}；{like(code, known_codes)}"
                older = next((v.id for v in dataset.versions if part == "columns" and code in _columns(dataset, v)), "")
                if older and feed.schema_version is None:
                    wrong = (
                        f"{feed.dataset} {version.id} 没有这个字段，{older} 有；"
                        f"部门仍按 {older} 报送的，请在本文件写 schema_version: {older}"
                    )
                if part == "columns" and any(field.code == code for field in version.fields):
                    wrong = (
                        f"catalog/{feed.dataset}.yml 中 {version.id} 的 crosswalk 没有说明它现在叫什么；"
                        "请在那里补上，不要的写 ''"
                    )
                yield file.problem((part, code), wrong)

    used = {name: code for code, names in feed.aliases().items() for name in names}
    for number, name in enumerate(feed.ignore):
        if name in used:
            what = f"{name!r} 又对应 {used[name]}；请只留一处"
            yield file.problem(("ignore", number), what)


def _columns(dataset: Dataset, version: SchemaVersion) -> set[str]:
    """Return the codes under which a version's columns are delivered; internal marks belong to no table, so to all."""
    if version is dataset.current:
        return set(dataset.fields)
    internal = {code for code, field in dataset.fields.items() if field.internal}
    return internal | set(version.crosswalk) | {old for olds in version.join.values() for old in olds}


def platform_problems(file: File, platform: Platform, datasets: Datasets) -> Iterator[str]:
    """Yield the data sets and fields that a platform names and the catalogue does not have."""
    for name, route in platform.datasets.items():
        if name in datasets:
            yield from _route_problems(file, name, route, datasets[name])
        elif name not in WIRE_DATASETS:
            yield file.problem(("datasets", name), f"资源目录中没有该数据集；请新增 catalog/{name}.yml")


def _route_problems(file: File, name: str, route: Route, dataset: Dataset) -> Iterator[str]:
    for part, codes in (("fields", list(route.fields)), ("omit", route.omit)):
        for number, code in enumerate(codes):
            if code not in dataset.fields:
                yield file.problem(
                    ("datasets", name, part, code if part == "fields" else number),
                    f"{name} 没有字段 {code!r}；{like(code, dataset.fields)}",
                )
    taken: dict[str, str] = {}
    for code, field in dataset.fields.items():
        if field.internal or code in route.omit:
            continue
        wire_name = route.fields.get(code, code)
        if wire_name in taken:
            both = f"{taken[wire_name]} 和 {code}"
            place = ("datasets", name, "fields", code if code in route.fields else taken[wire_name])
            yield file.problem(place, f"{both} 都会以 {wire_name!r} 的名称上报；请把其中一个改名或列入 omit")
        taken[wire_name] = code


def sharing_problems(
    file: File, number: int, rule: SharingRule, datasets: Datasets, platforms: Collection[str]
) -> Iterator[str]:
    """Yield what a sharing rule names that does not exist. A field must be one of a data set that the rule is about."""
    for name in rule.datasets:
        if name != "*" and name not in datasets and name not in WIRE_DATASETS:
            what = f"规则 {rule.id}：资源目录中没有数据集 {name!r}；请新增 catalog/{name}.yml"
            yield file.problem(("rules", number, "datasets"), what)
    for name in rule.platforms:
        if name != "*" and name not in platforms:
            what = f"规则 {rule.id}：platforms/ 下没有平台 {name!r}；{like(name, platforms)}"
            yield file.problem(("rules", number, "platforms"), what)
    about = [d for name, d in datasets.items() if "*" in rule.datasets or name in rule.datasets]
    fields = {code for dataset in about for code in dataset.fields}
    for part, names, known in (
        ("fields", rule.fields, fields),
        ("match", [condition.field for condition in rule.match], fields | DERIVED_ATTRIBUTES),
    ):
        for position, code in enumerate(names):
            if code not in known:
                what = f"规则 {rule.id}：它所涉及的数据集都没有字段 {code!r}；{like(code, known)}"
                yield file.problem(("rules", number, part, position), what)
    for position, condition in enumerate(rule.match):
        if any(no_bound(condition, d.fields[condition.field]) for d in about if condition.field in d.fields):
            what = f"规则 {rule.id}：{condition.field} 是金额，应与数字比较，不能与 {condition.value!r} 比较；请更正"
            yield file.problem(("rules", number, "match", position, "value"), what)
        named = [d.fields.get(condition.field) for d in about] or [None]
        told = next((wrong for field in named if (wrong := misread(condition, field))), None)
        if told:
            yield file.problem(("rules", number, "match", position, "value"), f"规则 {rule.id}：{told}")
