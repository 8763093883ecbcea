"""发布: decides, per platform and version, to send, withhold, hold or withdraw, and fills the outbox with it.

Candidates are records with an undecided version and, when the rules in force changed (also by date), every record. What
a platform already has in the same form is not sent again. Expiry is judged against business "today", never against the
date of the night, so that a backfill of old nights cannot bring back what has expired.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import Connection

from credit_exchange.config.sharing_engine import Decision, RuleSet
from credit_exchange.core.business_time import today
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.payload import treat
from credit_exchange.steps.reference import sync_reference
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table
from credit_exchange.stores.database import transaction

CHUNK = 5_000
GONE = {
    "withdrawn": Decision("withhold", "WITHDRAWN", "已撤下：信用修复、异议、撤销或部门撤回"),
    "expired": Decision("withhold", "EXPIRED", "公示期届满，停止公示（发改委令第36号）"),
    "held": Decision("hold", "HELD", "等待人工处理"),
}
_COLUMNS = pa.schema(
    [
        ("platform", pa.string()),
        ("record_id", pa.string()),
        ("version", pa.int32()),
        ("dataset", pa.string()),
        ("effect", pa.string()),
        ("decision_id", pa.int32()),
        ("payload_digest", pa.string()),
        ("op", pa.string()),
        ("reason", pa.string()),
        ("cancel", pa.bool_()),
    ]
)


@dataclass
class Desired:
    """What a platform should have of one record, and what has to be done for it."""

    platform: str
    decision: Decision
    payload_digest: str | None
    effect: str
    op: str | None
    cancel: bool
    changed: bool
    decided_version: int = 0


@dataclass
class _Rules:
    by_key: dict[tuple[str, str], RuleSet]
    digests: dict[str, str]
    ids: dict[str, int] = field(default_factory=dict)


def release(exchange: Exchange, platform_ids: Iterable[str] | None = None) -> dict[str, int]:
    """Decide everything undecided; return counts by `<platform>.<op or effect>`.

    Date-independent and safe to run at any time; decisions are committed chunk by chunk, so a killed run goes on where
    it stopped. `platform_ids` limits the platforms (all by default).
    """
    sync_reference(exchange)
    platforms = sorted(platform_ids or exchange.config.platforms)
    rules = _rules_in_force(exchange, platforms)
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("release/lock"))
        connection.execute(sql.load("merge/apply_orders"), {"today": today()})
        applied = {row.platform: row.ruleset_digest for row in connection.execute(sql.load("release/ruleset_applied"))}
        pairs = sorted(rules.by_key)
        candidates = (
            connection.execute(
                sql.load("release/candidates"),
                {
                    "platforms": [platform for platform, _ in pairs],
                    "datasets": [dataset for _, dataset in pairs],
                    "changed": [p for p in platforms if applied.get(p) not in (None, rules.digests[p])],
                },
            )
            .scalars()
            .all()
        )
    counts: dict[str, int] = {}
    for start in range(0, len(candidates), CHUNK):
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("release/lock"))
            _release_chunk(connection, platforms, rules, list(candidates[start : start + CHUNK]), counts)
            faultpoint("release.before_commit")
    with transaction(exchange.engine) as connection:
        for platform in platforms:
            parameters = {"platform": platform, "digest": rules.digests[platform]}
            connection.execute(sql.load("release/ruleset_remember"), parameters)
    return counts


def _rules_in_force(exchange: Exchange, platforms: list[str]) -> _Rules:
    day = today()
    by_key = {}
    digests = {}
    for platform in platforms:
        for name in exchange.config.platform(platform).datasets:
            if name in exchange.config.datasets:
                dataset = exchange.config.datasets[name]
                by_key[(platform, name)] = RuleSet(exchange.config.sharing, dataset, platform, day)
        mine = {name: rules.digest() for (p, name), rules in by_key.items() if p == platform}
        digests[platform] = sm3_hex(canonical_json(mine))
    return _Rules(by_key, digests)


def _release_chunk(
    connection: Connection, platforms: list[str], rules: _Rules, record_ids: list[str], counts: dict[str, int]
) -> None:
    parameters = {"record_ids": record_ids}
    rows = connection.execute(sql.load("release/chunk"), parameters).mappings().all()
    standing = {
        (row["platform"], row["record_id"]): row
        for row in connection.execute(sql.load("release/standing"), parameters).mappings()
    }
    desired = _desire(rows, platforms, rules, standing)
    bump = [record_id for record_id, wishes in desired.items() if any(w.changed for w in wishes)]
    if bump:
        connection.execute(sql.load("release/bump_versions"), {"record_ids": bump})
    _store_decisions(connection, rules, {w.decision for wishes in desired.values() for w in wishes})
    written: dict[str, list[Any]] = {name: [] for name in _COLUMNS.names}
    bumped = set(bump)
    for row in rows:
        record_id = row["record_id"]
        version = row["version"] + (record_id in bumped)
        for wish in desired[record_id]:
            if wish.decided_version >= version:
                continue
            _append(written, row, wish, version, rules.ids[wish.decision.digest()])
            key = f"{wish.platform}.{wish.op or wish.effect}"
            counts[key] = counts.get(key, 0) + 1
    connection.execute(sql.load("release/create_written"))
    copy_table(connection, "release/copy_written", pa.table(written, schema=_COLUMNS))
    for name in ("supersede", "write_release", "write_outbox"):
        connection.execute(sql.load(f"release/{name}"))


def _append(written: dict[str, list[Any]], row: Any, wish: Desired, version: int, decision_id: int) -> None:
    values = {
        "platform": wish.platform,
        "record_id": row["record_id"],
        "version": version,
        "dataset": row["dataset"],
        "effect": wish.effect,
        "decision_id": decision_id,
        "payload_digest": wish.payload_digest,
        "op": wish.op,
        "reason": _reason(row, wish) if wish.op == "withdraw" else None,
        "cancel": wish.cancel,
    }
    for name, value in values.items():
        written[name].append(value)


def _reason(row: Any, wish: Desired) -> str:
    if row["status"] == "withdrawn":
        return str(row["note"] or "撤下")
    return "公示期届满" if row["status"] == "expired" else f"不再符合共享规则 {wish.decision.deciding_rule}"


def _desire(rows: Any, platforms: list[str], rules: _Rules, standing: dict[Any, Any]) -> dict[str, list[Desired]]:
    contents = [orjson.loads(row["content"]) for row in rows]
    decisions: dict[tuple[int, str], Decision] = {}
    unique: dict[tuple[int, Any], int] = {}
    places: list[int] = []
    treatments: list[Any] = []
    for place, (row, content) in enumerate(zip(rows, contents, strict=True)):
        for platform in platforms:
            rule_set = rules.by_key.get((platform, row["dataset"]))
            if rule_set is None:
                continue
            decision = GONE.get(row["status"]) or rule_set.decide(content)
            decisions[(place, platform)] = decision
            if decision.effect == "release":
                treatment = (decision.drop_fields, decision.mask_fields)
                if (place, treatment) not in unique:
                    unique[(place, treatment)] = len(places)
                    places.append(place)
                    treatments.append(treatment)
    released = treat([contents[place] for place in places], treatments)
    digests = [sm3_hex(canonical_json(fields)) for fields in released]
    desired: dict[str, list[Desired]] = {row["record_id"]: [] for row in rows}
    for (place, platform), decision in decisions.items():
        row = rows[place]
        digest = None
        if decision.effect == "release":
            digest = digests[unique[(place, (decision.drop_fields, decision.mask_fields))]]
        known = standing.get((platform, row["record_id"]))
        desired[row["record_id"]].append(_wish(platform, decision, digest, row["version"], known))
    return desired


def _wish(platform: str, decision: Decision, digest: str | None, version: int, known: Any) -> Desired:
    """Compare what should be there with what is there, or waits to go there."""
    there = known is not None and known["there_op"] == "upsert"
    waiting = known is not None and known["waiting_id"] is not None
    decided_version = known["version"] if known is not None else 0
    if digest is not None:
        same = there and known["there_digest"] == digest
        op, effect = (None if same else "upsert"), "send"
        outlook = known["effect"] == "send" and known["payload_digest"] == digest if known is not None else True
    else:
        op = "withdraw" if there else None
        effect = "withdraw" if there else decision.effect
        outlook = known["effect"] != "send" if known is not None else True
    changed = decided_version == version and not outlook
    return Desired(platform, decision, digest, effect, op, waiting, changed, decided_version)


def _store_decisions(connection: Connection, rules: _Rules, decisions: set[Decision]) -> None:
    fresh = {d.digest(): d for d in decisions}
    fresh = {digest: d for digest, d in fresh.items() if digest not in rules.ids}
    if not fresh:
        return
    connection.execute(
        sql.load("release/decision_store"),
        [
            {
                "digest": digest,
                "effect": d.effect,
                "deciding_rule": d.deciding_rule,
                "legal_basis": d.legal_basis,
                "rules": canonical_json([{"id": i, "version": v, "effect": e} for i, v, e in d.rules]).decode(),
                "drop_fields": list(d.drop_fields),
                "mask_fields": canonical_json(dict(d.mask_fields)).decode(),
            }
            for digest, d in fresh.items()
        ],
    )
    found = connection.execute(sql.load("release/decisions_known"), {"digests": list(fresh)})
    rules.ids.update({row.digest: row.decision_id for row in found})
