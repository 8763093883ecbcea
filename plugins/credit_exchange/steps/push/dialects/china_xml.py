"""Dialect C (信用中国): XML that stops at the first bad row and knows no ids. Source: platform-protocols, C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from credit_exchange.core.canonical import canonical_json
from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.answers import http_refusal, odd, unknown
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Identity,
    Kind,
    Label,
    Outcome,
    Piece,
    Pieces,
    Refusal,
    Reply,
    Shipment,
    Verdict,
    Wire,
    elsewhere,
    register,
)
from credit_exchange.steps.push.dialects.china_query import Looks, Rows, key_of, query
from credit_exchange.steps.push.dialects.china_rows import ChinaRows, cells, needs
from credit_exchange.steps.push.dialects.listing import Lies, NoList

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload, Sheet

_STILL_THERE = Verdict(Outcome.HELD, "07", "平台未能撤下且查询仍有该行，请人工核对")
_ELSEWHERE = elsewhere("以原文书号、机关代码或相对人在平台")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@register("china_xml", needs)
class ChinaXml:
    """`POST /services/importPermissionXml`, `importPenaltyXml` and `revokeXml`; queries settle what is unknown."""

    by_identity: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self._platform = context.platform
        self._base = context.connection.base_url
        self._token = context.connection.password
        self._rows = ChinaRows(context.platform, context.datasets)
        self._looks = Looks()

    # --- writing

    def encode(self, payload: Payload, there: Sequence[Identity]) -> Piece | Verdict:
        """Return the row; a withdrawal travels alone. While a record lies under another identity its row is held."""
        if payload.op == "withdraw":
            known = list(there) or [i for i in [self.identity_of(payload)] if i]
            if not known:
                return Verdict(Outcome.DELIVERED, "NONE", "该记录从未报送到平台，无需撤下")
            row: dict[str, Any] = {"revoke": known, "reason": payload.reason.strip() or "撤下"}
            return Piece(payload.dataset, canonical_json(row), alone=True)
        if self._refuses(payload.dataset, payload.subject_kind):
            return Verdict(Outcome.HELD, "NATURAL", "平台不接收自然人行政处罚，请检查共享规则")
        identity = self.identity_of(payload)
        if identity is None:
            return Verdict(Outcome.REJECTED, "IDENTITY", "缺少文书号、机关代码或相对人，平台无法识别该记录")
        try:
            xml = self._rows.row(payload)
        except forms.BadValue as bad:
            return Verdict(Outcome.REJECTED, bad.code, str(bad))
        return _ELSEWHERE if any(one != identity for one in there) else Piece(payload.dataset, xml.encode())

    def _refuses(self, name: str, subject_kind: str) -> bool:
        route, _ = self._rows.route(name)
        return route.kind == "penalty" and subject_kind == "person"

    def encode_sheet(self, sheet: Sheet) -> Pieces | None:
        """Return the rows whose values are all in order; the others are encoded, or refused, by themselves."""
        if sheet.op != "upsert":
            return None
        data, care = self._rows.sheet(sheet)
        refused = {kind for kind in set(sheet.subject_kinds) if self._refuses(sheet.dataset, kind)}
        lanes = [
            None if careful or kind in refused else sheet.dataset
            for careful, kind in zip(care, sheet.subject_kinds, strict=True)
        ]
        return Pieces(lanes, data)

    def identity_of(self, payload: Payload) -> Identity | None:
        """Return kind, document number, agency's code and subject as they will stand there; None when one is absent."""
        return self._rows.identity(payload.dataset, payload.fields)

    def identity_keys(self, sheet: Sheet) -> Sequence[str | None]:
        """Return a text for the identity of each row, None where it has none."""
        return self._rows.keys(sheet)

    def identity_key(self, identity: Identity) -> str:
        """Return the text of one identity."""
        return self._rows.key(identity)

    def overhead(self) -> tuple[int, int]:
        """Return the bytes of the envelope, and the comma."""
        return 64, 1

    def assemble(self, label: Label, pieces: Sequence[bytes]) -> bytes:
        """Return the rows; the token is added when they are sent and never stored."""
        return self._rows.assemble(pieces)

    def identities(self, dataset: str, body: bytes) -> Mapping[int, Identity]:
        """Return the identity of each imported line."""
        return {number: row.identity for number, row in enumerate(self._rows.sent(dataset, body), 1) if row.identity}

    # --- sending

    def send(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Import the rows, or revoke one and read back; what an earlier version packed does one after the other."""
        last: CallResult | None = None
        if not shipment.body.startswith(b"<"):
            for row in self._rows.sent(shipment.label.dataset, shipment.body):
                for old in row.revoke:
                    last = self._revoke(shipment, wire, old, row.reason)
                    if last.kind is not Kind.STORED or last.verdicts[1].outcome is not Outcome.DELIVERED:
                        return last
        if shipment.label.op == "withdraw":
            return last or CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "NONE")})
        result = self._import(shipment, wire)
        return result if last is None else _revoked_and(result)

    def _import(self, shipment: Shipment, wire: Wire) -> CallResult:
        route, _ = self._rows.route(shipment.label.dataset)
        rows = len(shipment.lines)
        reply = self._post(wire, f"/services/{route.endpoint}", {"xml": self._rows.imported(shipment.body)})
        code, line, message = "", 0, ""
        try:
            early = _early(reply)
            if early is not None:
                return early
            code, line, message = _result(reply, rows)
        except forms.BadReply as bad:
            return unknown(reply, str(bad))
        if code == "00":
            return _stored(reply, code, dict.fromkeys(range(1, rows + 1), Verdict(Outcome.DELIVERED, "00")))
        if code in ("02", "05"):
            verdicts = {n: Verdict(Outcome.DELIVERED, "00") for n in range(1, line)}
            verdicts[line] = Verdict(Outcome.DELIVERED if code == "05" else Outcome.REJECTED, code, message)
            verdicts |= {n: Verdict(Outcome.REST, "") for n in range(line + 1, rows + 1)}
            return _stored(reply, code, verdicts)
        return unknown(reply, f"平台答复代码 {code}", code=code)

    def _revoke(self, shipment: Shipment, wire: Wire, identity: Identity, reason: str) -> CallResult:
        """Take one row off: settled when it is gone (read back), held when it is refused and still there."""
        reply = self._post(wire, "/services/revokeXml", {**identity, "reason": reason})
        try:
            early = _early(reply)
            if early is not None:
                return early
            code, _, _ = _result(reply, 0)
        except forms.BadReply as bad:
            return unknown(reply, str(bad))
        if code not in ("00", "07"):
            return unknown(reply, f"平台答复代码 {code}", code=code)
        rows = query(wire, self._base, identity)
        if isinstance(rows, CallResult):
            # the revocation was answered, its read-back was not: it has to be asked again
            return unknown(reply, "撤下后未能查询核实", code=code)
        if self._lying(rows, shipment.label.dataset, identity):
            return _stored(reply, code, {1: _STILL_THERE}) if code == "07" else unknown(reply, "撤下后查询仍有该行")
        return _stored(reply, code, {1: Verdict(Outcome.DELIVERED, code)})

    # --- asking

    def ask(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Query every row of an unknown shipment and compare what is there with what was sent."""
        name = shipment.label.dataset
        rows = self._rows.sent(name, shipment.body)
        wanted = [row.identity for row in rows if row.identity]
        if shipment.label.op == "withdraw":
            wanted = [identity for row in rows for identity in row.revoke]
        found = self._looks.look(wire, self._base, shipment, wanted)
        if isinstance(found, CallResult):
            return found
        lying = [self._lying(found[key_of(identity)], name, identity) for identity in wanted]
        if shipment.label.op == "withdraw":
            return (
                CallResult(Kind.ABSENT, code="query")
                if any(lying)
                else CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "query")}, code="query")
            )
        same = [cells(row.xml or "") in lies for row, lies in zip(rows, lying, strict=True)]
        if not any(same):
            return CallResult(Kind.ABSENT, code="query")
        verdicts = {
            number: Verdict(Outcome.DELIVERED, "query") if is_there else Verdict(Outcome.REST)
            for number, is_there in enumerate(same, 1)
        }
        return CallResult(Kind.STORED, verdicts, code="query")

    def poll(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Ask, as this platform has no tasks."""
        return self.ask(shipment, wire)

    def under(self, dataset: str, body: bytes, line_no: int) -> Sequence[Identity]:
        """Return under what a line brought its row, or what it revoked (listing.Answers)."""
        row = self._rows.sent(dataset, body)[line_no - 1]
        return [row.identity] if row.xml and row.identity else row.revoke

    def lies(self, dataset: str, body: bytes, line_no: int, wire: Wire) -> Lies:
        """Query what lies where a line brought its row, or revoked one (listing.Answers)."""
        xml = self._rows.sent(dataset, body)[line_no - 1].xml
        for identity in self.under(dataset, body, line_no):
            rows = query(wire, self._base, identity)
            if isinstance(rows, CallResult):
                raise NoList(rows)
            if lying := self._lying(rows, dataset, identity):
                return Lies.SAME if xml and cells(xml) in lying else Lies.OTHER
        return Lies.NOTHING

    def _lying(self, rows: Rows, name: str, identity: Identity) -> list[dict[str, str]]:
        """Return the rows of this data set that lie under exactly this identity.

        What was packed before the file was changed may say another kind than its data set has now.
        """
        route, dataset = self._rows.route(name)
        subject = dataset.identity.subject
        uscc, name = forms.renamed(route, subject.uscc or ""), forms.renamed(route, subject.name)
        placeholders = ("", *dataset.placeholder_codes)
        return [
            row
            for row in rows
            if (row.get(name, "") if row.get(uscc, "") in placeholders else row[uscc]) == identity["xdr"]
        ]

    def _post(self, wire: Wire, path: str, form: Mapping[str, str]) -> Reply:
        pairs = {"token": self._token, **form}.items()
        body = b"&".join(name.encode() + b"=" + forms.form_encoded(value.encode()) for name, value in pairs)
        return wire.call("POST", self._base + path, headers=_FORM, body=body)


def _stored(reply: Reply, code: str, verdicts: Mapping[int, Verdict]) -> CallResult:
    return CallResult(Kind.STORED, verdicts, code=code, http_status=reply.status, reply=reply.body)


def _revoked_and(result: CallResult) -> CallResult:
    """Return what an import came to before which the old row of its one record was revoked.

    Refused, nothing of the record is there any more: the code says so (report/published and release/standing go by it).
    """
    verdict = result.verdicts.get(1)
    if verdict is None or verdict.outcome is not Outcome.REJECTED:
        return result
    message = f"原标识的行已撤下，新行被平台退回（{verdict.code}）{verdict.message}"
    return replace(result, verdicts={1: Verdict(Outcome.REJECTED, "REVOKED", message)})


def _early(reply: Reply) -> CallResult | None:
    """Return what the status or a code for the whole call means, or None when the rows were judged."""
    refused = http_refusal(reply)
    if refused is not None:
        return refused
    if reply.status != 200:
        return odd(reply)
    code = (forms.read_xml(reply.body, "RESULT").findtext("CODE") or "").strip()
    if code == "09":
        return CallResult(Kind.REFUSED, refusal=Refusal.BUSY, code=code, http_status=200, reply=reply.body)
    if code == "01":
        # not in the list of what surely stored nothing: asked before it is sent again, and not in this drain
        return unknown(reply, "平台不认可令牌", code=code, credentials_refused=True)
    return None


def _result(reply: Reply, rows: int) -> tuple[str, int, str]:
    """Return code, line and message. Raises BadReply when the line does not fit the code."""
    result = forms.read_xml(reply.body, "RESULT")
    code = forms.code_of((result.findtext("CODE") or "").strip())
    line = (result.findtext("LINE") or "").strip()
    if code in ("02", "05"):
        if not (line.isascii() and line.isdigit() and 1 <= int(line) <= rows):
            raise forms.BadReply(f"平台答复代码 {code}，但没有指明所报送的行")
        return code, int(line), forms.said(result.findtext("MSG"))
    return code, 0, ""
