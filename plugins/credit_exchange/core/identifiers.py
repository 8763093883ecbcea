"""Checks of Chinese identifiers: vectorised over whole columns, and the scalar arithmetic behind them.

Columns must have been cleaned before (``text.clean_code``: NFKC, trimmed, upper case); an absent or empty value is
never valid. The column functions look at the bytes of the Arrow buffer through tables of 256 entries that already hold
"value × weight", so a million codes take about a tenth of a second.

A failed check is a reason to look, not proof: real companies with a wrong check digit exist (91350211M0000XUF46), so
the rules quarantine with an exception list and never drop.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.text import BoolArray, as_arrow, as_mask

PLACEHOLDER_USCC = "00000000000000000X"
"""Stands where a body has no unified social credit code (发改办财金〔2018〕790号 practice). Fails the check digit by
design; never a key for merging, as many bodies share it."""

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: digits and letters without I, O, S, V, Z; the place in this string is the value."""

USCC_WEIGHTS: tuple[int, ...] = tuple(pow(3, i, 31) for i in range(17))
ORG_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORG_WEIGHTS: tuple[int, ...] = (3, 7, 9, 10, 5, 8, 4, 2)
ID_WEIGHTS: tuple[int, ...] = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK = "10X98765432"

PROVINCES: frozenset[int] = frozenset(
    [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83]
)
"""First two digits of GB/T 2260 divisions; 83 is used on residence permits of people from Taiwan. No table of counties
on purpose: counties come and go, and a table that is not the newest rejects real people."""

_ILLEGAL = 1_000_000  # larger than any sum of values × weights, so one comparison finds an illegal character
_Sums = npt.NDArray[np.int32]
_Bytes = npt.NDArray[np.uint8]


def _table(alphabet: str, weight: int) -> _Sums:
    """Look-up of 256 entries: value × weight for the characters of `alphabet`, _ILLEGAL for every other byte."""
    table = np.full(256, _ILLEGAL, dtype=np.int32)
    for value, char in enumerate(alphabet):
        table[ord(char)] = value * weight
    return table


_DIGITS = "0123456789"
_DIGIT = _table(_DIGITS, 1)
# Positions 3-8 are the division of the registering body and therefore digits (GB/T 2260).
_USCC_TABLES = [_table(_DIGITS if 2 <= i < 8 else USCC_ALPHABET, weight) for i, weight in enumerate((*USCC_WEIGHTS, 1))]
# "X" as the check character is worth 10, whereas inside the body it is the letter (33): hence a table of its own.
_ORG_TABLES = [*(_table(ORG_ALPHABET, weight) for weight in ORG_WEIGHTS), _table(_DIGITS + "X", 1)]
_ID_TABLES = [*(_table(_DIGITS, weight) for weight in ID_WEIGHTS), _table(_DIGITS + "X", 1)]
_PROVINCE_OK = np.isin(np.arange(100), sorted(PROVINCES))
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] + [0] * 87, dtype=np.int32)


def _bytes_of(array: Any, width: int) -> _Bytes:
    """The values of exactly `width` bytes as a matrix (rows × width); every other row is zero bytes, legal in no
    table."""
    fits = pc.fill_null(pc.equal(pc.binary_length(array), width), False)
    same = pc.if_else(fits, array, pa.scalar("\0" * width, type=pa.large_string()))
    rows = len(same)
    if rows == 0:
        return np.empty((0, width), dtype=np.uint8)
    _, offsets, data = same.buffers()
    start = int(np.frombuffer(offsets, dtype=np.int64)[same.offset])
    flat: _Bytes = np.frombuffer(data, dtype=np.uint8)[start : start + rows * width]
    return flat.reshape(rows, width)


def _sum(matrix: _Bytes, tables: list[_Sums]) -> _Sums:
    total = np.zeros(len(matrix), dtype=np.int32)
    for column, table in enumerate(tables):
        total += table[matrix[:, column]]
    return total


