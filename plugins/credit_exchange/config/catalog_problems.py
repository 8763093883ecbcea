"""What is wrong inside one data set's file although every part of it is well formed: names, types, missing rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from credit_exchange.config.catalog import Dataset, Duration, Rule, SchemaVersion, no_bound
from credit_exchange.config.checks import CHECKS, NEEDED
from credit_exchange.config.conditions import misread
from credit_exchange.config.files import Place, like

Problem = tuple[Place, str]
KIND = "_subject_kind"
CODE = "_subject_code"
"""What rules may look at beside the fields: legal, sole_trader or person; whether a code that passes says who."""


def problems_of(dataset: Dataset) -> Iterator[Problem]:
    """Yield every problem of a data set with its place; each says what to do."""
    yield from _twice(dataset)
    yield from _order(dataset)
    yield from _identity(dataset)
    for number, rule in enumerate(dataset.rules):
        yield from _rule(dataset, rule, ("rules", number))
    for check, why in NEEDED.items():
        if not any(rule.check == check for rule in dataset.rules):
            yield ("rules",), f"没有 check 为 {check} 的规则，{why}；请参照自带的数据集补上"
    yield from _publication(dataset)
    for number, clock in enumerate(dataset.clocks):
        yield from _field(dataset, clock.starts, ("clocks", number, "starts"), "date")
        decided = dataset.fields.get(dataset.identity.decided_on)
        if decided and decided.type == "date" and clock.starts in dataset.fields and clock.starts != decided.code:
            yield (
                ("clocks", number, "starts"),
                f"时限只能自 identity.decided_on 起算，不会自 {clock.starts} 起算；请改为"
                f" {dataset.identity.decided_on}",
            )
    for number, version in enumerate(dataset.versions):
        yield from _version(dataset, version, ("versions", number))
    yield from _fields(dataset, list(dataset.source_priority.fields), ("source_priority", "fields"))


def unguarded(dataset: Dataset) -> Iterator[Problem]:
    """Yield what the fields say and no rule holds: rows that break it would be accepted, a date or an amount that
    cannot be read be left out; subjects of no kind, columns of an older table that go nowhere.

    For `config check` only: no night stops for it. Code lists may be left open on purpose, as that of penalties is.
    """
    yield from _kinds(dataset)
    for number, version in enumerate(dataset.versions[1:], start=1):
        yield from _crosswalk(version, ("versions", number, "crosswalk"))
    for number, clock in enumerate(dataset.clocks):
        if not _sooner(clock.amber, clock.red):
            shown = [f"{one.days} {'天' if one.kind == 'calendar' else '个工作日'}" for one in (clock.amber, clock.red)]
            yield ("clocks", number, "amber"), f"预警（{shown[0]}）不早于超期（{shown[1]}）；请更正其一"
    for number, field in enumerate(dataset.current.fields):
        says = {
            "uscc": field.code == dataset.identity.subject.uscc,
            "required": field.required,
            "max_length": field.length is not None,
            "is_date": field.type == "date",
            "amount": field.type == "decimal",
        }
        for check, is_said in says.items():
            rules = (rule for rule in dataset.rules if rule.check == check)
            if is_said and not any(not rule.fields or field.code in rule.fields for rule in rules):
                every = "，或写一条不带 fields 的" if CHECKS[check].least == 0 else ""
                yield (
                    ("versions", 0, "fields", number),
                    f"没有规则以 {check} 检查 {field.code}，不合格的行会被收下；"
                    f"请把 {field.code} 写入这类规则的 fields{every}",
                )


def _kinds(dataset: Dataset) -> Iterator[Problem]:
    """Who is of no kind is nobody to the rules: a natural person's name would leave as it stands."""
    field = dataset.fields.get(dataset.identity.subject.kind or "")
    kind_of: dict[str, str] = {}
    for kind, words in dataset.kinds.items():
        strange = [word for word in words if field and field.values and word not in field.values]
        if field and strange:
            yield ("kinds", kind), f"{field.code} 的 values 中没有 {'、'.join(strange)}；请更正"
        for word in words:
            if word in kind_of:
                yield ("kinds", kind), f"{word} 又是 {kind_of[word]}；请只留一处"
            kind_of[word] = kind
        if strange:
            return  # what is missing below follows from it
    left = [word for word in field.values if word not in kind_of] if field else []
    if field and left:
        number = dataset.current.fields.index(field)
        yield (
            ("versions", 0, "fields", number),
            f"没有说明 {field.code} 为 {'、'.join(left)} 的是哪类主体：按单位还是个人遮蔽和校验无从判断；请写入 kinds",
        )


