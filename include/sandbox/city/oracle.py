"""The answer key: what must become of every delivered row and of every record, from the generator's own knowledge.

It holds for nights run in order, from the first generated day on, each once.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from city import codes
from city.days import REINSTATE, WITHDRAW, night
from city.departments import BY_ID, FEEDS, FeedSpec
from city.faults import SHRUNKEN_ROWS, broken
from city.forms import FIRST_LINE
from city.records import Row

PLATFORMS = ("fuzhou", "fujian", "china")
Identity = tuple[str, str, str, str]


@dataclass
class Known:
    """What the exchange must know about one record after the nights so far."""

    claims: dict[str, str] = field(default_factory=dict)
    row: Row | None = None
    order: str = ""

    @property
    def status(self) -> str:
        """current, withdrawn or expired."""
        if self.order == WITHDRAW:
            return "withdrawn"
        return "expired" if self.row is not None and self.row.expired else "current"


@dataclass
class Key:
    """The whole answer key: lines per (feed, day), and the records at the end."""

    lines: dict[tuple[str, date], list[dict[str, Any]]]
    final: list[dict[str, Any]]


def answer_key(seed: int, days: frozenset[date], volume: float, faulty: frozenset[date]) -> Key:
    """Work out the key for these days. On days in `faulty` the broken feeds count as city.faults says."""
    known: defaultdict[Identity, Known] = defaultdict(Known)
    lines: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for day in sorted(days):
        for spec in FEEDS:
            state = broken(spec, day in faulty)
            if state and "held" not in state:
                lines[spec.feed, day] = []
                continue
            rows = night(seed, spec, day, volume, days)
            if state:
                held = [(row, "held", ()) for row in rows[:SHRUNKEN_ROWS]]
                lines[spec.feed, day] = [_line(spec, day, i, *told, None) for i, told in enumerate(held)]
                continue
            lines[spec.feed, day] = _judge(spec, day, rows, known)
    return Key(lines, [_final(identity, k) for identity, k in sorted(known.items()) if k.row is not None])


def _judge(spec: FeedSpec, day: date, rows: list[Row], known: defaultdict[Identity, Known]) -> list[dict[str, Any]]:
    contents: defaultdict[Identity, set[str]] = defaultdict(set)
    for row in rows:
        if row.outcome == "accepted" or "S13" in row.rules:
            contents[row.identity].add(row.content + row.operation)
    told = []
    for place, row in enumerate(rows):
        outcome, rules = row.outcome, row.rules
        if outcome == "accepted" and len(contents[row.identity]) > 1:
            outcome, rules = "quarantined", ("S13",)
        if outcome == "accepted":
            outcome = _take(spec, row, known[row.identity])
        told.append(_line(spec, day, place, row, outcome, rules, known.get(row.identity)))
    return told


def _take(spec: FeedSpec, row: Row, record: Known) -> str:
    if row.operation:
        record.order = row.operation
        return "accepted"
    if record.claims.get(spec.feed) == row.content:
        return "unchanged"
    record.claims[spec.feed] = row.content
    record.row = row
    return "accepted"


def _fate(row: Row, record: Known | None) -> dict[str, str]:
    """Per platform: send, withhold:<rule>, withdraw, withdrawn or expired."""
    if row.operation:
        if record is None or record.row is None or record.row.withheld_by:
            return {}
        word = "withdraw" if row.operation == WITHDRAW else "send"
    elif row.withheld_by:
        word = f"withhold:{row.withheld_by[0]}"
    elif record is not None and record.order == WITHDRAW:
        word = "withdrawn"
    else:
        word = "expired" if row.expired else "send"
    return dict.fromkeys(PLATFORMS, word)


def _line(
    spec: FeedSpec, day: date, place: int, row: Row, outcome: str, rules: tuple[str, ...], record: Known | None
) -> dict[str, Any]:
    taken = outcome in ("accepted", "unchanged")
    return {
        "feed": spec.feed,
        "business_date": day.isoformat(),
        "line_no": FIRST_LINE[spec.form] + place,
        "document_no": row.document_no,
        "outcome": outcome,
        "rules": list(rules) if outcome == "quarantined" else [],
        "warnings": list(row.warnings) if outcome != "held" and not row.operation else [],
        "defect": row.defect,
        "operation": {WITHDRAW: "withdraw", REINSTATE: "reinstate"}.get(row.operation, "upsert"),
        "platforms": _fate(row, record) if taken else {},
        "withheld_by": list(row.withheld_by) if taken and not row.operation else [],
        "subject_kind": row.kind,
    }


def _final(identity: Identity, record: Known) -> dict[str, Any]:
    row = record.row
    if row is None:
        raise ValueError("a record without a row has no final state")
    dataset, agency, document_no, _ = identity
    shown = record.status == "current" and not row.withheld_by
    code = unicodedata.normalize("NFKC", row.get("XDR_SHXYM"))
    return {
        "dataset": dataset,
        "agency_code": agency,
        "document_no": document_no,
        "subject_code": code if code != codes.PLACEHOLDER else "",
        "subject_name": row.get("XDR_MC"),
        "subject_kind": row.kind,
        "status": record.status,
        "platforms": list(PLATFORMS) if shown else [],
        "withheld_by": list(row.withheld_by),
        "fields": _fields(row, record) if shown else {},
        "must_not_contain": list(row.secrets),
        "feeds": sorted(record.claims),
        "conflict": len(set(record.claims.values())) > 1,
    }


def _fields(row: Row, record: Known) -> dict[str, str]:
    """Some values as a platform must show them: masked names, the date in ISO form, the fine in 万元."""
    told = row.masked | {f"{row.prefix}_JDRQ": row.get("JDRQ")}
    if row.get("NR_FK") and all(BY_ID[feed].standard != "v2016" for feed in record.claims):
        told["CF_NR_FK"] = row.get("NR_FK")
    return told
