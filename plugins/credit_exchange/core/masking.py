"""Masking of personal data for what leaves the house: names and identity numbers that fill a field of their own.

What hides in free text: `numbers_in_text`, `names_in_text`. Practice for names varies between platforms; here the
surname stays and the length beyond three characters is hidden (domain practice, no statute). Identity numbers: first
six digits (the division) and twelve stars, as seen in a real data dictionary. Basis: 个人信息保护法 art. 6 (minimum),
25 (no publication without consent).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.core.text import as_arrow, as_series
from credit_exchange.core.unseen import WHITE_SPACE, ZERO_WIDTH

_COMPOUND = (
    "欧阳 上官 司马 诸葛 司徒 东方 独孤 南宫 万俟 闻人 夏侯 尉迟 公羊 赫连 澹台 皇甫 "
    "宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 鲜于 闾丘 亓官 司寇 子车 "
    "颛孙 端木 巫马 公西 漆雕 乐正 壤驷 公良 拓跋 夹谷 宰父 谷梁 段干 百里 东郭 南门 "
    "呼延 羊舌 微生 梁丘 左丘 东门 西门 令狐 轩辕 淳于 单于 第五 叱干 纳兰 完颜 耶律 "
    "爱新觉罗 叶赫那拉"
)
COMPOUND_SURNAMES: tuple[str, ...] = tuple(_COMPOUND.split())
"""Surnames of more than one character (百家姓 and frequent others). With one missing, only less is shown."""

_SPACES = "[" + WHITE_SPACE + ZERO_WIDTH + "]+"
_TWELVE_STARS = "*" * 12


def _text(value: str) -> Any:
    return pa.scalar(value, type=pa.large_string())


def mask_person_name(s: pd.Series[Any]) -> pd.Series[Any]:
    """Names of natural persons as surname and stars: 张三 → 张*, 张三丰 → 张**, 欧阳锋 → 欧阳*, longer names → surname
    and "**" whatever their length. A name of one character becomes "*". Absent stays absent; white space is dropped."""
    name = pc.replace_substring_regex(as_arrow(s), pattern=_SPACES, replacement="")
    length = pc.utf8_length(name)
    surname = pc.utf8_slice_codeunits(name, 0, 1)
    for width in (2, 4):
        known = pa.array([x for x in COMPOUND_SURNAMES if len(x) == width], type=pa.large_string())
        start = pc.utf8_slice_codeunits(name, 0, width)
        surname = pc.if_else(pc.and_(pc.is_in(start, value_set=known), pc.greater(length, width)), start, surname)
    rest = pc.subtract(length, pc.utf8_length(surname))
    stars = pc.if_else(pc.greater_equal(rest, 2), _text("**"), _text("*"))
    masked = pc.if_else(pc.less_equal(length, 1), _text("*"), pc.binary_join_element_wise(surname, stars, _text("")))
    return as_series(pc.if_else(pc.equal(length, 0), name, masked), s)


def mask_id_number(s: pd.Series[Any]) -> pd.Series[Any]:
    """Identity numbers as the first six digits and twelve stars. Whatever does not look like one (a passport, a
    mistyped number) becomes twelve stars, since six characters would be most of it. Absent and empty stay."""
    number = pc.replace_substring_regex(as_arrow(s), pattern=_SPACES, replacement="")
    looks = pc.match_substring_regex(number, pattern=r"^(?:\d{15}|\d{17}[0-9Xx])$")
    shown = pc.binary_join_element_wise(pc.utf8_slice_codeunits(number, 0, 6), _text(_TWELVE_STARS), _text(""))
    masked = pc.if_else(looks, shown, _text(_TWELVE_STARS))
    return as_series(pc.if_else(pc.equal(pc.utf8_length(number), 0), number, masked), s)
