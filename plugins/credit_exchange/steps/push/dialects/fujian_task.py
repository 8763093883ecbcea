"""Dialect B (信用福建): a JSON task that is answered later. Source: platform-protocols, section B."""

from __future__ import annotations

import base64
import gzip
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, get_args
from urllib.parse import quote, urlencode

import numpy as np
import orjson

from credit_exchange.config.catalog import CatalogField, Dataset, SubjectKind
from credit_exchange.config.files import Place, like
from credit_exchange.config.labels import SUBJECT_WORDS
from credit_exchange.config.platform import Platform
from credit_exchange.core import jsontext
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.steps.push.dialects import by_column, forms
from credit_exchange.steps.push.dialects.answers import http_refusal, odd, told, unknown
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Context,
    Identity,
    Kind,
    Label,
    NotSent,
    Outcome,
    Piece,
    Pieces,
    Refusal,
    Reply,
    Shipment,
    Verdict,
    Wire,
    register,
)
from credit_exchange.steps.push.dialects.fujian_list import FujianList

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload, Sheet

_REFUSALS = {
    "E401": Refusal.CREDENTIALS,
    "E403": Refusal.NOT_ALLOWED,
    "E400": Refusal.MALFORMED,
    "E413": Refusal.TOO_LARGE,
    "E429": Refusal.BUSY,
}
_EARLY_SECONDS = 30.0
_ENDLESS = 10**9
_TOKENS: dict[tuple[str, str], tuple[str, float]] = {}
_TOKENS_LOCK = threading.Lock()


class _Column(NamedTuple):
    """One column of a data set on this wire. `longest`: texts up to so many characters are written as they are."""

    name: str
    field: CatalogField
    longest: int | None


class _Denied(Exception):
    """The login was refused."""

    def __init__(self, result: CallResult) -> None:
        super().__init__(result.code)
        self.result = result


def _needs(platform: Platform, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Place, str]]:
    """Yield what of a platform's file does not do: catalogs by kinds of subject, names that differ in lower case."""
    kinds = (*get_args(SubjectKind), "*")
    for name, route in platform.datasets.items():
        place: Place = ("datasets", name)
        if not route.catalog:
            yield place, f"fujian_task 需要 catalog；请为所报送的每类主体各写一个：{'、'.join(kinds)}"
        for kind, catalog in route.catalog.items():
            if kind not in kinds:
                yield (*place, "catalog", kind), f"没有主体类别 {kind!r}；{like(kind, kinds)}"
            elif not catalog:
                yield (*place, "catalog", kind), "是空的；请写平台的目录，或删去该类主体"
        taken: dict[str, str] = {}
        for code, field in datasets[name].fields.items() if name in datasets else ():
            if not field.internal and code not in route.omit:
                other = taken.setdefault(forms.renamed(route, code).lower(), code)
                if other != code:
                    what = f"{other} 和 {code} 以小写上报时同名；请把其中一个改名或列入 omit"
                    yield (*place, "fields", code), what


