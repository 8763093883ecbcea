"""Whole columns on the wire: never anything else than what the dialect says of each record by itself."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.config.connections import Connection
from credit_exchange.config.loader import Configuration, load
from credit_exchange.steps.payload import Payload, Sheet, sheets_of
from credit_exchange.steps.push.dialects.base import Context, Dialect, Outcome, Piece, Verdict, dialect_for

PLATFORMS = ("fuzhou", "fujian", "china")
DATASETS = ("permit", "penalty")
KINDS = ("legal", "person", "sole_trader")
ODD = ["", '甲"乙\\丙', "a<b>&c", "x\r\ny\tz", "\x00\x0b", "\ufffe", "𠮷", "长" * 3000, "</ROW><ROW>", "0"]
"""Values that some wire has to escape, refuse, leave out or cut short."""
PLAIN = {"date": "2026-11-22", "decimal": "12.5", "int": "3"}


@cache
def configuration() -> Configuration:
    return load()


@cache
def dialect(platform: str) -> Dialect:
    shipped = configuration()
    return dialect_for(Context(shipped.platforms[platform], shipped.datasets, Connection("x", host="http://x.invalid")))


def plain_fields(dataset: str) -> dict[str, str]:
    """Every field of a data set with a value that no wire objects to."""
    fields = configuration().datasets[dataset].fields
    return {
        code: PLAIN.get(field.type, "样例1")[: field.length or None]
        for code, field in fields.items()
        if not field.internal
    }


@st.composite
def records(draw: st.DrawFn, dataset: str) -> list[Payload]:
    """A few records of which each differs from the plain one in some fields."""
    codes = sorted(plain_fields(dataset))
    made = []
    for number in range(draw(st.integers(1, 6))):
        fields = plain_fields(dataset)
        for code in draw(st.lists(st.sampled_from(codes), max_size=4)):
            value = draw(st.sampled_from([None, *ODD, "2026-02-30", "22.11.2026", "0.1234567"]))
            fields.pop(code, None)
            if value is not None:
                fields[code] = value
        if draw(st.booleans()):
            fields["X_UNKNOWN"] = "目录中没有"
        kind = draw(st.sampled_from(KINDS))
        made.append(Payload(number, f"r{number}", number + 1, "upsert", dataset, kind, fields))
    return made


def one_sheet(payloads: list[Payload]) -> Sheet:
    (sheet,) = sheets_of(payloads)
    return sheet


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("platform", PLATFORMS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_row_of_a_sheet_is_the_piece_of_its_record(platform: str, dataset: str, data: st.DataObject) -> None:
    payloads = data.draw(records(dataset))
    pieces = dialect(platform).encode_sheet(one_sheet(payloads))
    if pieces is None:
        return
    for payload, lane, row in zip(payloads, pieces.lanes, pieces.data, strict=True):
        if lane is not None:
            assert dialect(platform).encode(payload, ()) == Piece(lane, row)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_needs_no_care_goes_the_quick_way(platform: str, dataset: str) -> None:
    fields = plain_fields(dataset)
    payloads = [Payload(n, f"r{n}", 1, "upsert", dataset, "legal", fields) for n in range(3)]
    payloads[1].fields = fields | {"BZ": 'in "quotes"'}
    pieces = dialect(platform).encode_sheet(one_sheet(payloads))
    assert pieces is not None
    assert None not in pieces.lanes


@pytest.mark.parametrize(
    ("field", "value", "code", "says"),
    [
        ("XK_NR", "长" * 5000, "LEN", "XK_NR：长度超过 "),
        ("XK_JDRQ", "22.11.2026", "FORM", "XK_JDRQ：不是日期"),
    ],
)
def test_a_value_that_the_wire_cannot_carry_is_told_by_its_field(field: str, value: str, code: str, says: str) -> None:
    payload = Payload(1, "r1", 1, "upsert", "permit", "legal", plain_fields("permit") | {field: value})
    verdict = dialect("fujian").encode(payload, ())
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.code) == (Outcome.REJECTED, code)
    assert verdict.message.startswith(says)
    assert value not in verdict.message


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_identities_of_a_sheet_tell_apart_what_identities_tell_apart(data: st.DataObject) -> None:
    """Also when they are read again from the bytes of the shipment that carried them."""
    china = dialect("china")
    payloads = data.draw(records("permit"))
    for payload, key in zip(payloads, china.identity_keys(one_sheet(payloads)), strict=True):
        identity = china.identity_of(payload)
        assert (key is None) == (identity is None)
        piece = china.encode(payload, ())
        if identity is not None and isinstance(piece, Piece):
            assert china.identities("permit", china.assemble(None, [piece.data])) == {1: identity}  # type: ignore[arg-type]
        if identity is not None:
            assert key == china.identity_key(identity)


def test_a_row_is_held_while_the_record_lies_under_another_identity() -> None:
    china = dialect("china")
    payload = Payload(1, "r1", 2, "upsert", "permit", "legal", plain_fields("permit"))
    now = china.identity_of(payload)
    assert now is not None
    assert isinstance(china.encode(payload, [now]), Piece)
    verdict = china.encode(payload, [now | {"wsh": "旧1号"}])
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.code) == (Outcome.HELD, "PLACE")
