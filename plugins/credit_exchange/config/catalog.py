"""A data set (资源目录的一项): what its fields are, what identifies a record, its rules and its clocks.

One file `include/catalog/<dataset>.yml` each. Sources of the shipped ones: 发改办财金〔2018〕790号 (permit, penalty).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from credit_exchange.config.base import Model
from credit_exchange.config.checks import CHECKS, MEANING

FieldType = Literal["text", "code", "enum", "date", "decimal"]
Effect = Literal["reject", "warn", "hold"]
SubjectKind = Literal["legal", "person", "sole_trader"]
BOUNDS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "ge": operator.ge,
    "le": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
}
"""How conditions compare amounts; anything else they compare as text, as it stands."""


class CatalogField(Model):
    """One field of a data set. `code` is the standard's code (XK_*, CF_*, BZ)."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")
    name: str
    type: FieldType = "text"
    length: int | None = Field(default=None, ge=1, description="characters at most (rule S14)")
    scale: int | None = Field(default=None, ge=0, le=12, description="decimals at most, for type decimal")
    required: bool = Field(default=False, description="must not be blank (rule S01)")
    values: list[str] = Field(default_factory=list, description="the code list, for type enum")
    other_prefix: str | None = Field(default=None, description="also accept values that begin with this, e.g. 其他-")
    separator: str | None = Field(default=None, description="several values may stand here, separated by this")
    personal: Literal["name", "id_number", "text"] | None = Field(
        default=None,
        description="personal data: a name, an ID number (sealed at rest), or free text that may hold some",
    )
    unit: Literal["wan_yuan"] | None = Field(default=None, description="amounts are kept in 万元")
    internal: bool = Field(default=False, description="kept and usable by rules, never on any wire")
    long_term: bool = Field(default=False, description="2099-12-31 stands for long-term here")
    sharing: Literal["unconditional", "conditional", "none"] = Field(
        default="unconditional",
        description="none: leaves for no platform, whatever the rules say; conditional: a note to people, rules decide",
    )
    publication: Literal["public", "government", "authorised"] = Field(
        default="public",
        description="who may see it. Rules decide what leaves: `config check` tells which let out what is not public",
    )


class SubjectFields(Model):
    """Which fields say who a record is about."""

    name: str
    kind: str | None = Field(default=None, description="field of the subject's category; absent: everybody is `legal`")
    uscc: str | None = None
    registration: str | None = Field(default=None, description="工商注册号")
    organisation: str | None = Field(default=None, description="组织机构代码")
    tax: str | None = Field(default=None, description="税务登记号")
    institution: str | None = Field(default=None, description="事业单位证书号")
    association: str | None = Field(default=None, description="社会组织登记证号")
    id_type: str | None = None
    id_number: str | None = Field(
        default=None,
        description="may be the field of `uscc` too (承诺人代码): what is no organisation's code there is an ID number",
    )
    representative: str | None = None
    representative_id_type: str | None = None
    representative_id_number: str | None = None


class Identity(Model):
    """What makes two rows the same record (rule S16): deciding agency, document number, subject."""

    agency_code: str
    agency_name: str
    document_no: str
    decided_on: str
    subject: SubjectFields = Field(
        description="who the record is about; of what is about nobody, as an article or a report: who publishes it"
    )


class Condition(Model):
    """A test of one field or derived attribute. All conditions of a list must hold."""

    field: str
    op: Literal[
        "eq",
        "ne",
        "in",
        "not_in",
        "contains",
        "contains_any",
        "contains_only",
        "present",
        "absent",
        "ge",
        "le",
        "gt",
        "lt",
    ]
    value: str | list[str] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Condition:
        if self.op in ("in", "not_in", "contains_any", "contains_only") and not isinstance(self.value, list):
            raise ValueError(f"op 为 {self.op} 时，value 应为列表")
        if self.op in ("present", "absent") and self.value is not None:
            raise ValueError(f"op 为 {self.op} 时不写 value；请删去")
        if self.op in ("eq", "ne", "contains", "ge", "le", "gt", "lt") and not isinstance(self.value, str):
            raise ValueError(f"op 为 {self.op} 时，value 应为一个带引号的值")
        return self


