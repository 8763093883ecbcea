"""Rows that only a careful reader reads right, and independent writers that put them into every form of delivery."""

from __future__ import annotations

import csv
import io
import json
import random
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import psycopg
from openpyxl import Workbook

from credit_exchange.config.connections import Connection
from samples import PERMIT

Typed = dict[str, date | int | float | bool]


@dataclass(frozen=True)
class Row:
    """One row: as text of a department's spelling, as values with a type where a form knows types, what it means, and
    the reasons for which it is not taken (rule, field)."""

    written: dict[str, str]
    typed: Typed
    meant: dict[str, str]
    reasons: frozenset[tuple[str, str]] = frozenset()


# --- rows

PIECES = [
    "甲", "𬭚", "㛃", "a", "0", "０", '"', '""', ",", ";", "|", "\n", "\r\n", "\r", "\t", " ", "\u3000", "\u00a0",
    "NULL", "\ufeff", "\u200b", "\u2028", "\x85", "<", "&amp;", "]]>", "\\", "\\n", "'", "=", "{", "长" * 7, "—",
    "\U000e0100",
]  # fmt: skip
EDGE = " \t\r\n\x85\u00a0\u2028\u3000\u200b\ufeff"
NOTHING = ["", " ", "无", "/", "－", "null", "\u3000—\u00a0", "\\N"]
DAYS = ["{0:%Y-%m-%d}", "{0:%Y/%m/%d}", "{0.year}/{0.month}/{0.day}", "{0:%Y%m%d}", "{0.year}年{0.month}月{0.day}日"]
DAYS += ["{0:%Y-%m-%d} 00:00:00", "\u3000{0:%Y-%m-%d}T00:00:00+08:00 "]
FLAWS: list[tuple[str, str, str]] = [
    ("XK_NR", "\u3000", "S01"),
    ("BZ", "长" * 513, "S14"),
    ("BZ", "坏\ufffd字", "S18"),
    ("XK_JDRQ", "2026-02-30", "S09"),
    ("XK_JDRQ", "2026年8月", "S09"),
    ("XK_XKLB", "普通的", "S07"),
]


def a_row(chance: random.Random, number: int) -> Row:
    """A good row that only a careful reader reads right."""

    def prose() -> str:
        return "".join(chance.choice(PIECES) for _ in range(chance.choice([1, 2, 4, 8])))

    def code(value: str) -> str:
        wide = "".join(chr(ord(c) + 0xFEE0) if chance.random() < 0.3 else c for c in value)
        return chance.choice([value, value.lower(), wide, f" {value}\u00a0", f"\ufeff{value}\t"])

    values = PERMIT | {"XK_WSH": f"榕市监许〔2026〕{number:05}号"}
    values |= {"XK_NR": "许" + prose() * chance.choice([1, 1, 60]) + "可"}
    values |= {"XK_XKZS": "证" + prose() + "书", "BZ": chance.choice([*NOTHING, "备" + prose() + "注"])}
    written, typed, meant = dict(values), Typed(), dict(values)
    for name in ("XK_XDR_SHXYM", "XK_XKJGDM", "XK_LYDWDM"):
        written[name] = code(values[name])
    for name in ("XK_JDRQ", "XK_YXQZ", "XK_YXQZI"):
        day = date.fromisoformat(values[name]) - timedelta(days=chance.randrange(9))
        day = date(2099, 12, 31) if name == "XK_YXQZI" and chance.random() < 0.3 else day
        written[name], typed[name], meant[name] = chance.choice(DAYS).format(day), day, day.isoformat()
    for name in ("XK_XDR_MC", "XK_NR", "XK_XKZS", "XK_XKJG"):
        written[name] = chance.choice(["", *EDGE]) + values[name] + chance.choice(["", *EDGE])
    secret = chance.choice(["否", "N", "0", "非涉密", ""])
    written["SECRET"] = secret
    if secret:
        meant["SECRET"], typed["SECRET"] = "否", False
    typed["XK_ZT"] = 1
    return Row(written, typed, {k: v for k, v in meant.items() if v not in NOTHING})


