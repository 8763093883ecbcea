"""Numbers of persons in free text: identity cards, mobiles, bank cards, travel documents.

They are found however they are written: in groups, with separators that nobody sees, in full width. What a rule asks of
a field (`id_number_inside`) and what is replaced by stars before it leaves (`scrub_text`) is found by the same reading.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from credit_exchange.core.identifiers import (
    ID_CHECK,
    ID_WEIGHTS,
    PROVINCES,
    USCC_ALPHABET,
    USCC_WEIGHTS,
    id_card_valid,
    reg_no_check_char,
)
from credit_exchange.core.text import BoolArray, as_arrow, as_mask, map_distinct
from credit_exchange.core.unseen import WHITE_SPACE, ZERO_WIDTH

SEPARATORS = WHITE_SPACE + "-－‐‑‒–—―−._/．＿／·•‧∙⋅・" + ZERO_WIDTH
"""What may stand between the groups of one number, or within it."""
# One character for one, so that places in the translated text are places in the original.
_TO_ASCII = str.maketrans(
    {**{chr(0xFF10 + i): str(i) for i in range(10)}, "Ｘ": "X", "ｘ": "X", "x": "X", "×": "X"}
    | dict.fromkeys(SEPARATORS, "-")
)
_ONE_DIGIT = "[0-9０-９]"
_GAP = "(?:[" + SEPARATORS.replace("-", r"\-") + "]|&nbsp;){%s}"
"""Between the groups of one number: up to three separators, a blank of a web page among them."""
_DIGITS = f"(?:{_ONE_DIGIT}[^0-9０-９]{{0,3}}){{%s}}"
_PAPER = "护照|(?:内地|大陆|港澳|台湾)通行证|回乡证|台胞证|居留(?:身份)?证"
_PREFILTER = f"(?:{_ONE_DIGIT}{_GAP % '0,3'}){{11}}|{_PAPER}"
_JOINED = f"{_ONE_DIGIT}{_GAP % '1,3'}{_ONE_DIGIT}|{_PAPER}"
_WHOLE = f"(?:^|[^0-9０-９])(?:{_ONE_DIGIT}{{11}}|{_ONE_DIGIT}{{13}}|{_ONE_DIGIT}{{15,}})(?:[^0-9０-９]|$)"
"""Of the values with eleven digits in a row only these can hold a number of a person: digits with separators among
them, or a run as long as such numbers are. What mostly remains are licence numbers of twelve or fourteen digits."""
_RUN = re.compile(r"(?<![0-9])[0-9](?:(?:-|&nbsp;){0,3}[0-9]){10,}(?:(?:-|&nbsp;){0,3}X)?", re.ASCII)
# behind the name of a travel document, in whatever brackets: letters and digits, or at least eight digits
_TRAVEL = re.compile(
    rf"(?:{_PAPER})(?:证件|编号|号码|[号为是:：(（“\"-])*((?:[A-Za-zＡ-Ｚａ-ｚ]-?){{1,3}}[0-9](?:-?[0-9]){{5,14}}|[0-9](?:-?[0-9]){{7,14}})"
)
_GROUP = re.compile(r"[0-9]+X?|X", re.ASCII)
_MOBILE = re.compile(r"(?:86|0086)?1[3-9][0-9]{9}", re.ASCII)
# 3-6 are the payment cards of ISO/IEC 7812 (UnionPay 62 among them); 9558 and 95595/95599 are old cards of Chinese
# banks.
_CARD = re.compile(r"(?:[3-6][0-9]{15,18}|955[0-9]{13,16})", re.ASCII)
_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}"
_POSSIBLE = re.compile(
    r"(?:86|0086)?1[3-9][0-9]{9}X?$|86[0-9]{11}|[3-6][0-9]{15}|955[0-9]{13}"
    rf"|[0-9]{{6}}(?:1[89]|20)[0-9]{{2}}{_DAY}[0-9X]X?$|[0-9]{{8}}{_DAY}X?$"
)
"""How everything begins that `_personal` takes, so that few of the joins of many short groups are looked at closely."""
_LONGEST = 20

_USUAL_GROUPS = frozenset(
    {(3, 4, 4), (3, 3, 5), (3, 8), (6, 8, 4), (6, 8, 3), (6, 12), (6, 9), (6, 4, 4, 4), (6, 4, 2, 2, 4)}
)


def _born(year: int, month: str, day: str) -> bool:
    try:
        date(year, int(month), int(day))
    except ValueError:
        return False
    return True


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(c), 10)) for c in digits[-2::-2])
    return (sum(int(c) for c in digits[::-2]) + sum(doubled)) % 10 == 0


def _is_uscc(code: str) -> bool:
    if any(char not in USCC_ALPHABET for char in code):
        return False
    values = [USCC_ALPHABET.index(char) for char in code]
    return sum(v * w for v, w in zip(values, (*USCC_WEIGHTS, 1), strict=True)) % 31 == 0


def _written_as_one(lengths: tuple[int, ...]) -> bool:
    """Whether groups of these lengths are the usual ways to write one number: whole, digit by digit, in equal groups (a
    shorter one last), or as mobiles and identity numbers are split. Other joins are neighbours, not one number, and
    eleven digits of which the last one or two stand behind a point are an amount."""
    first, last = lengths[0], lengths[-1]
    amount = len(lengths) == 2 and last <= 2 and first + last < 15
    equal = all(n == first for n in lengths[:-1]) and last <= first and (first == 1 or first >= 4) and not amount
    return len(lengths) == 1 or equal or lengths in _USUAL_GROUPS


def _personal(token: str, lengths: tuple[int, ...]) -> bool:
    """Whether groups of `lengths`, joined to `token`, are an identity, mobile or bank card number (an X at the end
    allowed)."""
    digits = token.removesuffix("X")
    id_born = len(digits) >= 17 and len(token) == 18 and _born(int(token[6:10]), token[10:12], token[12:14])
    if id_born and 1880 <= int(token[6:10]) <= 2099:
        check = ID_CHECK[sum(int(c) * w for c, w in zip(token[:17], ID_WEIGHTS, strict=True)) % 11]
        if token[17] == check:
            return True
    else:
        id_born = False
    if not _written_as_one(lengths):
        # The international prefix may stand before in a group of its own.
        return token[:2] == "86" and lengths[0] == 2 and _personal(token[2:], lengths[1:])
    if len(token) == 18 and _is_uscc(token):
        return False  # the code of an organisation is public and has to stay readable
    # A mistyped identity number is still a person's; without the check character the province has to exist.
    if id_born and int(token[:2]) in PROVINCES:
        return True
    if len(digits) == len(token) == 15 and int(token[:2]) in PROVINCES:
        return _born(1900 + int(token[6:8]), token[8:10], token[10:12])
    return bool(_MOBILE.fullmatch(token)) or (bool(_CARD.fullmatch(token)) and _luhn(token))


def _scrub_run(run: str) -> list[tuple[int, int]]:
    """Spans of `run` (groups of digits with single separators) that are personal, ascending and apart.

    Every join of neighbouring groups is tried and all that are found are masked: where readings overlap, masking both
    shows too little rather than too much.
    """
    groups = [match.span() for match in _GROUP.finditer(run)]
    sizes = [last - first for first, last in groups]
    places = [0, *accumulate(sizes)]
    joined = "".join(run[first:last] for first, last in groups)
    spans: list[tuple[int, int]] = []
    for i, (start, _) in enumerate(groups):
        for j in range(min(i + _LONGEST, len(groups)) - 1, i - 1, -1):  # the longest holds all shorter ones
            last = groups[j][1]
            if spans and last <= spans[-1][1]:
                break
            token = joined[places[i] : places[j + 1]]
            if len(token) > _LONGEST or not _POSSIBLE.match(token):
                continue
            lengths = tuple(sizes[i : j + 1])
            # An X after the digits may also be the first letter of the next word: try without it too.
            bare = token.removesuffix("X")
            shorter = (*lengths[:-1], lengths[-1] - 1) if lengths[-1] > 1 else lengths[:-1]
            if _personal(token, lengths) or (bare != token and _personal(bare, shorter)):
                if spans and start <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], last)
                else:
                    spans.append((start, last))
                break
    return spans


def scrub_text(text: str) -> str:
    """One text with identity numbers, mobile numbers and bank card numbers replaced by stars, one for each character.

    Found are: 18-character identity numbers (check character, or an existing birth date in an existing province, so
    that a typing error does not leak), 15-digit ones (province and birth date), 11-digit mobiles (also after 86),
    cards of 16 to 19 digits (Luhn); written in full-width digits or in groups separated by a few spaces, line breaks or
    hyphens. Behind the name of a travel document (护照, 港澳通行证 …) its number. Unified social credit codes stay.
    """
    ascii_text = text.translate(_TO_ASCII)
    found = [match.span(1) for match in _TRAVEL.finditer(ascii_text)]
    for match in _RUN.finditer(ascii_text):
        found += [(match.start() + first, match.start() + last) for first, last in _scrub_run(match.group())]
    pieces: list[str] = []
    done = 0
    for start, end in sorted(found):
        if end > done:
            start = max(start, done)
            pieces += [text[done:start], "*" * (end - start)]
            done = end
    return "".join(pieces) + text[done:] if pieces else text


def scrub_free_text(s: pd.Series[Any]) -> pd.Series[Any]:
    """:func:`scrub_text` for a column. Only values with eleven digits in a row (or nearly so), or with the name of a
    travel document, are looked at one by one."""
    suspects = np.flatnonzero(as_mask(pc.match_substring_regex(as_arrow(s), pattern=_PREFILTER)))
    if len(suspects):
        some = as_arrow(s.take(suspects))
        likely = pc.or_(pc.match_substring_regex(some, pattern=_JOINED), pc.match_substring_regex(some, pattern=_WHOLE))
        suspects = suspects[as_mask(likely)]
    if not len(suspects):
        return s.copy()
    values = s.to_numpy(dtype=object, copy=True)
    seen: dict[str, str] = {}
    for row in suspects:
        value = values[row]
        if value not in seen:
            seen[value] = scrub_text(value)
        values[row] = seen[value]
    return pd.Series(values, index=s.index, name=s.name, dtype="str")


_CARD_NUMBER = re.compile(r"(?<![0-9])[0-9]{17}[0-9X](?![0-9])", re.ASCII)
_OLD_NUMBER = re.compile(r"(?<![0-9])[0-9]{15}(?![0-9])", re.ASCII)
_JOIN = dict.fromkeys(map(ord, SEPARATORS + "。、，,:;；"))
MOBILE = r"^1[3-9](?:[\s._/·-]*[0-9]){9}$"
_YOUNGEST = 10


def id_number_inside(s: pd.Series[Any], day: date, *, old: bool = False) -> BoolArray:
    """True where a value is or holds an identity card's number: 18 characters with the right check character, a
    province, and a birth date at least ten years before `day`; in one piece or in groups. `old`: also one of 15 digits
    (province and birth date) that is no shop's registration number.

    Younger ones are no numbers of people: decisions are counted by division, date (260820: of this century), number.
    """
    youngest = f"{day.year - _YOUNGEST}{day:%m%d}"

    def look(value: str) -> str | None:
        plain = unicodedata.normalize("NFKC", value).upper()
        joined = plain.translate(_JOIN)
        for number in {*_CARD_NUMBER.findall(plain), *_CARD_NUMBER.findall(joined)}:
            if number[6:14] <= youngest and id_card_valid(pd.Series([number], dtype="str"))[0]:
                return number
        for number in {*_OLD_NUMBER.findall(plain), *_OLD_NUMBER.findall(joined)} if old else ():
            if number[6:8] > f"{day:%y}" and _personal(number, (15,)) and reg_no_check_char(number[:14]) != number[14]:
                return number
        return None

    suspects = as_mask(pc.match_substring_regex(as_arrow(s), pattern=_DIGITS % (14 if old else 17)))
    return map_distinct(s.where(suspects), look).notna().to_numpy()
