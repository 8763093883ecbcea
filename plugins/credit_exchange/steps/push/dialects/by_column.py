"""How whole columns are written on the wires: the quick way beside each dialect's `encode`, for plain rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core import jsontext
from credit_exchange.core.text import as_mask, bytes_of
from credit_exchange.steps.push.dialects import forms

Array = jsontext.Array
Mask = npt.NDArray[np.bool_]
_TEXT = pa.large_string()
_NOTHING = pa.scalar("", type=_TEXT)
XML_FORBIDS = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]"
"""What :func:`forms.xml_safe` leaves out (XML 1.0, 2.2)."""
_XML = ((b"&", "&", "&amp;"), (b"<", "<", "&lt;"), (b">", ">", "&gt;"))


def texts(values: Any) -> Array:
    """Texts or whole numbers as a column of texts."""
    array = pa.array(values)
    return array if pa.types.is_large_string(array.type) else array.cast(pa.string()).cast(_TEXT)


def filled(column: Array) -> Array:
    """The column with "" where there is nothing."""
    return pc.fill_null(column, "") if column.null_count else column


def joined(*parts: Array | str) -> Array:
    """The parts of each row one after the other; a text stands in every row. At least one part is a column."""
    run: list[Any] = []
    fixed = ""
    for part in (*parts, None):
        if isinstance(part, str):
            fixed += part
            continue
        if fixed:
            run.append(pa.scalar(fixed, type=_TEXT))
            fixed = ""
        if part is not None:
            run.append(part)
    return pc.binary_join_element_wise(*run, _NOTHING)


def taken(column: Array) -> list[bytes]:
    """The bytes of each row (there must be no null)."""
    return [bytes(piece) for piece in jsontext.pieces(column)]


def longer(column: Array, most: int) -> Mask:
    """Where a text has more than so many characters."""
    if not (pc.max(pc.binary_length(column)).as_py() or 0) > most:
        return np.zeros(len(column), dtype=np.bool_)
    return as_mask(pc.greater(pc.utf8_length(column), most))


def written(column: Array, write: Callable[[str], str]) -> tuple[Array, Mask]:
    """Each value as `write` writes it, each distinct one once, and where it raised BadValue; "" where there is none."""
    encoded = column.dictionary_encode()
    made: list[str | None] = []
    for value in encoded.dictionary.to_pylist():
        try:
            made.append(write(value) if value else "")
        except forms.BadValue:
            made.append(None)
    found = pa.array([*made, ""], type=_TEXT).take(pc.fill_null(encoded.indices, len(made)))
    bad = found.is_null().to_numpy(zero_copy_only=False)
    return filled(found), bad


def xml(column: Array) -> tuple[Array, Mask]:
    """Each value as XML text, and where it holds what XML forbids or a carriage return; "" where there is nothing."""
    column = filled(column)
    odd = np.zeros(len(column), dtype=np.bool_)
    if _suspect(column):
        odd = as_mask(pc.match_substring_regex(column, pattern=XML_FORBIDS + r"|\r"))
    held = bytes_of(column).tobytes()
    for byte, char, name in _XML:
        if byte in held:
            column = pc.replace_substring(column, char, name)
    return column, odd


def without(column: Array, pattern: str) -> Array:
    """The column without these characters, which hardly ever stand in it."""
    return pc.replace_substring_regex(column, pattern=pattern, replacement="") if _suspect(column) else column


def _suspect(column: Array) -> bool:
    """Whether a control character may be in it, or U+FFFE or U+FFFF."""
    data = bytes_of(column)
    return bool(((data < 0x20) & (data != 0x09) & (data != 0x0A)).any()) or b"\xef\xbf" in data.tobytes()
