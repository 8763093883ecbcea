"""Reading back from 信用中国: the rows stored under a document number and an agency's code, 20 a page."""

from __future__ import annotations

from urllib.parse import urlencode

from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.answers import http_refusal, unknown
from credit_exchange.steps.push.dialects.base import CallResult, Identity, Wire

Rows = list[dict[str, str]]
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
            return unknown(reply, f"平台答复 HTTP {reply.status}")
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
