"""One row as a department means it: a permit or penalty (发改办财金〔2018〕790号), and its fate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from city import codes, people
from city.departments import BY_ID, DEPARTMENTS, Department, FeedSpec
from city.texts import KINDS_OF_PERMIT, PENALTIES, PERMITS

PREFIX = {"permit": "XK", "penalty": "CF"}


@dataclass
class Row:
    """One delivered row and the truth about it.

    `values` are standard codes with dates in ISO form and amounts in 万元; the forms write them the
    department's way. `raw` replaces single values exactly as given. `outcome`, `rules` (why it is
    quarantined) and `warnings` are what this row alone must lead to; `withheld_by` are the sharing rules, any
    one of which keeps it from every platform.
    """

    values: dict[str, str]
    kind: people.Kind
    subject: str
    agency: str
    document_no: str
    defect: str = ""
    outcome: str = "accepted"
    rules: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    withheld_by: tuple[str, ...] = ()
    expired: bool = False
    operation: str = ""
    reason: str = ""
    updated: str = ""
    raw: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    masked: dict[str, str] = field(default_factory=dict)
    numeric: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """XK or CF."""
        return "XK" if "XK_XDR_MC" in self.values else "CF"

    @property
    def dataset(self) -> str:
        """permit or penalty."""
        return "permit" if self.prefix == "XK" else "penalty"

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two rows the same record: data set, deciding agency, document number, subject."""
        return (self.dataset, self.agency, self.document_no, self.subject)

    @property
    def content(self) -> str:
        """What is said about the record, for telling equal from changed."""
        return repr((sorted(self.values.items()), sorted(self.raw.items())))

    def set(self, name: str, value: str) -> Row:
        """Set the field `<XK|CF>_<name>`; returns the row."""
        self.values[f"{self.prefix}_{name}"] = value
        return self

    def get(self, name: str) -> str:
        """The field `<XK|CF>_<name>`, empty when absent."""
        return self.values.get(f"{self.prefix}_{name}", "")

    def reject(self, *rules: str) -> Row:
        """This row must go to quarantine for these rules; returns the row."""
        self.outcome, self.rules = "quarantined", rules
        return self

    def clone(self) -> Row:
        """A copy that shares nothing."""
        return replace(self, values=dict(self.values), raw=dict(self.raw), masked=dict(self.masked))


def set_subject(row: Row, subject: people.Subject) -> None:
    """Fill all fields about the subject, as a careful clerk does, and the identity."""
    for name in (
        "XDR_SHXYM",
        "XDR_GSZC",
        "XDR_ZZJG",
        "XDR_SWDJ",
        "XDR_SYDW",
        "XDR_SHZZ",
        "FRDB",
        "FR_ZJLX",
        "FR_ZJHM",
        "XDR_ZJLX",
        "XDR_ZJHM",
    ):
        row.set(name, "")
    row.kind = subject.kind
    row.subject = subject.organisation or subject.id_number
    row.masked = {}
    row.set("XDR_MC", subject.name).set("XDR_LB", people.LABELS[subject.kind])
    if subject.kind == "person":
        row.set("XDR_ZJLX", "身份证").set("XDR_ZJHM", subject.id_number)
        row.secrets = (subject.id_number,)
        row.masked[f"{row.prefix}_XDR_MC"] = people.masked(subject.name)
    else:
        row.set("XDR_SHXYM", subject.code).set("FRDB", subject.operator)
        if subject.kind == "sole_trader":
            row.masked[f"{row.prefix}_FRDB"] = people.masked(subject.operator)


def withhold_person_penalty(row: Row) -> None:
    """Natural persons' penalties go nowhere by the shipped rules."""
    if row.dataset == "penalty" and row.kind == "person" and not row.withheld_by:
        row.withheld_by = ("SH-90-PERSON-PENALTY",)


def permit(rng: Random, spec: FeedSpec, agency: Department, subject: people.Subject, day: date, number: int) -> Row:
    """An ordinary permit decided a few days before `day`."""
    title, certificate, text = rng.choice(PERMITS[spec.department if spec.department in PERMITS else agency.code])
    decided = decided_before(rng, day)
    years = rng.choice((1, 3, 5, 5, 0))
    document_no = f"{agency.short}许〔{decided.year}〕{day:%m%d}{number:03d}号"
    values = {
        "XK_XDR_MC": "",
        "XK_XKWS": f"{title}准予行政许可决定书",
        "XK_WSH": document_no,
        "XK_XKLB": rng.choice(KINDS_OF_PERMIT),
        "XK_XKZS": certificate,
        "XK_XKBH": f"FZ{agency.number}{day:%Y%m%d}{number:03d}",
        "XK_NR": text,
        "XK_JDRQ": decided.isoformat(),
        "XK_YXQZ": decided.isoformat(),
        "XK_YXQZI": (decided + timedelta(days=365 * years - 1)).isoformat() if years else "2099-12-31",
        "XK_XKJG": agency.name,
        "XK_XKJGDM": agency.uscc,
        "XK_ZT": "1",
        "XK_LYDW": spec.agency.name,
        "XK_LYDWDM": spec.agency.uscc,
        "BZ": "",
        "SECRET": "否",
    }
    row = Row(values, subject.kind, "", agency.uscc, document_no)
    set_subject(row, subject)
    return row


