"""A source's own order (its numbers, its update times) as text that sorts as it means, or not at all."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from credit_exchange.core.text import clean_code, map_distinct

_LONGEST = 64
"""Characters; what is longer is no order of anything, and an index of the database would refuse it."""
_DIGITS = 20
_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)
_NO_NUMBER = re.compile(r"[+-]\s*\d.*|\d(?:\.\d+)?E[+-]?\d+", re.ASCII)
_STAMP = re.compile(
    r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?"
    r"(?:[T ]*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.:,](\d+))?)?)?(.*)",
    re.ASCII,
)
_PLAIN = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?", re.ASCII
)
"""Most are written like this: the key itself, but for the letter between."""
_OFFSET = re.compile(r"\s*(?:Z|([+-])(\d{2}):?(\d{2})?)", re.ASCII)
_SHANGHAI = timedelta(hours=8)
_HALF_DAY = re.compile(r"\d|AM|PM|[上下]午|凌晨|早上|中午|晚上")


def sequence_key(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column as text that sorts as it means: whole numbers padded, times as ISO in Asia/Shanghai.

    NaN where nothing stands, and where what stands has no order as text: a number that is negative, too long or was
    rounded, no such time, a time with 上午 or PM, a text longer than 64 characters. Other texts are compared as they
    are.
    """
    return map_distinct(clean_code(column), _key)


def _key(value: str) -> str | None:
    if len(value) <= _LONGEST and _PLAIN.fullmatch(value):
        return value.replace("T", " ")
    if len(value) > _LONGEST or _NO_NUMBER.fullmatch(value):
        return None
    if match := _NUMBER.fullmatch(value):
        whole, part = match[1].lstrip("0"), (match[2] or "").rstrip("0")
        return whole.zfill(_DIGITS) + ("." + part if part else "") if len(whole) <= _DIGITS else None
    if match := _STAMP.fullmatch(value):
        return _stamp(match)
    return value


def _stamp(match: re.Match[str]) -> str | None:
    year, month, day, hour, minute, second, fraction, rest = match.groups()
    if offset := _OFFSET.fullmatch(rest):
        rest = ""
    elif _HALF_DAY.search(rest):
        return None
    late = hour == "24"  # the end of a day
    try:
        at = (int(year), int(month), int(day), 0 if late else int(hour or 0), int(minute or 0))
        moment = datetime(*at)  # noqa: DTZ001 - wall clock
        moment += timedelta(days=int(late), seconds=min(int(second or 0), 60))
        if offset and hour:
            hours, minutes = int(offset[2] or 0), int(offset[3] or 0)
            ahead = timedelta(hours=hours, minutes=minutes) * (-1 if offset[1] == "-" else 1)
            moment += _SHANGHAI - ahead
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(" ", "seconds") + (f".{fraction}" if fraction else "") + rest
