"""Free text: no number of a person survives, codes of organisations do."""

from __future__ import annotations

import re
from datetime import date
from itertools import accumulate

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credit_exchange.core import numbers_in_text
from credit_exchange.core.identifiers import id_card_check_char

ID = "11010519491231002X"
CARD = "6222021234567890128"


def series(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str")


@pytest.mark.parametrize(
    "number",
    [
        ID,
        ID.lower(),
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105 19491231 002X",
        "110105-19491231-002X",
        "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
        "110105  19491231\u3000\u3000002X",
        "110105\n19491231\r\n002X",
        "110105&nbsp;19491231&nbsp;002X",
        "350102 1990 0307 1230",
        "350102-1990-03-07-1230",
        "350102199003071230",  # mistyped: the check digit is wrong, the person is not
        "110105491231002",
        "110105.19491231.002X",
        "110105/1949/1231/002X",
        "110105·19491231·002X",
        "9558801234567890128",  # an old bank card
        "13800138000",
        "138.0013.8000",
        "138/0013/8000",
        "138 0013 8000",
        "138-0013-8000",
        "138  0013 - 8000",
        "138&nbsp;&nbsp;0013&nbsp;8000",
        "1380013\n8000",
        "１３８００１３８０００",
        "8613800138000",
        CARD,
        "6222 0212 3456 7890 128",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "经查，{}，罚款", "电话{}。", "A{}B", "2024-01-15 {} 2000元"])
def test_numbers_of_persons_are_masked_in_text(number: str, frame: str):
    [masked] = numbers_in_text.scrub_free_text(series(frame.format(number)))
    left, right = frame.split("{}")
    assert masked.startswith(left)
    assert masked.endswith(right)
    assert set(masked[len(left) : len(masked) - len(right)]) == {"*"}
    assert len(masked) == len(frame.format(number))


@pytest.mark.parametrize(
    "text",
    [
        "914403001922038216",
        "统一社会信用代码9135010026017703XW，罚款20000元",
        "榕市监罚〔2026〕00000123号",
        "2026-01-15至2026-02-15，12345678901",
        "2026.01.15-2026.02.15，由192.168.100.10登记，计12345.67/8901.23",
        "注册资本138001380.00元、1380013800.5元",
        "6222021234567890123",  # no card: Luhn fails
        "0591-87654321",
        "",
    ],
)
def test_what_belongs_to_no_person_stays_readable(text: str):
    assert numbers_in_text.scrub_free_text(series(text, None)).tolist()[0] == text


def test_an_old_number_is_told_from_a_decision_of_this_century_by_its_year():
    held = series("榕证350102310115001号", "榕证350102990115001号", "榕证350102260115001号")
    assert numbers_in_text.id_number_inside(held, date(2026, 9, 1), old=True).tolist() == [True, True, False]
    assert numbers_in_text.id_number_inside(held, date(2031, 1, 20), old=True).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("持护照E12345678入境", "持护照*********入境"),
        ("护照号：ＥＡ１２３４５６７。", "护照号：*********。"),
        ("护照（号码 G 1234 5678）", "护照（号码 ***********）"),
        ("港澳居民来往内地通行证号H1234567800", "港澳居民来往内地通行证号***********"),
        ("台湾居民来往大陆通行证：12345678，", "台湾居民来往大陆通行证：********，"),
        ("外国人永久居留身份证CAN110080010101", "外国人永久居留身份证***************"),
        ("准予货车通行证闽A12345、编号20260512", "准予货车通行证闽A12345、编号20260512"),
        ("办理护照业务，2026年罚款20000000元", "办理护照业务，2026年罚款20000000元"),
        ("护照相关规定见GB12345678", "护照相关规定见GB12345678"),
    ],
)
def test_numbers_of_travel_documents_are_masked_behind_their_name(text: str, shown: str):
    assert numbers_in_text.scrub_free_text(series(text, None)).tolist()[0] == shown


# as people split them; the identity number is mistyped, since a right one is found in any groups
@pytest.mark.parametrize(
    ("number", "splits"),
    [
        ("13800138000", "3-4-4 3-3-5 3-8 7-4"),
        ("350102199003071230", "6-8-4 6-12 14-4 6-4-4-4 6-4-2-2-4 6-6-6 9-9"),
        ("110105491231002", "6-6-3 6-9 5-5-5 4-4-4-3"),
        (CARD, "4-4-4-4-3 6-6-6-1 19"),
    ],
)
@pytest.mark.parametrize("mark", [" ", "-", ".", "—", "\u3000", "\u200b"])
def test_a_number_is_found_in_every_usual_way_to_split_it(number: str, splits: str, mark: str):
    for split in splits.split():
        ends = list(accumulate(map(int, split.split("-"))))
        written = mark.join(number[first:last] for first, last in zip([0, *ends], ends, strict=False))
        assert numbers_in_text.scrub_text(f"经查{written}，罚款") == "经查" + "*" * len(written) + "，罚款"


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"(86|0086)?1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "X"]))
@example("13800019991", "").via("its digits 7 to 10 could be the year of a birth")
def test_every_mobile_number_is_masked_wherever_it_stands(number: str, behind: str):
    assert numbers_in_text.scrub_text(f"电话{number}{behind}。") in {
        f"电话{'*' * len(number)}{behind}。",
        f"电话{'*' * len(number + behind)}。",
    }


