"""What of its own person a row says in a field that is no place for it: the number of a document, a masked name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from credit_exchange.config.catalog import SubjectFields
from credit_exchange.core.identifiers import id_card_valid, uscc_valid
from credit_exchange.core.masking import mask_person_name
from credit_exchange.core.names_in_text import hide_names, hide_numbers
from credit_exchange.core.text import IN_NAMES, BoolArray, as_arrow, as_mask
from credit_exchange.steps.validate.normalise import SOLE_TRADER_PREFIX

_CARD = 18
"""Characters of an identity card's number today."""
_LONG = "(?:[0-9０-９][^0-9０-９]{0,3}){15}"
_SHORT_NAME = 2
_GOES_ON = "[一-鿿]*[局委厅府处会部院所队站室区县市镇乡道]|[一-鿿]*[（(〔\\[【〈<]?(?:19|20)[0-9]{2}"
"""What follows where a name is the beginning of an agency's name or of a document's number."""
_UNSEEN = re.compile(f"[{re.escape(IN_NAMES)}]")
Numbers = tuple[list["pd.Series[Any]"], list["pd.Series[Any]"]]
"""Columns of numbers that may stand anywhere, and of those that are fifteen digits."""


def own_numbers(who: SubjectFields, frame: pd.DataFrame, kind: pd.Series[Any]) -> Numbers:
    """The numbers of documents of each row's subject and representative, and what identity cards had before they had
    18 characters: a column each. An 18-character number is left to who looks for anybody's.

    What an organisation says for its own is its code.
    """
    others, olds = [], []
    for code in (who.id_number, who.representative_id_number):
        if code is None:
            continue
        number = frame[code].where(kind != "legal") if code == who.id_number else frame[code]
        card = id_card_valid(number) & (number.str.len() == _CARD).to_numpy()
        if card.any():
            olds.append((number.str.slice(0, 6) + number.str.slice(8, 17)).where(card))
        number = number.mask(card | uscc_valid(number))
        if number.notna().any():
            others.append(number)
    return others, olds


def holds_number(column: pd.Series[Any], numbers: Numbers) -> BoolArray:
    """Where a value holds one of the numbers of its row, however it is grouped there."""
    others, olds = numbers
    found = np.zeros(len(column), dtype=np.bool_)
    there = column.notna().to_numpy()
    long = as_mask(pc.match_substring_regex(as_arrow(column), pattern=_LONG)) if olds else there
    for number, likely in (*((one, there) for one in others), *((one, long) for one in olds)):
        some = number.notna().to_numpy() & likely
        if some.any():
            found[some] |= (hide_numbers(column[some], number[some]) != column[some]).to_numpy()
    return found


def holds_name(who: SubjectFields, frame: pd.DataFrame, kind: pd.Series[Any], column: pd.Series[Any]) -> BoolArray:
    """Where a value holds the name of its row's natural person or of its shop's operator, which is masked elsewhere."""
    shop = (kind == "sole_trader").to_numpy()
    if who.uscc is not None:
        shop = shop | as_mask(pc.starts_with(as_arrow(frame[who.uscc]), SOLE_TRADER_PREFIX))
    found = np.zeros(len(column), dtype=np.bool_)
    for code, masked in ((who.name, (kind == "person").to_numpy()), (who.representative, shop)):
        if code is None:
            continue
        some = masked & (frame[code].notna() & column.notna()).to_numpy()
        if some.any():
            texts, name = as_arrow(column[some]), frame[code][some]
            shown = hide_names(texts, [(as_arrow(name), as_arrow(mask_person_name(name)))])
            held = as_mask(pc.not_equal(shown, texts))
            for place in np.flatnonzero(held).tolist():
                held[place] = not _is_a_word(texts[place].as_py(), name.iloc[place])
            found[some] |= held
    return found


def _is_a_word(text: str, name: str) -> bool:
    """Whether a name of two characters is only part of what an agency or a kind of decision is called: somebody is
    called as the county of 罗源县林业局 is, and no department could deliver that row in any other way."""
    text, name = (_UNSEEN.sub("", unicodedata.normalize("NFKC", one)) for one in (text, name))
    return len(name) == _SHORT_NAME and not re.search(f"(?i){re.escape(name)}(?!{_GOES_ON})", text)