def no_bound(condition: Condition, field: CatalogField) -> bool:
    """Whether a condition compares an amount with something that is no number."""
    return condition.op in BOUNDS and field.type == "decimal" and not is_number(str(condition.value))


def is_number(text: str) -> bool:
    """Whether a bound is a finite decimal number."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def is_day(text: str) -> bool:
    """Whether a text is a date, written yyyy-mm-dd."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _known_check(name: str) -> str:
    if name not in CHECKS:
        raise ValueError(f"没有检查 {name!r}；可用：{'、'.join(sorted(CHECKS))}")
    return name


class Rule(Model):
    """One check of domain rule list S01-S16. `check` names an expectation, the rest are its parameters."""

    id: str = Field(
        pattern=r"^[A-Z]\d{2}[A-Za-z0-9_-]*$",
        description="pages add what the numbers of the standard's list are about: S01 required, S02 code list, "
        "S03 code of the subject, S04 document, S08 required by case, S09 dates, S10 agency, S13 repeats, S14 length, "
        "S16 identity, S18 characters, S19 personal numbers; another id stands as it is",
    )
    check: Annotated[str, AfterValidator(_known_check)] = Field(
        description="what is asked of the fields:\n" + "\n".join(f"{name}: {what}" for name, what in MEANING.items())
    )
    on_failure: Effect = Field(
        default="reject", description="reject and hold: the row goes to quarantine, hold waits for a person; warn: told"
    )
    message: str = Field(
        description="what the department reads: what is wrong and what to do (Chinese). Filled in: {name} of the "
        "field, {first} of the rule's first field, {values}, {length}, {limit}, {unit} and {date} as the feed has them"
    )
    fields: list[str] = Field(default_factory=list, description="current codes")
    when: list[Condition] = Field(
        default_factory=list,
        description="only rows for which all hold; beside fields: _subject_kind (legal, person, sole_trader), "
        "_subject_code (present, absent)",
    )
    limit: str | None = Field(default=None, description="a bound, where the check takes one")

    @model_validator(mode="after")
    def _takes(self) -> Rule:
        takes = CHECKS[self.check]
        if len(self.fields) < takes.least or (takes.most is not None and len(self.fields) > takes.most):
            wanted = f"至少 {takes.least} 个" if takes.most is None else f" {takes.least} 至 {takes.most} 个"
            wanted = f" {takes.least} 个" if takes.least == takes.most else wanted
            raise ValueError(f"规则 {self.id}：检查 {self.check} 的 fields 应有{wanted}，现有 {len(self.fields)} 个")
        if takes.limit and not self.limit:
            raise ValueError(f"规则 {self.id}：检查 {self.check} 需要 limit；请补上")
        if takes.limit == "number" and not is_number(self.limit or ""):
            raise ValueError(f"规则 {self.id}：检查 {self.check} 的 limit 应为数字，不能是 {self.limit!r}")
        if takes.limit == "date" and not is_day(self.limit or ""):
            raise ValueError(f"规则 {self.id}：检查 {self.check} 的 limit 应为日期 YYYY-MM-DD，不能是 {self.limit!r}")
        if self.check == "identity" and self.on_failure == "warn":
            raise ValueError(f"规则 {self.id}：无法识别的行不能收下；on_failure 应为 reject 或 hold")
        return self


