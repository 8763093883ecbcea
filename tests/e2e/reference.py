"""The exchange as the design promises it, in plain Python: what must be known, shown and waiting after every night.

Written from the texts (promises, "What happens to a row", release and delivery decisions), not from the code. It knows
no versions, shipments or steps: the state is worked out afresh from everything that was said until now, so that no
order of nights can matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

PLATFORMS = ("fuzhou", "fujian", "china")
PLACEHOLDER = "00000000000000000X"
Fields = dict[str, str]
Batch = tuple[str, date, int]
"""Feed, business date, generation."""


@dataclass(frozen=True)
class Subject:
    """Whom a document is about; `secrets` may be seen nowhere outside, whatever the record's state.

    is_scattered: its rows may name it by codes of which only a further row shows that they are one subject's, so that
    one decision may have become two records by then.
    """

    kind: str
    name: str
    code: str = ""
    registration: str = ""
    representative: str = ""
    id_number: str = ""
    mobile: str = ""
    is_minor: bool = False
    is_scattered: bool = False

    @property
    def secrets(self) -> set[str]:
        names = {self.name} if self.kind == "person" else {self.representative} if self.kind == "sole_trader" else set()
        return {word for word in {self.id_number, self.mobile} | names if word}


@dataclass(frozen=True)
class Row:
    """One delivered row. `fields`: as the department fills them; `flaw`: the rule it breaks, if any."""

    feed: str
    day: date
    fields: tuple[tuple[str, str], ...]
    operation: str = "upsert"
    sequence: int = 0
    flaw: str = ""
    generation: int = 1

    @property
    def batch(self) -> Batch:
        """The delivery it came with."""
        return self.feed, self.day, self.generation

    @property
    def newness(self) -> tuple[date, int, int]:
        """Business date, then the source's own sequence, then which delivery of that date."""
        return self.day, self.sequence, self.generation

    @property
    def department(self) -> str:
        return self.feed.split("_")[0]

    @property
    def same(self) -> tuple[object, ...]:
        """What makes two rows one and the same to whoever dismisses it; S01 is a missing content, whatever it was."""
        missing = ("XK_NR", "CF_NR") if self.flaw == "S01" else ()
        fields = tuple(pair for pair in self.fields if pair[0] not in missing)
        return self.feed, fields, self.operation, self.sequence, self.flaw


@dataclass(frozen=True)
class Document:
    """One decision about one subject, and all that is ever said about it."""

    number: str
    dataset: str
    subject: Subject
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Rule:
    """A sharing rule beside the shipped ones. effect: release, withhold, hold or drop_field (then `drops`)."""

    rule_id: str
    dataset: str
    platforms: tuple[str, ...]
    effect: str
    when: tuple[tuple[str, str], ...]
    valid_from: date
    valid_to: date | None = None
    drops: tuple[str, ...] = ()

    def holds(self, document: Document, platform: str, content: Fields, today: date) -> bool:
        """Whether it is in force and speaks about this content."""
        known = content | {"_subject_kind": kind_of(content)}
        return (
            self.dataset == document.dataset
            and platform in self.platforms
            and self.valid_from <= today
            and (self.valid_to is None or today <= self.valid_to)
            and all(known.get(name, "") == value for name, value in self.when)
        )


@dataclass(frozen=True)
class Order:
    """An order of the credit office about a document; it was given on the business day `today`, as number `moment`."""

    number: str
    action: str
    today: date
    moment: int