@register("fujian_task", _needs)
class FujianTask(FujianList):
    """`POST /exchange/upload`; the task_key makes a repeat harmless, and the task can be asked for by it."""

    by_identity: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._platform = context.platform
        self._datasets = context.datasets
        self._base = context.connection.base_url
        self._client = context.connection.login
        self._secret = context.connection.password
        self._columns: dict[str, dict[str, _Column]] = {}

    def encode(self, payload: Payload, there: Sequence[Identity]) -> Piece | Verdict:
        """Return one JSON line; lengths are checked before, since the platform's LEN names no column."""
        route = self._platform.datasets[payload.dataset]
        catalog = route.catalog_of(payload.subject_kind)
        if catalog is None:
            who = SUBJECT_WORDS.get(payload.subject_kind, "该类主体")
            why = f"平台没有接收{who}的目录，请在平台文件的 catalog 中补上，改正后自动报送"
            return Verdict(Outcome.HELD, "CATALOG", why)
        line: dict[str, Any] = {"id": payload.record_id, "ver": payload.version}
        if payload.op == "withdraw":
            line |= {"act": "D", "why": payload.reason.strip() or "撤下", "row": {}}
        else:
            try:
                line |= {"act": "S", "row": self._row(payload)}
            except forms.BadValue as bad:
                return Verdict(Outcome.REJECTED, bad.code, str(bad))
        return Piece(catalog, canonical_json(line))

    def _row(self, payload: Payload) -> dict[str, str]:
        columns = self._known_columns(payload.dataset)
        fields = payload.fields
        row = {}
        for code, column in columns.items():
            value = fields.get(code)
            if not value:
                row[column.name] = ""
            elif column.longest is not None and len(value) <= column.longest:
                row[column.name] = value
            else:
                row[column.name] = _written(value, column.field)
        if not fields.keys() <= columns.keys():
            row |= self._others(payload)
        return row

    def _known_columns(self, name: str) -> dict[str, _Column]:
        if name not in self._columns:
            self._columns[name] = self._columns_of(name)
        return self._columns[name]

    def _columns_of(self, name: str) -> dict[str, _Column]:
        route = self._platform.datasets[name]
        dataset = self._datasets.get(name)
        columns = {}
        for code, field in (dataset.fields if dataset else {}).items():
            if not field.internal and code not in route.omit:
                plain = field.type != "date" and not (field.type == "decimal" and field.unit == "wan_yuan")
                longest = (field.length or _ENDLESS) if plain else None
                columns[code] = _Column(forms.renamed(route, code).lower(), field, longest)
        return columns

    def _others(self, payload: Payload) -> dict[str, str]:
        """Return what the catalogue does not know of."""
        route = self._platform.datasets[payload.dataset]
        dataset = self._datasets.get(payload.dataset)
        known = dataset.fields if dataset else {}
        return {
            forms.renamed(route, code).lower(): value
            for code, value in payload.fields.items()
            if value and code not in route.omit and code not in known
        }

    def encode_sheet(self, sheet: Sheet) -> Pieces | None:
        """Return the lines of rows whose values are all in order; the others are encoded, or refused, by themselves."""
        columns = self._known_columns(sheet.dataset)
        names = {column.name for column in columns.values()}
        if sheet.op != "upsert" or not sheet.columns.keys() <= columns.keys() or len(names) != len(columns):
            return None
        care = np.zeros(len(sheet.outbox_ids), dtype=np.bool_)
        parts: list[Any] = []
        for code, column in sorted(columns.items(), key=lambda item: item[1].name):
            text: Any = ""
            if code in sheet.columns:
                text = sheet.columns[code]
                if column.longest is None:
                    text, wrong = by_column.written(text, partial(_written, field=column.field))
                else:
                    wrong = by_column.longer(text, column.longest)
                care |= wrong
                text = jsontext.escaped(by_column.filled(text))
            parts += [f'{"," if parts else ""}{orjson.dumps(column.name).decode()}:"', text, '"']
        ids, versions = by_column.texts(sheet.record_ids), by_column.texts(sheet.versions)
        made = by_column.joined('{"act":"S","id":"', ids, '","row":{', *parts, '},"ver":', versions, "}")
        route = self._platform.datasets[sheet.dataset]
        lanes = [
            None if careful else route.catalog_of(kind)
            for careful, kind in zip(care.tolist(), sheet.subject_kinds, strict=True)
        ]
        return Pieces(lanes, by_column.taken(made))

    def overhead(self) -> tuple[int, int]:
        """Return a generous bound for the envelope, and the line end."""
        return 1024, 1

    def assemble(self, label: Label, pieces: Sequence[bytes]) -> bytes:
        """Return the upload; the task_key is the shipment's own key."""
        plain = b"\n".join(pieces)
        upload = {
            "task_key": label.idem_key,
            "catalog": label.lane,
            "line_count": len(pieces),
            "sm3": sm3_hex(plain),
            # level 1: a third larger than level 6 at a fifth of its cost
            "data": base64.b64encode(gzip.compress(plain, 1, mtime=0)).decode("ascii"),
        }
        return canonical_json(upload)

    def send(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Upload; the same task_key again gives the same task."""
        reply, data = self._call(wire, "POST", "/exchange/upload", shipment.body)
        if isinstance(data, CallResult):
            return data
        try:
            task_id = forms.text(data, "task_id")
        except forms.BadReply as bad:
            return unknown(reply, str(bad))
        return CallResult(Kind.PENDING, code="0", http_status=200, task_id=task_id, reply=reply.body)

    def ask(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Look for the task by its key."""
        return self._look(shipment, wire, f"/exchange/task?{urlencode({'task_key': shipment.label.idem_key})}")

    def poll(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Look at the task."""
        if shipment.task_id is None:
            return self.ask(shipment, wire)
        return self._look(shipment, wire, f"/exchange/task/{quote(shipment.task_id, safe='')}")

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

    def _look(self, shipment: Shipment, wire: Wire, path: str) -> CallResult:
        reply, data = self._call(wire, "GET", path, b"")
        if isinstance(data, CallResult):
            if data.code == "E404":
                return CallResult(Kind.ABSENT, code="E404", http_status=200, reply=reply.body)
            return data
        try:
            return _task(shipment, reply, data)
        except forms.BadReply as bad:
            return unknown(reply, str(bad))

    def _call(self, wire: Wire, method: str, path: str, body: bytes) -> tuple[Reply, dict[str, Any] | CallResult]:
        """Call with a token; when it died early, log in once more and repeat the very same bytes."""
        nothing = Reply(0, {}, b"")
        for fresh in (False, True):
            try:
                token = self._token(wire, renew=fresh)
            except _Denied as denied:
                return nothing, denied.result
            headers = {"Authorization": f"Bearer {token}"}
            if body:
                headers["Content-Type"] = "application/json"
            reply = wire.call(method, self._base + path, headers=headers, body=body)
            data = _envelope(reply)
            if not isinstance(data, CallResult) or fresh or data.code not in ("E401", "401"):
                break
        return reply, data

    def _token(self, wire: Wire, *, renew: bool) -> str:
        key = (self._base, self._client)
        with _TOKENS_LOCK:
            known = _TOKENS.get(key)
        if known and not renew and known[1] > time.monotonic():
            return known[0]
        form = {"grant_type": "client_credentials", "client_id": self._client, "client_secret": self._secret}
        reply = wire.call(
            "POST",
            f"{self._base}/oauth/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode("ascii"),
            login=True,
        )
        data = _envelope(reply)
        if isinstance(data, CallResult):
            if data.kind is Kind.REFUSED:
                raise _Denied(_without_reply(data))
            why = f"：{told(reply)}" if reply.status != 200 else ""
            raise NotSent(f"登录平台没有得到有效的答复{why}")
        try:
            token, seconds = forms.credential(data, "access_token"), forms.seconds(data.get("expires_in"))
        except forms.BadReply as bad:
            raise NotSent("登录平台没有得到有效的答复") from bad
        # a token is renewed a little before its end, a short-lived one after half its life
        until = time.monotonic() + max(seconds - _EARLY_SECONDS, seconds / 2)
        with _TOKENS_LOCK:
            _TOKENS[key] = (token, until)
        return token


def _without_reply(result: CallResult) -> CallResult:
    """A login's answer may hold a token: it is never stored. Who may not even log in has wrong credentials."""
    if result.refusal is Refusal.NOT_ALLOWED:
        result = replace(result, refusal=Refusal.CREDENTIALS, credentials_refused=True)
    return replace(result, reply=b"")


def _envelope(reply: Reply) -> dict[str, Any] | CallResult:
    """Return `data` of a fine answer, else what the answer means."""
    refused = http_refusal(reply)
    if refused is not None:
        return refused
    if reply.status != 200:
        return odd(reply)
    try:
        answer = forms.read_json(reply.body)
        code = forms.code_of(answer.get("code"))
    except forms.BadReply as bad:
        return unknown(reply, str(bad))
    data = answer.get("data")
    if code == "0":
        return data if isinstance(data, dict) else unknown(reply, "答复中缺少 data")
    if not code.startswith("E4"):
        return unknown(reply, f"平台答复代码 {code}")
    refusal = _REFUSALS.get(code, Refusal.MALFORMED)
    after = data.get("retry_after") if isinstance(data, dict) else None
    return CallResult(
        Kind.REFUSED,
        refusal=refusal,
        code=code,
        http_status=200,
        retry_after=after if isinstance(after, str | int | float) else None,
        credentials_refused=refusal is Refusal.CREDENTIALS,
        reply=reply.body,
    )


def _task(shipment: Shipment, reply: Reply, data: Mapping[str, Any]) -> CallResult:
    state = data.get("state")
    if state in ("QUEUED", "RUNNING"):
        return CallResult(Kind.PENDING, code=state, http_status=200, task_id=shipment.task_id, reply=reply.body)
    if state == "FAILED":
        return CallResult(Kind.REFUSED, refusal=Refusal.FAILED, code="FAILED", http_status=200, reply=reply.body)
    if state != "DONE":
        raise forms.BadReply("任务的状态不在约定之内")
    receipt_no = forms.text(data, "receipt_no")
    rejected = data.get("rejected")
    if not isinstance(rejected, list):
        raise forms.BadReply("答复中缺少被退回行的清单")
    if forms.whole(data.get("accepted")) + len(rejected) != len(shipment.lines):
        raise forms.BadReply("接受与退回的行数之和与报送的行数不符")
    ids = {line.line_no: line.record_id for line in shipment.lines}
    verdicts = dict.fromkeys(ids, Verdict(Outcome.DELIVERED))
    seen: set[int] = set()
    for item in rejected:
        if not isinstance(item, dict):
            raise forms.BadReply("被退回的行不符合约定的格式")
        number = forms.whole(item.get("line"))
        if number in seen or number not in ids or item.get("id") != ids[number]:
            raise forms.BadReply("被退回的行未曾报送，或出现两次")
        seen.add(number)
        verdicts[number] = _verdict(shipment.label.op, item)
    return CallResult(Kind.STORED, verdicts, code="DONE", http_status=200, receipt_no=receipt_no, reply=reply.body)


def _verdict(op: str, item: Mapping[str, Any]) -> Verdict:
    rule, odd = forms.refused_by(item.get("rule"))
    message = " ".join(part for part in (odd, forms.said(item.get("msg"))) if part)
    if rule == "DUP" or (rule == "NONE" and op == "withdraw"):
        return Verdict(Outcome.DELIVERED, rule, message)
    if rule == "OLD":
        return Verdict(Outcome.RECONCILE, rule, message)
    return Verdict(Outcome.REJECTED, rule, message)


def _written(value: str, field: CatalogField | None) -> str:
    """Return a value as B writes it: yyyyMMdd, 元 with two decimals. Raises BadValue, also when it is too long."""
    if field is None:
        return value
    if field.type == "date":
        return forms.date_of(value, field, "")
    if field.type == "decimal" and field.unit == "wan_yuan":
        return forms.amount_of(value, field, factor=10_000, places=2)
    if field.length is not None and len(value) > field.length:
        raise forms.TooLong(f"{field.code}：长度超过 {field.length} 个字符；请压缩后重新报送")
    return value
