"""Reading back from 信用中国: the rows stored under a document number and an agency's code, 20 a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlencode

from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.answers import http_refusal, odd, unknown
from credit_exchange.steps.push.dialects.base import CallResult, Identity, Kind, Lost, NotSent, Shipment, Wire

Rows = list[dict[str, str]]
Found = dict[tuple[str, str, str], Rows]
"""The rows that lie there, by kind, document number and agency's code."""
_PAGE = 20
_MOST_PAGES = 500


def query(wire: Wire, base: str, identity: Identity) -> Rows | CallResult:
    """Return every row of this document and agency, or what the answer means when there is no proper one."""
    kind = identity["kind"]
    rows: Rows = []
    for page in range(1, _MOST_PAGES + 1):
        asked = urlencode({"wsh": identity["wsh"], "jgdm": identity["jgdm"], "page": page})
        reply = wire.call("GET", f"{base}/query/{kind}?{asked}")
        refused = http_refusal(reply)
        if refused is not None:
            return refused
        if reply.status != 200:
            return odd(reply)
        try:
            data = forms.read_xml(reply.body, "ROWDATA")
            total = data.get("TOTAL") or ""
            if not (total.isascii() and total.isdigit()) or any(row.tag != "ROW" for row in data):
                raise forms.BadReply("查询的答复不符合约定的格式")
        except forms.BadReply as bad:
            return unknown(reply, str(bad))
        rows += [{str(cell.tag): cell.text or "" for cell in row} for row in data]
        if len(rows) >= int(total):
            if len(rows) == int(total):
                return rows
            break
        if len(data) != _PAGE:
            break
    return unknown(reply, "查询各页的行数之和与总数不符")


class Looks:
    """The queries of shipments that are looked for: one for each document. A look that is cut short is gone on with.

    A platform that fails now and then would let no look of a hundred queries come to its end, were each begun anew.
    """

    def __init__(self) -> None:
        self._cut_short: dict[str, tuple[int, Found]] = {}

    def look(self, wire: Wire, base: str, shipment: Shipment, wanted: Iterable[Identity]) -> Found | CallResult:
        """Return what lies under these documents, or what the answer means on which this look ended."""
        number = shipment.label.shipment_no
        fence, found = self._cut_short.pop(number, (0, {}))
        if shipment.fence != fence + 1:  # somebody else had it since, and may have sent it again
            found = {}
        before = len(found)
        for identity in wanted:
            key = key_of(identity)
            if key in found:
                continue
            try:
                answer = query(wire, base, identity)
            except Lost as error:
                answer = CallResult(Kind.UNKNOWN, http_status=error.status, reply=error.reply, problem=str(error))
            except NotSent as error:
                if len(found) == before:  # nobody is there: that is the platform's trouble
                    self._cut_short[number] = shipment.fence, found
                    raise
                answer = CallResult(Kind.UNKNOWN, problem=str(error))
            if isinstance(answer, CallResult):
                self._cut_short[number] = shipment.fence, found
                return replace(answer, further=len(found) > before)
            found[key] = answer
        return found


def key_of(identity: Identity) -> tuple[str, str, str]:
    """Return what is queried of an identity: kind, document number, agency's code."""
    return identity["kind"], identity["wsh"], identity["jgdm"]
