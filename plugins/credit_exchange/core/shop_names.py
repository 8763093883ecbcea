"""Shops that have no name of their own and are filed under their operator's, who is a natural person."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.text import IN_NAMES, as_mask

_NOTE = r"[(\[{【〔<〈《][^)\]}】〕>〉》]*[)\]}】〕>〉》]?"
_NOBODY = "个体工商户|个体户|经营者|业主"
_WORDS = rf"{_NOBODY}|[()\[\]{{}}【】〔〕<>〈〉《》:]"
_SEVERAL = "[、，,；;/／|｜&＆]"
_LONGEST = 200
"""Characters that a name has at most: what is longer is a text."""
_LATIN = "[A-Za-zＡ-Ｚａ-ｚ]"
_ODD = rf"^(?:[^\p{{Han}}]|{_NOBODY})"


def operators_name(shops: pa.Array, operators: pa.Array) -> pa.Array:
    """Where the name of a shop is nothing but its operator's, or one of several in either field is, however they are
    written: in whatever width, case and spacing, with a note in brackets or "个体工商户" beside it.

    `report.record` compares in the same way. Absent names are nobody's.
    """
    same = pc.fill_null(pc.equal(shops, operators), False)
    possible = pc.fill_null(pc.invert(pc.string_is_ascii(shops)), False)
    if not pc.all(possible).as_py():  # codes, dates and amounts are nobody's name who is not written in letters too
        possible = pc.or_(possible, pc.match_substring_regex(operators, _LATIN))
        if not pc.any(possible).as_py():
            return same
    possible = pc.and_(possible, pc.less_equal(pc.utf8_length(shops), _LONGEST))
    # few begin alike, or with anything but a character of a name; few lists have the first one of such a name
    begins = pc.utf8_slice_codeunits(operators, 0, 1)
    odd = pc.or_(pc.match_substring_regex(shops, _ODD), pc.match_substring_regex(operators, f"{_ODD}|{_SEVERAL}"))
    either = pc.or_(odd, pc.equal(pc.utf8_slice_codeunits(shops, 0, 1), begins))
    suspected = as_mask(pc.and_(possible, either))
    listed = np.flatnonzero(as_mask(pc.and_(possible, pc.match_substring_regex(shops, _SEVERAL))) & ~suspected)
    lists, firsts = (column.take(pa.array(listed)).to_pylist() for column in (shops, begins))
    suspected[[at for at, one, first in zip(listed, lists, firsts, strict=True) if first and first in one]] = True
    suspects = np.flatnonzero(suspected)
    if not len(suspects):
        return same
    found = same.to_numpy(zero_copy_only=False).copy()
    theirs = _forms(operators.take(pa.array(suspects)))
    found[suspects[_forms(shops.take(pa.array(suspects))).merge(theirs)["place"].unique()]] = True
    return pa.array(found)


def _forms(names: pa.Array) -> pd.DataFrame:
    """The names at each place, several in one field also each by itself: without what stands in brackets, and with that
    but without the brackets and words that name nobody."""
    each = pc.split_pattern_regex(names, pattern=_SEVERAL)
    places = pa.concat_arrays([pa.array(np.arange(len(names))), pc.list_parent_indices(each)])
    plain = pc.utf8_normalize(pa.concat_arrays([names, pc.list_flatten(each)]), form="NFKD")
    folded = pc.utf8_upper(pc.replace_substring_regex(plain, pattern=f"[{IN_NAMES}]+", replacement=""))
    forms = [pc.replace_substring_regex(folded, pattern=left_out, replacement="") for left_out in (_NOTE, _WORDS)]
    frame = pd.DataFrame({"place": np.tile(places, len(forms)), "form": pa.concat_arrays(forms).to_pandas()})
    return frame[frame["form"].notna() & (frame["form"] != "")].drop_duplicates()
