"""Invented histories: what departments say of documents on which days, what the office orders, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from reference import PLACEHOLDER, Document, Order, Row, Rule, Subject

from city.codes import credit_code, identity_number, mobile, registration_number

FIRST = date(2026, 11, 10)
AGENCY, AGENCY_NAME = "11350100003603964X", "福州榕城样例局"
DEPARTMENTS = {"permit": ("a", "b", "c"), "penalty": ("a", "b")}
OF_2016 = ("c_permit", "b_penalty")
"""These feeds still follow the standard of 2016."""
FEEDS = tuple(f"{department}_{dataset}" for dataset, some in DEPARTMENTS.items() for department in some)
KINDS = {"legal": "法人及非法人组织", "person": "自然人", "sole_trader": "个体工商户"}
SURNAMES, FIRST_NAMES, SECOND_NAMES = "林陈黄郑吴", "榕小谷立闽江海山云溪", "生满雨冬秋春晓岚舟樵"
FAULTS: dict[str, list[tuple[str, str, dict[str, object]]]] = {
    "fuzhou": [
        ("records", "commit_then_close", {}), ("records", "503", {"commit": True}), ("records", "502", {}),
        ("records", "1099", {"records": 2}), ("records", "429", {"retry_after": "1"}), ("records", "truncate", {}),
        ("records", "results_short", {}), ("records", "html_200", {"commit": True}), ("records", "401", {}),
        ("records", "reject", {"records": 2}), ("records", "reject", {"records": 2}), ("*", "500", {}),
        ("records", "nonce_refused", {}),
    ],
    "fujian": [
        ("upload", "commit_then_close", {}), ("upload", "503", {"commit": True}), ("upload", "502", {}),
        ("upload", "busy", {}), ("upload", "task_failed", {}), ("task", "500", {}), ("upload", "truncate", {}),
        ("upload", "reject", {"records": 2}), ("upload", "reject", {"records": 2}), ("upload", "html_200", {}),
        ("upload", "token_dies", {}), ("task", "truncate", {}),
    ],
    "china": [
        ("import_permission", "commit_then_close", {}), ("import_penalty", "503", {"commit": True}),
        ("import_permission", "502", {}), ("revoke", "commit_then_close", {}), ("revoke", "503", {}),
        ("import_permission", "busy", {}), ("import_permission", "truncate", {}), ("query_permission", "500", {}),
        ("import_permission", "reject", {"line": 1}), ("import_penalty", "reject", {"line": 2}),
        ("import_penalty", "html_200", {"commit": True}), ("revoke", "busy", {}),
    ],
}  # fmt: skip
"""What a platform may do wrong in a night: endpoint, fault and its options (include/sandbox/platforms/faults.py)."""
POINTS = (
    "validate.before_commit", "merge.after_staging", "merge.before_commit", "merge.after_commit",
    "release.before_commit", "push.before_claim", "push.after_claim", "push.after_attempt_row", "push.after_send",
    "push.after_record",
)  # fmt: skip
"""Where a process may be killed (credit_exchange/steps/faultpoint.py)."""
DECIDED = ("2026-08-10", "2026-08-10", "2026-08-12", "2023-11-12", "2023-11-13", "2022-05-05")
"""When penalties were decided: the windows of some end on the days that are played, or have long ended."""


@dataclass
class Step:
    """One night's work: the business dates that are run, the office's orders before it, what goes wrong in it.

    at_once: what runs at the same time as the first business date: `other`, the next one; `same`, itself again.
    killed: the point at which a process that ran the first business date was killed before, if any.
    """

    today: date
    nights: list[tuple[date, tuple[str, ...]]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    dismissals: list[tuple[str, int]] = field(default_factory=list)
    faults: dict[str, tuple[str, str, dict[str, object], int]] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    again: list[tuple[str, date]] = field(default_factory=list)
    at_once: str = ""
    killed: str = ""


@dataclass
class History:
    """Some documents, the steps that are played, and the rules beside the shipped ones."""

    documents: list[Document]
    steps: list[Step]
    rules: tuple[Rule, ...]
    days: int

    def only(self, number: str) -> History:
        """The same history without the other documents."""
        steps = [
            replace(
                step,
                orders=[one for one in step.orders if one.number == number],
                dismissals=[one for one in step.dismissals if one[0] == number],
            )
            for step in self.steps
        ]
        return replace(self, documents=[one for one in self.documents if one.number == number], steps=steps)


def dates(days: int) -> list[date]:
    """The first business dates."""
    return [FIRST + timedelta(days=number) for number in range(days)]


def subject(rng: Random, kind: str, place: int) -> Subject:
    """Somebody invented; no two of a history have one given name, so that a leak can be told from an open name."""
    person = rng.choice(SURNAMES) + FIRST_NAMES[place // 10 % 10] + SECOND_NAMES[place % 10]
    born = date(2012 if kind == "minor" else rng.randrange(1970, 1990), rng.randrange(1, 13), rng.randrange(1, 28))
    number, phone = identity_number(rng, born), mobile(rng)
    if kind in ("person", "minor"):
        return Subject("person", person, id_number=number, mobile=phone, is_minor=kind == "minor")
    code = credit_code("92" if kind == "sole_trader" else "91", "350102", f"MA{rng.randrange(10**6):06d}")
    registration = registration_number(rng) if kind in ("linked", "scattered") else ""
    name = f"福州样例{rng.randrange(10**6)}" + ("小吃店" if kind == "sole_trader" else "贸易有限公司")
    scattered = kind == "scattered"
    kind = "legal" if registration else kind
    return Subject(kind, name, code, registration, person, number, phone, is_scattered=scattered)


def base(dataset: str, number: str, who: Subject) -> dict[str, str]:
    """A first content."""
    side = "XK" if dataset == "permit" else "CF"
    fields = {
        f"{side}_XDR_MC": who.name,
        f"{side}_XDR_LB": KINDS[who.kind],
        f"{side}_XDR_SHXYM": who.code,
        f"{side}_XDR_GSZC": who.registration,
        f"{side}_FRDB": who.representative,
        f"{side}_WSH": number,
    }
    if who.kind == "person":
        fields |= {f"{side}_XDR_ZJLX": "身份证", f"{side}_XDR_ZJHM": who.id_number}
    elif number.endswith(("1号", "2号", "3号")):
        fields |= {f"{side}_FR_ZJLX": "身份证", f"{side}_FR_ZJHM": who.id_number}
    if dataset == "permit":
        return fields | {
            "XK_XKWS": "准予许可决定书", "XK_XKLB": "普通", "XK_NR": "准予经营", "XK_JDRQ": "2026-08-05",
            "XK_YXQZ": "2026-08-05", "XK_YXQZI": "2031-08-04", "XK_XKJG": AGENCY_NAME, "XK_XKJGDM": AGENCY,
            "XK_ZT": "1", "XK_LYDW": AGENCY_NAME, "XK_LYDWDM": AGENCY,
        }  # fmt: skip
    return fields | {
        "CF_WFXW": "未公示价格", "CF_SY": "未按规定公示价格", "CF_YJ": "价格法第四十二条", "CF_CFLB": "罚款",
        "CF_NR": "处以罚款", "CF_NR_FK": "0.2", "CF_YXQ": "2099-12-31", "CF_CFJG": AGENCY_NAME, "CF_CFJGDM": AGENCY,
        "CF_SJLY": AGENCY_NAME, "CF_SJLYDM": AGENCY,
    }  # fmt: skip


def changes(dataset: str, who: Subject) -> list[dict[str, str]]:
    """What may become different about a document; "" takes a value away."""
    personal = (
        f"当事人{who.name if who.kind == 'person' else who.representative}，证件{who.id_number}，电话{who.mobile}"
    )
    if dataset == "permit":
        made = [
            {"XK_NR": "准予经营（变更）"}, {"XK_NR": personal}, {"BZ": "补充说明"}, {"BZ": ""}, {"SECRET": "是"},
            {"SECRET": ""}, {"SECRET": "否"}, {"XK_XKLB": "特许"}, {"XK_XKLB": "普通"}, {"XK_ZT": "2"},
            {"XK_JDRQ": "2026-08-06"},
        ]  # fmt: skip
    else:
        made = [
            {"CF_NR": "处以罚款（更正）"}, {"CF_SY": personal}, {"CF_CFLB": "警告", "CF_NR_FK": ""},
            {"CF_CFLB": "罚款", "CF_NR_FK": "0.3"}, {"CF_CFLB": "警告;罚款", "CF_NR_FK": "1.5"},
            {"CF_CFLB": "罚款;没收违法所得", "CF_NR_FK": "1234567.89", "CF_NR_WFFF": "0.000001"},
            {"CF_CFLB": "其他-警告并处罚款"}, {"STATUS": "撤销"}, {"STATUS": "异议"}, {"STATUS": "其他"},
            {"STATUS": ""},
            {"CF_CFLB": "责令停产停业"}, {"PROCEDURE": "简易程序"}, {"PROCEDURE": ""}, {"PROCEDURE": "普通程序"},
            {"SECRET": "是"}, {"SECRET": ""}, {"CF_GSJZQ": "2026-11-12"}, {"CF_GSJZQ": "2026-11-13"},
            {"CF_GSJZQ": ""}, {"CF_GSJZQ": "2026-09-01"}, {"CF_GSJZQ": "2026-12-24"},
            {"CF_JDRQ": "2023-11-13"}, {"BAN_END": "2026-11-13"}, {"BAN_END": "2030-01-01"},
            {"BAN_END": ""},
            {"CF_CFLB": "行政拘留", "PROCEDURE": "简易程序"},
        ]  # fmt: skip
    made += [{"USE_SCOPE": "政务共享"}, {"USE_SCOPE": "授权查询"}, {"USE_SCOPE": ""}]
    if who.kind != "person":
        side = "XK" if dataset == "permit" else "CF"
        made += [{f"{side}_XDR_MC": who.name + "（更名）"}, {f"{side}_XDR_MC": who.name}]
        made += [{f"{side}_XDR_LB": "个体工商户"}, {f"{side}_XDR_LB": KINDS["legal"]}]
        if who.is_scattered:
            made += [
                {f"{side}_XDR_SHXYM": code, f"{side}_XDR_GSZC": number}
                for code, number in ((who.code, ""), (PLACEHOLDER, who.registration), (who.code, who.registration))
            ] * 2
        elif who.registration:
            made += [{f"{side}_XDR_SHXYM": PLACEHOLDER}, {f"{side}_XDR_SHXYM": who.code}] * 2
    return made


def document(seed: str, place: int, days: int) -> Document:
    """One document's whole story."""
    rng = Random(f"{seed}/{place}")
    kind = rng.choice(("legal", "legal", "linked", "scattered", "person", "sole_trader", "minor"))
    dataset = "permit" if kind == "scattered" else rng.choice(("permit", "penalty"))
    who = subject(rng, kind, place)
    number = f"榕样〔2026〕{place + 1}号"
    feeds = [f"{department}_{dataset}" for department in rng.sample(DEPARTMENTS[dataset], rng.choice((1, 1, 2)))]
    content = base(dataset, number, who)
    if dataset == "penalty":
        content["CF_JDRQ"] = rng.choice(DECIDED)
    if who.registration and rng.random() < 0.5:
        content["XK_XDR_SHXYM" if dataset == "permit" else "CF_XDR_SHXYM"] = PLACEHOLDER
    elif who.is_scattered:
        content["XK_XDR_GSZC"] = ""
    options = changes(dataset, who)
    rows: list[Row] = []
    last: dict[str, Row] = {}
    for day in dates(days):
        for feed in feeds:
            for row in _said(rng, feed, day, content, options, last.get(feed)):
                rows.append(row)
                last[feed] = row
                if row.operation == "upsert":
                    content = dict(row.fields)
    rows += [again for row in rows for again in _corrected(rng, row, options)]
    return Document(number, dataset, who, tuple(rows))