@dataclass
class Knowledge:
    """Everything that was said until now. at_once: batches that ran at the same time."""

    today: date
    merged: list[Batch] = field(default_factory=list)
    at_once: list[set[Batch]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    dismissed: set[tuple[object, ...]] = field(default_factory=set)
    rules: tuple[Rule, ...] = ()


def kind_of(content: Fields) -> str:
    """The kind of subject that a content states."""
    stated = content.get("XK_XDR_LB") or content.get("CF_XDR_LB", "")
    return {"自然人": "person", "个体工商户": "sole_trader"}.get(stated, "legal")


def heard(document: Document, known: Knowledge) -> list[Row]:
    """The rows of a document in batches that were merged."""
    return [row for row in document.rows if row.batch in known.merged]


def clashing(row: Row, rows: Iterable[Row]) -> bool:
    """Whether the same batch says something else under the same identity (S13): then none of both is taken.

    Rows that are one record only by codes linked elsewhere do not clash: the newest stands.
    """
    return any(
        other.batch == row.batch
        and other.operation == row.operation == "upsert"
        and not other.flaw
        and completed(dict(other.fields)) != completed(dict(row.fields))
        and coded(other) == coded(row)
        for other in rows
    )


def coded(row: Row) -> bool:
    """Whether a row names its subject by a unified code."""
    fields = dict(row.fields)
    return fields.get("XK_XDR_SHXYM", fields.get("CF_XDR_SHXYM", PLACEHOLDER)) != PLACEHOLDER


def linked(document: Document, known: Knowledge) -> bool:
    """Whether a row that was taken shows that the subject's codes are one subject's."""
    return any(coded(row) and dict(row.fields).get("XK_XDR_GSZC") for row in good(document, known))


def good(document: Document, known: Knowledge) -> list[Row]:
    """The rows that are taken: in good order, and not contradicted in their own batch."""
    rows = heard(document, known)
    return [row for row in rows if not row.flaw and not clashing(row, rows)]


# --- the record ------------------------------------------------------------------------------------------------------


def content_of(document: Document, known: Knowledge) -> Fields | None:
    """The content that stands: of each feed the newest, and among feeds, per field, the one said last.

    An end of publication that follows from the rest is said by nobody. What a feed repeats counts from when it first
    said it: repeating is no news.
    """
    said: dict[str, list[tuple[Row, Fields]]] = {}
    repeats = set()
    for row in good(document, known):
        content = completed(dict(row.fields))
        if row.operation == "upsert" and (one := (row.batch, tuple(sorted(content.items())))) not in repeats:
            repeats.add(one)
            said.setdefault(row.feed, []).append((row, content))
    claims = []
    for feed, pairs in said.items():
        pairs.sort(key=lambda pair: pair[0].newness, reverse=True)
        stands = pairs[0][1]
        since = pairs[0][0]
        for row, content in pairs:
            if content != stands:
                break
            since = row
        claims.append((*since.newness, [-ord(c) for c in feed], without_end(stands)))
    content: Fields = {}
    for *_, fields in sorted(claims, key=lambda claim: claim[:4]):
        content |= {name: value for name, value in fields.items() if value}
    return completed(content) or None


def standing_order(document: Document, known: Knowledge) -> str:
    """The newest explicit word: by business date, then the source's own order; of both at once the withdrawal.

    The office's own orders of a day come after the departments' rows of that day.
    """
    words = [
        (row.day, 0, row.sequence, row.operation == "withdraw")
        for row in good(document, known)
        if row.operation != "upsert"
    ]
    words += [
        (order.today, 1, order.moment, order.action == "withdraw")
        for order in known.orders
        if order.number == document.number
    ]
    return ("withdraw" if max(words)[3] else "reinstate") if words else ""


def status_of(document: Document, known: Knowledge) -> str:
    """current, withdrawn, expired, or nothing while there is no such record."""
    content = content_of(document, known)
    if content is None:
        return ""
    if standing_order(document, known) == "withdraw":
        return "withdrawn"
    end = content.get("CF_GSJZQ", "")
    return "expired" if end and end < known.today.isoformat() else "current"


# --- publication windows (domain.md §2.2, §2.3) -----------------------------------------------------------------------

_SERIOUS = ("吊销许可证", "责令停产停业", "行政拘留")
_MINOR = ("警告",)
_MONTHS = [
    (date(2026, 4, 1), {"minor": (0, 3), "general": (3, 12), "serious": (12, 36)}),
    (date(2023, 5, 1), {"minor": (0, 3), "general": (3, 36), "serious": (12, 36)}),
    (date(2019, 7, 1), {"minor": (3, 12), "general": (3, 12), "serious": (6, 36)}),
]
"""Decisions since -> months at least and at most: orders 36 and 58, 发改办财金〔2019〕527号."""


def severity(fields: Mapping[str, str]) -> str:
    """The class of a penalty: the strictest of its types; the simple procedure makes it minor unless it is serious."""
    types = fields["CF_CFLB"].split(";")
    if any(one in _SERIOUS for one in types):
        return "serious"
    return "minor" if fields.get("PROCEDURE") == "简易程序" or all(one in _MINOR for one in types) else "general"


def months_after(day: date, months: int) -> date:
    """The same day of a later month (days up to 28 only, so that it exists)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, day.day)


def completed(fields: Fields) -> Fields:
    """A penalty's end of publication: as given but within the class's bounds, else the latest; a longer ban stands."""
    if "CF_CFLB" not in fields:
        return fields
    decided = date.fromisoformat(fields["CF_JDRQ"])
    months = next(periods for since, periods in _MONTHS if decided >= since)[severity(fields)]
    least, most = (months_after(decided, number).isoformat() for number in months)
    end = min(max(fields.get("CF_GSJZQ") or most, least), most)
    return fields | {"CF_GSJZQ": max(end, fields.get("BAN_END", "")) if fields.get("BAN_END", "") > most else end}


def without_end(fields: Fields) -> Fields:
    """The same without an end of publication that the rules give anyway."""
    rest = {name: value for name, value in fields.items() if name != "CF_GSJZQ"}
    return rest if completed(rest) == fields else fields


# --- sharing ---------------------------------------------------------------------------------------------------------

_INTERNAL = {"SECRET", "PROCEDURE", "BAN_END", "STATUS", "USE_SCOPE"}
_NEVER = {f"{side}_{code}" for side in ("XK", "CF") for code in ("FR_ZJLX", "FR_ZJHM", "XDR_ZJLX", "XDR_ZJHM")}


def shown_name(name: str) -> str:
    """A natural person's name as it may be shown: the surname, and never how long the rest is beyond two."""
    return name[0] + "*" * min(len(name) - 1, 2)


def released(document: Document, platform: str, content: Fields, known: Knowledge) -> Fields | None:
    """What the rules in force let a platform have of a content; None: nothing at all."""
    kind = kind_of(content)
    matching = [rule for rule in known.rules if rule.holds(document, platform, content, known.today)]
    if (
        document.subject.is_minor
        or content.get("SECRET") == "是"
        or content.get("STATUS") in ("撤销", "其他")  # a decision that does not stand any more
        or content.get("USE_SCOPE")  # anything but open to the public
        or any(rule.effect in ("withhold", "hold") for rule in matching)
    ):
        return None
    if document.dataset == "penalty":
        if severity(content) == "minor":  # the simple procedure and mere warnings among them
            return None
        if content.get("PROCEDURE") == "简易程序" or set(content["CF_CFLB"].split(";")) == {"警告"}:
            return None
        if kind == "person" and not any(rule.effect == "release" for rule in matching):
            return None
    drops = _INTERNAL | _NEVER | {code for rule in matching for code in rule.drops}
    return {code: open_value(document, kind, code, value) for code, value in content.items() if code not in drops}


def open_value(document: Document, kind: str, code: str, value: str) -> str:
    """A value without what is personal in it."""
    who = document.subject
    hidden = {who.id_number: "*" * len(who.id_number), who.mobile: "*" * len(who.mobile)}
    if kind == "person":
        hidden[who.name] = shown_name(who.name)
    operator = who.representative if kind == "sole_trader" or who.code.startswith("92") else ""
    if operator:
        hidden[operator] = shown_name(operator)
    for secret, shown in hidden.items():
        value = value.replace(secret, shown) if secret else value
    return value


def visible(document: Document, known: Knowledge) -> dict[str, Fields]:
    """What each platform must show of a document; a platform that must not show it is left out."""
    content = content_of(document, known)
    if content is None or status_of(document, known) != "current":
        return {}
    shown = {platform: released(document, platform, content, known) for platform in PLATFORMS}
    return {platform: fields for platform, fields in shown.items() if fields is not None}


# --- quarantine ------------------------------------------------------------------------------------------------------


def is_seen(row: Row, remedy: Row, known: Knowledge) -> bool:
    """Whether a correction must be seen as one: run after the flawed row, and naming the subject by the same code."""
    if any({row.batch, remedy.batch} <= some for some in known.at_once):
        return False
    return known.merged.index(remedy.batch) > known.merged.index(row.batch) and coded(remedy) == coded(row)


def quarantined(document: Document, known: Knowledge) -> dict[int, set[str]]:
    """The place among the document's rows -> what may be its state, for every row that was not taken.

    A flawed row is corrected when the same department brings the record in good order later; an order that was not
    carried out only by an order. Where the correction was not seen as one it may wait for a person. A person's
    dismissal holds for every repeat of the row, and stays.
    """
    taken = good(document, known)
    states = {}
    for place, row in enumerate(document.rows):
        if row.batch not in known.merged or row in taken:
            continue
        remedies = [
            other
            for other in taken
            if other.department == row.department
            and (other.day, other.generation) > (row.day, row.generation)
            and (row.operation == "upsert" or other.operation != "upsert")
        ]
        state = {"corrected"} if remedies else set()
        if remedies and not any(is_seen(row, remedy, known) for remedy in remedies):
            state |= {"open"}
        state |= {"dismissed"} if row.same in known.dismissed else set()
        states[place] = state or {"open"}
    return states
