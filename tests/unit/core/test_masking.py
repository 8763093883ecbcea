"""Masking: of a person's name the surname is shown, of an identity number the division."""

from __future__ import annotations

import pandas as pd

from credit_exchange.core import masking


def series(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str")


def test_names_show_the_surname_and_hide_their_length():
    s = series(
        "张三",
        "张三丰",
        "欧阳锋",
        "欧阳",
        "欧阳小小",
        "司马相如长",
        "爱新觉罗溥仪",
        "王",
        "阿卜杜拉·买买提",
        " 李 四\u3000",
        "John Smith",
    )
    assert masking.mask_person_name(s).tolist() == [
        "张*", "张**", "欧阳*", "欧*", "欧阳**", "司马**", "爱新觉罗**", "*", "阿**", "李*", "J**",
    ]  # fmt: skip
    assert masking.mask_person_name(series(None, "")).isna().tolist() == [True, False]
    assert masking.mask_person_name(series("张\u200b三", "\u2060欧阳\ufeff锋", "\u200f", "")).tolist() == [
        "张*",
        "欧阳*",
        "",
        "",
    ]


def test_identity_numbers_show_the_division_only():
    s = series("11010519491231002X", "110105491231002", "E12345678", "1101051949123100", None)
    assert masking.mask_id_number(s).tolist()[:4] == ["110105" + "*" * 12, "110105" + "*" * 12, "*" * 12, "*" * 12]
    assert masking.mask_id_number(s).isna().tolist() == [False] * 4 + [True]
    assert masking.mask_id_number(series("", " ", "110105\u200b19491231 002x")).tolist() == [
        "",
        "",
        "110105" + "*" * 12,
    ]