def _numbers(matrix: _Bytes, first: int, last: int) -> _Sums:
    """Columns [first, last) read as a decimal number; meaningful only where the row was found legal."""
    value = np.zeros(len(matrix), dtype=np.int32)
    for column in range(first, last):
        value = value * 10 + np.minimum(_DIGIT[matrix[:, column]], 9)
    return value


def _passes(matrix: _Bytes, tables: list[_Sums], modulus: int, remainder: int) -> BoolArray:
    """Nothing but zeros has a right check character nearly everywhere, and is what people type for no number."""
    total = _sum(matrix, tables)
    result: BoolArray = (total > 0) & (total < _ILLEGAL) & (total % modulus == remainder)
    return result


def _digits(matrix: _Bytes) -> BoolArray:
    """Where a row is nothing but digits, one of them not zero."""
    total = _sum(matrix, [_DIGIT] * matrix.shape[1])
    result: BoolArray = (total > 0) & (total < _ILLEGAL)
    return result


# --- unified social credit code ---------------------------------------------------------------------------------------


def is_placeholder(s: pd.Series[Any]) -> BoolArray:
    """True where the value is the placeholder "00000000000000000X"."""
    return as_mask(pc.equal(as_arrow(s), PLACEHOLDER_USCC))


def uscc_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is a unified social credit code by shape and check character (GB 32100-2015).

    Shape: 18 characters of the 31-letter alphabet, positions 3-8 digits, not all of them zero. Check: (31 − Σ mod 31)
    mod 31; written as "Σ + check is a multiple of 31", which cannot forget the outer mod. The placeholder is not valid.
    """
    return _passes(_bytes_of(as_arrow(s), 18), _USCC_TABLES, 31, 0)


def uscc_embedded_org_valid(s: pd.Series[Any]) -> BoolArray:
    """True where positions 9-17 of an 18-character code are a valid organisation code (GB 11714-1997).

    An extra test for a warning: a code right in mod 31 and wrong here is suspicious.
    """
    return _passes(_bytes_of(as_arrow(s), 18)[:, 8:17], _ORG_TABLES, 11, 0)


def uscc_check_char(first17: str) -> str:
    """Check character of a unified social credit code (GB 32100-2015). Raises ValueError for an illegal character or
    length."""
    if len(first17) != 17:
        raise ValueError(
            f"a unified social credit code has 17 characters before its check character, not {len(first17)}"
        )
    return USCC_ALPHABET[-sum(USCC_ALPHABET.index(c) * w for c, w in zip(first17, USCC_WEIGHTS, strict=True)) % 31]


# --- older organisation identifiers -----------------------------------------------------------------------------------


def org_code_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is an organisation code of 8 + 1 characters (GB 11714-1997), a hyphen before the check
    allowed."""
    array = pc.replace_substring_regex(as_arrow(s), pattern="^(.{8})-(.)$", replacement=r"\1\2")
    return _passes(_bytes_of(array, 9), _ORG_TABLES, 11, 0)


def org_code_check_char(first8: str) -> str:
    """Check character of an organisation code (GB 11714-1997): 11 − Σ mod 11, 10 is "X", 11 is "0". Raises
    ValueError."""
    if len(first8) != 8:
        raise ValueError(f"an organisation code has 8 characters before its check character, not {len(first8)}")
    check = -sum(ORG_ALPHABET.index(c) * w for c, w in zip(first8, ORG_WEIGHTS, strict=True)) % 11
    return "X" if check == 10 else str(check)


