"""The form of one batch for 信用福州: what is wrong here makes the whole call malformed, and nothing is stored."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson

from . import columns
from .wire import Malformed, Request, TooLarge, gunzip

DATASETS = frozenset(
    {
        "permit", "penalty", "commitment", "red_list", "black_list", "false_statement", "restriction",
        "procurement_misconduct", "procurement_transaction", "tender_project", "tender_violation",
        "contract_performance", "third_party_rating", "article", "case_report", "monthly_report",
    }
)  # fmt: skip
MAX_RECORDS = 500
MAX_BODY = 5 * 1024 * 1024
"""Bytes; holds for the body as sent and again for the body decompressed."""
_SENT_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+08:00", re.ASCII)
_BATCH_KEYS = {"batch_no", "dataset", "sent_at", "record_count", "records"}


def read_batch(request: Request, dataset: str, table: columns.Table | None) -> dict[str, Any]:
    """The batch of a request, its form checked; raises Malformed (400) or TooLarge (413)."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise Malformed("Content-Encoding may be gzip only")
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        raise Malformed("Content-Type must be application/json")
    plain = gunzip(request.body, MAX_BODY) if coding == "gzip" else request.body
    try:
        batch = orjson.loads(plain)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON in UTF-8") from None
    if not isinstance(batch, dict) or batch.keys() != _BATCH_KEYS:
        raise Malformed(f"the batch must have exactly {sorted(_BATCH_KEYS)}")
    number, records = batch["batch_no"], batch["records"]
    if not isinstance(number, str) or not 1 <= len(number) <= 64:
        raise Malformed("batch_no must have 1 to 64 characters")
    if dataset not in DATASETS or batch["dataset"] != dataset:
        raise Malformed("dataset is unknown or not the one of the path")
    if not _is_instant(batch["sent_at"]):
        raise Malformed("sent_at must be yyyy-MM-ddTHH:mm:ss+08:00")
    if not isinstance(records, list) or not records:
        raise Malformed("records must be a list of at least one record")
    if len(records) > MAX_RECORDS:
        raise TooLarge(f"more than {MAX_RECORDS} records")
    if type(batch["record_count"]) is not int or batch["record_count"] != len(records):
        raise Malformed("record_count is not the number of records")
    for place, record in enumerate(records, 1):
        _check_shape(place, record, table)
    return batch


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str) or not _SENT_AT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _check_shape(place: int, record: Any, table: columns.Table | None) -> None:
    """The form of one record: what fails here makes the whole batch malformed."""
    if not isinstance(record, dict):
        raise Malformed(f"record {place} is not an object")
    op, record_id, version = record.get("op"), record.get("record_id"), record.get("version")
    allowed = {"op", "record_id", "version", "fields"} | ({"reason"} if op == "R" else set())
    if op not in ("U", "R") or not record.keys() <= allowed:
        raise Malformed(f"record {place}: op must be U or R, and only R has a reason")
    if not isinstance(record_id, str) or not 1 <= len(record_id) <= 128 or not record_id.isprintable():
        raise Malformed(f"record {place}: record_id must have 1 to 128 printable characters")
    if type(version) is not int or version < 1:
        raise Malformed(f"record {place}: version must be a positive integer")
    fields = record.get("fields", {} if op == "R" else None)
    if not isinstance(fields, dict) or (op == "U" and not fields):
        raise Malformed(f"record {place}: fields must be an object, of at least one field for U")
    if op == "R":
        if not isinstance(record.get("reason"), str) or not record["reason"].strip():
            raise Malformed(f"record {place}: a withdrawal needs a reason")
        return
    if table is None:
        for column, value in fields.items():
            if value is None or value == "" or isinstance(value, float):
                raise Malformed(f"record {place}: {column} is empty or a float; absent values are left out")
        return
    if not fields.keys() <= table.known:
        raise Malformed(f"record {place}: not a column of the standard: {sorted(fields.keys() - table.known)[0]}")
    values = fields.values()
    if "" in values or set(map(type, values)) != {str}:
        raise Malformed(f"record {place}: every field is a string that is not empty; leave absent values out")
    wrong = table.bad_amount(fields)
    if wrong:
        raise Malformed(f"record {place}: {wrong} must be a decimal string in 万元")