def _crosswalk(version: SchemaVersion, place: Place) -> Iterator[Problem]:
    joined = {old for olds in version.join.values() for old in olds}
    for field in version.fields:
        if field.code not in version.crosswalk and field.code not in joined:
            yield place, f"没有说明 {field.code} 现在叫什么；请补上，不要的写 ''"
    taken: dict[str, str] = {}
    for old, new in version.crosswalk.items():
        if new and new in taken:
            what = f"{new} 已由 {taken[new]} 填写，后写的会盖掉先写的；几项合为一项的请写入 join，不要的写 ''"
            yield (*place, old), what
        taken.setdefault(new, old)


def _sooner(amber: Duration, red: Duration) -> bool:
    """Whether a warning can come before what it warns of; seven holidays at most lie in a run of working days."""
    longest = red.days * 7 / 5 + 2 + 7 if (amber.kind, red.kind) == ("calendar", "working") else red.days
    return amber.days <= longest


def _twice(dataset: Dataset) -> Iterator[Problem]:
    """What is found by its name may have it alone."""
    for number, version in enumerate(dataset.versions):
        seen: set[str] = set()
        for position, field in enumerate(version.fields):
            if field.code in seen:
                yield ("versions", number, "fields", position), f"字段 {field.code} 写了两次；请删去一个"
            seen.add(field.code)
    for part, ids in (("versions", [v.id for v in dataset.versions]), ("clocks", [c.id for c in dataset.clocks])):
        for number, one in enumerate(ids):
            if one in ids[:number]:
                yield (part, number, "id"), f"{one!r} 写了两次；请把其中一个改名"


def _order(dataset: Dataset) -> Iterator[Problem]:
    """The first version is the current one: written the other way round, the oldest would be."""
    for number, (newer, older) in enumerate(pairwise(dataset.versions), start=1):
        if older.since > newer.since:
            yield (
                ("versions", number, "since"),
                f"versions 应由新到旧排列，第一个是现行版本；{older.id} 晚于 {newer.id}，请调换次序或更正日期",
            )


def _identity(dataset: Dataset) -> Iterator[Problem]:
    identity = dataset.identity
    for key, code in identity.model_dump(exclude={"subject", "decided_on"}).items():
        yield from _field(dataset, code, ("identity", key))
    yield from _field(dataset, identity.decided_on, ("identity", "decided_on"), "date")
    for key, code in identity.subject.model_dump(exclude_none=True).items():
        yield from _field(dataset, code, ("identity", "subject", key))
        for number, field in enumerate(dataset.current.fields if key.endswith("id_number") else ()):
            if field.code == code and field.personal != "id_number":
                yield (
                    ("versions", 0, "fields", number),
                    f"{code} 是证件号码，会以明文存放并上报；请在此写 personal: id_number",
                )
    subject = identity.subject
    if subject.uscc and not subject.id_number and dataset.kinds.get("person"):
        yield (
            ("identity", "subject", "uscc"),
            f"主体可能是自然人，却没有说明证件号码在哪个字段：写在 {subject.uscc} 里的会以明文存放并上报；"
            f"请在此写明 id_number，单位和个人共用一个字段的就写 {subject.uscc}",
        )
    if identity.subject.kind and not any(dataset.kinds.values()):
        yield (
            ("identity", "subject", "kind"),
            f"没有说明 {identity.subject.kind} 的各个值是哪类主体；请补上 kinds，或删去 kind",
        )