def reg_no_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is a business registration number (工商注册号): 15 digits with the ISO 7064 MOD 11,10 check of
    GS 15-2006, or the 13 digits used before 2007, which have no check."""
    array = as_arrow(s)
    matrix = _bytes_of(array, 15)
    legal = _sum(matrix, [_DIGIT] * 15) < _ILLEGAL
    carry = np.full(len(matrix), 10, dtype=np.int32)
    for column in range(14):
        carry = (carry + np.minimum(_DIGIT[matrix[:, column]], 9)) % 10
        carry = np.where(carry == 0, 10, carry) * 2 % 11
    check = (carry + np.minimum(_DIGIT[matrix[:, 14]], 9)) % 10 == 1
    result: BoolArray = (legal & check) | _digits(_bytes_of(array, 13))
    return result


def reg_no_check_char(first14: str) -> str:
    """Check digit of a 15-digit business registration number (GS 15-2006, ISO 7064 MOD 11,10). Raises ValueError."""
    if len(first14) != 14 or not (first14.isascii() and first14.isdigit()):
        raise ValueError("a business registration number has 14 digits before its check digit")
    carry = 10
    for char in first14:
        carry = ((carry + int(char)) % 10 or 10) * 2 % 11
    return str((1 - carry) % 10)


def tax_no_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is a tax registration number: division (6 digits) and organisation code (9), or a unified
    social credit code (since 2015), or an identity number and two digits (20, individual businesses)."""
    array = as_arrow(s)
    old = _bytes_of(array, 15)
    by_org = (_sum(old[:, :6], [_DIGIT] * 6) < _ILLEGAL) & _passes(old[:, 6:], _ORG_TABLES, 11, 0)
    person = _bytes_of(array, 20)
    by_person = _id_matrix_valid(person[:, :18]) & (_sum(person[:, 18:], [_DIGIT] * 2) < _ILLEGAL)
    result: BoolArray = by_org | by_person | uscc_valid(s)
    return result


def institution_no_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is the number of a public institution's certificate (事业单位证书号): 12 digits."""
    return _digits(_bytes_of(as_arrow(s), 12))


# --- identity card ----------------------------------------------------------------------------------------------------


def _id_matrix_valid(matrix: _Bytes) -> BoolArray:
    check = _passes(matrix, _ID_TABLES, 11, 1)
    year, month, day = _numbers(matrix, 6, 10), _numbers(matrix, 10, 12), _numbers(matrix, 12, 14)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = _MONTH_DAYS[month] + (leap & (month == 2))
    born = (year >= 1800) & (year <= 2099) & (day >= 1) & (day <= days)
    result: BoolArray = check & born & _PROVINCE_OK[_numbers(matrix, 0, 2)]
    return result


def id_card_valid(s: pd.Series[Any]) -> BoolArray:
    """True where a value is an identity number of 18 characters (GB 11643-1999): check character, a birth date that
    exists, a province that exists.

    The county is not looked up (see :data:`PROVINCES`) and "born in the future" is not asked (the answer must not
    depend on the day of the run). Numbers of 15 digits are not valid any more: convert them first with
    :func:`id_card_15_to_18`.
    """
    return _id_matrix_valid(_bytes_of(as_arrow(s), 18))


def id_card_check_char(first17: str) -> str:
    """Check character of an identity number (GB 11643-1999, ISO 7064 MOD 11-2). Raises ValueError."""
    if len(first17) != 17 or not (first17.isascii() and first17.isdigit()):
        raise ValueError("an identity number has 17 digits before its check character")
    return ID_CHECK[sum(int(c) * w for c, w in zip(first17, ID_WEIGHTS, strict=True)) % 11]


def id_card_15_to_18(s: str) -> str | None:
    """An old identity number of 15 digits as its 18 characters (century 19, check character added).

    None when it is not 15 digits, or its birth date or province does not exist.
    """
    if len(s) != 15 or not (s.isascii() and s.isdigit()) or int(s[:2]) not in PROVINCES:
        return None
    try:
        date(1900 + int(s[6:8]), int(s[8:10]), int(s[10:12]))
    except ValueError:
        return None
    first17 = s[:6] + "19" + s[6:]
    return first17 + id_card_check_char(first17)
