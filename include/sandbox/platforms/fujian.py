"""信用福建 (dialect B): a JSON task that is answered later (platform-protocols.md §B)."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from typing import Any
from urllib.parse import unquote

import orjson

from . import columns
from .digests import canonical, equal, sm3
from .faults import Fault
from .fujian_task import CATALOGS, DATASET_OF, MAX_BODY, check_line, read_upload
from .storage import Store, record_applies
from .wire import Answer, Malformed, Request, TooLarge, json_answer, read_form

PAGE = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS task (
    task_id TEXT PRIMARY KEY, task_key TEXT NOT NULL UNIQUE, catalog TEXT NOT NULL, sm3 TEXT NOT NULL,
    lines BLOB NOT NULL, played BLOB NOT NULL, running_at REAL NOT NULL, due_at REAL NOT NULL, state TEXT NOT NULL,
    accepted INTEGER NOT NULL, rejected BLOB NOT NULL, receipt_no TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS task_open ON task (due_at) WHERE state = 'OPEN';
CREATE TABLE IF NOT EXISTS record (
    catalog TEXT NOT NULL, id TEXT NOT NULL, ver INTEGER NOT NULL, shown INTEGER NOT NULL, decided TEXT NOT NULL,
    digest TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (catalog, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_day ON record (catalog, decided, id) WHERE shown;
"""
_UPSERT = """
INSERT INTO record (catalog, id, ver, shown, decided, digest, content) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (catalog, id) DO UPDATE SET ver = excluded.ver, shown = excluded.shown, decided = excluded.decided,
    digest = excluded.digest, content = excluded.content
"""
_DAY = re.compile(r"\d{8}", re.ASCII)
_NEVER = 10 * 365 * 86400.0


