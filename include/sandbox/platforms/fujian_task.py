"""What an upload to 信用福建 must look like, and what is wrong with one line of it."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from . import columns
from .digests import sm3
from .wire import Malformed, Request, TooLarge, gunzip

MAX_LINES = 2000
MAX_BODY = 32 * 1024 * 1024
"""Bytes of the body as sent; the protocol bounds only the lines, a server bounds bytes as well."""
MAX_PLAIN = 64 * 1024 * 1024
"""Bytes of the lines when decompressed."""
_AMOUNT = re.compile(r"(0|[1-9]\d{0,15})\.\d{2}", re.ASCII)
_LOOSE_DATE = re.compile(r"\d{4}([-/])\d{1,2}\1\d{1,2}", re.ASCII)
_PERMIT, _PENALTY = (
    columns.Table(table, spell=str.lower, is_date=partial(columns.is_date, separator=""), amount=_AMOUNT)
    for table in (columns.PERMIT, columns.PENALTY)
)
CATALOGS: dict[str, columns.Table | None] = {
    "frxk": _PERMIT, "zrrxk": _PERMIT, "frcf": _PENALTY, "zrrcf": _PENALTY,
    "xycn": None, "hongming": None, "heiming": None, "zfcg": None, "ztb": None,
}  # fmt: skip
"""Catalogs and, for the four of 双公示, the standard's columns in lower case."""
DATASET_OF = {
    "frxk": "permit", "zrrxk": "permit", "frcf": "penalty", "zrrcf": "penalty", "xycn": "commitment",
    "hongming": "red_list", "heiming": "black_list", "zfcg": "procurement_misconduct", "ztb": "tender_violation",
}  # fmt: skip
_UPLOAD = {"task_key": str, "catalog": str, "line_count": int, "sm3": str, "data": str}


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload whose envelope is right: ``plain`` are the JSON lines, their shape checked."""

    task_key: str
    catalog: str
    sm3: str
    plain: bytes


def read_upload(request: Request) -> Upload:
    """Check the envelope, the digest, the count and the shape of every line; raises Malformed or TooLarge."""
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        raise Malformed("Content-Type must be application/json")
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON in UTF-8") from None
    if not isinstance(body, dict) or body.keys() != _UPLOAD.keys():
        raise Malformed(f"the upload must have exactly {sorted(_UPLOAD)}")
    for name, kind in _UPLOAD.items():
        if type(body[name]) is not kind:
            raise Malformed(f"{name} must be of type {kind.__name__}")
    if not 1 <= len(body["task_key"]) <= 128:
        raise Malformed("task_key must have 1 to 128 characters")
    if body["catalog"] not in CATALOGS:
        raise Malformed("catalog is unknown")
    try:
        packed = base64.b64decode(body["data"], validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("data is not base64") from None
    plain = gunzip(packed, MAX_PLAIN)
    if sm3(plain) != body["sm3"]:
        raise Malformed("sm3 is not that of the uncompressed bytes")
    lines = plain.removesuffix(b"\n").split(b"\n")
    if len(lines) > MAX_LINES:
        raise TooLarge(f"more than {MAX_LINES} lines")
    if len(lines) != body["line_count"]:
        raise Malformed("line_count is not the number of lines")
    for number, line in enumerate(lines, 1):
        _check_shape(number, line)
    return Upload(body["task_key"], body["catalog"], body["sm3"], plain)


def _check_shape(number: int, text: bytes) -> None:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed(f"line {number} is not JSON") from None
    if not isinstance(line, dict) or line.keys() - {"why"} != {"id", "ver", "act", "row"}:
        raise Malformed(f"line {number} must have id, ver, act, row, and for D may have why")
    if not isinstance(line["id"], str) or not 1 <= len(line["id"]) <= 128 or not line["id"].isprintable():
        raise Malformed(f"line {number}: id must have 1 to 128 printable characters")
    if type(line["ver"]) is not int or line["ver"] < 1:
        raise Malformed(f"line {number}: ver must be a positive integer")
    if line["act"] not in ("S", "D") or not isinstance(line["row"], dict):
        raise Malformed(f"line {number}: act must be S or D, row an object")
    if not isinstance(line.get("why", ""), str):
        raise Malformed(f"line {number}: why must be a string")


def check_line(catalog: str, row: dict[str, Any]) -> tuple[str, str]:
    """(rule, message) of what is wrong with the row of an ``S`` line, or two empty strings.

    LEN is the platform's own and names no column; COL, REQ, DATE, AMT, CAT and CODE are this sandbox's words for
    what the protocol forbids without giving a rule name.
    """
    table = CATALOGS[catalog]
    if any(not isinstance(value, str) for value in row.values()):
        return "COL", "every value is a string, an absent one is empty"
    if table is None:
        if not row or any(column != column.lower() for column in row):
            return "COL", "columns are written in lower case"
        wrong_date = next((column for column, value in row.items() if _LOOSE_DATE.fullmatch(value)), "")
        return ("DATE", f"{wrong_date} 日期须为 yyyyMMdd") if wrong_date else ("", "")
    if row.keys() != table.known:
        odd = sorted(row.keys() ^ table.known)[0]
        return "COL", f"{odd}: every column of the standard in lower case, absent values empty, and no other"
    amount = table.bad_amount(row)
    if amount:
        return "AMT", f"{amount} 金额须以元为单位、两位小数"
    wrong = table.check(row)
    if wrong is None:
        natural = row[table.category] == columns.NATURAL_PERSON
        return ("", "") if natural == catalog.startswith("zrr") else ("CAT", "相对人类别与目录不符")
    if wrong.sort == "length":
        return "LEN", "存在字段长度不匹配"
    rule = {"missing": "REQ", "date": "DATE", "category": "CAT", "code": "CODE"}[wrong.sort]
    return rule, f"{wrong.column} 不符合要求"
