"""信用福州 (dialect A): signed JSON, answered per record at once (platform-protocols.md §A)."""

from __future__ import annotations

import re
import sqlite3
import time
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson

from . import columns
from .digests import canonical, equal, hmac_sm3, sm3
from .faults import Fault
from .fuzhou_batch import DATASETS, MAX_BODY, read_batch
from .storage import Store, record_applies
from .wire import SHANGHAI, Answer, Malformed, Request, TooLarge, json_answer, shanghai_now

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    dataset TEXT NOT NULL, record_id TEXT NOT NULL, version INTEGER NOT NULL, shown INTEGER NOT NULL,
    digest TEXT NOT NULL, fields BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (dataset, record_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    batch_no TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, body_sm3 TEXT NOT NULL, receipt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""
_UPSERT = """
INSERT INTO record (dataset, record_id, version, shown, digest, fields, at) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (dataset, record_id) DO UPDATE SET version = excluded.version, shown = excluded.shown,
    digest = excluded.digest, fields = excluded.fields, at = excluded.at
"""
_AMOUNT = re.compile(r"(0|[1-9]\d{0,11})(\.\d{1,6})?", re.ASCII)
_TABLES = {
    name: columns.Table(table, is_date=partial(columns.is_date, separator="-"), amount=_AMOUNT)
    for name, table in (("permit", columns.PERMIT), ("penalty", columns.PENALTY))
}
_LOOSE_DATE = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})", re.ASCII)
_MESSAGES = {
    "1001": "未查询到主体或查询到的主体信息不匹配", "1002": "行政相对人代码_1(统一社会信用代码)不正确",
    "1003": "必填项为空", "1004": "长度超限", "1005": "日期格式不正确", "1006": "平台已有更新的版本",
    "1007": "撤下的记录不存在", "1099": "平台暂时无法保存该记录",
}  # fmt: skip
_RULE_OF = {"missing": "1003", "length": "1004", "date": "1005", "code": "1002", "category": "1002"}


