"""证据: a record's explanation with the platforms' replies, each digest in it worked out again from what is stored."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from rich.console import Console

from credit_exchange.cli.explain import as_json, explanation
from credit_exchange.core.canonical import sm3_hex
from credit_exchange.core.crypto import open_sealed
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.survivorship import content_digest
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction


def export(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Export a record's explanation, the digests of its shipments and the replies into a new directory of mode 0700.

    A shipment's bytes hold other subjects' records as well and stay where they are; their digest stands for them. What
    does not fit its digest was changed after it was written: it is named, and the exit status is 2. Who took it, and
    when, is kept.
    """
    told = explanation(exchange, given.record_id)
    if given.out.exists():
        raise FatalError(f"{given.out} 已经存在；请换一个新的目录名")
    wrong = _sources(exchange, told["versions"])  # first: a landing that is away leaves no half of an evidence
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("explain/shipments"), {"record_id": given.record_id}).mappings().all()
        contents = connection.execute(sql.load("explain/contents"), {"record_id": given.record_id}).all()
        taken = {"kind": "evidence", "about": given.record_id, "rows": 1, "taken_by": given.by}
        connection.execute(sql.load("explain/hand_out"), taken)
    given.out.mkdir(mode=0o700, parents=True)
    _write(given.out / "explanation.json", as_json(told).encode())
    wrong += _contents(exchange, contents)
    index = []
    for row in rows:
        number = row["shipment_no"]
        for kind, word in (("body", "字节"), ("reply", "答复")):
            if row[f"{kind}_sealed"] is None:
                continue
            bytes_of = partial(open_sealed, exchange.keys, bytes(row[f"{kind}_sealed"]), number.encode())
            differs = _differs(f"上报批次 {number} 的{word}", row[f"{kind}_digest"], bytes_of)
            wrong += differs
            if kind == "reply" and not differs:
                _write(given.out / f"{number}.reply", bytes_of())
        index.append(
            {key: str(row[key]) for key in ("shipment_no", "platform", "body_digest", "reply_digest", "receipt_no")}
        )
    _write(given.out / "shipments.json", orjson.dumps(index, option=orjson.OPT_INDENT_2))
    _write(given.out / "differs.json", orjson.dumps(wrong, option=orjson.OPT_INDENT_2))
    console.print(f"已把全过程和 {len(index)} 个上报批次的证据写入 {given.out}", soft_wrap=True)
    for one in wrong:
        told_of = f"与写入时的摘要不符：{one}；写入后被改动或已损坏，不能作为证据，请从备份核对"
        console.print(told_of, style="red", markup=False, highlight=False, soft_wrap=True)
    return 2 if wrong else 0


def _sources(exchange: Exchange, versions: list[dict[str, Any]]) -> list[str]:
    """Name the deliveries whose landed bytes are not those of the digest."""
    found = {(v["batch_id"], v["landed_uri"], v["source_digest"]) for v in versions if v["landed_uri"]}
    wrong = []
    for batch_id, uri, digest in sorted(found):
        wrong += _differs(f"报送批次 {batch_id} 的原始字节", digest, partial(exchange.landing.get_bytes, uri))
    return wrong


def _contents(exchange: Exchange, contents: Any) -> list[str]:
    """Name the versions whose content is not that of the digest, which only our key can make."""
    wrong = []
    for row in contents:
        try:
            fits = content_digest(exchange.keys, orjson.loads(row.content)) == row.content_digest
        except (FatalError, orjson.JSONDecodeError):
            fits = False
        if not fits:
            wrong.append(f"第 {row.version} 版的内容")
    return wrong


def _differs(what: str, digest: str, read: Callable[[], bytes]) -> list[str]:
    """Return what it is, as the only item of a list, when it cannot be read or has another digest."""
    try:
        return [] if sm3_hex(read()) == digest else [what]
    except FatalError:
        return [what]


def _write(path: os.PathLike[str], data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
