"""Conflicts between departments: per field the declared source priority decides; the losers stay with their claims.

The result is a function of each feed's newest claim alone, so it does not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex
from credit_exchange.core.crypto import TEXT_PREFIX, Keys, open_text
from credit_exchange.core.identifiers import uscc_valid
from credit_exchange.steps.carried import carried_content, gone_codes
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.windows import Windows
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table

_CHUNK = 2_000
_STREAMED = {"yield_per": _CHUNK}


@dataclass(frozen=True)
class Claim:
    """What one feed says about a record, with its newness."""

    feed: str
    department: str
    newness: tuple[str, str, int]
    content: dict[str, str]


def resolve(dataset: Dataset, claims: list[Claim], windows: Windows | None = None) -> tuple[dict[str, str], Claim]:
    """Return the content that stands and the claim whose values prevail by default.

    Per field: the declared order of departments; departments that are not named come last; among equals the newest
    claim, then the feed's name, so that the answer is always the same. What `windows` works out (class, end of
    publication) follows from the content that stands: what was worked out of one claim outdoes nothing that was said.
    """
    priority = dataset.source_priority
    if windows:
        claims = [replace(claim, content=windows.said(claim.content)) for claim in claims]

    subject = dataset.identity.subject
    # what is worked out of a field goes with it: else a shop would be released as the company of another department
    base = {"_subject_kind": subject.kind, "_decided_on": dataset.identity.decided_on, "_minor": subject.id_number}

    def rank(field: str, claim: Claim) -> int:
        order = priority.fields.get(base.get(field) or field, priority.default)
        return order.index(claim.department) if claim.department in order else len(order)

    newest_first = sorted(sorted(claims, key=lambda c: c.feed), key=lambda c: c.newness, reverse=True)
    fields = sorted({field for claim in claims for field in claim.content})
    content = {}
    for field in fields:
        holders = [claim for claim in newest_first if claim.content.get(field)]
        if holders:
            content[field] = min(holders, key=lambda claim: rank(field, claim)).content[field]
    if windows:
        content = windows.completed(content)
    return content, min(newest_first, key=lambda claim: rank("", claim))


def content_digest(keys: Keys, content: dict[str, str]) -> str:
    """Return the keyed digest of a content with its ID numbers in plain (HMAC-SM3, hex)."""
    plain = {k: open_text(keys, v) if v.startswith(TEXT_PREFIX) else v for k, v in content.items()}
    return hmac_sm3_hex(keys.hmac, canonical_json(plain))


def find_standing(exchange: Exchange, connection: Connection, parameters: dict[str, Any]) -> None:
    """Fill the temporary table `stood`: what a feed said before its table got a new version and says again now.

    Other codes make another digest, but no other statement: it outdoes nothing that somebody else said since.
    """
    connection.execute(sql.load("merge/create_stood"))
    dataset = exchange.config.datasets[parameters["dataset"]]
    gone = gone_codes(dataset)
    if not gone:
        return
    told = connection.execute(sql.load("merge/old_claims"), parameters | {"gone": gone}, execution_options=_STREAMED)
    names = ("record_id", "business_date", "sequence", "generation")
    same: list[tuple[Any, ...]] = []
    for rows in told.mappings().partitions(_CHUNK):
        for row in rows:
            content = carried_content(dataset, orjson.loads(row["content"]))
            if content_digest(exchange.keys, content) == row["content_digest"]:
                same.append(tuple(row[name] for name in names))
    if same:
        copy_table(connection, "merge/copy_stood", pa.table(dict(zip(names, zip(*same, strict=True), strict=True))))


def settle(exchange: Exchange, connection: Connection, parameters: dict[str, Any]) -> int:
    """Fill the temporary table `settled` for records that several feeds speak about; return how many."""
    dataset = exchange.config.datasets[parameters["dataset"]]
    mine = connection.execute(sql.load("merge/multi_staged"), parameters, execution_options=_STREAMED).mappings()
    windows = Windows(dataset) if dataset.publication else None
    known = exchange.config.feeds
    feeds = {name: known[name].valid_to if name in known else None for name in exchange.config.ids("feed")}
    settled = 0
    others: Iterator[tuple[str, Iterator[Any]]] = iter(())
    for rows in mine.partitions(_CHUNK):
        if not settled:
            told = connection.execute(sql.load("merge/other_claims"), parameters, execution_options=_STREAMED)
            others = groupby(told.mappings(), key=itemgetter("record_id"))
        found = []
        # both come in the order of record ids, and about the same records: no more than a chunk is in memory
        for row, (record_id, claims) in zip(rows, islice(others, len(rows)), strict=True):
            assert record_id == row["record_id"]
            own = _claim(dataset, row, parameters["feed"], parameters["department"])
            told_of = [_claim(dataset, claim, claim["feed"], claim["department"]) for claim in claims]
            found.append((record_id, *resolve(dataset, _not_replaced([own, *told_of], feeds), windows)))
        _write(exchange, connection, dataset, found)
        settled += len(found)
    return settled


def _not_replaced(claims: list[Claim], feeds: Mapping[str, date | None]) -> list[Claim]:
    """Return the claims without those that their department has replaced: of a feed whose file is gone, or whose last
    date was before, where another feed of it has told something newer. What it leaves blank now would stay filled for
    ever. feeds: the feeds that there are, with their last date."""

    def is_over(feed: str, day: str) -> bool:
        last = feeds.get(feed)
        return feed not in feeds or (last is not None and last.isoformat() < day)

    return [
        old
        for old in claims
        if not any(
            c.feed in feeds
            and c.department == old.department
            and c.newness > old.newness
            and is_over(old.feed, c.newness[0])
            for c in claims
        )
    ]


def _claim(dataset: Dataset, row: Any, feed: str, department: str) -> Claim:
    newness = (row["business_date"].isoformat(), row["sequence"], row["generation"])
    return Claim(feed, department, newness, carried_content(dataset, orjson.loads(row["content"])))


def _write(
    exchange: Exchange, connection: Connection, dataset: Dataset, rows: list[tuple[str, dict[str, str], Claim]]
) -> None:
    subject, number = dataset.identity.subject, dataset.identity.document_no
    codes = pd.Series([content.get(subject.uscc or "", "") for _, content, _ in rows], dtype="str")
    valid = uscc_valid(codes)
    end_field = dataset.publication.end_field if dataset.publication else ""
    table = pa.table(
        {
            "record_id": [record_id for record_id, _, _ in rows],
            "content": [canonical_json(content).decode() for _, content, _ in rows],
            "content_digest": [content_digest(exchange.keys, content) for _, content, _ in rows],
            "department": [prevailing.department for _, _, prevailing in rows],
            "feed": [prevailing.feed for _, _, prevailing in rows],
            "document_no": pa.array([content.get(number) for _, content, _ in rows], pa.string()),
            "subject_name": [content.get(subject.name, "") for _, content, _ in rows],
            "subject_code": pa.array([c if ok else None for c, ok in zip(codes, valid, strict=True)], pa.string()),
            "subject_kind": [content.get("_subject_kind", "legal") for _, content, _ in rows],
            "decided_on": pa.array([content.get("_decided_on") for _, content, _ in rows], pa.string()),
            "publish_until": pa.array([content.get(end_field) for _, content, _ in rows], pa.string()),
        }
    )
    copy_table(connection, "merge/copy_settled", table)
