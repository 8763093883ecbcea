"""信用中国 (dialect C): XML that stops at the first bad row (platform-protocols.md §C)."""

from __future__ import annotations

import re
import sqlite3
import time
from collections import deque
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

import orjson
from lxml import etree

from . import columns
from .digests import canonical, equal, sm3
from .faults import Fault
from .storage import Store, record_applies
from .wire import Answer, Malformed, Request, html_answer, read_form

MAX_ROWS = 100
PAGE = 20
CALLS_A_SECOND = 2
MAX_BODY = 32 * 1024 * 1024
"""Bytes of a form as sent: 100 rows of the longest values, percent-encoded, fit."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    no INTEGER PRIMARY KEY, kind TEXT NOT NULL, wsh TEXT NOT NULL, jgdm TEXT NOT NULL, subject TEXT NOT NULL,
    digest TEXT NOT NULL, content BLOB NOT NULL, UNIQUE (kind, wsh, jgdm, subject));
"""
_UPSERT = """
INSERT INTO record (kind, wsh, jgdm, subject, digest, content) VALUES (?,?,?,?,?,?)
ON CONFLICT (kind, wsh, jgdm, subject) DO UPDATE SET digest = excluded.digest, content = excluded.content
"""
_AMOUNT = re.compile(r"(0|[1-9]\d{0,11})\.\d{6}", re.ASCII)
_TABLES = {
    kind: columns.Table(table, is_date=partial(columns.is_date, separator="/"), amount=_AMOUNT)
    for kind, table in (("permission", columns.PERMIT), ("penalty", columns.PENALTY))
}
_POSTS = {
    "/services/importPermissionXml": "import_permission",
    "/services/importPenaltyXml": "import_penalty",
    "/services/revokeXml": "revoke",
}
_GETS = {"/query/permission": "query_permission", "/query/penalty": "query_penalty"}
Key = tuple[str, str, str, str]


class China:
    """The platform. With ``rate_limit`` more than two calls in any one second get 429 and an HTML page."""

    kind = "china"
    base = "/xyzg"
    endpoints = ("import_permission", "import_penalty", "query_permission", "query_penalty", "revoke")
    max_body = MAX_BODY

    def __init__(self, path: str, credentials: dict[str, str], *, fast: bool = False, rate_limit: bool = True) -> None:
        self.store = Store(path, _SCHEMA)
        self._token = credentials["token"]
        self._token_alive = True
        self._fast = fast
        self._rate_limit = rate_limit
        self._calls: deque[float] = deque(maxlen=CALLS_A_SECOND)
        self.anomalies: list[str] = []

    def classify(self, method: str, path: str) -> str | None:
        """The endpoint of a method and path."""
        return {"POST": _POSTS, "GET": _GETS}.get(method, {}).get(path)

    def answer(self, request: Request, fault: Fault | None) -> Answer:
        """Do the endpoint's work."""
        if self._too_fast():
            return html_answer(429, "429 Too Many Requests")
        if request.oversized:
            return html_answer(413, "413 Request Entity Too Large")
        endpoint = request.endpoint or ""
        if endpoint.startswith("query_"):
            return self._query(endpoint.removeprefix("query_"), request.query)
        try:
            form = read_form(request)
        except Malformed as malformed:
            return html_answer(400, f"400 {malformed}")
        if (fault is not None and fault.name == "token_dies") or not equal(form.get("token", ""), self._token):
            return _result("01", "", "token unknown")
        if endpoint == "revoke":
            return self._revoke(form)
        return self._import(endpoint.removeprefix("import_"), form, fault)

    def _too_fast(self) -> bool:
        """Whether two calls were let in within the last second; a refused call does not count."""
        if not self._rate_limit:
            return False
        now = time.monotonic()
        with self.store.lock:
            if len(self._calls) == CALLS_A_SECOND and now - self._calls[0] < 1.0:
                return True
            self._calls.append(now)
        return False

    # --- importing -------------------------------------------------------------------------------------------------

    def _import(self, kind: str, form: dict[str, str], fault: Fault | None) -> Answer:
        if form.keys() != {"token", "xml"}:
            return _result("02", "", "form fields must be token and xml")
        try:
            rows = _read_rows(form["xml"])
        except Malformed as malformed:
            return _result("02", "", str(malformed))
        stop_at, stop_message = len(rows) + 1, ""
        if fault is not None and fault.name == "reject":
            stop_at, stop_message = int(fault.option("line", 1)), str(fault.option("message", "数据校验不通过"))
        table = _TABLES[kind]
        now = time.time()
        with self.store.transaction() as connection:
            applied = []
            answer = _result("00", "", "")
            for line, element in enumerate(rows, 1):
                wrong = stop_message if line == stop_at else ""
                row = {cell.tag: cell.text or "" for cell in element}
                wrong = wrong or _wrong_with(kind, table, element, row)
                if wrong:
                    answer = _result("02", str(line), wrong)
                    break
                key = _identity(kind, table, row)
                content = canonical(row)
                digest = sm3(content)
                here = connection.execute(
                    "SELECT digest FROM record WHERE kind = ? AND wsh = ? AND jgdm = ? AND subject = ?", key
                ).fetchone()
                if here is not None and here[0] == digest:
                    answer = _result("05", str(line), "该数据已存在")
                    break
                connection.execute(_UPSERT, (*key, digest, content))
                if not self._fast:
                    applied.append((now, _key_text(key), None, "upsert", digest, ""))
            # What came before a bad row stays: the transaction commits on every way out.
            record_applies(connection, applied)
        return answer

    def _revoke(self, form: dict[str, str]) -> Answer:
        if form.keys() != {"token", "kind", "wsh", "jgdm", "xdr", "reason"} or form["kind"] not in _TABLES:
            return _result("02", "", "form fields must be token, kind, wsh, jgdm, xdr, reason")
        if not form["reason"].strip():
            return _result("02", "", "a reason is needed")
        key = (form["kind"], form["wsh"], form["jgdm"], form["xdr"])
        with self.store.transaction() as connection:
            if _delete(connection, key) != 1:
                return _result("07", "", "未找到唯一匹配的数据")
            if not self._fast:
                record_applies(connection, [(time.time(), _key_text(key), None, "withdraw", "", "")])
        return _result("00", "", "")

    # --- asking ----------------------------------------------------------------------------------------------------

    def _query(self, kind: str, query: dict[str, str]) -> Answer:
        wsh, jgdm, page = query.get("wsh", ""), query.get("jgdm", ""), query.get("page", "1") or "1"
        if not wsh or not jgdm or not page.isdigit() or int(page) < 1:
            return html_answer(400, "400 wsh and jgdm are needed, page counts from 1")
        with self.store.lock:
            where = "FROM record WHERE kind = ? AND wsh = ? AND jgdm = ?"
            total = self.store.read(f"SELECT count(*) {where}", (kind, wsh, jgdm))[0][0]
            rows = self.store.read(
                f"SELECT content {where} ORDER BY no LIMIT {PAGE} OFFSET ?", (kind, wsh, jgdm, (int(page) - 1) * PAGE)
            )
        codes = _TABLES[kind].codes
        parts = [f'<ROWDATA TOTAL="{total}">']
        for (content,) in rows:
            row = orjson.loads(content)
            cells = "".join(f"<{code}>{_escape(row[code])}</{code}>" for code in codes)
            parts.append(f"<ROW>{cells}</ROW>")
        parts.append("</ROWDATA>")
        return _xml("".join(parts), "00")

    # --- for the server --------------------------------------------------------------------------------------------

    def substitute(self, fault: Fault) -> Answer:
        """This platform's 09 (busy) and 01 (token)."""
        return _result("09", "", "busy") if fault.name == "busy" else _result("01", "", "token unknown")

    def current(self) -> dict[Key, dict[str, str]]:
        """{(kind, wsh, jgdm, subject): the row's columns} of what is shown now."""
        rows = self.store.read("SELECT kind, wsh, jgdm, subject, content FROM record ORDER BY no")
        return {(kind, wsh, jgdm, subject): orjson.loads(content) for kind, wsh, jgdm, subject, content in rows}

    def settle(self) -> None:
        """Nothing here becomes due."""

    def forget(self, key: list[str]) -> int:
        """Lose the row (kind, wsh, jgdm, subject) as if it had never come; no apply is written."""
        kind, wsh, jgdm, subject = key
        with self.store.transaction() as connection:
            return _delete(connection, (kind, wsh, jgdm, subject))