def filled(feed: str, fields: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What a feed can say of a content, in the codes of today: blanks are left out.

    The tables of 2016 have no category, which then follows from the code or ID number, no first day of validity, no
    representative's ID and no amounts, which the table of today wants of a fine.
    """
    if feed in OF_2016:
        side = "XK" if feed.endswith("permit") else "CF"
        kind = "sole_trader" if fields.get(f"{side}_XDR_SHXYM", "").startswith("92") else "legal"
        category = KINDS["person" if fields[f"{side}_XDR_LB"] == KINDS["person"] else kind]
        fields = fields | {f"{side}_XDR_LB": category, f"{side}_FR_ZJLX": "", f"{side}_FR_ZJHM": ""}
        fields |= {"XK_YXQZ": fields["XK_JDRQ"]} if side == "XK" else {"CF_NR_FK": "", "CF_NR_WFFF": ""}
    elif feed.endswith("penalty"):
        for kind, amount in (("罚款", "CF_NR_FK"), ("没收违法所得", "CF_NR_WFFF")):
            if kind in fields["CF_CFLB"].split(";") and not fields.get(amount):
                fields = fields | {amount: "0.25"}
    return tuple(sorted((code, value) for code, value in fields.items() if value))


def _corrected(rng: Random, row: Row, options: list[dict[str, str]]) -> list[Row]:
    """What stands of a row in the department's corrected delivery of the same day."""
    again = replace(row, generation=2)
    word = rng.choice(("same", "same", "gone", "other", "newer", "mended"))
    if word in ("other", "newer") and row.operation == "upsert":
        fields = filled(row.feed, dict(row.fields) | rng.choice(options))
        return [replace(again, fields=fields, sequence=row.sequence + (word == "newer"))]
    return [replace(again, flaw="")] if word == "mended" else [again] if word != "gone" else []


def _said(
    rng: Random, feed: str, day: date, content: dict[str, str], options: list[dict[str, str]], last: Row | None
) -> list[Row]:
    """What a feed says of a document on a day."""

    def row(fields: dict[str, str], operation: str = "upsert", flaw: str = "") -> Row:
        return Row(feed, day, filled(feed, fields), operation, rng.randrange(1, 10**6), flaw)

    changed = content | rng.choice(options)
    word = rng.choice(
        ["nothing"] * 3 + ["content"] * 2 + ["change"] * 5
        + ["again", "withdraw", "withdraw", "reinstate", "both", "flawed", "twice", "clash", "flawed order", "turned"]
    )  # fmt: skip
    match word:
        case "content":
            return [row(content)]
        case "change":
            return [row(changed)]
        case "again" if last is not None:
            return [replace(last, day=day)]
        case "withdraw" | "reinstate":
            return [row(content, word)]
        case "both":
            return [row(changed), row(content, rng.choice(("withdraw", "reinstate")))]
        case "turned":
            return [row(content, "withdraw"), row(content, "reinstate")]
        case "flawed":
            return [row(content, flaw="S01")]
        case "flawed order":
            return [row(content, rng.choice(("withdraw", "reinstate")), flaw="OP02")]
        case "twice":
            one = row(changed)
            return [one, one]
        case "clash":
            return [row(content), row(changed)]
    return []


def rules(rng: Random, days: int) -> tuple[Rule, ...]:
    """Some rules that come into force, or end, between the days."""

    def some_day() -> date:
        return FIRST + timedelta(days=rng.randrange(1, days + 1))

    possible = [
        Rule("SH-95-A", "penalty", ("fujian",), "release", (("_subject_kind", "person"),), some_day()),
        Rule("SH-95-B", "permit", ("china",), "withhold", (("XK_XKLB", "特许"),), some_day()),
        Rule("SH-95-C", "permit", ("fuzhou", "china"), "drop_field", (), FIRST, some_day(), ("BZ",)),
        Rule(
            "SH-95-D", "penalty", ("fuzhou", "fujian"), "hold", (("_subject_kind", "sole_trader"),), FIRST, some_day()
        ),
        Rule("SH-95-E", "permit", ("fujian",), "withhold", (("_subject_kind", "person"),), some_day(), some_day()),
    ]
    usable = [rule for rule in possible if rule.valid_to is None or rule.valid_to >= rule.valid_from]
    return tuple(rng.sample(usable, min(len(usable), rng.randrange(4))))


def history(seed: str, *, documents: int, days: int, faults: bool = True) -> History:
    """A history at random: the same seed gives the same."""
    rng = Random(seed)
    made = [document(seed, place, days) for place in range(documents)]
    waiting = [(feed, day) for day in dates(days) for feed in FEEDS]
    steps = []
    moment = 0
    outage, idle = rng.randrange(1, days + 2), rng.choice((0, 0, 3, 40, 100))
    for number in range(days + 2):
        step = Step(FIRST + timedelta(days=number + 1 + (idle if number >= outage else 0)))
        due = [(feed, day) for feed, day in waiting if day < step.today]
        run = due if number >= days else [pair for pair in due if rng.random() < 0.8]
        run += [
            pair
            for pair in [(f, d) for f in FEEDS for d in dates(days)]
            if pair[1] < step.today and rng.random() < 0.05
        ]
        waiting = [pair for pair in waiting if pair not in run]
        nights = sorted({day for _, day in run}, key=lambda _: rng.random())
        step.nights = [(day, tuple(sorted({f for f, d in run if d == day}))) for day in nights]
        for one in rng.sample(made, max(1, len(made) // 15)):
            moment += 1
            step.orders.append(Order(one.number, rng.choice(("withdraw", "withdraw", "reinstate")), step.today, moment))
        for one in made:
            flawed = [place for place, row in enumerate(one.rows) if row.flaw]
            if flawed and rng.random() < 0.1:
                step.dismissals.append((one.number, rng.choice(flawed)))
        if faults and number < days:
            for kind, possible in FAULTS.items():
                if rng.random() < 0.5:
                    step.faults[kind] = (*rng.choice(possible), rng.choice((1, 1, 2, -1)))
            step.down = tuple(kind for kind in FAULTS if rng.random() < 0.08)
            step.at_once = rng.choice(("", "other", "other", "same"))
            step.killed = rng.choice(POINTS) if rng.random() < 0.2 else ""
        ran = [(feed, day) for step_ in [*steps, step] for day, feeds in step_.nights for feed in feeds]
        if ran and rng.random() < 0.5 and (one := rng.choice(ran)) not in [pair for s in steps for pair in s.again]:
            step.again.append(one)
        steps.append(step)
    return History(made, steps, rules(rng, days), days)
