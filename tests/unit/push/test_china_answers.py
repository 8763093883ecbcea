"""What 信用中国 says of an import, a takedown and a query, also what it should never say."""

from __future__ import annotations

import orjson
import pytest
from canned import Answers, dialect, outcomes, reply, shipment

from credit_exchange.steps.push.dialects.base import Identity, Kind, Lost, NotSent, Reply, Shipment

IDENTITY: Identity = {"kind": "permission", "wsh": "榕1号", "jgdm": "J", "xdr": "91350100MA00000019"}


def xml(code: str, line: str = "", message: str = "") -> Reply:
    return reply(f"<RESULT><CODE>{code}</CODE><LINE>{line}</LINE><MSG>{message}</MSG></RESULT>".encode())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (xml("00"), "delivered:00 delivered:00 delivered:00"),
        (xml("02", "1"), "rejected:02 rest: rest:"),
        (xml("02", "2"), "delivered:00 rejected:02 rest:"),
        (xml("05", "2"), "delivered:00 delivered:05 rest:"),
        (xml("02", "3"), "delivered:00 delivered:00 rejected:02"),
        (xml("02", "0"), "unknown"),
        (xml("02", "4"), "unknown"),
        (xml("02", "-1"), "unknown"),
        (xml("02", "２"), "unknown"),
        (xml("05"), "unknown"),
        (xml("09"), "refused:busy"),
        (xml("01"), "unknown"),
        (xml("03"), "unknown"),
        (xml(""), "unknown"),
        (reply(b"<html/>"), "unknown"),
    ],
)
def test_the_rows_before_the_one_that_is_named_are_there_and_those_after_it_are_not(
    answer: Reply, expected: str
) -> None:
    result = dialect("china").send(shipment(body=b"<ROWDATA></ROWDATA>"), Answers(answer))
    assert outcomes(result) == expected
    assert result.credentials_refused == (answer == xml("01"))


def page(*subjects: str, total: object = None, tag: str = "ROW") -> Reply:
    rows = "".join(f"<{tag}><XK_XDR_SHXYM>{subject}</XK_XDR_SHXYM></{tag}>" for subject in subjects)
    return reply(f'<ROWDATA TOTAL="{len(subjects) if total is None else total}">{rows}</ROWDATA>'.encode())


OURS, OTHER = IDENTITY["xdr"], "91350100MA0000002X"


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([page()], "absent"),
        ([page(OTHER)], "absent"),
        ([page(*[OTHER] * 20, total=21), page(OTHER, total=21)], "absent"),
        ([page(*[OTHER] * 20, total=21), page(OURS, total=21)], "present"),
        ([page(*[OTHER] * 20, total=20)], "absent"),
        ([page(*[OTHER] * 20, total=21), page(total=21)], "unknown"),
        ([page(*[OTHER] * 19, total=21)], "unknown"),
        ([page(OTHER, OTHER, total=1)], "unknown"),
        ([page(OTHER, total="")], "unknown"),
        ([page(OTHER, total="１")], "unknown"),
        ([page(OTHER, total="-1")], "unknown"),
        ([page(OTHER, tag="ERROR")], "unknown"),
        ([reply(b"<html/>")], "unknown"),
        ([reply(b"", 500)], "unknown"),
        ([reply(b"", 429)], "refused:busy"),
    ],
)
def test_a_takedown_is_known_to_have_arrived_when_every_row_was_read_and_ours_is_not_there(
    pages: list[Reply], expected: str
) -> None:
    """What still lies there means that the takedown never came, and is sent again."""
    words = {"absent": "delivered:query", "present": "absent"}
    wire = Answers(*pages)
    assert outcomes(dialect("china").ask(takedown(IDENTITY), wire)) == words.get(expected, expected)
    assert [call.rpartition("page=")[2] for call, _ in wire.calls] == ["1", "2"][: len(pages)]