def _rule(dataset: Dataset, rule: Rule, place: Place) -> Iterator[Problem]:
    takes = CHECKS[rule.check]
    for number, code in enumerate(rule.fields):
        here = (*place, "fields", number)
        field = dataset.fields.get(code)
        if field is None:
            yield here, _unknown(dataset, code)
        elif takes.types and field.type not in takes.types:
            yield here, f"{code} 的类型是 {field.type}，{rule.check} 只检查 {'、'.join(takes.types)}；请更正其一"
        elif takes.facet and not getattr(field, takes.facet):
            yield here, f"{rule.check} 需要 {code} 的 {takes.facet}；请在该字段中补上"
    for number, condition in enumerate(rule.when):
        here = (*place, "when", number)
        field = dataset.fields.get(condition.field)
        if field is None and condition.field not in (KIND, CODE):
            yield (*here, "field"), _unknown(dataset, condition.field, KIND, CODE)
        elif condition.field == CODE and condition.op not in ("present", "absent"):
            yield (*here, "op"), f"{CODE} 是带密钥的代码，只能问有没有；请改为 present 或 absent"
        elif field is not None and no_bound(condition, field):
            yield (*here, "value"), f"{condition.field} 是金额，应与数字比较，不能与 {condition.value!r} 比较；请更正"
        elif told := misread(condition, field):
            yield (*here, "value"), told


def _publication(dataset: Dataset) -> Iterator[Problem]:
    publication = dataset.publication
    if publication is None:
        return
    for key, kind in (("end_field", "date"), ("type_field", ""), ("procedure_field", ""), ("ban_end_field", "date")):
        code = getattr(publication, key)
        if code is not None:
            yield from _field(dataset, code, ("publication", key), kind)
    begins = [period.since for period in publication.periods]
    for number, since in enumerate(begins):
        if since in begins[:number]:
            yield (
                ("publication", "periods", number, "since"),
                f"另一个时段也从 {since} 开始，只能有一个生效；请删去一个或更正日期",
            )


def _version(dataset: Dataset, version: SchemaVersion, place: Place) -> Iterator[Problem]:
    """A crosswalk speaks of the version's own columns on one side; all else is about the current fields."""
    for old, new in version.crosswalk.items():
        if new:
            yield from _field(dataset, new, (*place, "crosswalk", old))
    own = {field.code for field in version.fields}
    if own:
        for key, olds in [("crosswalk", list(version.crosswalk)), *(("join", olds) for olds in version.join.values())]:
            for old in olds:
                if old not in own:
                    yield (*place, key, old), f"{version.id} 的字段中没有 {old}；{like(old, own)}"
    for key in ("join", "constants", "constants_when", "values", "stand_ins", "waived", "messages"):
        yield from _fields(dataset, list(getattr(version, key)), (*place, key))
    for code, other in version.stand_ins.items():
        yield from _field(dataset, other, (*place, "stand_ins", code))
    rules = {rule.id for rule in dataset.rules}
    for code, texts in version.messages.items():
        for rule_id in texts.keys() - rules:
            yield (*place, "messages", code, rule_id), f"没有规则 {rule_id!r}；{like(rule_id, rules)}"
    for code, cases in version.constants_when.items():
        yield from _fields(dataset, list(cases), (*place, "constants_when", code))


def _fields(dataset: Dataset, codes: list[str], place: Place) -> Iterator[Problem]:
    for code in codes:
        yield from _field(dataset, code, (*place, code))


def _field(dataset: Dataset, code: str, place: Place, kind: str = "") -> Iterator[Problem]:
    """A field must exist and have the type."""
    field = dataset.fields.get(code)
    if field is None:
        yield place, _unknown(dataset, code)
    elif kind and field.type != kind:
        yield place, f"{code} 的类型是 {field.type}，此处应为 {kind}；请更正字段的类型或名称"


def _unknown(dataset: Dataset, code: str, *more: str) -> str:
    return f"现行版本没有字段 {code!r}；{like(code, [*dataset.fields, *more])}"
