"""Names and document numbers of the row itself in its free text: what is masked must not be readable beside it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.masking import mask_person_name
from credit_exchange.core.numbers_in_text import SEPARATORS
from credit_exchange.core.text import IN_NAMES, as_arrow, as_mask

_ODD = r"[^\p{Han}A-Za-z]"
_SHORTEST_NUMBER = 6
_IN_NUMBERS = IN_NAMES + SEPARATORS
_NUMBERED = "^[^*＊]*[1-9１-９][^*＊]*$"
_BRACKETED = re.compile(r"[(（\[［{｛【〔<〈《][^)）\]］}｝】〕>〉》]*")
_LISTED = re.compile(r"[)）\]］}｝】〕>〉》,，、;；/／|｜&＆]|(?<=[\u4e00-\u9fff]{2})\s+(?=[\u4e00-\u9fff]{2})")
_ALSO = re.compile(r"(?:曾用名|又名|别名|原名|化名)[:：为是]?\s*([^\s()（）\[\]【】〔〕,，、;；]+)")


def hide_names(texts: pa.Array, names: Iterable[tuple[pa.Array, pa.Array]]) -> pa.Array:
    """Texts in which the names of the same row stand as they are shown elsewhere: a masked name must not be readable
    in the text beside it, however it is spaced there, in whatever width or case; where a field holds several, each of
    them. Names of one character are words more often than names and stay. Absent stays absent.

    names: columns of names, each with the column of what is shown instead.
    """
    folded: list[str | None] = []
    values: list[str | None] = []
    for column, shown in names:
        if column.null_count == len(column):
            continue
        folded = folded or _folded(texts).to_pylist()
        for place, (text, key) in enumerate(zip(folded, _folded(column).to_pylist(), strict=True)):
            if text and key and len(key) > 1 and key in text:
                values = values or texts.to_pylist()
                values[place] = _with_name_as(str(values[place]), column[place].as_py(), shown[place].as_py())
        for place in np.flatnonzero(as_mask(pc.match_substring_regex(column, pattern=_ODD))).tolist():
            if folded[place]:
                values = values or texts.to_pylist()
                values[place] = _without_each(str(values[place]), column[place].as_py())
    return pa.array(values, type=pa.large_string()) if values else texts


def hide_name(text: str, name: str | None) -> str:
    """:func:`hide_names` for one text and the name of a natural person."""
    if not name or not text:
        return text
    return _without_each(_with_name_as(text, name, _masked(name)), name)


def hide_number(text: str, number: str) -> str:
    """One text with a number of a document (a passport, a permit of residence) as stars, however it is grouped there.

    Such numbers have no form that tells them from others: only who has the number can find it. Short ones are words or
    years more often than documents and stay, and so do words and zeros, which stand for no number, and what has stars.
    """
    is_one = len(number) >= _SHORTEST_NUMBER and re.search(_NUMBERED, number)
    return _with_name_as(text, number, "*" * len(number), _IN_NUMBERS) if is_one else text


def hide_numbers(texts: pd.Series[Any], numbers: pd.Series[Any]) -> pd.Series[Any]:
    """:func:`hide_number` for a column, each text with the number of the same row. Only texts that hold it are looked
    at one by one."""
    places = np.flatnonzero(as_mask(pc.match_substring_regex(as_arrow(numbers), pattern=_NUMBERED)))
    folded, keys = (_folded(as_arrow(column.take(places)), _IN_NUMBERS).to_pylist() for column in (texts, numbers))
    values = texts.to_list()
    for place, text, key in zip(places.tolist(), folded, keys, strict=True):
        if text and key in text:
            values[place] = hide_number(values[place], numbers.iloc[place])
    return pd.Series(values, index=texts.index, dtype="str")


def _masked(name: str) -> str:
    return str(mask_person_name(pd.Series([name], dtype="str"))[0])


def _without_each(text: str, names: str) -> str:
    """Hide each of several names of one field: 陈榕生（曾用名陈小二）, 陈榕生、李秀英. What else stands in brackets is
    no name."""
    for name in (*_LISTED.split(_BRACKETED.sub("", names)), *_ALSO.findall(names)):
        text = _with_name_as(text, name, _masked(name)) if name.strip() else text
    return text


def _folded(array: pa.Array, between: str = IN_NAMES) -> pa.Array:
    pattern = f"[{re.escape(between)}]+"
    plain = pc.replace_substring_regex(pc.utf8_normalize(array, form="NFKD"), pattern=pattern, replacement="")
    return pc.utf8_upper(plain)


def _fold(text: str, between: str = IN_NAMES) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters the place in `text` that it comes from."""
    pairs = [
        (one, place)
        for place, char in enumerate(text)
        for one in unicodedata.normalize("NFKD", char).upper()
        if one not in between
    ]
    return "".join(one for one, _ in pairs), [place for _, place in pairs]


def _with_name_as(text: str, name: str, shown: str, between: str = IN_NAMES) -> str:
    key, (folded, places) = _fold(name, between)[0], _fold(text, between)
    if len(key) < 2:
        return text
    pieces: list[str] = []
    done = at = 0
    while (start := folded.find(key, at)) >= 0:
        end = start + len(key)
        at = start + 1
        first, last = places[start], places[end - 1] + 1
        if first >= done and not _goes_on(folded, places, start) and not _goes_on(folded, places, end):
            pieces += [text[done:first], shown]
            done, at = last, end
    return "".join(pieces) + text[done:] if pieces else text


def _goes_on(folded: str, places: list[int], at: int) -> bool:
    """Whether a Latin word goes on over this place: Li is no part of LIMITED."""
    if not 0 < at < len(folded) or places[at] - places[at - 1] > 1:
        return False
    return all(char.isascii() and char.isalpha() for char in folded[at - 1 : at + 1])