def _ordered(months: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= months[0] <= months[1]:
        raise ValueError(f"{list(months)} 应为 [至少月数, 至多月数]，均不小于 0")
    return months


Months = Annotated[tuple[int, int], AfterValidator(_ordered)]


class Period(Model):
    """How long a penalty of one class is shown, for decisions from `since` on (domain.md, timeline)."""

    since: date
    basis: str
    minor: Months = Field(description="months at least, months at most")
    general: Months
    serious: Months


class Publication(Model):
    """How long records are shown: to the day in `end_field`; with periods, to the end that follows from them."""

    end_field: str = Field(
        description="the field that gives the end of publication; computed where blank, if there are periods"
    )
    basis: str = Field(default="", description="the statute by which publication ends, for who asks why")
    type_field: str | None = Field(default=None, description="the field of penalty types that decides the class")
    procedure_field: str | None = None
    separators: list[str] = Field(default_factory=lambda: [";", "；", "&", "、", ","])
    minor: list[str] = Field(default_factory=list)
    general: list[str] = Field(default_factory=list)
    serious: list[str] = Field(default_factory=list)
    simple_procedure: list[str] = Field(default_factory=list)
    ban_end_field: str | None = None
    periods: list[Period] = Field(default_factory=list, description="each lasts until the next one begins")

    @model_validator(mode="after")
    def _classes_and_periods(self) -> Publication:
        if self.periods and not self.type_field:
            raise ValueError(
                "periods 按处罚类别分级，要写明 type_field；请补上，或删去 periods（公示到 end_field 的日期）"
            )
        if self.type_field and not self.periods:
            raise ValueError("写了 type_field 就要写明各时段的公示期 periods；请补上，或删去 type_field")
        return self


class Duration(Model):
    """A number of days."""

    days: int = Field(ge=0)
    kind: Literal["calendar", "working"] = "working"


class Clock(Model):
    """A statutory time limit."""

    id: str
    name: str
    basis: str
    starts: str = Field(description="the date field it runs from: identity.decided_on")
    amber: Duration
    red: Duration
    tell: list[str] = Field(
        default_factory=list, description="who is told, a note to people: alerts go to all whom the connections name"
    )


class SchemaVersion(Model):
    """One version of the data set's table. An older one has a crosswalk into the current one."""

    id: str
    since: date
    until: date | None = None
    basis: str
    fields: list[CatalogField] = Field(default_factory=list)
    crosswalk: dict[str, str] = Field(
        default_factory=dict, description="this version's code -> current code; '' = dropped"
    )
    join: dict[str, list[str]] = Field(
        default_factory=dict, description="current code <- several old codes, joined by ;"
    )
    constants: dict[str, str] = Field(default_factory=dict, description="values the old table could not carry")
    constants_when: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="current code -> {other current field that must be present: value}"
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="current code -> {old value: new value}"
    )
    stand_ins: dict[str, str] = Field(
        default_factory=dict, description="current code left blank by this version <- another current code's value"
    )
    waived: list[str] = Field(default_factory=list, description="required fields this version never carried")
    messages: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="current code -> {rule id: what those who deliver this version read, where the rule would mislead}",
    )

    def origins(self, code: str) -> list[str]:
        """The codes of this older version that a current field is filled from, or stands in for; [] where none is."""
        for wanted in (code, self.stand_ins.get(code, code)):
            found = [old for old, new in self.crosswalk.items() if new == wanted] or self.join.get(wanted, [])
            if found:
                return list(found)
        return []


class SourcePriority(Model):
    """Whose value stands when departments disagree. Departments not named come last, newest first."""

    default: list[str] = Field(default_factory=list)
    fields: dict[str, list[str]] = Field(default_factory=dict)


class Dataset(Model):
    """A data set of the catalogue."""

    dataset: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    name: str
    basis: str
    identity: Identity
    kinds: dict[SubjectKind, list[str]] = Field(
        default_factory=dict, description="values of the category field, per kind"
    )
    versions: list[SchemaVersion] = Field(min_length=1, description="newest first; the first one is current")
    rules: list[Rule] = Field(default_factory=list)
    placeholder_codes: list[str] = Field(default_factory=lambda: ["00000000000000000X"])
    publication: Publication | None = None
    clocks: list[Clock] = Field(default_factory=list)
    source_priority: SourcePriority = SourcePriority()

    @property
    def current(self) -> SchemaVersion:
        """The version whose fields are kept and sent."""
        return self.versions[0]

    @property
    def fields(self) -> dict[str, CatalogField]:
        """The current fields by code, in the standard's order."""
        return {field.code: field for field in self.current.fields}

    @property
    def shared_code(self) -> str | None:
        """The one field, if any, for the unified code of an organisation and the ID number of a person."""
        subject = self.identity.subject
        return subject.uscc if subject.uscc == subject.id_number else None

    def version(self, version_id: str) -> SchemaVersion | None:
        """Return the schema version with this id, or None."""
        return next((version for version in self.versions if version.id == version_id), None)