@pytest.mark.parametrize("letter", ["X", "x", "Ｘ", "ｘ", "×"])
def test_the_check_letter_is_one_however_it_is_typed(letter: str):
    text = f"当事人{ID[:17]}{letter}罚款２万元，电话13800138000。"
    assert numbers_in_text.scrub_text(text) == f"当事人{'*' * 18}罚款２万元，电话{'*' * 11}。"


def test_several_numbers_side_by_side_are_all_masked():
    text = f"当事人{ID} 13800138000，卡{CARD}、13900139000 350102199003071230"
    masked = numbers_in_text.scrub_text(text)
    assert not any(char.isdigit() for char in masked)
    assert masked.startswith("当事人***")


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(r"350102(19[0-9]{2}|20[01][0-9])(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True),
    st.text(alphabet="经查罚款元，。；（）ab \n", max_size=8),
    st.text(alphabet="经查罚款元，。；（）ab \n", max_size=8),
)
def test_every_identity_number_is_masked_wherever_it_stands(first17: str, before: str, after: str):
    number = first17 + id_card_check_char(first17)
    assert numbers_in_text.scrub_text(before + number + after) == before + "*" * 18 + after


DIGITS = st.from_regex(r"[0-9]{1,21}", fullmatch=True)
PIECES = st.one_of(
    DIGITS,
    st.sampled_from(
        [ID, ID[:17] + "X", ID[:17] + "x", "13800138000", "8613800138000", "008613800138000", CARD, "1380013"]
    ),
    st.sampled_from(
        [
            " ",
            "-",
            ".",
            "/",
            "·",
            "\u3000",
            "\u200b",
            "\u202c",
            "X",
            "×",
            "Ｘ",
            "，",
            "\n",
            "AB",
            "１３８００１３８０００",
            "３５０１０２",
        ],
    ),
    st.sampled_from(
        ["&nbsp;", "护照", "护照号：E", "港澳通行证"],
    ),
)


@settings(max_examples=700, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=7).map("".join), min_size=1, max_size=4))
def test_a_column_is_scrubbed_exactly_as_each_of_its_texts(texts: list[str]):
    """What a column leaves out beforehand, to be quick, holds nothing that would have been masked."""
    assert numbers_in_text.scrub_free_text(series(*texts)).tolist() == [
        numbers_in_text.scrub_text(text) for text in texts
    ]


def every_join(run: str) -> list[tuple[int, int]]:
    """What is personal in a run of digits, with every join of its groups looked at, however little sense it makes."""
    groups = [match.span() for match in re.finditer("[0-9]+X?|X", run)]
    spans: list[tuple[int, int]] = []
    for i, (start, _) in enumerate(groups):
        for j in range(i, len(groups)):
            parts = [run[first:last] for first, last in groups[i : j + 1]]
            token = "".join(parts)
            shorter = [*parts[:-1], parts[-1].removesuffix("X")]
            if len(token) <= 20 and any(
                numbers_in_text._personal("".join(some), tuple(map(len, filter(None, some))))
                for some in (parts, shorter)
                if len("".join(parts)) >= 11
            ):
                spans.append((start, groups[j][1]))
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


SHORT = st.from_regex(r"[0-9]{1,3}", fullmatch=True)
WHOLE = st.sampled_from([ID, ID[:6], ID[6:14], ID[14:], "110105491231002", "13800138000", "86", "0086", CARD, CARD[:4]])


@settings(max_examples=700, deadline=None)
@given(st.lists(st.one_of(SHORT, WHOLE), min_size=1, max_size=30).map("-".join), st.sampled_from(["", "X"]))
def test_what_is_passed_over_to_be_quick_is_nothing_personal(run: str, end: str):
    run = run.replace("X", "") + end
    assert numbers_in_text._scrub_run(run) == every_join(run)


def test_only_texts_with_long_numbers_are_looked_at_one_by_one_and_the_index_stays(monkeypatch: pytest.MonkeyPatch):
    s = pd.Series(["超限运输，罚款2000元" * 5] * 50_000 + [ID], dtype="str", index=range(7, 50_008), name="CF_SY")
    looked_at: list[str] = []
    monkeypatch.setattr(numbers_in_text, "scrub_text", lambda text: looked_at.append(text) or "*" * len(text))
    masked = numbers_in_text.scrub_free_text(s)
    assert looked_at == [ID]
    assert masked.index.equals(s.index)
    assert masked.iloc[-1] == "*" * 18
    assert masked.index.equals(s.index)
    assert masked.name == "CF_SY"
