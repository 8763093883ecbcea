"""Columns of text as departments deliver them: cleaning, blanks, keys for comparison, dates and amounts.

Every function takes and returns whole columns (``pandas.Series`` of pandas 3 ``str``; absent = NaN) and works on the
Arrow buffers behind them, or on the distinct values only. No function alters a name's own spelling: names keep their
full-width brackets, comparison happens on keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.dates import date_pattern
from credit_exchange.core.unseen import WHITE_SPACE, ZERO_WIDTH

BoolArray = npt.NDArray[np.bool_]

IN_NAMES = WHITE_SPACE + ZERO_WIDTH + "·•‧∙⋅・●"
"""What may stand between the characters of a name: 张 三, 买买提·艾力."""

_EDGE = WHITE_SPACE + ZERO_WIDTH
_ASCII_EDGE = "".join(char for char in _EDGE if char.isascii())
_ANY_SPACE = "[" + _EDGE + "]+"

BLANK_WORDS: tuple[str, ...] = ("", "无", "/", "-", "NULL", "—", "——", "\\N")
"""What departments write for "nothing" (rule S01), compared after NFKC, trimming and upper-casing. "——" is how a
Chinese keyboard types the dash "—"."""

# XML 1.0 (5th ed.), production [2] Char: everything else is forbidden. U+FFFD is allowed by XML but shows that bytes
# were decoded with a wrong encoding, so the text is damaged. Lone surrogates cannot exist in Arrow (see
# bad_characters).
_BAD = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{FFFD}\\x{FFFE}\\x{FFFF}]"
_BAD_PYTHON = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd\ufffe\uffff]", re.ASCII)

_ZERO_DATES = frozenset({date(1, 1, 1), date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})
"""Days that programs write for "no date" (.NET, OLE, Excel)."""

_EXCEL_EPOCH = date(1899, 12, 30)
_EXCEL_FIRST, _EXCEL_LAST = 20_000, 80_000  # reliability C7
_EXCEL_SERIAL = re.compile(r"(\d{5})(?:\.0+)?", re.ASCII)
_DECIMAL = re.compile(
    r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII
)  # ".2" is how Oracle writes 0.2
_LONGEST_DECIMAL = 60
_TEXT_FORMULA = rf'(?s)^="{_ANY_SPACE[:-1]}*([^"]*?){_ANY_SPACE[:-1]}*"$'
_TEXT_MARKER = rf"(?s)^['`]{_ANY_SPACE[:-1]}*([^'`]*)$"


# --- between pandas and Arrow -----------------------------------------------------------------------------------------


def as_arrow(s: pd.Series[Any]) -> Any:
    """The column as one contiguous ``pyarrow.Array`` of type large_string; NaN and None become null.

    Raises UnicodeEncodeError when an object column holds lone surrogates (they are no text, see
    :func:`bad_characters`).
    """
    array = pa.array(s, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if pa.types.is_large_string(array.type) else array.cast(pa.large_string())


def bytes_of(array: Any) -> npt.NDArray[np.uint8]:
    """The UTF-8 bytes of all values of a large_string array, one after the other; what stands under nulls may be among
    them."""
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return np.empty(0, dtype=np.uint8)
    ends = np.frombuffer(offsets, dtype=np.int64)
    return np.frombuffer(data, dtype=np.uint8)[ends[array.offset] : ends[array.offset + len(array)]]


def _ascii(array: Any) -> bool:
    return not (bytes_of(array) & 0x80).any()


def as_series(array: Any, like: pd.Series[Any]) -> pd.Series[Any]:
    """An Arrow string array as a ``str`` column with the index and name of `like`."""
    return pd.Series(pd.array(array, dtype="str"), index=like.index, name=like.name)


def as_mask(array: Any) -> BoolArray:
    """An Arrow boolean array as numpy; null counts as False."""
    result: BoolArray = pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return result


def map_distinct(s: pd.Series[Any], function: Callable[[str], str | None]) -> pd.Series[Any]:
    """Apply `function` once to each distinct value; None (and absent) gives NaN."""
    codes, distinct = pd.factorize(s)
    answers = np.array([function(str(value)) for value in distinct] + [None], dtype=object)
    return pd.Series(answers[codes], index=s.index, name=s.name, dtype="str")


# --- cleaning ---------------------------------------------------------------------------------------------------------


def clean(s: pd.Series[Any]) -> pd.Series[Any]:
    """Trim white space (U+3000, NBSP, tabs) and zero-width characters from both ends; nothing inside is touched."""
    return as_series(pc.utf8_trim(as_arrow(s), characters=_EDGE), s)


def without_text_marker(s: pd.Series[Any]) -> pd.Series[Any]:
    """Drop the one apostrophe (or `) before a value, or the ="…" around it: spreadsheets, exports and our own return
    files mark text by it, and it is no part of the text. A value with another one in it is quoted or abbreviated, and
    stays."""
    array = as_arrow(s)
    data = bytes_of(array)
    changed = array
    if (data == ord("=")).any():
        changed = pc.replace_substring_regex(changed, pattern=_TEXT_FORMULA, replacement=r"\1")
    if ((data == ord("'")) | (data == ord("`"))).any():
        changed = pc.replace_substring_regex(changed, pattern=_TEXT_MARKER, replacement=r"\1")
    return s if changed is array else as_series(changed, s)


def clean_code(s: pd.Series[Any]) -> pd.Series[Any]:
    """Clean a column of codes: NFKC (full-width letters and digits to ASCII), no zero-width characters, trimmed, upper
    case."""
    return as_series(_clean_code(as_arrow(s)), s)


def _clean_code(array: Any) -> Any:
    if _ascii(array):  # nothing to normalise, no zero-width characters, and no white space but ASCII's
        return pc.ascii_upper(pc.ascii_trim(array, characters=_ASCII_EDGE))
    array = pc.utf8_normalize(array, form="NFKC")
    array = pc.replace_substring_regex(array, pattern="[" + ZERO_WIDTH + "]", replacement="")
    return pc.utf8_upper(pc.utf8_trim(array, characters=_EDGE))


def blank(s: pd.Series[Any], words: Iterable[str] = BLANK_WORDS) -> BoolArray:
    """True where the value says nothing: absent, empty or one of `words` after NFKC and trimming (rule S01)."""
    meant = pa.array([w.upper() for w in words], type=pa.large_string())
    encoded = as_arrow(s).dictionary_encode()  # most columns hold few distinct values, and NFKC is dear
    found = as_mask(pc.is_in(_clean_code(encoded.dictionary), value_set=meant))
    nothing = "" in words
    return as_mask(pc.fill_null(pc.take(pa.array(found), encoded.indices), nothing))


def bad_characters(s: pd.Series[Any]) -> BoolArray:
    """True where a value holds what no platform takes: NUL, control characters forbidden by XML 1.0 (tab, CR, LF are
    allowed), U+FFFD (bytes decoded with the wrong encoding), lone surrogates, U+FFFE and U+FFFF."""
    try:
        array = as_arrow(s)
    except UnicodeEncodeError:  # lone surrogates, possible in object columns only: look at each value
        return np.fromiter((isinstance(v, str) and _BAD_PYTHON.search(v) is not None for v in s), np.bool_, len(s))
    data = bytes_of(array)
    suspect = (data < 0x20) & (data != 0x09) & (data != 0x0A) & (data != 0x0D)
    if not suspect.any() and b"\xef\xbf" not in data.tobytes():  # how U+FFFD, U+FFFE and U+FFFF begin
        return np.zeros(len(array), dtype=np.bool_)
    return as_mask(pc.match_substring_regex(array, pattern=_BAD))


# --- keys for comparison ----------------------------------------------------------------------------------------------


def document_no_key(s: pd.Series[Any]) -> pd.Series[Any]:
    """The number of a decision (文书号) as it is compared: all brackets 〔〕, full-width characters to ASCII, dashes
    "-", white space and "第" removed, letters upper case. Leading zeros stay: "00261" is not "261"."""
    array = pc.utf8_normalize(as_arrow(s), form="NFKC")
    for pattern, replacement in (
        (_ANY_SPACE + "|第", ""),
        (r"[\[({【〖「『〈《<]", "〔"),
        (r"[\])}】〗」』〉》>]", "〕"),
        ("[‐‑‒–—―−]", "-"),
    ):
        array = pc.replace_substring_regex(array, pattern=pattern, replacement=replacement)
    return as_series(pc.utf8_upper(array), s)


def document_key(number: str) -> str:
    """:func:`document_no_key` of one number, as a person types it who looks a record up."""
    return str(document_no_key(pd.Series([number], dtype="str"))[0])


def name_key(s: pd.Series[Any]) -> pd.Series[Any]:
    """A name as it is compared: NFKC, without white space, every bracket "(" or ")", one middle dot, upper case."""
    array = pc.utf8_normalize(as_arrow(s), form="NFKC")
    for pattern, replacement in (
        (_ANY_SPACE, ""),
        (r"[\[{【〖〔]", "("),
        (r"[\]}】〗〕]", ")"),
        ("[•‧∙⋅・●]", "·"),
    ):
        array = pc.replace_substring_regex(array, pattern=pattern, replacement=replacement)
    return as_series(pc.utf8_upper(array), s)


# --- dates and amounts ------------------------------------------------------------------------------------------------


def parse_dates(s: pd.Series[Any], formats: tuple[str, ...], excel_serial: bool = False) -> pd.Series[Any]:
    """Read dates strictly; the answer is ISO ``YYYY-MM-DD`` text, NaN where the value is absent or is no date.

    `formats` are strptime forms, tried in order ("%Y/%m/%d", "%Y年%m月%d日", "%Y%m%d"); a time part of midnight may
    follow, with Shanghai's "+08:00" or without. Years up to 9999 are accepted (2099-12-31 means "long-term"). With
    `excel_serial` a bare number of 20000 (1954-10-03) to 80000 (2119-01-11) is a day of Excel's 1900 calendar; others
    are a year, a month ("202612") or nothing. Days that programs write for "no date" (0001-01-01, 1899-12-30,
    1899-12-31, 1900-01-01) are no dates.
    Raises ConfigurationError for a wrong format.
    """
    patterns = [date_pattern(form) for form in formats]

    def read(value: str) -> str | None:
        value = value.strip(_EDGE)
        for pattern in patterns:
            if match := pattern.fullmatch(value):
                try:
                    day = date(int(match["Y"]), int(match["m"]), int(match["d"]))
                except ValueError:  # 2026-02-30: right in form, no such day; another format may still fit
                    continue
                return None if day in _ZERO_DATES else day.isoformat()
        if excel_serial and (match := _EXCEL_SERIAL.fullmatch(value)):
            serial = int(match[1])
            if _EXCEL_FIRST <= serial <= _EXCEL_LAST:
                return (_EXCEL_EPOCH + timedelta(days=serial)).isoformat()
        return None

    return map_distinct(s, read)


def parse_decimals(s: pd.Series[Any]) -> pd.Series[Any]:
    """Read amounts exactly; the answer is canonical decimal text (no exponent, no plus sign, no trailing zeros, "-0"
    is "0"), NaN where the value is absent or is no number.

    Thousands separators are accepted only where they stand right ("1,234.50"; "1,23" is no number). No unit is
    accepted: "5万" is no number.
    """

    def read(value: str) -> str | None:
        value = value.strip(_EDGE)
        if len(value) > _LONGEST_DECIMAL or not _DECIMAL.fullmatch(value):
            return None
        text = format(Decimal(value.replace(",", "")), "f")  # exact: formatting does not round to the context
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text in {"-0", "0"} else text

    return map_distinct(s, read)
