"""The rows of `every_form` as penalties: amounts in two units, as departments write them and as typed values."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal

from every_form import Row, Typed

PENALTY = {
    "XK_XDR_MC": "CF_XDR_MC",
    "XK_XDR_LB": "CF_XDR_LB",
    "XK_XDR_SHXYM": "CF_XDR_SHXYM",
    "XK_FRDB": "CF_FRDB",
    "XK_XKWS": "CF_WFXW",
    "XK_WSH": "CF_WSH",
    "XK_XKZS": "CF_SY",
    "XK_NR": "CF_NR",
    "XK_JDRQ": "CF_JDRQ",
    "XK_YXQZI": "CF_YXQ",
    "XK_XKJG": "CF_CFJG",
    "XK_XKJGDM": "CF_CFJGDM",
    "XK_LYDW": "CF_SJLY",
    "XK_LYDWDM": "CF_SJLYDM",
    "BZ": "BZ",
    "SECRET": "SECRET",
}
"""The code of a permit -> that of a penalty with the same values."""
UNITS = {"CF_NR_FK": "yuan"}
"""The other amount is in 万元."""
ALWAYS = {"CF_YJ": "价格法第四十二条", "CF_CFLB": "罚款;没收违法所得"}
FINES = ["2000", "1234567.89", "0.01", "0", "50000", "18228000000", "0.5"]
GAINS = ["0.000001", "12.5", "3", "0", "10000"]
NO_AMOUNTS = ["5万元", "2,00", "-1", "0.001", "贰仟", "1e999", ""]


def fined(row: Row, chance: random.Random) -> Row:
    """A permit's row as that of a penalty: what was a flaw of its category is one of its fine."""
    written = {new: row.written[old] for old, new in PENALTY.items()} | ALWAYS
    typed: Typed = {new: row.typed[old] for old, new in PENALTY.items() if old in row.typed}
    meant = {new: row.meant[old] for old, new in PENALTY.items() if old in row.meant}
    for code, amounts, per_wan in (("CF_NR_FK", FINES, 10_000), ("CF_NR_WFFF", GAINS, 1)):
        amount = chance.choice(amounts)
        written[code], typed[code] = as_written(amount, chance), float(amount) if "." in amount else int(amount)
        if meant:
            meant[code] = format((Decimal(amount) / per_wan).normalize(), "f")
    reasons = {(rule, PENALTY.get(code, "CF_NR_FK")) for rule, code in row.reasons}
    if ("S07", "CF_NR_FK") in reasons:
        written["CF_NR_FK"], reasons = chance.choice(NO_AMOUNTS), {("S08", "CF_NR_FK")}
        del typed["CF_NR_FK"]
    if meant:
        decided = date.fromisoformat(meant["CF_JDRQ"])
        meant |= ALWAYS | {"CF_GSJZQ": decided.replace(year=decided.year + 1).isoformat()}
    return Row(written, typed, meant, frozenset(reasons))


def as_written(amount: str, chance: random.Random) -> str:
    """An amount as a department writes it."""
    whole, point, rest = amount.partition(".")
    grouped = f"{int(whole):,}{point}{rest}"
    wide = "".join(chr(ord(c) + 0xFEE0) for c in grouped)
    padded = amount + ("" if point else ".") + "00"
    bare = point + rest if whole == "0" and rest else amount  # as Oracle writes it
    return chance.choice([amount, grouped, wide, padded, bare, f"\u3000{amount} ", f"\ufeff{amount}", f"+{amount}"])