def _delete(connection: sqlite3.Connection, key: Key) -> int:
    statement = "DELETE FROM record WHERE kind = ? AND wsh = ? AND jgdm = ? AND subject = ?"
    return connection.execute(statement, key).rowcount


def _key_text(key: Key) -> str:
    return orjson.dumps(list(key)).decode()


def _identity(kind: str, table: columns.Table, row: dict[str, str]) -> Key:
    """Document number, deciding agency's code, and the USCC, or the name as sent where there is no real code."""
    code = row[table.uscc]
    subject = row[table.name] if code in ("", columns.PLACEHOLDER) else code
    return kind, row[table.document], row[table.agency], subject


def _read_rows(text: str) -> list[Any]:
    """The ROW elements of a well-formed document of 1 to 100 rows without a DTD."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=False)
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        raise Malformed("XML 格式不正确") from None
    information = root.getroottree().docinfo
    if information.doctype or (information.encoding or "UTF-8").upper() != "UTF-8":
        raise Malformed("DTD 不允许，编码须为 UTF-8")
    if root.tag != "ROWDATA" or any(child.tag != "ROW" for child in root):
        raise Malformed("根元素须为 ROWDATA，其下只有 ROW")
    if not 1 <= len(root) <= MAX_ROWS:
        raise Malformed(f"每次 1 至 {MAX_ROWS} 行")
    return list(root)


def _wrong_with(kind: str, table: columns.Table, element: Any, row: dict[str, str]) -> str:
    """Why the platform does not take a row, or an empty string."""
    if tuple(cell.tag for cell in element) != table.codes:
        return "列须为标准的全部列并按标准的顺序"
    if any(len(cell) or cell.attrib for cell in element) or element.attrib:
        return "列只能是文本"
    amount = table.bad_amount(row)
    if amount:
        return f"{amount} 金额须以万元为单位、六位小数"
    wrong = table.check(row)
    if wrong is not None:
        return f"{wrong.column} {_REASONS[wrong.sort]}"
    if kind == "penalty" and row[table.category] == columns.NATURAL_PERSON:
        return "不接收自然人行政处罚"
    return ""


_REASONS = {"missing": "不能为空", "length": "超长", "date": "日期格式不正确", "category": "不正确", "code": "不正确"}


def _escape(value: str) -> str:
    # A carriage return that is not written as a reference would be read back as a line feed (XML 1.0 §2.11).
    return escape(value, {"\r": "&#13;"})


def _result(code: str, line: str, message: str) -> Answer:
    return _xml(f"<RESULT><CODE>{code}</CODE><LINE>{line}</LINE><MSG>{escape(message)}</MSG></RESULT>", code)


def _xml(text: str, code: str) -> Answer:
    return Answer(200, text.encode(), "application/xml; charset=utf-8", code=code)