def takedown(*identities: Identity, fence: int = 1) -> Shipment:
    row = {"revoke": list(identities), "reason": "撤下"}
    return shipment("withdraw", 1, orjson.dumps({"rows": [row]}), fence)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([xml("00"), page()], "delivered:00"),
        ([xml("07"), page(OTHER)], "delivered:07"),
        ([xml("07"), page(OURS)], "held:07"),
        ([xml("00"), page(OURS)], "unknown"),
        ([xml("00"), reply(b"", 500)], "unknown"),
        ([xml("00"), reply(b"", 429)], "unknown"),
        ([xml("03")], "unknown"),
        ([xml("09")], "refused:busy"),
    ],
)
def test_a_row_is_taken_down_when_it_is_read_to_be_gone(answers: list[Reply], expected: str) -> None:
    wire = Answers(*answers)
    assert outcomes(dialect("china").send(takedown(IDENTITY), wire)) == expected
    assert wire.answers == []


@pytest.mark.parametrize("first", [page(), page(OURS)])
def test_of_several_rows_all_have_to_be_gone(first: Reply) -> None:
    both = takedown(IDENTITY, IDENTITY | {"wsh": "榕2号"})
    assert dialect("china").ask(both, Answers(first, page(OURS))).kind is Kind.ABSENT
    wire = Answers(xml("07"), page(OURS))
    assert outcomes(dialect("china").send(both, wire)) == "held:07", "the second one was tried all the same"


# --- a look of many queries

MANY = [IDENTITY | {"wsh": f"榕{number}号"} for number in range(4)]


@pytest.mark.parametrize("failure", [Lost("reset"), NotSent("refused"), reply(b"", 503)])
@pytest.mark.parametrize(("fence", "again"), [(2, 2), (3, 4), (1, 4)])
def test_a_look_that_was_cut_short_goes_on_unless_somebody_else_had_the_shipment(
    failure: Reply | Exception, fence: int, again: int
) -> None:
    dialect.cache_clear()
    result = dialect("china").ask(takedown(*MANY), Answers(page(), page(), failure))
    assert (result.kind, result.further) == (Kind.UNKNOWN, True)
    wire = Answers(*[page()] * 4)
    assert dialect("china").ask(takedown(*MANY, fence=fence), wire).kind is Kind.STORED
    assert len(wire.calls) == again


def test_a_look_that_comes_no_further_says_so_and_keeps_what_it_found() -> None:
    dialect.cache_clear()
    china = dialect("china")
    assert china.ask(takedown(*MANY), Answers(page(), Lost("reset"))).further
    assert not china.ask(takedown(*MANY, fence=2), Answers(Lost("reset"))).further
    with pytest.raises(NotSent):
        china.ask(takedown(*MANY, fence=3), Answers(NotSent("refused")))
    wire = Answers(*[page()] * 3)
    assert china.ask(takedown(*MANY, fence=4), wire).kind is Kind.STORED
    assert len(wire.calls) == 3
    assert china.ask(takedown(MANY[0], MANY[0]), Answers(page())).kind is Kind.STORED  # a document is asked for once


def row(number: int, content: str) -> str:
    return (
        f"<ROW><XK_WSH>榕{number}号</XK_WSH><XK_XKJGDM>J</XK_XKJGDM><XK_XDR_SHXYM>{OURS}</XK_XDR_SHXYM>"
        f"<XK_NR>{content}</XK_NR></ROW>"
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("new", "new", "delivered:query delivered:query"),
        ("new", "old", "delivered:query rest:"),
        ("", "new", "rest: delivered:query"),
        ("old", "old", "absent"),
        ("old", "", "absent"),
    ],
)
def test_an_import_arrived_where_the_very_row_is_read_and_not_an_older_one(
    first: str, second: str, expected: str
) -> None:
    body = f"<ROWDATA>{row(1, 'new')}{row(2, 'new')}</ROWDATA>".encode()
    pages = [
        reply(f'<ROWDATA TOTAL="{int(bool(there))}">{row(number, there) if there else ""}</ROWDATA>'.encode())
        for number, there in ((1, first), (2, second))
    ]
    assert outcomes(dialect("china").ask(shipment(lines=2, body=body), Answers(*pages))) == expected