class Refused(Exception):
    """The whole call is refused with an HTTP status; nothing is stored."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


class Fuzhou:
    """The platform. ``subjects``, where given, maps a USCC to its registered name and makes code 1001 real."""

    kind = "fuzhou"
    base = "/xyfz"
    endpoints = ("records", "batch", "list", "record")
    max_body = MAX_BODY

    def __init__(
        self, path: str, credentials: dict[str, str], *, fast: bool = False, subjects: dict[str, str] | None = None
    ) -> None:
        self.store = Store(path, _SCHEMA)
        self._key, self._secret = credentials["app_key"], credentials["app_secret"]
        self._fast = fast
        self._subjects = subjects
        self._nonces: dict[str, float] = {}
        self.anomalies: list[str] = []

    def classify(self, method: str, path: str) -> str | None:
        """POST records/{dataset}: records; GET batches/{no}: batch; records/{dataset}: list, …/{id}: record."""
        parts = path.strip("/").split("/")
        if parts[:2] != ["api", "v1"] or len(parts) not in (4, 5):
            return None
        match (method, parts[2], len(parts)):
            case ("POST", "records", 4):
                return "records"
            case ("GET", "batches", 4):
                return "batch"
            case ("GET", "records", 4):
                return "list"
            case ("GET", "records", 5):
                return "record"
        return None

    def answer(self, request: Request, fault: Fault | None) -> Answer:
        """Check who asks, then do the endpoint's work."""
        try:
            self._authenticate(request)
            parts = [unquote(part) for part in request.path.strip("/").split("/")]
            if request.endpoint == "records":
                return self._receive(request, parts[3], fault)
            if request.endpoint == "batch":
                return self._receipt(parts[3])
            if parts[3] not in DATASETS:
                raise Refused(404, "no such data set")
            return self._list(parts[3], request.query) if request.endpoint == "list" else self._one(parts[3], parts[4])
        except Refused as refused:
            answer = _error(refused.status, refused.message)
            answer.headers.update(refused.headers)
            return answer
        except Malformed as malformed:
            return _error(400, str(malformed))
        except TooLarge as large:
            return _error(413, str(large))

    def _authenticate(self, request: Request) -> None:
        """Key, then signature, then time and nonce: nobody without the secret can use up a nonce."""
        headers = request.headers
        stamp, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        if headers.get("X-App-Key", "") != self._key:
            raise Refused(401, "X-App-Key is missing or unknown")
        if request.oversized:
            raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
        text = f"{request.method}\n{request.target}\n{stamp}\n{nonce}\n{request.body_sm3}"
        if not equal(headers.get("X-Signature", ""), hmac_sm3(self._secret, text)):
            raise Refused(401, "X-Signature is wrong")
        try:
            sent = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        except ValueError:
            raise Refused(409, "X-Timestamp is not yyyyMMddHHmmss") from None
        if len(stamp) != 14 or abs(shanghai_now() - sent) > timedelta(seconds=300):
            raise Refused(409, "X-Timestamp is more than 300 s off")
        if not 1 <= len(nonce) <= 64:
            raise Refused(409, "X-Nonce must have 1 to 64 characters")
        if not self._fresh(nonce):
            raise Refused(409, "X-Nonce was seen in the last 600 s")

    def _fresh(self, nonce: str) -> bool:
        now = time.time()
        if self._fast:  # kept in memory only: one transaction less a call
            with self.store.lock:
                if len(self._nonces) > 50_000:
                    self._nonces = {seen: at for seen, at in self._nonces.items() if at > now - 600}
                fresh = self._nonces.get(nonce, 0.0) <= now - 600
                self._nonces[nonce] = now if fresh else self._nonces[nonce]
            return fresh
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM nonce WHERE at <= ?", (now - 600,))
            added = connection.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?)", (nonce, now))
            return added.rowcount == 1

    # --- receiving -------------------------------------------------------------------------------------------------

    def _receive(self, request: Request, dataset: str, fault: Fault | None) -> Answer:
        key = request.headers.get("Idempotency-Key", "")
        if not 1 <= len(key) <= 128:
            raise Malformed("Idempotency-Key must have 1 to 128 characters")
        body_sm3 = request.body_sm3
        first = self.store.read("SELECT body_sm3, receipt FROM batch WHERE idempotency_key = ?", (key,))
        if first:
            if first[0][0] != body_sm3:
                raise Refused(422, "Idempotency-Key was used with another body")
            return Answer(200, first[0][1], code="0000")
        batch = read_batch(request, dataset, _TABLES.get(dataset))
        with self.store.transaction() as connection:
            # Asked again under the lock: the same key may have come on two connections at once.
            taken = connection.execute(
                "SELECT batch_no, idempotency_key, body_sm3, receipt FROM batch"
                " WHERE idempotency_key = ? OR batch_no = ?",
                (key, batch["batch_no"]),
            ).fetchall()
            for _, other_key, other_sm3, receipt in taken:
                if other_key != key:
                    raise Malformed("batch_no was used under another Idempotency-Key")
                if other_sm3 != body_sm3:
                    raise Refused(422, "Idempotency-Key was used with another body")
                return Answer(200, receipt, code="0000")
            results = self._apply(connection, dataset, batch, fault)
            receipt = orjson.dumps(
                {
                    "code": "0000",
                    "batch_no": batch["batch_no"],
                    "receipt_no": "FZ" + sm3(f"{key}\n{body_sm3}".encode())[:24].upper(),
                    "received_at": shanghai_now().isoformat(timespec="seconds"),
                    "results": results,
                }
            )
            connection.execute("INSERT INTO batch VALUES (?,?,?,?)", (batch["batch_no"], key, body_sm3, receipt))
        return Answer(200, receipt, code="0000")

    def _apply(
        self, connection: sqlite3.Connection, dataset: str, batch: dict[str, Any], fault: Fault | None
    ) -> list[dict[str, Any]]:
        records = batch["records"]
        ids = orjson.dumps([record["record_id"] for record in records]).decode()
        here: dict[str, tuple[int, int]] = {
            record_id: (version, shown)
            for record_id, version, shown in connection.execute(
                "SELECT record_id, version, shown FROM record WHERE dataset = ?"
                " AND record_id IN (SELECT value FROM json_each(?))",
                (dataset, ids),
            )
        }
        now = time.time()
        results, rows, applied = [], [], []
        for place, record in enumerate(records):
            record_id, version = record["record_id"], record["version"]
            code, column, message = _played(fault, place, record_id) or self._judge(dataset, record, here)
            if not code:
                upsert = record["op"] == "U"
                fields = canonical(record["fields"]) if upsert else b""
                # In fast mode the digest is taken when somebody asks for it.
                digest = "" if self._fast or not upsert else sm3(fields)
                here[record_id] = (version, int(upsert))
                rows.append((dataset, record_id, version, int(upsert), digest, fields, now))
                if not self._fast:
                    op = "upsert" if upsert else "withdraw"
                    key = orjson.dumps([dataset, record_id]).decode()
                    applied.append((now, key, version, op, digest, batch["batch_no"]))
            status = {"": "accepted", "duplicate": "duplicate"}.get(code, "rejected")
            results.append(
                {
                    "record_id": record_id,
                    "version": version,
                    "status": status,
                    "code": "" if code == "duplicate" else code,
                    "field": column,
                    "message": message or _MESSAGES.get(code, ""),
                }
            )
        connection.executemany(_UPSERT, rows)
        record_applies(connection, applied)
        # The protocol promises no order: nobody may count on the order sent.
        results.reverse()
        return results

    def _judge(self, dataset: str, record: dict[str, Any], here: dict[str, tuple[int, int]]) -> tuple[str, str, str]:
        """(code, field, message); code "" accepts, "duplicate" says that this version is already here."""
        version, shown = here.get(record["record_id"], (0, 0))
        if record["op"] == "R":
            if not version:
                return "1007", "", ""
            return ("1006", "", "") if record["version"] <= version else ("", "", "")
        fields = record["fields"]
        table = _TABLES.get(dataset)
        if table is not None:
            wrong = table.check(fields)
            if wrong:
                return _RULE_OF[wrong.sort], wrong.column, ""
            code = fields.get(table.uscc, "")
            coded = self._subjects is not None and code and code != columns.PLACEHOLDER
            if self._subjects is not None and coded and self._subjects.get(code) != fields[table.name]:
                return "1001", table.name, ""
        else:
            for column, value in fields.items():
                if isinstance(value, str) and _LOOSE_DATE.fullmatch(value) and not columns.is_date(value, "-"):
                    return "1005", column, ""
        if record["version"] < version:
            return "1006", "", ""
        if record["version"] == version:
            # The number of a withdrawal can never be shown: what is here is newer than what is sent.
            return ("duplicate", "", "") if shown else ("1006", "", "")
        return "", "", ""

    # --- asking ----------------------------------------------------------------------------------------------------

    def _receipt(self, batch_no: str) -> Answer:
        rows = self.store.read("SELECT receipt FROM batch WHERE batch_no = ?", (batch_no,))
        if not rows:
            raise Refused(404, "that batch never arrived")
        return Answer(200, rows[0][0], code="0000")

    def _list(self, dataset: str, query: dict[str, str]) -> Answer:
        page, size = query.get("page", "1"), query.get("size", "1000")
        if not (page.isdigit() and size.isdigit()) or int(page) < 1 or not 1 <= int(size) <= 1000:
            raise Malformed("page counts from 1, size goes from 1 to 1000")
        with self.store.lock:
            total = self.store.read("SELECT count(*) FROM record WHERE dataset = ? AND shown", (dataset,))[0][0]
            rows = self.store.read(
                "SELECT record_id, version, digest, fields FROM record WHERE dataset = ? AND shown"
                " ORDER BY record_id LIMIT ? OFFSET ?",
                (dataset, int(size), (int(page) - 1) * int(size)),
            )
        records = [{"record_id": i, "version": v, "digest": digest or sm3(f)} for i, v, digest, f in rows]
        return json_answer(200, {"total": total, "records": records}, "0000")

    def _one(self, dataset: str, record_id: str) -> Answer:
        rows = self.store.read(
            "SELECT version, fields FROM record WHERE dataset = ? AND record_id = ? AND shown", (dataset, record_id)
        )
        if not rows:
            raise Refused(404, "no such record is shown")
        version, fields = rows[0]
        shown = {"dataset": dataset, "record_id": record_id, "version": version, "fields": orjson.loads(fields)}
        return json_answer(200, shown, "0000")

    # --- for the server --------------------------------------------------------------------------------------------

    def substitute(self, fault: Fault) -> Answer:
        """The 401 and 409 of this platform."""
        return _error(409, "X-Nonce refused") if fault.name == "nonce_refused" else _error(401, "refused")

    def current(self) -> dict[tuple[str, str], tuple[int, str]]:
        """{(dataset, record_id): (version, digest)} of what is shown now."""
        rows = self.store.read("SELECT dataset, record_id, version, digest, fields FROM record WHERE shown")
        return {(dataset, i): (version, digest or sm3(fields)) for dataset, i, version, digest, fields in rows}

    def settle(self) -> None:
        """Nothing here becomes due: every call is answered at once."""

    def forget(self, key: list[str]) -> int:
        """Lose the record (dataset, record_id) as if it had never come; no apply is written."""
        with self.store.transaction() as connection:
            return connection.execute("DELETE FROM record WHERE dataset = ? AND record_id = ?", key).rowcount


def _error(status: int, message: str) -> Answer:
    return json_answer(status, {"code": str(status), "message": message}, str(status))


def _played(fault: Fault | None, place: int, record_id: str) -> tuple[str, str, str] | None:
    """The answer that a ``reject`` or ``1099`` fault has for this record, if it is meant."""
    if fault is None or fault.name not in ("reject", "1099"):
        return None
    wanted = fault.option("records", "all")
    meant = wanted == "all" or (place < wanted if isinstance(wanted, int) else record_id in wanted)
    if not meant:
        return None
    code = "1099" if fault.name == "1099" else str(fault.option("code", "1001"))
    return code, str(fault.option("field", "")), str(fault.option("message", ""))
