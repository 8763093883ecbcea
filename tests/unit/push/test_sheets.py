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


def routed(platform: str, **changed: object) -> Dialect:
    """The dialect where permits travel otherwise."""
    shipped = configuration().platforms[platform]
    routes = shipped.datasets | {"permit": shipped.datasets["permit"].model_copy(update=changed)}
    file = shipped.model_copy(update={"datasets": routes})
    return dialect_for(Context(file, configuration().datasets, Connection("x", host="http://x.invalid")))


@pytest.mark.parametrize("changed", [{"fields": {"XK_NR": "XKNR"}}, {"omit": ["XK_NR"]}], ids=["renamed", "omitted"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_a_platform_names_otherwise_or_does_not_get_is_so_on_both_ways(
    platform: str, changed: dict[str, object]
) -> None:
    made = routed(platform, **changed)
    payload = Payload(1, "r1", 1, "upsert", "permit", "legal", plain_fields("permit") | {"XK_NR": "准予零售"})
    piece = made.encode(payload, ())
    assert isinstance(piece, Piece)
    pieces = made.encode_sheet(one_sheet([payload]))
    assert pieces is None or Piece(str(pieces.lanes[0]), pieces.data[0]) == piece
    assert ("准予零售" in piece.data.decode()) == ("fields" in changed)
    assert ("xknr" in piece.data.decode().lower()) == ("fields" in changed)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_takedown_always_says_why(platform: str) -> None:
    payload = Payload(1, "r1", 2, "withdraw", "permit", "legal", plain_fields("permit"), " ")
    piece = dialect(platform).encode(payload, ())
    assert isinstance(piece, Piece)
    assert "撤下" in piece.data.decode()


def test_a_record_of_which_nothing_may_be_said_is_held_for_a_person() -> None:
    fuzhou, payload = dialect("fuzhou"), Payload(1, "r1", 1, "upsert", "permit", "legal", {"XK_NR": ""})
    verdict = fuzhou.encode(payload, ())
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.code) == (Outcome.HELD, "EMPTY")
    for fields in ({}, {"XK_NR": ""}):
        payload.fields = fields
        assert fuzhou.encode_sheet(one_sheet([payload])).lanes == [None]  # type: ignore[union-attr]


def test_what_the_catalogue_does_not_know_travels_and_what_is_internal_never_does() -> None:
    fields = configuration().datasets["permit"].fields
    internal = next(code for code, field in fields.items() if field.internal)
    payload = Payload(1, "r1", 1, "upsert", "permit", "legal", plain_fields("permit"))
    payload.fields |= {"X_UNKNOWN": "目录外", "X_OMITTED": "略去", internal: "内部"}
    piece = routed("fujian", omit=["X_OMITTED"]).encode(payload, ())
    assert isinstance(piece, Piece)
    assert '"x_unknown":"目录外"' in piece.data.decode()
    assert "内部" not in piece.data.decode()
    assert "略去" not in piece.data.decode()


@pytest.mark.parametrize(
    ("platform", "amount", "day"),
    [("fuzhou", "0.2", "2026-11-22"), ("fujian", "2000.00", "20261122"), ("china", "0.200000", "2026/11/22")],
)
def test_amounts_and_dates_are_written_as_each_platform_wants_them(platform: str, amount: str, day: str) -> None:
    fields = plain_fields("penalty") | {"CF_NR_FK": "0.2"}
    piece = dialect(platform).encode(Payload(1, "r1", 1, "upsert", "penalty", "legal", fields), ())
    assert isinstance(piece, Piece)
    written = piece.data.decode().lower()
    assert any(f"{mark}{amount}{end}" in written for mark, end in (('"cf_nr_fk":"', '"'), ("<cf_nr_fk>", "<")))
    assert any(f"{mark}{day}{end}" in written for mark, end in (('"cf_jdrq":"', '"'), ("<cf_jdrq>", "<")))


def test_whom_a_code_that_stands_for_nobody_is_about_the_name_says() -> None:
    china, permit = dialect("china"), configuration().datasets["permit"]
    assert permit.placeholder_codes
    for code in ("", *permit.placeholder_codes):
        fields = plain_fields("permit") | {"XK_XDR_SHXYM": code, "XK_XDR_MC": "榕城样例店"}
        payload = Payload(1, "r1", 1, "upsert", "permit", "legal", fields)
        identity = china.identity_of(payload)
        assert identity is not None
        assert identity["xdr"] == "榕城样例店"
        assert china.identity_keys(one_sheet([payload])) == [china.identity_key(identity)]
