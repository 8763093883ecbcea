"""Values are written exactly as each wire wants them; replies that are not what they should be are never believed."""

from __future__ import annotations

import pytest

from credit_exchange.config.catalog import CatalogField
from credit_exchange.steps.push.dialects import forms

DATE = CatalogField(code="XK_JDRQ", name="决定日期", type="date")
AMOUNT = CatalogField(code="CF_NR_FK", name="罚款金额", type="decimal", unit="wan_yuan")


def test_dates_take_the_separator_of_the_wire() -> None:
    assert forms.date_of("2026-11-23", DATE, "/") == "2026/11/23"
    assert forms.date_of("2026-11-23", DATE, "") == "20261123"
    for odd in ("23.11.2026", "2026-11-23T00:00", " 2026-11-23"):
        with pytest.raises(forms.BadValue, match="XK_JDRQ"):
            forms.date_of(odd, DATE, "/")


@pytest.mark.parametrize(("wan_yuan", "yuan", "six"), [
    ("0.2", "2000.00", "0.200000"), ("12", "120000.00", "12.000000"), ("0.000001", "0.01", "0.000001"),
    ("100000000000", "1000000000000000.00", "100000000000.000000"),
])  # fmt: skip
def test_amounts_are_converted_without_rounding(wan_yuan: str, yuan: str, six: str) -> None:
    assert forms.amount_of(wan_yuan, AMOUNT, factor=10_000, places=2) == yuan
    assert forms.amount_of(wan_yuan, AMOUNT, factor=1, places=6) == six


@pytest.mark.parametrize("value", ["0.0000001", "x", "NaN", "Infinity", "-Infinity", "sNaN", ""])
def test_an_amount_that_does_not_fit_is_never_rounded(value: str) -> None:
    with pytest.raises(forms.BadValue, match="CF_NR_FK"):
        forms.amount_of(value, AMOUNT, factor=10_000, places=2)


def test_characters_that_xml_forbids_are_left_out() -> None:
    assert forms.xml_safe("甲\x0b乙\ufffe\tA\U00020000") == "甲乙\tA\U00020000"


@pytest.mark.parametrize("body", [
    b"", b"<html></html>", b'{"a": 1', b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b"[]", b"\xff\xfe",
    b"[" * 100_000,
])  # fmt: skip
def test_what_is_not_proper_json_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(forms.BadReply):
        forms.read_json(body)


@pytest.mark.parametrize("body", [
    b"", b"<RESULT>", b"<html/>", b"<!DOCTYPE html><html></html>", b"not xml",
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><RESULT>&x;</RESULT>',
])  # fmt: skip
def test_what_is_not_the_proper_xml_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(forms.BadReply):
        forms.read_xml(body, "RESULT")


def test_messages_of_platforms_are_kept_without_numbers_of_persons() -> None:
    assert "350102199003074514" not in forms.said("证件号码350102199003074514不符")
    assert forms.said(None) == ""
    assert len(forms.said("长" * 9000)) == 2000


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\x1b", "\x08", "\x7f", "\x9b", "\u202e", "\u2067", "\u2028"])
def test_what_the_database_cannot_hold_or_a_terminal_obeys_is_never_kept_of_an_answer(odd: str) -> None:
    assert forms.said(f"甲{odd}乙") == "甲\ufffd乙"
    with pytest.raises(forms.BadReply, match="receipt_no"):
        forms.text({"receipt_no": f"FZ{odd}"}, "receipt_no")
