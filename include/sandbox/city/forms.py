"""Writes a delivery in its form: CSV, XLSX, ROWDATA XML in a zip. The same rows give the same bytes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from datetime import date
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.styles import Font

from city.cells import AMOUNTS, DATES, extras, fields
from city.columns import NUMBER, columns, extra_columns
from city.departments import FeedSpec
from city.records import Row

FIRST_LINE = {"csv": 2, "xlsx": 4, "zip": 1, "table": 1, "http": 1}
"""Where a person finds the first data row: after a CSV's header; below title, unit line and header of a workbook."""

_FIXED = (2026, 1, 1, 0, 0, 0)


def delivered_bytes(spec: FeedSpec, day: date, rows: list[Row]) -> bytes:
    """The whole delivery as the department's system writes it."""
    if spec.form == "csv":
        return _csv(spec, day, rows)
    if spec.form == "xlsx":
        return _xlsx(spec, day, rows)
    return _zip(spec, day, rows)


def manifest(spec: FeedSpec, data: bytes, rows: int) -> bytes:
    """The `.ok` file beside a delivery: JSON, or key=value lines."""
    facts = {"rows": rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if spec.manifest == "json":
        return (json.dumps(facts) + "\n").encode()
    return "".join(f"{key}={value}\n" for key, value in facts.items()).encode()


def _csv(spec: FeedSpec, day: date, rows: list[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*columns(spec).values(), *extra_columns(spec)])
    for row in rows:
        writer.writerow([*fields(spec, row, day).values(), *extras(spec, row).values()])
    return out.getvalue().encode(spec.encoding)


def _xlsx(spec: FeedSpec, day: date, rows: list[Row]) -> bytes:
    book = Workbook()
    sheet = book.active
    if sheet is None:
        raise RuntimeError("openpyxl made a workbook without a sheet")
    names = columns(spec)
    sheet.title = "数据"
    title = sheet.cell(1, 1, f"{spec.agency.name}{'行政许可' if spec.dataset == 'permit' else '行政处罚'}信息报送表")
    title.font = Font(bold=True, size=14)
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=6)
    sheet.cell(2, 1, f"填报单位：{spec.agency.name}")
    sheet.cell(2, 5, f"填报日期：{day:%Y年%m月%d日}")
    for place, name in enumerate([NUMBER, *names.values()], start=1):
        sheet.cell(3, place, name)
    for line, row in enumerate(rows, start=4):
        sheet.cell(line, 1, line - 3)
        for place, (code, value) in enumerate(fields(spec, row, day).items(), start=2):
            if not value:
                continue
            cell = sheet.cell(line, place)
            if code in DATES and code not in row.raw:
                cell.value = date.fromisoformat(row.values[_source(code)])
                # format 58 of Chinese Excel hides the year; the value has it all the same
                cell.number_format = 'm"月"d"日"' if row.defect == "excel_dates" else "yyyy/m/d"
            elif code in AMOUNTS:
                cell.value = float(value)
            elif code in row.numeric:
                cell.value = int(value)
            else:
                cell.value = value
                cell.data_type = "s"
                cell.number_format = "@"
    below = len(rows) + 5
    sheet.cell(below, 1, "表格说明：1. 日期填写到日；2. 罚款金额单位见表头；3. 请勿删除表头。")
    sheet.cell(below + 1, 1, "注：个体工商户请填写经营者姓名。")
    out = io.BytesIO()
    book.save(out)
    return _without_clock(out.getvalue())


def _source(code: str) -> str:
    return {"XK_JZQ": "XK_YXQZI", "CF_JZQ": "CF_YXQ"}.get(code, code)


def _without_clock(data: bytes) -> bytes:
    """The same workbook without the time at which it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            _write_member(new, name, content)
    return out.getvalue()


def _write_member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _FIXED)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    archive.writestr(info, content)


def _zip(spec: FeedSpec, day: date, rows: list[Row]) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<ROWDATA>"]
    for row in rows:
        cells = {**fields(spec, row, day), **extras(spec, row)}
        lines.append("<ROW>" + "".join(f"<{c}>{escape(v)}</{c}>" for c, v in cells.items()) + "</ROW>")
    lines.append("</ROWDATA>")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        # name as seen in use: 4-digit department, 2-digit table, date, serial
        table = "01" if spec.dataset == "permit" else "02"
        _write_member(archive, f"35{spec.agency.number}{table}_{day:%Y%m%d}_00001.xml", "\n".join(lines).encode())
    return out.getvalue()