def rows_of(seed: int, count: int = 40) -> list[Row]:
    """Rows of which some are flawed, some come twice, and some contradict each other."""
    chance = random.Random(seed)
    rows = [a_row(chance, number) for number in range(count)]
    for place, (name, value, rule) in zip(chance.sample(range(count), len(FLAWS)), FLAWS, strict=True):
        one = rows[place]
        typed = {k: v for k, v in one.typed.items() if k != name}
        rows[place] = Row(one.written | {name: value}, typed, {}, frozenset({(rule, name)}))
    good = [place for place, row in enumerate(rows) if not row.reasons]
    again, against = chance.sample(good, 2)
    other = rows[against].written | {"XK_NR": "另一内容"}
    rows[against] = replace(rows[against], reasons=frozenset({("S13", "XK_WSH")}))
    rows += [rows[again], replace(rows[against], written=other)]
    chance.shuffle(rows)
    return rows


# --- writers: each puts the rows into a delivery and says at which line each of them stands


@dataclass
class Written:
    """What a department delivers: the feed's source, its bytes or its database or service, and the line of each row."""

    source: dict[str, Any]
    lines: list[int]
    content: bytes = b""
    connection: Connection | None = None
    close: Callable[[], None] = field(default=lambda: None)


def breaks(written: str) -> int:
    return written.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def as_csv(
    rows: list[Row], codec: str, delimiter: str, newline: str, quoting: Any, declared: str, *, gaps: bool = True
) -> Written:
    lines, out = [], ""
    columns = list(rows[0].written)
    for values in [columns, *(list(row.written.values()) for row in rows)]:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n", quoting=quoting).writerow(values)
        lines.append(breaks(out) + 1)
        out += buffer.getvalue().removesuffix("\r\n") + newline
        if gaps and len(lines) % 20 == 0:
            out += delimiter * (len(columns) - 1) + newline + newline  # two rows of nothing
    source = {"form": "csv", "path": "d.csv", "settle_seconds": 0, "delimiter": delimiter, "encoding": declared}
    return Written(source, lines[1:], out.encode(codec))


XLSX = {"form": "xlsx", "path": "d.xlsx", "settle_seconds": 0}


def as_workbook(rows: list[Row], seed: int) -> Written:
    """By openpyxl: a title, notes, blank rows, a hidden column and row, values of their types, another sheet."""
    chance = random.Random(seed)
    book, lines = Workbook(), list[int]()
    sheet = book.active
    assert sheet is not None
    sheet["B2"] = "行政许可信息表"
    sheet.merge_cells("B2:F2")
    sheet["B3"] = "填表说明：请勿改动"
    at = 5
    header = {name: name for name in rows[0].written}
    for values in [header, *(row.written | chance.choice([{}, row.typed]) for row in rows)]:
        for column, value in enumerate(values.values(), start=2):
            if isinstance(value, date) and chance.random() < 0.3:
                value = (value - date(1899, 12, 30)).days  # a cell whose format says nothing of a date
            cell = sheet.cell(at, column)
            cell.value = None if value == "" else value
            if isinstance(value, str) and value.startswith("="):
                cell.data_type = "s"
        lines.append(at)
        at += chance.choice([1, 1, 1, 3])
    sheet.row_dimensions[lines[3]].hidden = sheet.column_dimensions["D"].hidden = True
    sheet.cell(at, 2).value = "注：到此为止"
    book.create_sheet("说明").append(["如何填写"])
    out = io.BytesIO()
    book.save(out)
    return Written(XLSX, lines[1:], out.getvalue())


