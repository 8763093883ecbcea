"""发布: decides, per platform and version, to send, withhold, hold or withdraw, and fills the outbox with it.

Candidates are records with an undecided version and, when the rules in force changed (also by date), every record. What
a platform already has in the same form is not sent again. Expiry is judged against business "today", never against the
date of the night, so that a backfill of old nights cannot bring back what has expired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.platform import Route
from credit_exchange.config.sharing_engine import Decision, RuleSet
from credit_exchange.core import jsontext
from credit_exchange.core.business_time import now, today
from credit_exchange.core.canonical import canonical_json
from credit_exchange.errors import FatalError
from credit_exchange.steps import people, restored
from credit_exchange.steps.carried import carried, unplaced, what_waits
from credit_exchange.steps.catalogues import leave_other_catalogues
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.identities import by_identity, renamed
from credit_exchange.steps.outbox import Written, overtake
from credit_exchange.steps.payload import Columns, Treatment, canonical_of, treat
from credit_exchange.steps.push.dialects.base import Dialect
from credit_exchange.steps.reference import sync_reference
from credit_exchange.steps.retired import forgotten
from credit_exchange.steps.rules import digest_of, in_force
from credit_exchange.steps.wishes import GONE, Desired, Plan, Verdict, bumps_of, gone, reason_of, wish_of
from credit_exchange.stores import sql
from credit_exchange.stores.database import check_clock, transaction

CHUNK = 5_000
PARTS = 2
"""Records are decided in so many parts, by the last letter of their id: it does not matter in which order."""


@dataclass
class _Rules:
    """The rules in force, and the plans worked out so far, by data set and the values that the rules look at."""

    by_dataset: dict[str, dict[str, RuleSet]]
    routes: dict[tuple[str, str], Route]
    digests: dict[str, str]
    dialects: dict[str, Dialect]
    ids: dict[str, int] = field(default_factory=dict)
    reader: jsontext.Reader = field(default_factory=jsontext.Reader)
    nowhere: dict[str, set[str]] = field(default_factory=dict)
    _plans: dict[tuple[str, str, tuple[tuple[str | None, ...], ...]], Plan] = field(default_factory=dict)

    def alike(self) -> _Rules:
        """Return the same rules with a memory of their own, for another thread."""
        return _Rules(self.by_dataset, self.routes, self.digests, self.dialects, nowhere=self.nowhere)

    def dataset(self, name: str) -> Dataset:
        """Return a data set that any of the platforms takes."""
        return next(iter(self.by_dataset[name].values())).dataset

    def contents(self, name: str, rows: list[Any]) -> tuple[list[Any], Columns]:
        """Return the rows of a data set that can be decided, and their contents under current codes.

        Of a content with a field that no version of the table has a place for nobody can say whether a rule keeps it
        back: it waits, and is told. What is taken down needs no content.
        """
        dataset, columns = self.dataset(name), self.reader.columns([row[4] for row in rows])
        nowhere = unplaced(dataset, columns)
        if nowhere:
            judged = pa.array([row[3] not in GONE for row in rows])
            having = {code: pc.and_(columns[code].is_valid(), judged).to_pylist() for code in nowhere}
            told = {code for code, waits in having.items() if any(waits)}
            if told:
                self.nowhere.setdefault(name, set()).update(told)
            rows = [row for row, waits in zip(rows, zip(*having.values(), strict=True), strict=True) if not any(waits)]
            columns = self.reader.columns([row[4] for row in rows])
        return rows, carried(dataset, columns)

    def plans(self, dataset: str, statuses: Sequence[str], columns: Columns) -> list[Plan]:
        """Return the plan of each record of this data set, by its status and content."""
        sets = self.by_dataset.get(dataset, {}).values()
        looked_at = sorted({name for rule_set in sets for name in rule_set.looks_at})
        values = [
            pc.fill_null(columns[name], "").to_pylist() if name in columns else [""] * len(statuses)
            for name in looked_at
        ]
        known: dict[tuple[str, ...], Plan] = {}
        plans = []
        for seen in zip(statuses, *values, strict=True):
            plan = known.get(seen)
            if plan is None:
                plan = known[seen] = self._plan(dataset, seen[0], dict(zip(looked_at, seen[1:], strict=True)))
            plans.append(plan)
        return plans

    def _plan(self, dataset: str, status: str, content: dict[str, str]) -> Plan:
        rule_sets = self.by_dataset.get(dataset, {}).values()
        key = (dataset, status, () if status in GONE else tuple([rule_set.key(content) for rule_set in rule_sets]))
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) > 200_000:
                self._plans.clear()
            plan = self._plans[key] = self._make(dataset, status, content)
        return plan

    def _make(self, dataset: str, status: str, content: dict[str, str]) -> Plan:
        verdicts = []
        treatments: dict[Treatment, int] = {}
        for platform, rule_set in self.by_dataset.get(dataset, {}).items():
            decision = gone(rule_set.dataset, status) or rule_set.decide(content)
            place = None
            if decision.effect == "release":
                place = treatments.setdefault((decision.drop_fields, decision.mask_fields), len(treatments))
            verdicts.append(Verdict(platform, decision, decision.digest(), place))
        return Plan(tuple(verdicts), tuple(treatments))


def release(exchange: Exchange, platform_ids: Iterable[str] | None = None) -> dict[str, int]:
    """Decide everything undecided; return counts by `<platform>.<op or effect>`.

    Date-independent and safe to run at any time; decisions are committed chunk by chunk, so a killed run goes on where
    it stopped. `platform_ids` limits the platforms (all by default). Raises FatalError, after everything is decided,
    when something is published where the configuration sends nothing of it any more, or holds fields that the catalogue
    does not know; RetriableError, before, when this machine's clock is not the database's.
    """
    with transaction(exchange.engine) as connection:
        check_clock(connection)
    restored.refuse(exchange)
    sync_reference(exchange)
    platforms = sorted(platform_ids or exchange.config.platforms)
    rules = _rules_in_force(exchange, platforms)
    with transaction(exchange.engine) as connection:
        # a merge applies orders as well: both at once would give one record the same next version
        connection.execute(sql.load("merge/lock"))
        for part in range(PARTS):
            connection.execute(sql.load("release/lock"), {"part": part})
        connection.execute(sql.load("orders/share"))
        connection.execute(sql.load("merge/apply_orders"), {"today": today(), "every": True})
        pairs = sorted((platform, dataset) for dataset, sets in rules.by_dataset.items() for platform in sets)
        routed = {"platforms": [platform for platform, _ in pairs], "datasets": [dataset for _, dataset in pairs]}
        connection.execute(sql.load("release/outdone"), routed | {"now": now()})
        applied = {row.platform: row.ruleset_digest for row in connection.execute(sql.load("release/ruleset_applied"))}
        changed = [p for p in platforms if applied.get(p) != rules.digests[p]]
        for platform in changed:
            # until the end they count as applied to nothing: of a killed run some records were judged by them already
            connection.execute(sql.load("release/ruleset_remember"), {"platform": platform, "digest": ""})
        found = connection.execute(
            sql.load("release/candidates"), routed | {"changed": [p for p in changed if p in applied]}
        )
        candidates = found.scalars().all()
    counts: Counter[str] = Counter()
    parts: list[list[str]] = [[] for _ in range(PARTS)]
    for record_id in candidates:
        parts[ord(record_id[-1]) % PARTS].append(record_id)

    def work(part: int) -> Counter[str]:
        return _release_part(exchange, rules.alike(), part, parts[part])

    # two at a time, in a bulk night: one decides while the other one's rows are read and written
    with ThreadPoolExecutor(PARTS if len(candidates) > CHUNK else 1, "release") as pool:
        for done in pool.map(work, range(PARTS)):
            counts.update(done)
    waits = {platform for name in rules.nowhere for platform in rules.by_dataset[name]}
    with transaction(exchange.engine) as connection:
        for platform in platforms:
            if platform not in waits:  # else its rules do not count as applied: what waits is looked at again
                parameters = {"platform": platform, "digest": rules.digests[platform]}
                connection.execute(sql.load("release/ruleset_remember"), parameters)
    if rules.nowhere:
        stopped = [exchange.config.platform(platform).name for platform in changed if platform in waits]
        told = [what_waits(rules.dataset(name), rules.nowhere[name]) for name in sorted(rules.nowhere)]
        raise FatalError("。".join(told + [f"更正之前，{'、'.join(stopped)}只执行撤下"] * bool(stopped)))
    told = [f"{one.what}；{one.remedy}" for one in (forgotten(exchange) if platform_ids is None else ())]
    if told:
        raise FatalError("。".join(told))
    return dict(counts)


def _release_part(exchange: Exchange, rules: _Rules, part: int, record_ids: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for start in range(0, len(record_ids), CHUNK):
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("release/lock"), {"part": part})
            _release_chunk(connection, rules, record_ids[start : start + CHUNK], counts)
            faultpoint("release.before_commit")
    return counts


def _rules_in_force(exchange: Exchange, platforms: list[str]) -> _Rules:
    by_dataset: dict[str, dict[str, RuleSet]] = {}
    routes = {}
    digests_of = {}
    for platform in platforms:
        mine = in_force(exchange, platform)
        for name, rule_set in mine.items():
            by_dataset.setdefault(name, {})[platform] = rule_set
            routes[platform, name] = exchange.config.platform(platform).datasets[name]
        digests_of[platform] = digest_of(mine)
    return _Rules(by_dataset, routes, digests_of, by_identity(exchange.config, platforms))


def _release_chunk(connection: Connection, rules: _Rules, record_ids: list[str], counts: dict[str, int]) -> None:
    connection.execute(sql.load("push/by_key"))
    parameters = {"record_ids": record_ids}
    rows = connection.execute(sql.load("release/chunk"), parameters).all()
    standing = _standing(connection, record_ids)
    if any(row.waiting for row in standing.values()):
        # what waits may be packed at any moment; from here on it is not, so that what is seen now stays true: on all
        # platforms, since what travels may come back and wait there until the second look
        for platform in sorted({platform for platform, _ in standing}):
            connection.execute(sql.load("push/lock"), {"platform": platform})
        standing = _standing(connection, record_ids)
    known = {record_id for _, record_id in standing}
    written = Written()
    again: list[tuple[Any, list[Desired]]] = []
    alike: dict[str, list[Any]] = {}
    for row in rows:
        alike.setdefault(row[1], []).append(row)
    planned = []
    decisions: dict[str, Decision] = {}
    for dataset, found in alike.items():
        some, columns = rules.contents(dataset, found)
        plans = rules.plans(dataset, [row[3] for row in some], columns)
        distinct = {id(plan): plan for plan in plans}.values()
        decisions |= {v.digest: v.decision for plan in distinct for v in plan.verdicts}
        planned.append((dataset, some, columns, plans))
    _store_decisions(connection, rules, decisions)  # of all data sets at once: their order differs from part to part
    for dataset, some, columns, plans in planned:
        payloads = _payload_digests(columns, plans)
        about = (rules.dialects, rules.dataset(dataset), standing)
        renamed_at = renamed(connection, rules.reader, *about, columns, some, plans, payloads)
        first: dict[int, list[int]] = {}
        for place, (row, plan) in enumerate(zip(some, plans, strict=True)):
            if row[0] in known:
                again.append((row, _desire(row, plan, payloads[place], standing, rules.routes, renamed_at)))
            else:
                first.setdefault(id(plan), []).append(place)
        for places in first.values():  # nothing of them was ever decided: nothing to compare
            _write_first(rules, dataset, plans[places[0]], [(some[i], payloads[i]) for i in places], written)
    _write_again(connection, rules, again, standing, written)
    written.store(connection, counts)


def _write_first(
    rules: _Rules, dataset: str, plan: Plan, rows: list[tuple[Any, tuple[str, ...]]], written: Written
) -> None:
    """Write what one plan says about records of which no platform knows anything."""
    record_ids = [row[0] for row, _ in rows]
    versions = [row[2] for row, _ in rows]
    for platform, decision, digest, place in plan.verdicts:
        decision_id = rules.ids[digest]
        if place is None:
            nothing = [None] * len(rows)
            written.add_first(platform, dataset, None, decision.effect, record_ids, versions, decision_id, nothing)
        else:
            digests = [payloads[place] for _, payloads in rows]
            written.add_first(platform, dataset, "upsert", "send", record_ids, versions, decision_id, digests)


def _payload_digests(columns: Columns, plans: list[Plan]) -> list[tuple[str, ...]]:
    """Return the digests of every row, one for each treatment of its plan: treated once for all that are alike."""
    made: list[tuple[str, ...]] = [()] * len(plans)
    alike: dict[tuple[Treatment, ...], list[int]] = {}
    for place, plan in enumerate(plans):
        if plan.treatments:
            alike.setdefault(plan.treatments, []).append(place)
    for treatments, places in alike.items():
        some = columns
        if len(places) < len(plans):
            taken = pa.array(places)
            some = {code: column.take(taken) for code, column in columns.items()}
        digests = [jsontext.sm3_of(canonical_of(treat(some, one), len(places))) for one in treatments]
        for place, row in zip(places, zip(*digests, strict=True), strict=True):
            made[place] = row
    return made


def _desire(
    row: Any,
    plan: Plan,
    payloads: Sequence[str],
    standing: dict[tuple[str, str], Any],
    routes: dict[tuple[str, str], Route],
    renamed_at: set[tuple[str, str]],
) -> list[Desired]:
    """Return what platforms that know the record should have of it."""
    record_id, dataset = row[0], row[1]
    wishes = []
    for verdict in plan.verdicts:
        digest = None if verdict.place is None else payloads[verdict.place]
        known = standing.get((verdict.platform, record_id))
        if known is None:
            effect, op = (verdict.decision.effect, None) if digest is None else ("send", "upsert")
            wishes.append(
                Desired(verdict.platform, verdict.decision, verdict.digest, digest, effect, op, False, False, 0)
            )
        else:
            route = routes[verdict.platform, dataset]
            is_renamed = (verdict.platform, record_id) in renamed_at
            wishes.append(wish_of(verdict, digest, row, known, route, renamed=is_renamed))
    return wishes


def _write_again(
    connection: Connection,
    rules: _Rules,
    again: list[tuple[Any, list[Desired]]],
    standing: dict[tuple[str, str], Any],
    written: Written,
) -> None:
    """Write what is decided about records of which platforms know something."""
    in_two_places = leave_other_catalogues(connection, rules.routes, again, standing)
    bumps = {row[0]: bumps_of(row[2], wishes) for row, wishes in again}
    for times in (1, 2):
        bumped = sorted(record_id for record_id, count in bumps.items() if count >= times)
        if bumped:
            connection.execute(sql.load("release/bump_versions"), {"record_ids": bumped})
    told = [row[0] for row, wishes in again if row.status == "withdrawn" and any(w.op == "withdraw" for w in wishes)]
    names = people.names(map(rules.dataset, rules.by_dataset), connection, told) if told else {}
    overtaken: list[tuple[str, str, int, str | None]] = []
    for row, wishes in again:
        record_id, dataset, version = row[:3]
        version += bumps[record_id]
        for wish in wishes:
            if wish.decided_version >= version:
                continue
            if wish.cancel:
                overtaken.append((wish.platform, record_id, version, wish.op))
            decision_id = rules.ids[wish.decision_digest]
            if wish.moves:
                # the takedown goes first, under a version of its own; the new row waits until it is settled
                takedown = ("withdraw", "withdraw", record_id, version - 1, decision_id, None)
                written.add(wish.platform, dataset, *takedown, fresh=False, reason=wish.moves)
            written.add(
                wish.platform,
                dataset,
                wish.op,
                wish.effect,
                record_id,
                version,
                decision_id,
                wish.payload_digest,
                fresh=wish.decided_version == 0,
                reason=_reason(row, wish, names) if wish.op == "withdraw" else None,
            )
    overtake(connection, overtaken)
    if in_two_places:  # the next version stays undecided: the next release takes down what is left then
        connection.execute(sql.load("release/bump_versions"), {"record_ids": in_two_places})


def _reason(row: Any, wish: Desired, names: dict[str, list[str]]) -> str:
    """Return why a record is taken down; it leaves with the takedown, and names nobody whose name is not open."""
    return people.without(reason_of(row, wish), names.get(row[0], ()))


def _standing(connection: Connection, record_ids: list[str]) -> dict[tuple[str, str], Any]:
    rows = connection.execute(sql.load("release/standing"), {"record_ids": record_ids})
    return {(row.platform, row.record_id): row for row in rows}


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
            for digest, d in sorted(fresh.items())  # in one order everywhere, so that no two wait for each other
        ],
    )
    found = connection.execute(sql.load("release/decisions_known"), {"digests": list(fresh)})
    rules.ids.update({row.digest: row.decision_id for row in found})
