"""What a platform should have of a record of which it knows something already, and what has to be done for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.platform import Route
from credit_exchange.config.sharing_engine import Decision
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.steps.payload import Treatment

MOVED = "相对人类别更正，改在平台的另一目录公示"
MISPLACED = "平台在另一目录公示或可能公示，撤下后改在应在的目录公示"
RENAMED = "文书号、机关代码或相对人更正，改以更正后的标识公示"
"""Why a record is taken down that comes again at once: elsewhere, or under another identity."""
GONE = {
    "withdrawn": Decision("withhold", "WITHDRAWN", "已撤下：信用修复、异议、撤销或部门撤回"),
    "expired": Decision("withhold", "EXPIRED", "公示期届满，停止公示"),
    "held": Decision("hold", "HELD", "等待人工处理"),
}
"""What follows from a record's status alone."""


class Verdict(NamedTuple):
    """What the rules say for one platform; `place`: which of the plan's treatments, if the record is released."""

    platform: str
    decision: Decision
    digest: str
    place: int | None


@dataclass(frozen=True)
class Plan:
    """What the rules say of all records that look alike to them, per platform; released ones with a treatment."""

    verdicts: tuple[Verdict, ...]
    treatments: tuple[Treatment, ...]


@dataclass(slots=True)
class Desired:
    """What a platform should have of one record of which it knows something, and what has to be done for it.

    moves: why it has to be taken down before it is sent, where it lies elsewhere than it belongs.
    """

    platform: str
    decision: Decision
    decision_digest: str
    payload_digest: str | None
    effect: str
    op: str | None
    cancel: bool
    changed: bool
    decided_version: int
    moves: str = ""


def gone(dataset: Dataset, status: str) -> Decision | None:
    """Return the decision that follows from a record's status alone; an expired one's has the statute of its end."""
    decision, basis = GONE.get(status), dataset.publication.basis if dataset.publication else ""
    if decision is None or status != "expired" or not basis:
        return decision
    return replace(decision, legal_basis=f"{decision.legal_basis}（{basis}）")


def wish_of(
    verdict: Verdict, digest: str | None, row: Any, known: Any, route: Route, *, renamed: bool = False
) -> Desired:
    """Compare what should be there with what is there, or waits to go there.

    renamed: at a platform without record ids it lies under another identity than it would.
    """
    there = known.there_op == "upsert"
    moves = ""
    if digest is not None:
        placed = there and bool(route.catalog) and bool(known.there_lane)
        moves = MOVED if placed and known.there_lane != route.catalog_of(row.subject_kind) else ""
        moves = RENAMED if renamed else moves
        same = there and not moves and known.there_digest == digest
        op, effect = (None if same else "upsert"), "send"
        outlook = known.effect == "send" and known.payload_digest == digest
    else:
        op = "withdraw" if there else None
        effect = "withdraw" if there else verdict.decision.effect
        outlook = known.effect != "send"
    changed = known.version == row.version and not outlook
    decided = (verdict.platform, verdict.decision, verdict.digest, digest)
    return Desired(*decided, effect, op, known.waiting, changed, known.version, moves)


def bumps_of(version: int, wishes: Iterable[Desired]) -> int:
    """Return how many versions a record goes on: a changed release takes the next, a takedown before it one more."""
    newest = version + any(wish.changed for wish in wishes)
    decided = [wish.decided_version for wish in wishes if wish.moves]
    if decided and min(decided) < newest:
        newest = max(newest, max(decided) + 1) + 1
    return newest - version


def reason_of(row: Any, wish: Desired) -> str:
    """Return why a record is taken down."""
    status, note = row.status, row.note
    if status == "withdrawn":
        return scrub_text(str(note or "撤下"))  # a person wrote it, and it leaves with the takedown
    return "公示期届满" if status == "expired" else f"不再符合共享规则 {wish.decision.deciding_rule}"
