"""Dialect C (信用中国): XML that stops at the first bad row, without ids, versions or keys. Source: its protocol (C).

A row lies there under document number, deciding agency's code and subject. What we sent is kept in a shipment as a JSON
list of rows: the row's XML, the identity it will have, and the old identities that must be revoked before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from xml.sax.saxutils import escape

import orjson

from credit_exchange.config.catalog import CatalogField, Dataset
from credit_exchange.config.platform import Route
from credit_exchange.core.canonical import canonical_json
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.answers import http_refusal, unknown
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Identity,
    Kind,
    Label,
    Outcome,
    Piece,
    Refusal,
    Reply,
    Shipment,
    Verdict,
    Wire,
    register,
)
from credit_exchange.steps.push.dialects.china_query import Rows, query

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload

_STILL_THERE = Verdict(Outcome.HELD, "07", "平台未能撤下且查询仍有该行，请人工核对")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Column(NamedTuple):
    """One column of a data set on this wire; `plain`: its texts are written as they are."""

    code: str
    field: CatalogField
    plain: bool
    begin: str
    end: str
    empty: str


@register("china_xml")
class ChinaXml:
    """`POST /services/importPermissionXml`, `importPenaltyXml` and `revokeXml`; queries settle what is unknown."""

    by_identity: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self._platform = context.platform
        self._datasets = context.datasets
        self._base = context.connection.base_url
        self._token = context.connection.password
        self._columns: dict[str, list[_Column]] = {}

    # --- writing

    def encode(self, payload: Payload, there: Sequence[Identity]) -> Piece | Verdict:
        """Return the row; a record whose identity changed, and every withdrawal, travels alone."""
        if payload.op == "withdraw":
            known = list(there) or [i for i in [self.identity_of(payload)] if i]
            if not known:
                return Verdict(Outcome.DELIVERED, "NONE", "该记录从未报送到平台，无需撤下")
            row: dict[str, Any] = {"revoke": known, "reason": payload.reason.strip() or "撤下"}
            return Piece(payload.dataset, canonical_json(row), alone=True)
        route, _ = self._route(payload.dataset)
        if route.kind == "penalty" and payload.subject_kind == "person":
            return Verdict(Outcome.HELD, "NATURAL", "平台不接收自然人行政处罚，请检查共享规则")
        identity = self.identity_of(payload)
        if identity is None:
            return Verdict(Outcome.REJECTED, "IDENTITY", "缺少文书号、机关代码或相对人，平台无法识别该记录")
        try:
            xml = self._row(payload)
        except forms.BadValue as bad:
            return Verdict(Outcome.REJECTED, "FORM", str(bad))
        old = [one for one in there if one != identity]
        row = {"xml": xml, "identity": identity, "revoke": old, "reason": "标识变更，重新报送"}
        return Piece(payload.dataset, canonical_json(row), alone=bool(old))

    def _row(self, payload: Payload) -> str:
        columns = self._columns.get(payload.dataset)
        if columns is None:
            columns = self._columns[payload.dataset] = self._columns_of(payload.dataset)
        fields = payload.fields
        easy = not forms.needs_care("".join(fields.values()))
        cells = []
        for column in columns:
            value = fields.get(column.code)
            if not value:
                cells.append(column.empty)
            elif easy:
                written = value if column.plain else _written(value, column.field)
                cells.append(column.begin + written + column.end)
            else:
                # a bare carriage return would be read back as a line feed (XML 1.0, 2.11)
                written = escape(_written(value, column.field), {chr(13): "&#13;"})
                cells.append(column.begin + written + column.end)
        return f"<ROW>{''.join(cells)}</ROW>"

    def _columns_of(self, name: str) -> list[_Column]:
        """Return the standard's columns in its order, as this platform names them."""
        route, dataset = self._route(name)
        columns = []
        for code, field in dataset.fields.items():
            if not field.internal and code not in route.omit:
                tag = forms.renamed(route, code)
                plain = field.type != "date" and not (field.type == "decimal" and field.unit == "wan_yuan")
                columns.append(_Column(code, field, plain, f"<{tag}>", f"</{tag}>", f"<{tag}></{tag}>"))
        return columns

    def identity_of(self, payload: Payload) -> Identity | None:
        """Return kind, document number, agency's code and subject as they will stand there; None when one is absent."""
        route, dataset = self._route(payload.dataset)
        names, fields = dataset.identity, payload.fields
        code = fields.get(names.subject.uscc or "", "")
        if not code or code in dataset.placeholder_codes:
            code = fields.get(names.subject.name, "")
        wsh, jgdm = fields.get(names.document_no, ""), fields.get(names.agency_code, "")
        if not (wsh and jgdm and code):
            return None
        if forms.needs_care(wsh + jgdm + code):
            wsh, jgdm, code = forms.xml_safe(wsh), forms.xml_safe(jgdm), forms.xml_safe(code)
        return {"kind": route.kind or "", "wsh": wsh, "jgdm": jgdm, "xdr": code}

    def overhead(self) -> tuple[int, int]:
        """Return the bytes of the envelope, and the comma."""
        return 64, 1

    def assemble(self, label: Label, pieces: Sequence[bytes]) -> bytes:
        """Return the rows; the token is added when they are sent and never stored."""
        return b'{"rows":[' + b",".join(pieces) + b"]}"

    def identities(self, shipment: Shipment) -> Mapping[int, Identity]:
        """Return the identity of each imported line."""
        rows = _rows_of(shipment)
        return {number: row["identity"] for number, row in enumerate(rows, 1) if "identity" in row}

    # --- sending

    def send(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Import the rows, or revoke one; a changed identity is revoked and read back first."""
        rows = _rows_of(shipment)
        last: CallResult | None = None
        for row in rows:
            for old in row.get("revoke", []):
                last = self._revoke(wire, old, str(row["reason"]))
                if last.kind is not Kind.STORED or last.verdicts[1].outcome is not Outcome.DELIVERED:
                    return last
        if shipment.label.op == "withdraw":
            return last or CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "NONE")})
        return self._import(shipment, rows, wire)

    def _import(self, shipment: Shipment, rows: Sequence[Mapping[str, Any]], wire: Wire) -> CallResult:
        route, _ = self._route(shipment.label.dataset)
        xml = "<ROWDATA>" + "".join(row["xml"] for row in rows) + "</ROWDATA>"
        reply = self._post(wire, f"/services/{route.endpoint}", {"xml": xml})
        code, line, message = "", 0, ""
        try:
            early = _early(reply)
            if early is not None:
                return early
            code, line, message = _result(reply, len(rows))
        except forms.BadReply as bad:
            return unknown(reply, str(bad))
        if code == "00":
            verdicts = {number: Verdict(Outcome.DELIVERED, "00") for number in range(1, len(rows) + 1)}
            return _stored(reply, code, verdicts)
        if code in ("02", "05"):
            verdicts = {n: Verdict(Outcome.DELIVERED, "00") for n in range(1, line)}
            verdicts[line] = Verdict(Outcome.DELIVERED if code == "05" else Outcome.REJECTED, code, message)
            verdicts |= {n: Verdict(Outcome.REST, "") for n in range(line + 1, len(rows) + 1)}
            return _stored(reply, code, verdicts)
        return unknown(reply, f"code {code}", code=code)

    def _revoke(self, wire: Wire, identity: Identity, reason: str) -> CallResult:
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
            return unknown(reply, f"code {code}", code=code)
        rows = query(wire, self._base, identity)
        if isinstance(rows, CallResult):
            # the revocation was answered, its read-back was not: it has to be asked again
            return unknown(reply, "the row could not be read back", code=code)
        if self._lying(rows, identity):
            return _stored(reply, code, {1: _STILL_THERE}) if code == "07" else unknown(reply, "the row is still there")
        return _stored(reply, code, {1: Verdict(Outcome.DELIVERED, code)})

    # --- asking

    def ask(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Query every row of an unknown shipment and compare what is there with what was sent."""
        rows = _rows_of(shipment)
        wanted = [row["identity"] for row in rows if "identity" in row]
        if shipment.label.op == "withdraw":
            wanted = [identity for row in rows for identity in row["revoke"]]
        found: dict[tuple[str, str, str], Rows] = {}
        for identity in wanted:
            key = (identity["kind"], identity["wsh"], identity["jgdm"])
            if key not in found:
                answer = query(wire, self._base, identity)
                if isinstance(answer, CallResult):
                    return answer
                found[key] = answer
        lying = [self._lying(found[i["kind"], i["wsh"], i["jgdm"]], i) for i in wanted]
        if shipment.label.op == "withdraw":
            return (
                CallResult(Kind.ABSENT, code="query")
                if any(lying)
                else CallResult(Kind.STORED, {1: Verdict(Outcome.DELIVERED, "query")}, code="query")
            )
        same = [_cells(row["xml"]) in lies for row, lies in zip(rows, lying, strict=True)]
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

    def _lying(self, rows: Rows, identity: Identity) -> list[dict[str, str]]:
        """Return the rows that lie under exactly this identity."""
        dataset_id = next(n for n, route in self._platform.datasets.items() if route.kind == identity["kind"])
        route, dataset = self._route(dataset_id)
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

    def _route(self, name: str) -> tuple[Route, Dataset]:
        route, dataset = self._platform.datasets.get(name), self._datasets.get(name)
        if route is None or dataset is None or not route.kind or not route.endpoint:
            raise ConfigurationError(
                f"platforms/{self._platform.platform}.yml: datasets.{name}: china_xml needs endpoint and kind, "
                "and the data set must be in the catalogue"
            )
        return route, dataset


def _rows_of(shipment: Shipment) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(shipment.body)["rows"]
    return rows


def _cells(xml: str) -> dict[str, str]:
    return {str(cell.tag): cell.text or "" for cell in forms.read_xml(xml.encode(), "ROW")}


def _stored(reply: Reply, code: str, verdicts: Mapping[int, Verdict]) -> CallResult:
    return CallResult(Kind.STORED, verdicts, code=code, http_status=reply.status, reply=reply.body)


def _early(reply: Reply) -> CallResult | None:
    """Return what the status or a code for the whole call means, or None when the rows were judged."""
    refused = http_refusal(reply)
    if refused is not None:
        return refused
    if reply.status != 200:
        return unknown(reply, f"HTTP {reply.status}")
    code = (forms.read_xml(reply.body, "RESULT").findtext("CODE") or "").strip()
    if code == "09":
        return CallResult(Kind.REFUSED, refusal=Refusal.BUSY, code=code, http_status=200, reply=reply.body)
    if code == "01":
        # not in the list of what surely stored nothing: asked before it is sent again, and not in this drain
        return unknown(reply, "the token is unknown", code=code, credentials_refused=True)
    return None


def _result(reply: Reply, rows: int) -> tuple[str, int, str]:
    """Return code, line and message. Raises BadReply when the line does not fit the code."""
    result = forms.read_xml(reply.body, "RESULT")
    code = forms.code_of((result.findtext("CODE") or "").strip())
    line = (result.findtext("LINE") or "").strip()
    if code in ("02", "05"):
        if not (line.isascii() and line.isdigit() and 1 <= int(line) <= rows):
            raise forms.BadReply(f"code {code} without a line that was sent")
        return code, int(line), forms.said(result.findtext("MSG"))
    return code, 0, ""


def _written(value: str, field: CatalogField) -> str:
    """Return a value as C writes it: yyyy/MM/dd, 万元 with six decimals. Raises BadValue."""
    if not value:
        return ""
    if field.type == "date":
        return forms.date_of(value, field, "/")
    if field.type == "decimal" and field.unit == "wan_yuan":
        return forms.amount_of(value, field, factor=1, places=6)
    return forms.xml_safe(value)
