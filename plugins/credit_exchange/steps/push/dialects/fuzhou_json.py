"""Dialect A (信用福州): signed JSON, answered per record at once. Source: platform-protocols, section A."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow.compute as pc

from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex, sm3_hex
from credit_exchange.core.text import as_mask
from credit_exchange.steps.push.dialects import by_column, forms
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
    Reply,
    Shipment,
    Verdict,
    Wire,
    register,
)
from credit_exchange.steps.push.dialects.listing import Listed, NoList, listed, pages

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload, Sheet

_ACCEPTED = Verdict(Outcome.DELIVERED)
_DUPLICATE = Verdict(Outcome.DELIVERED, "duplicate")
_GZIP = b"\x1f\x8b"
_PAGE = 1000


@register("fuzhou_json")
class FuzhouJson:
    """`POST /api/v1/records/{dataset}`; a repeat under its key is harmless, and the batch number can be asked for."""

    by_identity: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._platform = context.platform
        self._base = context.connection.base_url
        self._key = context.connection.login
        self._secret = context.connection.password

    def encode(self, payload: Payload, there: Sequence[Identity]) -> Piece | Verdict:
        """Return one record: `U` with its fields as released, `R` with a reason."""
        record: dict[str, Any] = {
            "op": "U" if payload.op == "upsert" else "R",
            "record_id": payload.record_id,
            "version": payload.version,
            "fields": {},
        }
        if payload.op == "upsert":
            fields = self._fields(payload)
            if not fields:
                return Verdict(Outcome.HELD, "EMPTY", "发布后没有任何字段可报送，请检查共享规则")
            record["fields"] = fields
        else:
            record["reason"] = payload.reason.strip() or "撤下"
        return Piece(payload.dataset, canonical_json(record))

    def _fields(self, payload: Payload) -> dict[str, str]:
        """Return the fields by the names they travel under."""
        route = self._platform.datasets[payload.dataset]
        return {
            forms.renamed(route, code): value
            for code, value in payload.fields.items()
            if value and code not in route.omit
        }

    def encode_sheet(self, sheet: Sheet) -> Pieces | None:
        """Return the rows as released, where their fields travel under our names: the canonical JSON goes as it is."""
        route = self._platform.datasets[sheet.dataset]
        if sheet.op != "upsert" or route.fields or route.omit:
            return None
        care = as_mask(pc.equal(sheet.canonical, "{}"))
        for column in sheet.columns.values():
            care |= as_mask(pc.equal(pc.binary_length(column), 0))
        ids, versions = by_column.texts(sheet.record_ids), by_column.texts(sheet.versions)
        made = by_column.joined(
            '{"fields":', sheet.canonical, ',"op":"U","record_id":"', ids, '","version":', versions, "}"
        )
        lanes = [None if careful else sheet.dataset for careful in care.tolist()]
        return Pieces(lanes, by_column.taken(made))

    def overhead(self) -> tuple[int, int]:
        """Return a generous bound for the envelope, and the comma."""
        return 512, 1

    def assemble(self, label: Label, pieces: Sequence[bytes]) -> bytes:
        """Return the request body, compressed when the platform's file says so."""
        head = {
            "batch_no": label.batch_no,
            "dataset": label.dataset,
            "record_count": len(pieces),
            "sent_at": label.created_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        }
        body = canonical_json(head)[:-1] + b',"records":[' + b",".join(pieces) + b"]}"
        return gzip.compress(body, 1, mtime=0) if self._platform.gzip else body

    def send(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Send the shipment, signed now; a repeat has the same body and Idempotency-Key."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": shipment.label.idem_key}
        if shipment.body.startswith(_GZIP):
            headers["Content-Encoding"] = "gzip"
        url = f"{self._base}/api/v1/records/{shipment.label.dataset}"
        reply = self._call(wire, "POST", url, shipment.body, headers, shipment.body_digest)
        return self._read(shipment, reply)

    def ask(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Ask for the batch's receipt; 404 means that it never arrived."""
        reply = self._call(wire, "GET", f"{self._base}/api/v1/batches/{shipment.label.batch_no}", b"", {})
        if reply.status == 404:
            return CallResult(Kind.ABSENT, code="404", http_status=404, reply=reply.body)
        return self._read(shipment, reply)

    def poll(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Ask, as this platform has no tasks."""
        return self.ask(shipment, wire)

    def listing(self, dataset: str, dates: Sequence[date], wire: Wire) -> Iterator[list[Listed]]:
        """Yield what is shown of the data set, whatever the dates (listing.Lists)."""
        return pages(self._platform.retry, partial(self._page, wire, dataset))

    def digest_of(self, payload: Payload) -> str:
        """Return the SM3 of the fields' canonical JSON (listing.Lists)."""
        return sm3_hex(canonical_json(self._fields(payload)))

    def _page(self, wire: Wire, dataset: str, number: int) -> tuple[int, list[Listed]]:
        url = f"{self._base}/api/v1/records/{dataset}?page={number}&size={_PAGE}"
        reply = self._call(wire, "GET", url, b"", {})
        refused = http_refusal(reply)
        if refused is not None:
            raise NoList(refused)
        if reply.status != 200:
            raise NoList(odd(reply))
        try:
            answer = forms.read_json(reply.body)
            rows = listed(dataset, answer.get("records"), "record_id", "version", "digest")
            return forms.whole(answer.get("total")), rows
        except forms.BadReply as bad:
            raise NoList(unknown(reply, str(bad))) from bad

    def identity_of(self, payload: Payload) -> Identity | None:
        """Return None: records have ids here."""
        return None

    def identity_keys(self, sheet: Sheet) -> Sequence[str | None]:
        """Return nothing: records have ids here."""
        return [None] * len(sheet.outbox_ids)

    def identity_key(self, identity: Identity) -> str:
        """Return nothing: records have ids here."""
        return ""

    def identities(self, dataset: str, body: bytes) -> Mapping[int, Identity]:
        """Return nothing: records have ids here."""
        return {}

    def _call(
        self, wire: Wire, method: str, url: str, body: bytes, headers: Mapping[str, str], digest: str = ""
    ) -> Reply:
        """Sign and send; `digest`: the SM3 of the body where it is known."""
        stamp = datetime.now(SHANGHAI).strftime("%Y%m%d%H%M%S")
        nonce = secrets.token_hex(16)
        signed = f"{method}\n{wire.target(url)}\n{stamp}\n{nonce}\n{digest or sm3_hex(body)}"
        return wire.call(
            method,
            url,
            headers={
                **headers,
                "X-App-Key": self._key,
                "X-Timestamp": stamp,
                "X-Nonce": nonce,
                "X-Signature": hmac_sm3_hex(self._secret.encode(), signed.encode()),
            },
            body=body,
        )

    def _read(self, shipment: Shipment, reply: Reply) -> CallResult:
        refused = http_refusal(reply)
        if refused is not None:
            return refused
        if reply.status != 200:
            return odd(reply)
        try:
            return self._receipt(shipment, reply)
        except forms.BadReply as bad:
            return unknown(reply, str(bad))

    def _receipt(self, shipment: Shipment, reply: Reply) -> CallResult:
        receipt = forms.read_json(reply.body)
        if receipt.get("code") != "0000":
            raise forms.BadReply("答复的代码不是 0000")
        if receipt.get("batch_no") != shipment.label.batch_no:
            raise forms.BadReply("回执的批次号不是本批次的")
        receipt_no = forms.text(receipt, "receipt_no")
        results = receipt.get("results")
        if not isinstance(results, list) or len(results) != len(shipment.lines):
            raise forms.BadReply("回执的结果数与报送的记录数不符")
        places = {(line.record_id, line.version): line.line_no for line in shipment.lines}
        verdicts: dict[int, Verdict] = {}
        for result in results:
            if not isinstance(result, dict) or not isinstance(result.get("record_id"), str):
                raise forms.BadReply("回执中某条结果没有指明记录")
            place = places.pop((result["record_id"], forms.whole(result.get("version"))), None)
            if place is None:
                raise forms.BadReply("回执中出现未报送过的记录，或同一记录出现两次")
            verdicts[place] = _verdict(shipment.label.op, result)
        return CallResult(Kind.STORED, verdicts, code="0000", http_status=200, receipt_no=receipt_no, reply=reply.body)


def _verdict(op: str, result: Mapping[str, Any]) -> Verdict:
    status = result.get("status")
    if status == "accepted":
        return _ACCEPTED
    if status == "duplicate":
        return _DUPLICATE
    if status != "rejected":
        raise forms.BadReply("回执中某条结果的状态不在约定之内")
    code, odd = forms.refused_by(result.get("code"))
    parts = (odd, forms.said(result.get("field")), forms.said(result.get("message")))
    message = " ".join(part for part in parts if part)
    if code == "1006":
        return Verdict(Outcome.RECONCILE, code, message)
    if code == "1007" and op == "withdraw":
        return Verdict(Outcome.DELIVERED, code, message)
    if code == "1099":
        return Verdict(Outcome.AGAIN, code, message)
    return Verdict(Outcome.REJECTED, code, message)
