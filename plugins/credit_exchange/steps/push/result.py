"""What one drain did and what it left, in records and in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credit_exchange.config.platform import Platform
    from credit_exchange.steps.push.settle import Settler


@dataclass(frozen=True)
class DrainResult:
    """What one drain did (delivered, rejected, held, calls) and what it left (retry, unknown, awaiting), in records.

    unseen: shipments of the last day that were looked at in vain. `problem` says in one sentence why something is left
    that a person should know of, or is None.
    """

    delivered: int = 0
    rejected: int = 0
    retry: int = 0
    unknown: int = 0
    awaiting: int = 0
    held: int = 0
    calls: int = 0
    unseen: int = 0
    problem: str | None = None


def result_of(
    platform: Platform,
    settler: Settler,
    problem: str | None,
    left: Mapping[str, int],
    overdue: Mapping[str, tuple[str, int]],
    *,
    calls: int,
    sending: bool,
    stale: bool,
) -> DrainResult:
    """Return what a drain came to.

    problem: why it ended early, or None; then the first of what a person should know is said. left: records by state.
    overdue: shipments of which nothing was found out for a day, with state and records: the watchdog tells of them,
    they redden no run of every night. stale: the release no longer holds
    (:func:`rules.is_stale`), and takedowns only were sent.
    """
    counts: Counter[str] = settler.counts
    waiting = left.get("ready", 0) + left.get("retry", 0) + left.get("sending", 0)
    unknown = left.get("unknown", 0)
    sought = unknown - sum(records for state, records in overdue.values() if state == "unknown")
    if problem is None and stale and waiting:
        problem = (
            f"{platform.name}：发布之后共享规则（或程序）变过，或有记录的公示期已满，{waiting} 条要重新发布才上报；"
            "请清除「发布」（含下游），或等下一夜"
        )
    if problem is None and sending and (waiting or sought > 0):
        problem = (
            f"{platform.name}：还有 {waiting} 条没有送出、{unknown} 条结果不明；"
            f"{'；'.join(settler.trouble.broken.values()) or settler.last_problem or '下次上报时继续'}"
        )
    unseen = {number: why for number, why in settler.unseen.items() if number not in overdue}
    if problem is None and unseen:
        number, why = next(reversed(unseen.items()))
        problem = (
            f"{platform.name}：有 {len(unseen)} 个上报批次没有查询到结果，如批次 {number}：{why}；"
            "下次再查询，仍无结果请与平台核实"
        )
    refused = settler.not_taken_down
    if problem is None and refused:
        problem = f"{platform.name}：有 {refused} 条撤下没有被平台接受，每夜自动再试；请与平台核对原因"
    return DrainResult(
        delivered=counts["delivered"],
        rejected=counts["rejected"],
        retry=waiting,
        unknown=unknown,
        awaiting=left.get("awaiting_receipt", 0),
        held=counts["held"],
        calls=calls,
        unseen=len(unseen),
        problem=problem,
    )
