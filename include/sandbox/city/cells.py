"""From a row's meaning to the texts a department delivers: its columns, date form, unit of money, schema version."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from city.columns import OPERATION, REASON, UPDATED, columns
from city.departments import FeedSpec
from city.records import Row

DATES = frozenset({"XK_JDRQ", "XK_YXQZ", "XK_YXQZI", "XK_JZQ", "CF_JDRQ", "CF_YXQ", "CF_GSJZQ", "CF_JZQ"})
AMOUNTS = frozenset({"CF_NR_FK", "CF_NR_WFFF"})

_OLD_PERMIT = {
    "XK_XMMC": "XK_XKWS", "XK_SPLB": "XK_XKLB", "XK_XDR": "XK_XDR_MC", "XK_XDR_ZDM": "XK_XDR_ZZJG",
    "XK_XDR_GSDJ": "XK_XDR_GSZC", "XK_XDR_SFZ": "XK_XDR_ZJHM", "XK_FR": "XK_FRDB", "XK_JZQ": "XK_YXQZI",
    "XK_XZJG": "XK_XKJG",
}  # fmt: skip
_OLD_PENALTY = {
    "CF_XDR_ZDM": "CF_XDR_ZZJG", "CF_XDR_GSDJ": "CF_XDR_GSZC", "CF_XDR_SFZ": "CF_XDR_ZJHM", "CF_FR": "CF_FRDB",
    "CF_JG": "CF_NR", "CF_JZQ": "CF_YXQ", "CF_XZJG": "CF_CFJG",
}  # fmt: skip


def in_2016_table(row: Row, day: date) -> dict[str, str]:
    """The row's values in the codes of the 2016 table (2015/2016 双公示标准)."""
    old = _OLD_PERMIT if row.dataset == "permit" else _OLD_PENALTY
    values = dict(row.values) | {code: row.values.get(source, "") for code, source in old.items()}
    values |= {"XK_ZT": "0", "CF_ZT": "0", "DFBM": "350100", "SJC": f"{day.isoformat()} 18:00:00"}
    if row.dataset == "penalty":
        first, _, rest = row.get("CFLB").partition(";")
        values |= {"CF_CFLB1": first, "CF_CFLB2": rest, "CF_CFMC": f"{row.get('WFXW')}案"}
    return values


def fields(spec: FeedSpec, row: Row, day: date) -> dict[str, str]:
    """Field code → delivered text, for every column of the feed. Withdrawals carry the identity only."""
    values = in_2016_table(row, day) if spec.standard == "v2016" else row.values
    if row.operation:
        keep = ("XDR_MC", "XDR_LB", "XDR_SHXYM", "WSH", "JDRQ", "XKJG", "XKJGDM", "CFJG", "CFJGDM")
        values = {code: value for code, value in values.items() if code[3:] in keep}
    return {code: row.raw.get(code, text(spec, code, values.get(code, ""))) for code in columns(spec)}


def text(spec: FeedSpec, code: str, value: str) -> str:
    """One value as this feed writes it."""
    if value and code in DATES:
        return date.fromisoformat(value).strftime(spec.date_format)
    if value and code in AMOUNTS and spec.fine_unit == "yuan":
        return format((Decimal(value) * 10000).normalize(), "f")
    return value


def extras(spec: FeedSpec, row: Row) -> dict[str, str]:
    """The delivered columns that are no fields."""
    out = {OPERATION: row.operation, REASON: row.reason} if spec.operation else {}
    if spec.stamped:
        out["update_time" if spec.windowed else UPDATED] = row.updated
    return out