def as_sheet_xml(rows: list[Row], _seed: int) -> Written:
    """By hand, as Excel on a Mac saves it: shared strings, one in runs, days counted from 1904, results of formulas."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    shared: list[str] = []

    def plain(value: str) -> str:
        return f'<t xml:space="preserve">{escaped(value.replace("_x", "_x005F_x"))}</t>'

    def cell(place: str, value: Any, number: int) -> str:
        if isinstance(value, bool):
            return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
        if isinstance(value, date):
            return f'<c r="{place}" s="{number % 2}"><v>{(value - date(1904, 1, 1)).days}</v></c>'
        if isinstance(value, int | float):
            return f'<c r="{place}"><v>{float(value)!r}</v></c>'
        if number % 5 == 1:
            return f'<c r="{place}" t="str"><f>A1&amp;""</f><v xml:space="preserve">{escaped(value)}</v></c>'
        middle = len(value) // 2
        parts = [f"<r><rPr><b/></rPr>{plain(part)}</r>" for part in (value[:middle], value[middle:])]
        shared.append("".join(parts) + "<rPh><t>yin</t></rPh>" if number % 5 == 2 else plain(value))
        return f'<c r="{place}" t="s"><v>{len(shared) - 1}</v></c>'

    body = ""
    header = {name: name for name in rows[0].written}
    for number, values in enumerate([header, *(row.written | row.typed for row in rows)]):
        cells = (cell(f"{chr(65 + at)}{number + 1}", value, number) for at, value in enumerate(values.values()))
        body += f'<row r="{number + 1}">{"".join(cells)}</row>'
    strings = "".join(f"<si>{one}</si>" for one in shared)
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><workbookPr date1904="1"/><sheets>'
        '<sheet name="许可" sheetId="1" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="b" Type="{office}/worksheet" Target="worksheets/s.xml"/>'
        f'<Relationship Id="c" Type="{office}/styles" Target="styles.xml"/>'
        f'<Relationship Id="d" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
        "</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>',
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    return Written(XLSX, list(range(2, len(rows) + 2)), zipped(members))


def zipped(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def escaped(value: str) -> str:
    return escape(value, {"\r": "&#13;", "\u2028": "&#x2028;"})


def as_rowdata(rows: list[Row], codec: str, declared: str) -> Written:
    """Two files in a zip, with comments, CDATA, an attribute that counts, and elements left out or empty."""

    def element(name: str, value: str, number: int) -> str:
        if value == "":
            return ["", f"<{name}/>", f"<{name}></{name}>"][number % 3]
        if number % 4 == 0 and "]]>" not in value and "\r" not in value:
            return f"<{name}><![CDATA[{value}]]></{name}>"
        whole = escaped(value)
        return f"<{name}>{whole}<!-- 注 --></{name}>" if number % 7 == 0 else f"<{name}>{whole}</{name}>"

    def document(some: list[Row]) -> bytes:
        inside = "".join(
            f'<ROW num="{n}">\n <!-- 第 {n} 行 -->{"".join(element(*one, n) for one in row.written.items())}</ROW>\n'
            for n, row in enumerate(some)
        )
        head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
        return f"{head}<ROWDATA>{inside}</ROWDATA>".encode(codec)

    half = len(rows) // 2
    content = zipped({"xk/a.xml": document(rows[:half]), "xk/b.xml": document(rows[half:]), "读我.txt": "x"})
    source = {"form": "rowdata_zip", "path": "d.zip", "settle_seconds": 0}
    return Written(source, list(range(1, len(rows) + 1)), content)


def as_pages(rows: list[Row], total: bool, ascii_only: bool) -> Written:
    """A service whose last page is just full; absent values are null, left out or empty."""
    size = next(n for n in range(7, len(rows) + 1) if len(rows) % n == 0)

    def item(number: int, row: Row) -> dict[str, Any]:
        values = row.written | ({k: v for k, v in row.typed.items() if not isinstance(v, date)} if number % 2 else {})
        values = {k: None if v == "" and number % 3 == 0 else v for k, v in values.items()}
        return {k.lower(): v for k, v in values.items() if v != "" or number % 3 == 1}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            here = [item(n, row) for n, row in enumerate(rows)][(page - 1) * size : page * size]
            data = {"items": here} | ({"total": len(rows)} if total else {})
            body = json.dumps({"data": data}, ensure_ascii=ascii_only).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = {"form": "http", "connection": "there", "path": "/x", "page_size": size}
    connection = Connection("there", host=f"http://127.0.0.1:{server.server_port}", password="t")

    def close() -> None:
        server.shutdown()
        server.server_close()

    return Written(source | ({} if total else {"total": None}), list(range(1, len(rows) + 1)), b"", connection, close)


TABLE = {"form": "table", "connection": "there", "table": "t_xk", "updated_at": "changed", "overlap_hours": 0}
KINDS = {"XK_YXQZ": "date", "XK_YXQZI": "timestamp", "XK_JZQ": "timestamptz", "XK_ZT": "integer", "SECRET": "boolean"}
KINDS |= {"XK_XDR_LB": "char(30)", "DFBM": "numeric(8, 2)", "CF_YXQ": "timestamp", "CF_NR_WFFF": "numeric(18, 6)"}
EARLIER, LATER = "2026-08-31 23:59:59.999999", "2026-09-02 00:00:00"


def moments(count: int) -> list[str]:
    """Update times in the order of the rows: the first and the last moment of the day are among them."""
    start = datetime(2026, 9, 1)
    return [
        (start + timedelta(seconds=86_399.999999 if n == count - 1 else n * 0.25)).isoformat(" ") for n in range(count)
    ]


def table_rows(rows: list[Row], typed: bool) -> list[list[Any]]:
    """The rows, and two of other days around them that are not asked for."""
    whole = [
        [row.typed[c] if typed and c in KINDS and c in row.typed else value for c, value in row.written.items()]
        for row in rows
    ]
    times = moments(len(rows))
    placed = [[*values, time] for values, time in zip(whole, times, strict=True)]
    return [[*whole[0], LATER], *reversed(placed), [*whole[1], EARLIER]]


def as_postgres(rows: list[Row], url: str, typed: bool) -> Written:
    plain = url.replace("+psycopg", "")
    kinds = KINDS if typed else {}
    with psycopg.connect(plain, autocommit=True) as there:
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in rows[0].written)
        there.execute(f"create table public.t_xk ({columns}, changed {'timestamp' if typed else 'timestamptz'})")
        there.execute("set timezone = 'Asia/Shanghai'")
        marks = ", ".join(["%s"] * (len(rows[0].written) + 1))
        with there.cursor() as cursor:
            cursor.executemany(
                f"insert into public.t_xk values ({marks})",
                [[None if value == "" else value for value in one] for one in table_rows(rows, typed)],
            )
    connection = Connection("there", conn_type="postgres", uri=plain)
    return Written(TABLE, list(range(1, len(rows) + 1)), connection=connection)


def as_sqlite(rows: list[Row], folder: Path) -> Written:
    with sqlite3.connect(folder / "front.db") as there:
        there.execute(f"create table t_xk ({', '.join(rows[0].written)}, changed datetime)")
        marks = ", ".join("?" * (len(rows[0].written) + 1))
        there.executemany(f"insert into t_xk values ({marks})", table_rows(rows, False))
    there.close()
    uri = f"sqlite:///{folder / 'front.db'}"
    return Written(TABLE, list(range(1, len(rows) + 1)), connection=Connection("there", uri=uri))


Writer = Callable[[list[Row], int, str, Path], Written]
WRITERS: dict[str, Writer] = {
    "csv": lambda rows, *_: as_csv(rows, "utf-8", ",", "\n", csv.QUOTE_MINIMAL, "utf-8"),
    "csv_excel": lambda rows, *_: as_csv(rows, "utf-8-sig", ",", "\r\n", csv.QUOTE_ALL, "auto"),
    "tsv_gb18030": lambda rows, *_: as_csv(rows, "gb18030", "\t", "\n", csv.QUOTE_MINIMAL, "auto"),
    "xlsx": lambda rows, seed, *_: as_workbook(rows, seed),
    "xlsx_1904": lambda rows, seed, *_: as_sheet_xml(rows, seed),
    "rowdata": lambda rows, *_: as_rowdata(rows, "utf-8", ""),
    "rowdata_gbk": lambda rows, *_: as_rowdata(rows, "gb18030", "GBK"),
    "rowdata_utf16": lambda rows, *_: as_rowdata(rows, "utf-16", "UTF-16"),
    "http": lambda rows, *_: as_pages(rows, total=True, ascii_only=True),
    "http_without_total": lambda rows, *_: as_pages(rows, total=False, ascii_only=False),
    "postgres": lambda rows, _seed, url, _folder: as_postgres(rows, url, typed=False),
    "postgres_typed": lambda rows, _seed, url, _folder: as_postgres(rows, url, typed=True),
    "sqlite": lambda rows, _seed, _url, folder: as_sqlite(rows, folder),
}
