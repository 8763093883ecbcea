"""发布: decides, per platform and version, to send, withhold, hold or withdraw, and fills the outbox with it.

Candidates are records with an undecided version and, when the rules in force changed (also by date), every record. What
a platform already has in the same form is not sent again. Expiry is judged against business "today", never against the
date of the night, so that a backfill of old nights cannot bring back what has expired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection

from credit_exchange.config.sharing_engine import Decision, RuleSet
from credit_exchange.core.business_time import today
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.outbox import Entry, Written, overtake
from credit_exchange.steps.payload import Treater, Treatment, digests
from credit_exchange.steps.reference import sync_reference
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

CHUNK = 5_000
GONE = {
    "withdrawn": Decision("withhold", "WITHDRAWN", "已撤下：信用修复、异议、撤销或部门撤回"),
    "expired": Decision("withhold", "EXPIRED", "公示期届满，停止公示（发改委令第36号）"),
    "held": Decision("hold", "HELD", "等待人工处理"),
}


@dataclass(slots=True)
class Desired:
    """What a platform should have of one record, and what has to be done for it."""

    platform: str
    decision: Decision
    decision_digest: str
    payload_digest: str | None
    effect: str
    op: str | None
    cancel: bool = False
    changed: bool = False
    decided_version: int = 0
    fresh: bool = True


@dataclass(frozen=True)
class _Plan:
    """What the rules say of all records that look alike to them, per platform; released ones with a treatment."""

    decisions: tuple[tuple[str, Decision, str, int | None], ...]
    treatments: tuple[Treatment, ...]


@dataclass
class _Rules:
    """The rules in force, and the plans worked out so far, by data set and the values that the rules look at."""

    by_dataset: dict[str, dict[str, RuleSet]]
    digests: dict[str, str]
    ids: dict[str, int] = field(default_factory=dict)
    treater: Treater = field(default_factory=Treater)
    _shapes: dict[str, tuple[tuple[str, tuple[Callable[[str], str], ...]], ...]] = field(default_factory=dict)
    _plans: dict[tuple[str, ...], _Plan] = field(default_factory=dict)

    def plan(self, dataset: str, status: str, content: dict[str, str]) -> _Plan:
        """Return the plan for a record of this data set, status and content."""
        if status in GONE:
            key: tuple[str, ...] = (dataset, status)
        else:
            shape = self._shapes.get(dataset)
            if shape is None:
                shape = self._shapes[dataset] = self._shape(dataset)
            key = (dataset, *[part(content.get(name, "")) for name, parts in shape for part in parts])
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) > 200_000:
                self._plans.clear()
            plan = self._plans[key] = self._make(dataset, status, content)
        return plan

    def _shape(self, dataset: str) -> tuple[tuple[str, tuple[Callable[[str], str], ...]], ...]:
        parts: dict[str, list[Callable[[str], str]]] = {}
        for rule_set in self.by_dataset.get(dataset, {}).values():
            for name, part in rule_set.shape().items():
                parts.setdefault(name, []).append(part)
        return tuple((name, tuple(some)) for name, some in sorted(parts.items()))

    def _make(self, dataset: str, status: str, content: dict[str, str]) -> _Plan:
        decisions = []
        treatments: dict[Treatment, int] = {}
        for platform, rule_set in self.by_dataset.get(dataset, {}).items():
            decision = GONE.get(status) or rule_set.decide(content)
            place = None
            if decision.effect == "release":
                place = treatments.setdefault((decision.drop_fields, decision.mask_fields), len(treatments))
            decisions.append((platform, decision, decision.digest(), place))
        return _Plan(tuple(decisions), tuple(treatments))


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
        pairs = sorted((platform, dataset) for dataset, sets in rules.by_dataset.items() for platform in sets)
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
            _release_chunk(connection, rules, list(candidates[start : start + CHUNK]), counts)
            faultpoint("release.before_commit")
    with transaction(exchange.engine) as connection:
        for platform in platforms:
            parameters = {"platform": platform, "digest": rules.digests[platform]}
            connection.execute(sql.load("release/ruleset_remember"), parameters)
    return counts


def _rules_in_force(exchange: Exchange, platforms: list[str]) -> _Rules:
    day = today()
    by_dataset: dict[str, dict[str, RuleSet]] = {}
    digests_of = {}
    for platform in platforms:
        mine = {}
        for name in exchange.config.platform(platform).datasets:
            if name in exchange.config.datasets:
                rule_set = RuleSet(exchange.config.sharing, exchange.config.datasets[name], platform, day)
                by_dataset.setdefault(name, {})[platform] = rule_set
                mine[name] = rule_set.digest()
        digests_of[platform] = sm3_hex(canonical_json(mine))
    return _Rules(by_dataset, digests_of)


def _release_chunk(connection: Connection, rules: _Rules, record_ids: list[str], counts: dict[str, int]) -> None:
    connection.execute(sql.load("push/by_key"))
    parameters = {"record_ids": record_ids}
    rows = connection.execute(sql.load("release/chunk"), parameters).all()
    standing = _standing(connection, record_ids)
    waited_for = sorted({platform for (platform, _), row in standing.items() if row.waiting})
    if waited_for:
        # what waits may be packed at any moment; from here on it is not, so that what is seen now stays true
        for platform in waited_for:
            connection.execute(sql.load("push/lock"), {"platform": platform})
        standing = _standing(connection, record_ids)
    desired = _desire(rows, rules, standing)
    bump = {row[0] for row, wishes in zip(rows, desired, strict=True) if any(w.changed for w in wishes)}
    if bump:
        connection.execute(sql.load("release/bump_versions"), {"record_ids": sorted(bump)})
    _store_decisions(connection, rules, {w.decision_digest: w.decision for wishes in desired for w in wishes})
    written = Written()
    overtaken: list[tuple[str, str, int, str | None]] = []
    for row, wishes in zip(rows, desired, strict=True):
        record_id, dataset, version = row[:3]
        version += record_id in bump
        for wish in wishes:
            if wish.decided_version >= version:
                continue
            if wish.cancel:
                overtaken.append((wish.platform, record_id, version, wish.op))
            reason = _reason(row, wish) if wish.op == "withdraw" else None
            entry = Entry(
                record_id,
                version,
                wish.effect,
                rules.ids[wish.decision_digest],
                wish.payload_digest,
                wish.fresh,
                reason,
            )
            written.add(wish.platform, dataset, wish.op, entry)
            key = f"{wish.platform}.{wish.op or wish.effect}"
            counts[key] = counts.get(key, 0) + 1
    overtake(connection, overtaken)
    written.store(connection)


def _standing(connection: Connection, record_ids: list[str]) -> dict[tuple[str, str], Any]:
    rows = connection.execute(sql.load("release/standing"), {"record_ids": record_ids})
    return {(row.platform, row.record_id): row for row in rows}


def _reason(row: Any, wish: Desired) -> str:
    status, note = row[3], row[5]
    if status == "withdrawn":
        return str(note or "撤下")
    return "公示期届满" if status == "expired" else f"不再符合共享规则 {wish.decision.deciding_rule}"


def _desire(rows: Any, rules: _Rules, standing: dict[tuple[str, str], Any]) -> list[list[Desired]]:
    """Return, row by row, what every platform should have. Each content is treated once for all platforms alike."""
    plans: list[_Plan] = []
    contents: list[dict[str, str]] = []
    treatments: list[Treatment] = []
    for _, dataset, _, status, text, _ in rows:
        content = orjson.loads(text)
        plan = rules.plan(dataset, status, content)
        plans.append(plan)
        for treatment in plan.treatments:
            contents.append(content)
            treatments.append(treatment)
    told = digests([canonical_json(fields) for fields in rules.treater.treat(contents, treatments)])
    desired: list[list[Desired]] = []
    begin = 0
    for row, plan in zip(rows, plans, strict=True):
        record_id, version = row[0], row[2]
        wishes = []
        for platform, decision, decision_digest, place in plan.decisions:
            digest = None if place is None else told[begin + place]
            known = standing.get((platform, record_id))
            if known is None:
                effect, op = (decision.effect, None) if digest is None else ("send", "upsert")
                wishes.append(Desired(platform, decision, decision_digest, digest, effect, op))
            else:
                wishes.append(_wish(platform, decision, decision_digest, digest, version, known))
        desired.append(wishes)
        begin += len(plan.treatments)
    return desired


def _wish(
    platform: str, decision: Decision, decision_digest: str, digest: str | None, version: int, known: Any
) -> Desired:
    """Compare what should be there with what is there, or waits to go there."""
    there = known.there_op == "upsert"
    if digest is not None:
        same = there and known.there_digest == digest
        op, effect = (None if same else "upsert"), "send"
        outlook = known.effect == "send" and known.payload_digest == digest
    else:
        op = "withdraw" if there else None
        effect = "withdraw" if there else decision.effect
        outlook = known.effect != "send"
    changed = known.version == version and not outlook
    return Desired(
        platform, decision, decision_digest, digest, effect, op, known.waiting, changed, known.version, fresh=False
    )


def _store_decisions(connection: Connection, rules: _Rules, decisions: dict[str, Decision]) -> None:
    fresh = {digest: d for digest, d in decisions.items() if digest not in rules.ids}
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
