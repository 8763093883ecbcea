"""The planted defects of domain.md §8.1 and §1.4: each turns one ordinary row into one or more rows with a known fate.

Every function takes (row, rng, day) and returns the rows delivered in its place. Rule ids are those of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from city import codes, people
from city.records import Row, set_subject, wan_yuan, withhold_person_penalty

Defect = Callable[[Row, Random, date], list[Row]]


def _uscc_wrong_check(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("XDR_SHXYM", codes.wrong_check(row.get("XDR_SHXYM"))).reject("S03")]


def _uscc_letter_o(row: Row, rng: Random, day: date) -> list[Row]:
    code = row.get("XDR_SHXYM")
    return [row.set("XDR_SHXYM", code[:4] + code[4:].replace("0", "O", 1)).reject("S03")]


def _placeholder_code(row: Row, rng: Random, day: date) -> list[Row]:
    row.subject = row.get("XDR_MC")
    return [row.set("XDR_SHXYM", codes.PLACEHOLDER)]


def _legacy_code(row: Row, rng: Random, day: date) -> list[Row]:
    # the old organisation code now, the unified code the night after (see days.py): one and the same record
    return [row.set("XDR_ZZJG", row.subject).set("XDR_SHXYM", codes.PLACEHOLDER)]


def _required_blank(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("NR", "无" if row.dataset == "permit" else "").reject("S01")]


def _category_not_listed(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("XKLB", "特别许可").reject("S07")]


def _over_length(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("XKZS", "建筑工程施工许可证" * 8).reject("S14")]


def _duplicate_identical(row: Row, rng: Random, day: date) -> list[Row]:
    return [row, row.clone()]


def _duplicate_different(row: Row, rng: Random, day: date) -> list[Row]:
    other = row.clone().set("NR", row.get("NR") + "，并责令改正")
    return [row.reject("S13"), other.reject("S13")]


def _formula_text(row: Row, rng: Random, day: date) -> list[Row]:
    row.values["BZ"] = '=HYPERLINK("http://example.invalid","点击")'
    return [row]


def _person(row: Row, rng: Random, day: date, born: date | None = None) -> Row:
    number = codes.identity_number(rng, born or people.birthday(rng, day))
    set_subject(row, people.Subject("person", people.person_name(rng), id_number=number))
    withhold_person_penalty(row)
    return row


def _person_without_id(row: Row, rng: Random, day: date) -> list[Row]:
    return [_person(row, rng, day).set("XDR_ZJHM", "/").set("XDR_ZJLX", "").reject("S04")]


def _person_id_wrong_check(row: Row, rng: Random, day: date) -> list[Row]:
    row = _person(row, rng, day)
    return [row.set("XDR_ZJHM", codes.wrong_identity(row.get("XDR_ZJHM"))).reject("S04")]


def _person_with_codes(row: Row, rng: Random, day: date) -> list[Row]:
    return [_person(row, rng, day).set("XDR_GSZC", codes.registration_number(rng)).reject("S03")]


def _passport(row: Row, rng: Random, day: date) -> list[Row]:
    row = _person(row, rng, day)
    number = f"E{rng.randrange(10**7, 10**8)}"
    row.subject, row.secrets = number, (number,)
    return [row.set("XDR_ZJLX", "护照号").set("XDR_ZJHM", number)]


def _control_character(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("NR", row.get("NR")[:6] + "\x00\x01" + row.get("NR")[6:]).reject("S18")]


def _full_width_code(row: Row, rng: Random, day: date) -> list[Row]:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in row.get("XDR_SHXYM"))
    return [row.set("XDR_SHXYM", wide)]


def _blank_words(row: Row, rng: Random, day: date) -> list[Row]:
    for name, word in (
        ("XDR_GSZC", "无"),
        ("XDR_SWDJ", "/"),
        ("XDR_ZZJG", "-"),
        ("XDR_SYDW", "NULL"),
        ("XDR_SHZZ", "—"),
    ):
        row.set(name, word)
    return [row]


def _rep_id_without_type(row: Row, rng: Random, day: date) -> list[Row]:
    number = codes.identity_number(rng, people.birthday(rng, day))
    row.secrets = (number,)
    return [row.set("FR_ZJHM", number).reject("S06")]


def _unknown_category(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("XDR_LB", "企业").reject("S02")]


def _fine_missing(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("NR_FK", "").reject("S08")]


def _sole_trader(row: Row, rng: Random, day: date) -> people.Subject:
    subject = people.make(rng, "sole_trader", day)
    set_subject(row, subject)
    return subject


def _sole_trader_as_person(row: Row, rng: Random, day: date) -> list[Row]:
    _sole_trader(row, rng, day)
    row.kind = "person"
    row.warnings = ("S05",)
    return [row.set("XDR_LB", people.LABELS["person"]).reject("S03", "S04")]


def _sole_trader_as_legal(row: Row, rng: Random, day: date) -> list[Row]:
    _sole_trader(row, rng, day)
    row.kind, row.warnings = "legal", ("S05",)  # the operator stays a person, whatever the category says
    return [row.set("XDR_LB", people.LABELS["legal"])]


def _rare_name(row: Row, rng: Random, day: date) -> list[Row]:
    subject = _sole_trader(row, rng, day)
    operator = subject.operator[:1] + rng.choice(people.RARE_GIVEN)
    row.masked["CF_FRDB"] = people.masked(operator)
    return [row.set("FRDB", operator)]


def _spaces_around(row: Row, rng: Random, day: date) -> list[Row]:
    row.raw["CF_XDR_SHXYM"] = row.get("XDR_SHXYM") + "\t"
    row.raw["CF_WFXW"] = "\u3000" + row.get("WFXW") + " "
    return [row]


def _two_parties(row: Row, rng: Random, day: date) -> list[Row]:
    other = row.clone()
    set_subject(other, people.make(rng, "legal", day))
    return [row, other]


def _numeric_identity(row: Row, rng: Random, day: date) -> list[Row]:
    row.set("XDR_GSZC", codes.registration_number(rng))
    row.numeric = ("CF_XDR_GSZC",)
    return [row.reject("NUM01")]


def _personal_text(row: Row, rng: Random, day: date) -> list[Row]:
    number = codes.identity_number(rng, people.birthday(rng, day))
    phone, card = codes.mobile(rng), codes.bank_card(rng)
    row.secrets = (number, phone, card)
    row.set("SY", f"{row.get('SY')}驾驶员身份证号{number}，联系电话{phone}。")
    return [row.set("NR", f"{row.get('NR')}，退还至账户{card}")]


def _excel_dates(row: Row, rng: Random, day: date) -> list[Row]:
    # the decision date as text, the publication's end as a bare serial number of Excel
    row.raw["CF_JDRQ"] = date.fromisoformat(row.get("JDRQ")).strftime("%Y年%m月%d日")
    return [row]


def _markup_text(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("SY", row.get("SY") + "监测值<排放限值的说法不成立，A&B两个排口“均”>限值，见'附件'。")]


def _not_punished(row: Row, rng: Random, day: date) -> list[Row]:
    row.set("CFLB", "其他-不予处罚").set("NR", "不予行政处罚。").set("NR_FK", "")
    return [row.reject("S17")]


def _simple_procedure(row: Row, rng: Random, day: date) -> list[Row]:
    row.values["PROCEDURE"] = "简易程序"
    row.withheld_by = ("SH-32-SIMPLE-PROCEDURE", "SH-34-MINOR-SEVERITY")
    return [row.set("NR", "罚款人民币500元").set("NR_FK", wan_yuan(500))]


def _secret(row: Row, rng: Random, day: date) -> list[Row]:
    row.values["SECRET"] = "是"  # noqa: S105 - a field that says whether a decision is classified
    row.withheld_by = ("SH-30-SECRET-PERMIT",) if row.dataset == "permit" else ("SH-30-SECRET-PENALTY",)
    return [row]


def _warning_only(row: Row, rng: Random, day: date) -> list[Row]:
    row.withheld_by = ("SH-33-WARNING-ONLY", "SH-34-MINOR-SEVERITY")
    return [row.set("CFLB", "警告").set("NR", "给予警告").set("NR_FK", "")]


def _criticism_only(row: Row, rng: Random, day: date) -> list[Row]:
    row.withheld_by = ("SH-33-WARNING-ONLY", "SH-34-MINOR-SEVERITY")
    return [row.set("CFLB", "警告;其他-通报批评").set("NR", "给予警告，通报批评").set("NR_FK", "")]


def _several_types(row: Row, rng: Random, day: date) -> list[Row]:
    row.set("CFLB", "警告;罚款;没收违法所得").set("NR", f"警告；{row.get('NR')}；没收违法所得1200元")
    return [row.set("NR_WFFF", wan_yuan(1200))]


def _serious(row: Row, rng: Random, day: date) -> list[Row]:
    row.set("CFLB", "罚款;吊销许可证").set("NR", row.get("NR") + "；吊销食品经营许可证")
    return [row.set("NR_ZKDX", f"食品经营许可证 JY1350100{rng.randrange(10**6, 10**7)}")]


def _minor_person(row: Row, rng: Random, day: date) -> list[Row]:
    row = _person(row, rng, day, day - timedelta(days=365 * 16))
    row.withheld_by = ("SH-31-MINOR-PERSON-PENALTY",)
    return [row]


def _expired_given(row: Row, rng: Random, day: date) -> list[Row]:
    # a general penalty is shown for three months at least, so an end after four months stands as given, and is over
    decided = day - timedelta(days=200)
    row.expired = True
    return [row.set("JDRQ", decided.isoformat()).set("GSJZQ", (decided + timedelta(days=122)).isoformat())]


def _expired_old(row: Row, rng: Random, day: date) -> list[Row]:
    row.expired = True  # 2019-01-01 to 06-30: general penalties were shown for one year
    return [row.set("JDRQ", "2019-03-15")]


def _future_decision(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("JDRQ", (day + timedelta(days=400)).isoformat()).reject("S09")]


def _yuan_as_wan(row: Row, rng: Random, day: date) -> list[Row]:
    row.warnings = ("S08-unit",)
    return [row.set("NR", "罚款人民币20000元").set("NR_FK", "20000")]


def _validity_reversed(row: Row, rng: Random, day: date) -> list[Row]:
    decided = date.fromisoformat(row.get("JDRQ"))
    return [row.set("YXQZI", (decided - timedelta(days=30)).isoformat()).reject("S09")]


def _bad_date(row: Row, rng: Random, day: date) -> list[Row]:
    row.raw["XK_JDRQ"] = "20261345" if day.day % 2 else "2026年2月30日"
    return [row.reject("S09")]


def _zero_date(row: Row, rng: Random, day: date) -> list[Row]:
    row.raw["XK_JDRQ"] = "1900-01-01"
    return [row.reject("S09")]


def _name_variant(row: Row, rng: Random, day: date) -> list[Row]:
    # the same company twice, once with full-width and once with half-width brackets: two documents, one subject
    name = f"福州{rng.choice(people.PLACES)}宏达（福建）贸易有限公司"
    code = codes.random_credit_code(rng, "91")
    set_subject(row, people.Subject("legal", name, code, people.person_name(rng)))
    other = row.clone()
    other.document_no = row.document_no.replace("号", "-1号")
    other.set("WSH", other.document_no).set("XDR_MC", name.replace("（", "(").replace("）", ")"))
    return [row, other]


def _source_code_wrong(row: Row, rng: Random, day: date) -> list[Row]:
    row.warnings = ("S10",)
    return [row.set("LYDWDM", codes.wrong_check(row.get("LYDWDM")))]


def _fifteen_digits(row: Row, rng: Random, day: date) -> list[Row]:
    return [row.set("XDR_SHXYM", codes.registration_number(rng)).reject("S03")]


DEFECTS: dict[str, Defect] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if name.startswith("_")
    and not name.startswith("__")
    and callable(function)
    and name not in ("_person", "_sole_trader")
}
"""Every planted defect by name."""
