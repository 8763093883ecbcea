"""Identifiers: the checks agree with the standards, with real codes and with an independent library."""

from __future__ import annotations

import string

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

from credit_exchange.core import identifiers as ids

REAL_USCC = [
    "914403001922038216",
    "9144030071526726XG",
    "91330100799655058B",
    "9135010026017703XW",
    "91350200612046130C",
    "91230500MA1B3N1N2M",
    "11230500001755309F",
    "91110000600037341L",
    "91320105780688132K",
]
ENDING_IN_ZERO = [  # Σ mod 31 = 0: the published version that forgets the outer mod fails on these
    "911522010783762860",
    "91340600MA2PBP2120",
    "91620105L015101280",
    "92340603MA2UK1TD00",
    "92340604MA2PENA300",
]
WRONG_USCC = [
    "91110000600037341N",
    "91320621MA1MRHG207",
    "91350211M0000XUF46",
    "12345",
    "",
    "9135010026017703XW ",
    "9135010026017703xw",
    "9135010026017703Ｘ",
    "91350100260177IOSZ",
    "440301103448669",
]


def series(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str")


def one(check, value: str | None) -> bool:
    """Ask among neighbours, so that a mix-up of rows would show."""
    return bool(check(series("", value, None))[1])


def test_real_unified_social_credit_codes_pass_and_wrong_ones_do_not():
    valid = ids.uscc_valid(series(*REAL_USCC, *ENDING_IN_ZERO, *WRONG_USCC, None))
    assert valid.tolist() == [True] * 14 + [False] * (len(WRONG_USCC) + 1)
    assert ids.uscc_embedded_org_valid(series(*REAL_USCC, *ENDING_IN_ZERO)).all()


def test_a_code_right_in_itself_with_a_wrong_organisation_code_inside_is_suspicious():
    first17 = "91350100260177030"
    code = first17 + ids.uscc_check_char(first17)
    assert one(ids.uscc_valid, code)
    assert not one(ids.uscc_embedded_org_valid, code)


def test_the_placeholder_is_recognised_and_never_valid():
    assert ids.is_placeholder(series(ids.PLACEHOLDER_USCC, REAL_USCC[0], None)).tolist() == [True, False, False]
    assert not one(ids.uscc_valid, ids.PLACEHOLDER_USCC)


def test_zeros_are_what_departments_type_for_nothing_though_every_check_sum_of_them_is_right():
    assert uscc.calc_check_digit("0" * 17) == "0"
    assert not one(ids.uscc_valid, "0" * 18)
    assert not one(ids.uscc_embedded_org_valid, "91350100" + "0" * 10)
    assert not one(ids.org_code_valid, "00000000-0")
    assert not one(ids.tax_no_valid, "0" * 15)
    assert not one(ids.reg_no_valid, "0" * 13)
    assert not one(ids.institution_no_valid, "0" * 12)


def test_codes_with_letters_in_front_are_valid_though_a_library_refuses_them():
    first17 = "N2350121MA32ABCD5"
    code = first17 + ids.uscc_check_char(first17)
    assert one(ids.uscc_valid, code)
    with pytest.raises(uscc.InvalidFormat):
        uscc.validate(code)


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[0-9]{8}[0-9A-HJ-NPQRTUWXY]{9}", fullmatch=True), st.sampled_from(ids.USCC_ALPHABET))
def test_uscc_agrees_with_stdnum(first17: str, other: str):
    check = ids.uscc_check_char(first17)
    assert check == uscc.calc_check_digit(first17)
    assume(int(first17, 36))
    assert one(ids.uscc_valid, first17 + check)
    assert one(ids.uscc_valid, first17 + other) == (other == check)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_no_text_breaks_a_check(value: str):
    for check in (ids.uscc_valid, ids.org_code_valid, ids.reg_no_valid, ids.id_card_valid, ids.tax_no_valid):
        assert check(series(value, REAL_USCC[0])).shape == (2,)
    valid = uscc.is_valid(value) and value.isascii() and value == uscc.compact(value) and value.strip("0") != ""
    assert one(ids.uscc_valid, value) == valid


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"350102(19[0-9]{2}|200[0-9])(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True))
def test_identity_numbers_agree_with_stdnum_in_the_check_character(first17: str):
    check = ids.id_card_check_char(first17)
    assert check == mod_11_2.calc_check_digit(first17) == ric.calc_check_digit(first17 + check)
    assert one(ids.id_card_valid, first17 + check)
    for other in string.digits + "X":
        assert one(ids.id_card_valid, first17 + other) == (other == check)


@pytest.mark.parametrize(
    ("first17", "valid"),
    [
        ("11010519491231002", True),  # the example of GB 11643
        ("44052418800101001", True),  # county unknown in the birth year: not our question
        ("33011320000229001", True),  # Linping district is missing in a library's table; 2000 is a leap year
        ("11010519960229001", True),
        ("11010519950229001", False),
        ("11010519000229001", False),  # 1900 is none
        ("11010519490230002", False),
        ("11010519491331002", False),
        ("11010519491200002", False),
        ("99010519491231002", False),
        ("11010517991231002", False),
    ],
)
def test_an_identity_number_needs_a_real_birth_date_and_province(first17: str, valid: bool):
    assert one(ids.id_card_valid, first17 + ids.id_card_check_char(first17)) is valid


def test_an_identity_number_begins_with_a_division_of_the_country():
    known = "11-15 21-23 31-37 41-46 50-54 61-65 71-71 81-83"  # GB/T 2260; 83 is on residence permits
    expected = {
        n for first, last in (span.split("-") for span in known.split()) for n in range(int(first), int(last) + 1)
    }
    numbers = [f"{division:02}010519491231002" for division in range(100)]
    valid = ids.id_card_valid(series(*(number + ids.id_card_check_char(number) for number in numbers)))
    assert set(valid.nonzero()[0].tolist()) == expected
    old = [ids.id_card_15_to_18(f"{division:02}0105491231002") for division in range(100)]
    assert {division for division, number in enumerate(old) if number} == expected


def test_old_identity_numbers_are_converted():
    assert ids.id_card_15_to_18("110105960229001") == "110105199602290011"
    assert ids.id_card_15_to_18("110105970229001") is None
    assert ids.id_card_15_to_18("110105491231002") == "11010519491231002X"
    assert ids.id_card_15_to_18("110105491331002") is None
    assert ids.id_card_15_to_18("11010549123100") is None
    assert not one(ids.id_card_valid, "110105491231002")


def test_organisation_codes_pass_with_and_without_hyphen():
    values = series("26017703X", "26017703-X", "260177030", "26017703--X", "2601770-3X", None, "")
    assert ids.org_code_valid(values).tolist() == [True, True, False, False, False, False, False]
    assert ids.org_code_check_char("26017703") == "X"


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[0-9]{14}", fullmatch=True))
def test_registration_numbers_agree_with_stdnum(first14: str):
    assert ids.reg_no_check_char(first14) == mod_11_10.calc_check_digit(first14)
    assert one(ids.reg_no_valid, first14 + ids.reg_no_check_char(first14))
    assert not one(ids.reg_no_valid, first14 + str((int(ids.reg_no_check_char(first14)) + 1) % 10))


def test_registration_numbers_of_both_ages():
    real = series("440301103448669", "440301103097413", "110108000000016", "440783763666398", "3304811104905")
    assert ids.reg_no_valid(real).all()
    assert not ids.reg_no_valid(series("440301103448668", "330481110490", "33048111049O5")).any()


def test_tax_and_institution_numbers():
    good = series("35010026017703X", "9135010026017703XW", "11010519491231002X01")
    assert ids.tax_no_valid(good).all()
    assert not ids.tax_no_valid(series("350100260177030", "11010519491231002", "")).any()
    assert ids.institution_no_valid(series("135010000123", "13501000012X", None)).tolist() == [True, False, False]


def test_slices_and_object_columns_are_read_at_the_right_place():
    column = series(*REAL_USCC, *WRONG_USCC)
    assert ids.uscc_valid(column.iloc[7:11]).tolist() == [True, True, False, False]
    assert ids.uscc_valid(pd.Series([None, *REAL_USCC], dtype=object)).tolist() == [False] + [True] * 9
    assert ids.uscc_valid(series()).tolist() == []
    assert ids.uscc_valid(pd.concat([column, column])).sum() == 18
    with pytest.raises(ValueError):
        ids.uscc_check_char("123")
