"""What a drain does with records that a platform could not keep, and learns from shipments that are too large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from credit_exchange.config.loader import load
from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.claim import Claimer, Leased, _Row
from credit_exchange.steps.push.dialects.base import (
    CallResult,
    Kind,
    Label,
    Line,
    Outcome,
    Refusal,
    Shipment,
    Verdict,
)
from credit_exchange.steps.push.settle import Settler

AT = datetime(2026, 11, 22, tzinfo=UTC)
AGAIN = Verdict(Outcome.AGAIN, "5001", "写入失败")
STORED = Verdict(Outcome.DELIVERED, "0")
REJECTED = Verdict(Outcome.REJECTED, "2001", "不合格")
TOO_LARGE = CallResult(Kind.REFUSED, refusal=Refusal.TOO_LARGE, code="413", http_status=413)


class Book:
    """A desk that keeps what is told of lines, and writes nothing."""

    def __init__(self) -> None:
        self.waits: Mapping[int, float] = {}

    def record(self, *_: object, state: str, waits: Mapping[int, float]) -> None:
        assert state == "settled"
        self.waits = waits

    def dissolve(self, *_: object) -> None:
        """A shipment is given up."""


@pytest.fixture(scope="module")
def platform() -> Platform:
    """信用福州, with three tries, ten seconds after the first of them."""
    shipped = load().platforms["fuzhou"]
    retry = shipped.retry.model_copy(update={"attempts": 3, "first_seconds": 10.0, "max_seconds": 1000.0})
    return shipped.model_copy(update={"retry": retry})


@pytest.fixture
def claimer(platform: Platform) -> Claimer:
    dialect = SimpleNamespace(overhead=lambda: (0, 0))
    return Claimer(cast(Any, None), platform, cast(Any, dialect), cast(Any, None), "me")


@pytest.fixture
def settler(platform: Platform, claimer: Claimer) -> Settler:
    gate = SimpleNamespace(success=lambda: None)
    return Settler(platform, cast(Any, Book()), cast(Any, gate), claimer, {})


def leased(records: Iterable[str], *, moved: int = 0, version: int = 1, lane: str = "permit") -> Leased:
    """Return a shipment of these; moved: it is packed again, so that its rows have other ids."""
    lines = [Line(n, 1000 + n + moved, record, version) for n, record in enumerate(records, 1)]
    label = Label("no", "no", "key", "permit", lane, "upsert", AT)
    return Leased(Shipment(label, b"", lines, 1), "ready", {})


def waits(settler: Settler, shipment: Leased, *verdicts: Verdict) -> Mapping[int, float]:
    """Settle a shipment by these verdicts; return in how many seconds which of its lines go again."""
    settler.sent(shipment, 1, CallResult(Kind.STORED, dict(enumerate(verdicts, 1)), code="0"))
    return cast(Book, settler._desk).waits


def test_what_the_platform_could_not_keep_goes_again_together_and_what_it_judged_does_not(settler: Settler) -> None:
    found = waits(settler, leased(["r1", "r2", "r3", "r4"]), STORED, AGAIN, REJECTED, AGAIN)
    assert sorted(found) == [2, 4]
    assert found[2] == found[4], "in one shipment"
    assert 5 <= found[2] <= 10
    assert settler.counts == {"delivered": 1, "rejected": 1}
    assert (settler.skip_records, settler.last_problem) == (set(), "")
    found = waits(settler, leased(["r9", "r2"], moved=10), AGAIN, AGAIN)
    assert 5 <= found[1] <= 10 <= found[2] <= 20, "the second time it waits longer, whatever its row is called by now"


def test_what_it_never_keeps_waits_for_the_next_drain_after_so_many_tries(settler: Settler) -> None:
    for moved in (0, 10):
        assert waits(settler, leased(["r1", "r2"], moved=moved), AGAIN, STORED).keys() == {1}
        assert settler.skip_records == set()
    newer = leased(["r1"], moved=20, version=2)
    assert waits(settler, newer, AGAIN).keys() == {1}, "another version is another content"
    assert waits(settler, leased(["r1", "r3"], moved=30), AGAIN, STORED) == {}
    assert settler.skip_records == {1031}
    assert "未能保存" in settler.last_problem
    assert settler.counts == {"delivered": 3}


def test_a_shipment_of_which_nothing_could_be_kept_goes_again_whole(settler: Settler) -> None:
    found = waits(settler, leased(["r1", "r2", "r3"]), AGAIN, AGAIN, AGAIN)
    assert sorted(found) == [1, 2, 3]
    assert len(set(found.values())) == 1
    assert settler.counts == {}
    waits(settler, leased(["r4", "r5"]), REJECTED, REJECTED)
    assert settler.counts == {"rejected": 2}


def test_shipments_of_a_lane_become_smaller_when_two_were_too_large_and_no_longer_when_one_record_is(
    settler: Settler, claimer: Claimer
) -> None:
    def too_large(first: int, count: int, lane: str = "permit") -> dict[str, int]:
        records = [f"r{number}" for number in range(first, first + count)]
        settler.sent(leased(records, moved=first, lane=lane), 1, TOO_LARGE)
        return claimer.most

    assert too_large(100, 10) == {}, "it may be one of its records"
    assert too_large(200, 9) == {"permit": 5}
    assert too_large(300, 20) == {"permit": 5}
    assert too_large(400, 4) == {"permit": 2}
    assert settler.skip_records >= {1000 + first + n for first, count in ((100, 10), (400, 4)) for n in range(1, count)}
    too_large(500, 8, "red_list")
    assert too_large(600, 8, "red_list") == {"permit": 2, "red_list": 4}
    assert too_large(400, 1) == {"red_list": 4}, "it is that record that is too large"


def test_what_was_learnt_of_a_lane_bounds_its_shipments(platform: Platform, claimer: Claimer) -> None:
    rows = [_Row(n, f"r{n}", 1, b"x") for n in range(7)]
    claimer.most |= {"permit": 3, "penalty": platform.limits.records + 1}

    def sizes(lane: str, some: list[_Row], *, single: bool = False) -> list[int]:
        return [len(group) for group in claimer._groups(lane, single, some, {})]

    assert sizes("permit", rows) == [3, 3, 1]
    assert sizes("red_list", rows) == [7]
    assert sizes("permit", rows[:2], single=True) == [1, 1]
    many = rows * (platform.limits.records // 7 + 1)
    assert max(sizes("penalty", many)) == platform.limits.records
