"""The columns of the 双公示 standard in force since 2019-01-01 (发改办财金〔2018〕790号): 28 and 30.

Each table (permit, penalty) has the standard's order. Lengths are in characters. Dates and amounts are written
differently by each platform, so their form is the platform's own matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

PLACEHOLDER = "00000000000000000X"
"""Stands for 'no code exists'; fails the check digit of GB 32100-2015 and is allowed all the same."""
NATURAL_PERSON = "自然人"
CATEGORIES = frozenset({"法人及非法人组织", NATURAL_PERSON, "个体工商户"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its code, greatest length in characters (0: no text), whether it must be filled, and its kind."""

    code: str
    length: int
    required: bool
    kind: str  # text | date | amount


def _table(text: str) -> tuple[Column, ...]:
    columns = []
    for word in text.split():
        code, size = word.rstrip("!").split(":")
        kind = {"D": "date", "N": "amount"}.get(size, "text")
        columns.append(Column(code, int(size) if kind == "text" else 0, word.endswith("!"), kind))
    return tuple(columns)


# CODE:length, CODE:D a date, CODE:N an amount in 万元; "!" marks a column that is always required.
PERMIT = _table(
    """XK_XDR_MC:200! XK_XDR_LB:16! XK_XDR_SHXYM:18 XK_XDR_GSZC:50 XK_XDR_ZZJG:9 XK_XDR_SWDJ:15 XK_XDR_SYDW:12
    XK_XDR_SHZZ:50 XK_FRDB:50 XK_FR_ZJLX:64 XK_FR_ZJHM:64 XK_XDR_ZJLX:64 XK_XDR_ZJHM:64 XK_XKWS:64! XK_WSH:64!
    XK_XKLB:256! XK_XKZS:64 XK_XKBH:64 XK_NR:4000! XK_JDRQ:D! XK_YXQZ:D! XK_YXQZI:D! XK_XKJG:200! XK_XKJGDM:18!
    XK_ZT:1! XK_LYDW:200! XK_LYDWDM:18! BZ:512"""
)
PENALTY = _table(
    """CF_XDR_MC:200! CF_XDR_LB:16! CF_XDR_SHXYM:18 CF_XDR_GSZC:50 CF_XDR_ZZJG:9 CF_XDR_SWDJ:15 CF_XDR_SYDW:12
    CF_XDR_SHZZ:50 CF_FRDB:50 CF_FR_ZJLX:64 CF_FR_ZJHM:64 CF_XDR_ZJLX:64 CF_XDR_ZJHM:64 CF_WSH:64! CF_WFXW:2000!
    CF_SY:5000! CF_YJ:2048! CF_CFLB:64! CF_NR:4000! CF_NR_FK:N CF_NR_WFFF:N CF_NR_ZKDX:200 CF_JDRQ:D! CF_YXQ:D!
    CF_GSJZQ:D CF_CFJG:200! CF_CFJGDM:18! CF_SJLY:200! CF_SJLYDM:18! BZ:512"""
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row: ``sort`` is missing, length, date, category or code."""

    sort: str
    column: str


class Table:
    """The checks of one table, in one platform's spelling of column codes, dates and amounts."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        *,
        spell: Callable[[str], str] = str,
        is_date: Callable[[str], bool],
        amount: re.Pattern[str],
    ) -> None:
        self.codes = tuple(spell(column.code) for column in columns)
        self.known = frozenset(self.codes)
        self.required = tuple(spell(column.code) for column in columns if column.required)
        self._required = frozenset(self.required)
        self._lengths = {spell(c.code): c.length if c.kind == "text" else 64 for c in columns}
        self._dates = tuple(spell(c.code) for c in columns if c.kind == "date")
        self._amounts = tuple(spell(c.code) for c in columns if c.kind == "amount")
        prefix = columns[0].code.split("_")[0]
        self.name = spell(f"{prefix}_XDR_MC")
        self.category = spell(f"{prefix}_XDR_LB")
        self.uscc = spell(f"{prefix}_XDR_SHXYM")
        self.document = spell(f"{prefix}_WSH")
        self.decided = spell(f"{prefix}_JDRQ")
        self.agency = spell("XK_XKJGDM" if prefix == "XK" else "CF_CFJGDM")
        self._is_date = is_date
        self._amount = amount

    def bad_amount(self, row: Mapping[str, str]) -> str | None:
        """The first amount that is not written as this platform wants it."""
        for code in self._amounts:
            value = row.get(code, "")
            if value and not self._amount.fullmatch(value):
                return code
        return None

    def check(self, row: Mapping[str, str]) -> Fault | None:
        """Return the first thing wrong with ``row`` (known columns only; absent and empty are the same), or nothing."""
        # The usual row is found good by two set operations; only another one is looked at column by column.
        if not self._required <= row.keys() or "" in row.values():
            for code in self.required:
                if not row.get(code):
                    return Fault("missing", code)
        lengths = self._lengths
        for code, value in row.items():
            if len(value) > lengths[code]:
                return Fault("length", code)
        for code in self._dates:
            value = row.get(code, "")
            if value and not self._is_date(value):
                return Fault("date", code)
        category = row[self.category]
        if category not in CATEGORIES:
            return Fault("category", self.category)
        code_value = row.get(self.uscc, "")
        if not code_value and category != NATURAL_PERSON:
            return Fault("missing", self.uscc)
        if code_value and code_value != PLACEHOLDER and not valid_uscc(code_value):
            return Fault("code", self.uscc)
        return None


_ALPHABET = {character: value for value, character in enumerate("0123456789ABCDEFGHJKLMNPQRTUWXY")}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


@lru_cache(maxsize=1 << 16)
def valid_uscc(code: str) -> bool:
    """Whether ``code`` is a 统一社会信用代码 with a right check digit (GB 32100-2015)."""
    if len(code) != 18 or any(character not in _ALPHABET for character in code):
        return False
    total = sum(_ALPHABET[c] * w for c, w in zip(code[:17], _WEIGHTS, strict=True))
    return _ALPHABET[code[17]] == (31 - total % 31) % 31


_SHAPES = {"-": re.compile(r"\d{4}-\d{2}-\d{2}"), "/": re.compile(r"\d{4}/\d{2}/\d{2}"), "": re.compile(r"\d{8}")}


@lru_cache(maxsize=1 << 14)
def is_date(text: str, separator: str) -> bool:
    """Whether ``text`` is a day that exists, written year, month, day with ``separator`` between ("" for none)."""
    if not text.isascii() or not _SHAPES[separator].fullmatch(text):
        return False
    digits = text.replace(separator, "") if separator else text
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
