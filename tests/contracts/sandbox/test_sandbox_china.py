"""信用中国 (C) as platform-protocols.md has it, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from lxml import etree
from sandbox_senders import AGENCY, USCC, ChinaSender, penalty, permit, xml_of

from platforms import Sandbox
from platforms import china as china_platform
from platforms.columns import PERMIT

WSH = permit()["XK_WSH"]


def test_rows_are_stored_until_the_first_bad_one(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    rows = [permit(XK_WSH="一"), permit(XK_WSH="二", XK_NR=""), permit(XK_WSH="三")]
    assert sender.permits(*rows) == ("02", "2")
    assert [key[1] for key in sandbox.current()] == ["一"]
    assert sender.permits(permit(XK_WSH="零"), permit(XK_WSH="一"), permit(XK_WSH="三")) == ("05", "2")
    assert [key[1] for key in sandbox.current()] == ["一", "零"]


def test_the_same_identity_with_other_content_replaces(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    assert sender.permits(permit()) == ("00", "")
    assert sender.permits(permit()) == ("05", "1")
    assert sender.permits(permit(BZ="更正")) == ("00", "")
    assert sandbox.current()["permission", WSH, AGENCY, USCC]["BZ"] == "更正"
    assert len(sandbox.ledger.applies()) == 2
    assert sandbox.ledger.repeated() == []


def test_the_subject_is_the_name_as_sent_where_there_is_no_code(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    natural = permit(XK_XDR_LB="自然人", XK_XDR_MC="张**", XK_XDR_SHXYM="")
    nocode = permit(XK_XDR_SHXYM="0" * 17 + "X")
    assert sender.permits(natural, nocode, permit()) == ("00", "")
    assert [key[3] for key in sandbox.current()] == ["张**", "福州虚构茶业有限公司", USCC]


def test_a_lost_reply_is_settled_by_the_query_of_20_a_page(china: ChinaSender) -> None:
    rows = [permit(XK_XDR_SHXYM="", XK_XDR_LB="自然人", XK_XDR_MC=f"虚构{n}") for n in range(21)]
    assert china.permits(*rows) == ("00", "")
    first = etree.fromstring(china.query(wsh=WSH, jgdm=AGENCY, page="1").content)
    second = etree.fromstring(china.query(wsh=WSH, jgdm=AGENCY, page="2").content)
    assert (first.get("TOTAL"), len(first), len(second)) == ("21", 20, 1)
    assert [cell.tag for cell in second[0]] == [column.code for column in PERMIT]
    assert second[0].findtext("XK_NR") == permit()["XK_NR"]
    assert second[0].findtext("XK_JDRQ") == "2026/11/20"
    assert etree.fromstring(china.query(wsh="无", jgdm=AGENCY).content).get("TOTAL") == "0"
    assert china.query(wsh=WSH).status_code == 400


def test_a_withdrawal_needs_exactly_one_row(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    sender.penalties(penalty())
    asked = {"kind": "penalty", "wsh": penalty()["CF_WSH"], "jgdm": AGENCY, "xdr": USCC, "reason": "信用修复"}
    assert sender.result("revokeXml", **asked | {"xdr": "他人"}) == ("07", "")
    assert sender.result("revokeXml", **asked) == ("00", "")
    assert sender.result("revokeXml", **asked) == ("07", "")
    assert sandbox.current() == {}
    assert sender.penalties(penalty()) == ("00", "")
    assert [apply.op for apply in sandbox.ledger.applies()] == ["upsert", "withdraw", "upsert"]


def test_penalties_of_natural_persons_are_refused(china: ChinaSender) -> None:
    assert china.penalties(penalty(CF_XDR_LB="自然人", CF_XDR_SHXYM="")) == ("02", "1")


@pytest.mark.parametrize(
    "xml",
    [
        xml_of(PERMIT, permit(XK_WSH="号" * 65)),
        xml_of(PERMIT, permit(XK_XDR_SHXYM="91350100MA00000001")),
        xml_of(PERMIT, permit()).replace("2026/11/20", "2026-11-20"),
        xml_of(PERMIT, permit()).replace("<BZ></BZ>", ""),
        xml_of(tuple(reversed(PERMIT)), permit()),
    ],
)
def test_a_bad_row_is_02_with_its_line(china: ChinaSender, xml: str) -> None:
    assert china.result("importPermissionXml", xml=xml) == ("02", "1")


@pytest.mark.parametrize(
    "xml",
    [
        "<ROWDATA><ROW>", "<OTHER/>", "<ROWDATA></ROWDATA>",
        xml_of(PERMIT, *[permit(XK_WSH=str(n)) for n in range(101)]),
        xml_of(PERMIT, permit()).replace("普通", "\x0b"), "<!DOCTYPE ROWDATA []>" + xml_of(PERMIT, permit()),
    ],
    ids=["cut", "other", "none", "101", "control", "dtd"],
)  # fmt: skip
def test_a_document_that_is_not_right_stores_nothing(china: ChinaSender, xml: str) -> None:
    assert china.result("importPermissionXml", xml=xml) == ("02", "")


def test_amounts_have_six_decimals(china: ChinaSender) -> None:
    from platforms.columns import PENALTY

    xml = xml_of(PENALTY, penalty())
    assert china.result("importPenaltyXml", xml=xml.replace("0.200000", "0.2")) == ("02", "1")
    assert china.result("importPenaltyXml", xml=xml) == ("00", "")


def test_an_unknown_token_is_01_and_busy_is_09(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    assert sender.permits(permit(), token="other") == ("01", "")
    sandbox.faults.add("import_permission", "busy")
    assert sender.permits(permit()) == ("09", "")
    sandbox.faults.add("import_permission", "reject", line=2)
    assert sender.permits(permit(), permit(XK_WSH="二")) == ("02", "2")
    assert len(sandbox.current()) == 1


def test_more_than_two_calls_a_second_get_429_and_a_page(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = ChinaSender(serve("china", rate_limit=True))
    seconds = iter([50.0, 50.4, 50.9, 51.1, 51.3])
    monkeypatch.setattr(china_platform, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    answers = [sender.query(wsh="a", jgdm="b") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 429]
    assert "html" in answers[2].headers["Content-Type"]