def penalty(rng: Random, spec: FeedSpec, agency: Department, subject: people.Subject, day: date, number: int) -> Row:
    """An ordinary penalty (fine, general procedure) decided a few days before `day`."""
    violation, fact, law = rng.choice(PENALTIES[agency.code])
    decided = decided_before(rng, day)
    fine = rng.choice((5000, 8000, 10000, 12000, 20000, 50000, 86500))
    document_no = f"{agency.short}罚〔{decided.year}〕{day:%m%d}{number:03d}号"
    values = {
        "CF_XDR_MC": "",
        "CF_WSH": document_no,
        "CF_WFXW": violation,
        "CF_SY": f"{decided - timedelta(days=20):%Y年%m月%d日}，执法人员检查时，当事人{fact}。",
        "CF_YJ": law,
        "CF_CFLB": "罚款",
        "CF_NR": f"罚款人民币{fine}元",
        "CF_NR_FK": wan_yuan(fine),
        "CF_NR_WFFF": "",
        "CF_NR_ZKDX": "",
        "CF_JDRQ": decided.isoformat(),
        "CF_YXQ": "2099-12-31",
        "CF_GSJZQ": "",
        "CF_CFJG": agency.name,
        "CF_CFJGDM": agency.uscc,
        "CF_SJLY": spec.agency.name,
        "CF_SJLYDM": spec.agency.uscc,
        "BZ": "",
        "SECRET": "否",
        "PROCEDURE": "普通程序",
    }
    row = Row(values, subject.kind, "", agency.uscc, document_no)
    set_subject(row, subject)
    withhold_person_penalty(row)
    return row


def decided_before(rng: Random, day: date) -> date:
    """A decision date: mostly 1 to 6 days ago, sometimes late, never more than 30 days."""
    return day - timedelta(days=rng.randrange(1, 7) if rng.randrange(10) else rng.randrange(7, 29))


def wan_yuan(yuan: int) -> str:
    """Yuan as 万元 in plain decimals: 2000 → 0.2."""
    return f"{yuan / 10000:.6f}".rstrip("0").rstrip(".")


def ordinary(seed: int, spec: FeedSpec, day: date, count: int) -> list[Row]:
    """The night's new records without any defect: a function of seed, feed and day alone."""
    rng = Random(f"{seed}/{spec.feed}/{day.isoformat()}")
    pools = {kind: people.pool(seed, kind) for kind in people.LABELS}
    with_sole_traders = spec.standard != "v2016"  # the 2016 table has no category to say so
    make = permit if spec.dataset == "permit" else penalty
    rows = []
    for number in range(1, count + 1):
        draw = rng.randrange(100)
        kind: people.Kind = "legal" if draw < 68 or number <= 12 else "person" if draw < 84 else "sole_trader"
        if kind == "sole_trader" and not with_sole_traders:
            kind = "legal"
        # the first twelve are companies: later nights change, withdraw and repeat these
        row = make(rng, spec, spec.agency, rng.choice(pools[kind]), day, number)
        if spec.standard != "v2016" and kind == "legal" and number > 12 and rng.randrange(8) == 0:
            row.set("FR_ZJLX", "身份证").set("FR_ZJHM", codes.identity_number(rng, people.birthday(rng, day)))
            row.secrets = (row.get("FR_ZJHM"),)
        rows.append(row)
    return rows


def reported_by_window(seed: int, spec: FeedSpec, day: date, count: int) -> list[Row]:
    """Three decisions of 市场监督管理局 that the service window reports too, with another certificate name."""
    source = BY_ID["fz_scjg_permit"]
    rows = []
    for row in ordinary(seed, source, day, count)[:3]:
        row.defect = "conflict"
        row.values["XK_XKZS"] += "（副本）"
        row.values["XK_LYDW"], row.values["XK_LYDWDM"] = spec.agency.name, spec.agency.uscc
        rows.append(row)
    return rows


def agency_of(row: Row) -> str:
    """The deciding agency's name, for people who read the key."""
    return next((d.name for d in DEPARTMENTS.values() if d.uscc == row.agency), row.agency)
