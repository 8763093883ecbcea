"""What a drain says it came to: a night on which something is left or still shown is never told as a good one."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from credit_exchange.config.loader import load
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Outcome, Verdict
from credit_exchange.steps.push.result import DrainResult, result_of
from credit_exchange.steps.push.settle import _of_takedowns

A_DAY = {"s1": ("unknown", 4), "s2": ("awaiting_receipt", 7)}


def came_to(
    problem: str | None = None,
    *,
    left: dict[str, int] | None = None,
    overdue: dict[str, tuple[str, int]] | None = None,
    sending: bool = True,
    stale: bool = False,
    **settled: Any,
) -> DrainResult:
    nothing = {"broken": {}, "last_problem": "", "unseen": {}, "not_taken_down": 0, "counts": Counter(delivered=3)}
    said = nothing | settled
    settler: Any = SimpleNamespace(**said, trouble=SimpleNamespace(broken=said["broken"]))
    platform = load().platforms["fuzhou"]
    return result_of(platform, settler, problem, left or {}, overdue or {}, calls=9, sending=sending, stale=stale)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, None),
        ({"left": {"awaiting_receipt": 5}}, None),
        ({"left": {"ready": 1}}, "还有 1 条没有送出、0 条结果不明；下次上报时继续"),
        ({"left": {"retry": 2, "sending": 3}, "last_problem": "x"}, "还有 5 条没有送出、0 条结果不明；x"),
        ({"left": {"ready": 1}, "last_problem": "x", "broken": {1: "y", 2: "z"}}, "0 条结果不明；y；z"),
        ({"left": {"ready": 1}, "sending": False}, None),
        ({"left": {"ready": 1}, "stale": True}, "1 条要重新发布才上报"),
        ({"stale": True}, None),
        ({"left": {"unknown": 4}}, "还有 0 条没有送出、4 条结果不明"),
        ({"left": {"unknown": 4}, "sending": False}, None),
        ({"left": {"unknown": 4}, "overdue": A_DAY}, None),
        ({"left": {"unknown": 5}, "overdue": A_DAY}, "0 条没有送出、5 条结果不明"),
        ({"unseen": {"s1": "x", "s3": "y"}, "sending": False}, "有 2 个上报批次没有查询到结果，如批次 s3：y"),
        ({"unseen": {"s3": "y", "s1": "x"}, "overdue": A_DAY}, "有 1 个上报批次没有查询到结果，如批次 s3：y"),
        ({"unseen": {"s1": "x"}, "overdue": A_DAY}, None),
        ({"not_taken_down": 2, "sending": False}, "有 2 条撤下没有被平台接受"),
        ({"problem": "p", "left": {"ready": 1}, "stale": True, "not_taken_down": 2, "unseen": {"s3": "y"}}, "p"),
    ],
)
def test_the_first_of_what_a_person_should_know_is_told(given: dict[str, Any], told: str | None) -> None:
    problem = came_to(**given).problem
    assert (problem is None) if told is None else (told in str(problem)), problem


def test_what_was_done_and_what_is_left_is_counted_in_records() -> None:
    left = {"ready": 1, "retry": 2, "sending": 4, "unknown": 8, "awaiting_receipt": 16}
    counts = Counter(delivered=3, rejected=5, held=7)
    result = came_to(left=left, counts=counts, unseen={"s1": "", "s3": ""}, overdue=A_DAY)
    assert result == DrainResult(3, 5, 7, 8, 16, 7, 9, 1, result.problem)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_takedown_that_is_not_taken_whatever_the_reason_is_held_for_a_person(outcome: Outcome) -> None:
    given = CallResult(Kind.STORED, {1: Verdict(outcome, "1006", "平台已有更新的版本")})
    verdict = _of_takedowns(given).verdicts[1]
    if outcome in (Outcome.DELIVERED, Outcome.AGAIN, Outcome.REST):
        assert verdict == given.verdicts[1]
    else:
        assert (verdict.outcome, verdict.code) == (Outcome.HELD, "1006")
        assert verdict.message.startswith("平台已有更新的版本；没有撤下")