class Fujian:
    """The platform. ``task_seconds``: from upload to DONE; half of it QUEUED, half RUNNING."""

    kind = "fujian"
    base = "/xyfj"
    endpoints = ("token", "upload", "task", "summary", "list")
    max_body = MAX_BODY

    def __init__(
        self,
        path: str,
        credentials: dict[str, str],
        *,
        fast: bool = False,
        task_seconds: float = 0.5,
        token_seconds: int = 1800,
    ) -> None:
        self.store = Store(path, _SCHEMA)
        self._client, self._secret = credentials["client_id"], credentials["client_secret"]
        self._fast = fast
        self.task_seconds = task_seconds
        self.token_seconds = token_seconds
        self._tokens: dict[str, float] = {}  # kept in memory: a restart ends every session, as real servers do
        self.anomalies: list[str] = []

    def classify(self, method: str, path: str) -> str | None:
        """The endpoint of a method and path."""
        if method == "GET" and (path == "/exchange/task" or re.fullmatch(r"/exchange/task/[^/]+", path)):
            return "task"
        return {
            ("POST", "/oauth/token"): "token",
            ("POST", "/exchange/upload"): "upload",
            ("GET", "/exchange/summary"): "summary",
            ("GET", "/exchange/list"): "list",
        }.get((method, path))

    def answer(self, request: Request, fault: Fault | None) -> Answer:
        """Do the endpoint's work; every refusal is HTTP 200 with a code."""
        try:
            if fault is not None and fault.name == "token_dies":
                with self.store.lock:
                    self._tokens.clear()
            if request.oversized:
                raise TooLarge(f"the body is larger than {MAX_BODY} bytes")
            if request.endpoint == "token":
                return self._login(request)
            if not self._known(request.headers.get("Authorization", "")):
                return _refuse("E401", "token expired or unknown")
            self.settle()
            if request.endpoint == "upload":
                return self._upload(request, fault)
            if request.endpoint == "task":
                return self._task(request)
            return self._summary(request.query) if request.endpoint == "summary" else self._list(request.query)
        except Malformed as malformed:
            return _refuse("E400", str(malformed))
        except TooLarge as large:
            return _refuse("E413", str(large))

    def _login(self, request: Request) -> Answer:
        form = read_form(request)
        if form.get("grant_type") != "client_credentials":
            raise Malformed("grant_type must be client_credentials")
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if not (equal(client, self._client) and equal(secret, self._secret)):
            return _refuse("E403", "client_id or client_secret is wrong")
        token, now = secrets.token_urlsafe(32), time.time()
        with self.store.lock:
            self._tokens = {known: until for known, until in self._tokens.items() if until > now}
            self._tokens[token] = now + self.token_seconds
        return _fine({"access_token": token, "expires_in": self.token_seconds})

    def _known(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        with self.store.lock:
            return scheme == "Bearer" and self._tokens.get(token, 0.0) > time.time()

    # --- tasks -----------------------------------------------------------------------------------------------------

    def _upload(self, request: Request, fault: Fault | None) -> Answer:
        upload = read_upload(request)
        now = time.time()
        played: dict[str, Any] = {}
        due = now + self.task_seconds
        if fault is not None and fault.name in ("reject", "task_failed", "task_never_done"):
            played = {"name": fault.name, **fault.options}
            if fault.name == "task_never_done":
                due = now + float(fault.option("seconds", _NEVER))
        with self.store.transaction() as connection:
            known = connection.execute(
                "SELECT task_id, sm3 FROM task WHERE task_key = ?", (upload.task_key,)
            ).fetchone()
            if known:
                if known[1] != upload.sm3:
                    self.anomalies.append("a task_key was used again with other data")
                return _fine({"task_id": known[0]})
            script = orjson.dumps(played)
            task_id = "FJ" + secrets.token_hex(12)
            running = now + min(self.task_seconds / 2, due - now)
            connection.execute(
                "INSERT INTO task VALUES (?,?,?,?,?,?,?,?,'OPEN',0,'[]','')",
                (
                    task_id,
                    upload.task_key,
                    upload.catalog,
                    upload.sm3,
                    upload.plain,
                    script,
                    running,
                    due,
                ),
            )
        return _fine({"task_id": task_id})

    def settle(self) -> None:
        """Finish every task that is due, in the order they fell due."""
        with self.store.lock:
            due = self.store.read(
                "SELECT task_id, task_key, catalog, lines, played, due_at FROM task"
                " WHERE state = 'OPEN' AND due_at <= ? ORDER BY due_at, rowid",
                (time.time(),),
            )
            for row in due:
                self._finish(*row)

    def _finish(self, task_id: str, task_key: str, catalog: str, plain: bytes, played: bytes, due_at: float) -> None:
        script: dict[str, Any] = orjson.loads(played)
        with self.store.transaction() as connection:
            if script.get("name") == "task_failed":
                connection.execute("UPDATE task SET state = 'FAILED', lines = '' WHERE task_id = ?", (task_id,))
                return
            lines = [orjson.loads(line) for line in plain.removesuffix(b"\n").split(b"\n")]
            ids = orjson.dumps([line["id"] for line in lines]).decode()
            here: dict[str, tuple[int, int]] = {
                record_id: (ver, shown)
                for record_id, ver, shown in connection.execute(
                    "SELECT id, ver, shown FROM record WHERE catalog = ? AND id IN (SELECT value FROM json_each(?))",
                    (catalog, ids),
                )
            }
            beside = _beside(connection, catalog, ids)
            rejected, rows, applied = [], [], []
            for number, line in enumerate(lines, 1):
                rule, message = _played(script, number, line["id"]) or _judge(catalog, line, here)
                if rule:
                    rejected.append({"line": number, "id": line["id"], "rule": rule, "msg": message})
                    continue
                shown = line["act"] == "S"
                self.anomalies += _astray(line, beside.get(line["id"]))
                content = canonical(line["row"]) if shown else b""
                digest = sm3(content) if shown and not self._fast else ""
                here[line["id"]] = (line["ver"], int(shown))
                decided = _decided(catalog, line["row"]) if shown else ""
                rows.append((catalog, line["id"], line["ver"], int(shown), decided, digest, content))
                if not self._fast:
                    key = orjson.dumps([catalog, line["id"]]).decode()
                    applied.append((due_at, key, line["ver"], "upsert" if shown else "withdraw", digest, task_key))
            connection.executemany(_UPSERT, rows)
            record_applies(connection, applied)
            connection.execute(
                "UPDATE task SET state = 'DONE', accepted = ?, rejected = ?, receipt_no = ?, lines = ''"
                " WHERE task_id = ?",
                (len(rows), orjson.dumps(rejected), "FJR" + task_id[2:], task_id),
            )

    def _task(self, request: Request) -> Answer:
        task_id = unquote(request.path.removeprefix("/exchange/task").strip("/"))
        task_key = request.query.get("task_key", "")
        if not task_id and not task_key:
            raise Malformed("a task_id or a task_key is needed")
        rows = self.store.read(
            "SELECT state, running_at, accepted, rejected, receipt_no, task_id FROM task"
            " WHERE (? <> '' AND task_id = ?) OR (? = '' AND task_key = ?)",
            (task_id, task_id, task_id, task_key),
        )
        if not rows:
            return _refuse("E404", "that task never arrived")
        state, running_at, accepted, rejected, receipt_no, _ = rows[0]
        if state == "OPEN":
            state = "RUNNING" if time.time() >= running_at else "QUEUED"
        done = {"state": state, "accepted": accepted, "rejected": orjson.loads(rejected), "receipt_no": receipt_no}
        return _fine(done)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _summary(self, query: dict[str, str]) -> Answer:
        catalog, day = _scope(query)
        rows = self.store.read(
            "SELECT id || ':' || ver FROM record WHERE catalog = ? AND decided = ? AND shown", (catalog, day)
        )
        lines = sorted(row[0] for row in rows)
        return _fine({"count": len(lines), "sm3": sm3("\n".join(lines).encode())})

    def _list(self, query: dict[str, str]) -> Answer:
        catalog, day = _scope(query)
        page = query.get("page", "1")
        if not page.isdigit() or int(page) < 1:
            raise Malformed("page counts from 1")
        with self.store.lock:
            where = "FROM record WHERE catalog = ? AND decided = ? AND shown"
            total = self.store.read(f"SELECT count(*) {where}", (catalog, day))[0][0]
            rows = self.store.read(
                f"SELECT id, ver {where} ORDER BY id LIMIT {PAGE} OFFSET ?", (catalog, day, (int(page) - 1) * PAGE)
            )
        return _fine({"total": total, "items": [{"id": record_id, "ver": ver} for record_id, ver in rows]})

    # --- for the server --------------------------------------------------------------------------------------------

    def substitute(self, fault: Fault) -> Answer:
        """This platform's E401 and E429."""
        if fault.name == "busy":
            return _refuse("E429", "busy", {"retry_after": fault.option("retry_after", 1)})
        return _refuse("E401", "token expired or unknown")

    def current(self) -> dict[tuple[str, str], tuple[int, str]]:
        """{(catalog, id): (ver, digest of the row)} of what is shown now, tasks that are due included."""
        self.settle()
        rows = self.store.read("SELECT catalog, id, ver, digest, content FROM record WHERE shown")
        return {(catalog, i): (ver, digest or sm3(content)) for catalog, i, ver, digest, content in rows}

    def forget(self, key: list[str]) -> int:
        """Lose the record (catalog, id) as if it had never come; no apply is written."""
        with self.store.transaction() as connection:
            return connection.execute("DELETE FROM record WHERE catalog = ? AND id = ?", key).rowcount


def _fine(data: dict[str, Any]) -> Answer:
    return json_answer(200, {"code": "0", "msg": "", "data": data}, "0")


def _refuse(code: str, message: str, data: dict[str, Any] | None = None) -> Answer:
    return json_answer(200, {"code": code, "msg": message, "data": data}, code)


def _scope(query: dict[str, str]) -> tuple[str, str]:
    catalog, day = query.get("catalog", ""), query.get("date", "")
    if catalog not in CATALOGS or not _DAY.fullmatch(day) or not columns.is_date(day, ""):
        raise Malformed("catalog and date=yyyyMMdd are needed")
    return catalog, day


def _judge(catalog: str, line: dict[str, Any], here: dict[str, tuple[int, int]]) -> tuple[str, str]:
    """(rule, message) of what is wrong with a line, or two empty strings."""
    ver, shown = here.get(line["id"], (0, 0))
    if line["act"] == "S":
        rule, message = check_line(catalog, line["row"])
        if rule:
            return rule, message
    elif not ver:
        return "NONE", "没有可撤下的记录"
    if line["ver"] < ver:
        return "OLD", "已有更新的版本"
    if line["ver"] == ver:
        return "DUP", "该版本已存在"
    if line["act"] == "D" and not shown:
        return "NONE", "没有可撤下的记录"
    return "", ""


def _beside(connection: sqlite3.Connection, catalog: str, ids: str) -> dict[str, tuple[int, int]]:
    """Version, and whether it is shown, of those of these records (a JSON list) that another catalog of the same data
    set has."""
    others = [other for other, dataset in DATASET_OF.items() if dataset == DATASET_OF[catalog] and other != catalog]
    rows = connection.execute(
        "SELECT id, max(ver), max(shown) FROM record WHERE catalog IN (SELECT value FROM json_each(?))"
        " AND id IN (SELECT value FROM json_each(?)) GROUP BY id",
        (orjson.dumps(others).decode(), ids),
    )
    return {record_id: (ver, shown) for record_id, ver, shown in rows}


def _astray(line: dict[str, Any], beside: tuple[int, int] | None) -> list[str]:
    """What a stored line does to the same record in another catalog: the platform takes it and says nothing.

    Whether versions are compared within a catalog or across them the protocol leaves open: a sender fits both.
    """
    if beside is None:
        return []
    wrong = []
    if beside[0] >= line["ver"]:
        wrong.append("a version was sent that is not newer than the record's in another catalog")
    if beside[1] and line["act"] == "S":
        wrong.append("a record is shown in two catalogs at once")
    return wrong


def _decided(catalog: str, row: dict[str, str]) -> str:
    """The day that summary and list go by: the decision date; of a table that nobody laid down, the earliest date."""
    table = CATALOGS[catalog]
    if table is not None:
        return row[table.decided]
    dates = {column: value for column, value in row.items() if columns.is_date(value, "")}
    return min([value for column, value in dates.items() if column.endswith("jdrq")] or dates.values(), default="")


def _played(script: dict[str, Any], number: int, record_id: str) -> tuple[str, str] | None:
    """What a ``reject`` fault of the upload has for this line, if it is meant."""
    if script.get("name") != "reject":
        return None
    wanted = script.get("records", "all")
    if wanted == "all" or (number <= wanted if isinstance(wanted, int) else record_id in wanted):
        return str(script.get("code", "LEN")), str(script.get("message", "存在字段长度不匹配"))
    return None
