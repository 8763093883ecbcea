"""Shops that have no name of their own and are filed under their operator's, who is a natural person."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.text import WHITE_SPACE, ZERO_WIDTH, as_mask

_BETWEEN = "[" + WHITE_SPACE + ZERO_WIDTH + "·•‧∙⋅・●]+"
_NOTE = r"[(\[{【〔<〈《][^)\]}】〕>〉》]*[)\]}】〕>〉》]?"
_NOBODY = "个体工商户|个体户|经营者|业主"
_WORDS = rf"{_NOBODY}|[()\[\]{{}}【】〔〕<>〈〉《》:]"
_SEVERAL = "[、，,；;/／|｜&＆]"
_ODD_SHOP = rf"^(?:[^\p{{Han}}]|{_NOBODY})"
_ODD_OPERATOR = rf"^(?:[^\p{{Han}}]|{_NOBODY})|{_SEVERAL}"


def operators_name(shops: pa.Array, operators: pa.Array) -> pa.Array:
    """Where the name of a shop is nothing but its operator's, or that of one of several in the field, however either is
    written: in whatever width, case and spacing, with a note in brackets or "个体工商户" beside it.

    `report.record` compares in the same way. Absent names are nobody's.
    """
    same = pc.fill_null(pc.equal(shops, operators), False)
    if _all_ascii(shops) and not _all_ascii(operators):  # a column of dates, codes or amounts
        return same
    # few begin alike, or with anything but a character of a name
    first = pc.equal(pc.utf8_slice_codeunits(shops, 0, 1), pc.utf8_slice_codeunits(operators, 0, 1))
    odd = pc.or_(pc.match_substring_regex(shops, _ODD_SHOP), pc.match_substring_regex(operators, _ODD_OPERATOR))
    suspects = np.flatnonzero(as_mask(pc.or_(first, odd)))
    if not len(suspects):
        return same
    found = same.to_numpy(zero_copy_only=False).copy()
    some, others = shops.take(pa.array(suspects)), operators.take(pa.array(suspects))
    found[suspects] |= _meet(some, others)
    for place in np.flatnonzero(as_mask(pc.match_substring_regex(others, _SEVERAL))).tolist():
        names = pa.array(re.split(_SEVERAL, others[place].as_py()), pa.large_string())
        shop = pa.array([some[place].as_py()] * len(names), pa.large_string())
        found[suspects[place]] |= _meet(shop, names).any()
    return pa.array(found)


def _all_ascii(array: pa.Array) -> bool:
    return bool(pc.all(pc.string_is_ascii(array)).as_py())


def _forms(names: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Names without what stands in brackets, and with that but without the brackets and words that name nobody."""
    plain = pc.replace_substring_regex(pc.utf8_normalize(names, form="NFKD"), pattern=_BETWEEN, replacement="")
    folded = pc.utf8_upper(plain)
    return (
        pc.replace_substring_regex(folded, pattern=_NOTE, replacement=""),
        pc.replace_substring_regex(folded, pattern=_WORDS, replacement=""),
    )


def _meet(some: pa.Array, others: pa.Array) -> np.typing.NDArray[np.bool_]:
    found = np.zeros(len(some), dtype=np.bool_)
    theirs = _forms(others)
    for one in _forms(some):
        for other in theirs:
            found |= as_mask(pc.and_(pc.equal(one, other), pc.greater(pc.utf8_length(one), 0)))
    return found
