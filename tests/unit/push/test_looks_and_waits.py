"""What a drain looks at when nothing can be sent, and what it waits for. Without a platform."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from credit_exchange.steps.push.drain import _Drain


def a_drain(
    *, sending: bool = True, stale: bool = False, unanswered: int = 0, failures: int = 5, seconds: float = 3600.0
) -> Any:
    """A drain that ends in so many seconds, of a platform for which nobody waits longer than a minute."""
    drain: Any = _Drain.__new__(_Drain)
    drain._sending, drain._stale = sending, stale
    drain._end = time.monotonic() + seconds
    drain._tasks_until, drain._recover_at, drain._looked_at = None, 1.0, set()
    circuit = SimpleNamespace(failures=failures)
    drain._platform = SimpleNamespace(circuit=circuit, poll_in_drain_seconds=30.0)
    drain._gate = SimpleNamespace(patience=60.0)
    unanswered_ones = {f"u{n}" for n in range(unanswered)}
    trouble = SimpleNamespace(doubt="", nothing_else=lambda *_, **__: None)
    drain._settler = SimpleNamespace(
        unanswered=unanswered_ones, skip_shipments={"b", "a"}, skip_records={2, 1}, trouble=trouble
    )
    return drain


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a drain slept each time."""
    slept: list[float] = []
    module = sys.modules[_Drain.__module__]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=slept.append))
    return slept


@pytest.mark.parametrize(
    ("due", "given", "nap"),
    [
        ({}, {}, None),
        ({"shipment": 0.5}, {}, 0.5),
        ({"shipment": 59.0}, {}, 1.0),  # and looks again: a takedown may be ordered
        ({"shipment": -5.0}, {}, 0.01),
        ({"shipment": 0.5, "unknown": 0.25, "record": 0.75}, {}, 0.25),
        ({"shipment": 61.0, "record": 61.0}, {}, None),  # is the next drain's
        ({"unknown": 61.0}, {}, 1.0),  # whatever it takes to find out, within this drain
        ({"other": 61.0}, {}, 1.0),
        ({"unknown": 3601.0, "other": 3601.0}, {}, None),
        ({"shipment": 0.5}, {"seconds": 0.25}, None),
        ({"unknown": 0.5, "other": 0.75}, {"unanswered": 5}, 0.75),
        ({"unknown": 0.5}, {"unanswered": 5}, None),
        ({"shipment": 0.5, "record": 0.5}, {"stale": True}, None),
        ({"unknown": 0.5}, {"stale": True}, 0.5),
        ({"unknown": 0.5}, {"sending": False}, None),
    ],
)
def test_a_drain_waits_for_what_is_due_within_it_and_the_platforms_patience(
    naps: list[float], due: dict[str, float], given: dict[str, Any], nap: float | None
) -> None:
    asked: list[Any] = []
    drain = a_drain(**given)
    drain._desk = SimpleNamespace(next_due=lambda *skip: (asked.append(skip), due)[1])
    assert drain._wait() is (nap is not None)
    assert naps == ([] if nap is None else [nap])
    assert asked == ([(["a", "b"], [1, 2])] if drain._sending else [])


@pytest.mark.parametrize(
    ("due", "left", "nap"),
    [
        ({"task": 0.5}, 30.0, 0.5),
        ({"task": -5.0}, 30.0, 0.01),
        ({"task": 0.5}, -1.0, None),
        ({"task": -5.0}, -1.0, None),
        ({"task": 31.0}, 30.0, None),
        ({"task": 0.25, "unknown": 0.5}, 30.0, 0.5),  # after everything else
        ({"task": 0.5}, None, None),
    ],
)
def test_tasks_are_waited_for_as_long_as_is_configured_after_everything_else(
    naps: list[float], due: dict[str, float], left: float | None, nap: float | None
) -> None:
    drain = a_drain()
    drain._tasks_until = None if left is None else time.monotonic() + left
    drain._desk = SimpleNamespace(next_due=lambda *_: due)
    assert drain._wait() is (nap is not None)
    assert naps == ([] if nap is None else [nap])
    drain._settler.unanswered = {"1", "2", "3", "4", "5"}
    assert not drain._wait(), "whoever gave up asking waits for no answer"


@pytest.mark.parametrize(("seconds", "at"), [(0.5, 1.0), (0.0, 0.0), (-1.0, 0.0)])
def test_what_another_drain_holds_is_looked_for_as_soon_as_its_lease_is_over(
    naps: list[float], seconds: float, at: float
) -> None:
    drain = a_drain()
    drain._desk = SimpleNamespace(next_due=lambda *_: {"other": seconds})
    assert drain._wait()
    assert (drain._recover_at, len(naps)) == (at, 1)


@pytest.mark.parametrize(
    ("failures", "unanswered", "gave_up"), [(1, 1, False), (1, 2, True), (5, 4, False), (5, 5, True), (5, 6, True)]
)
def test_it_gives_up_asking_after_as_many_looks_in_vain_as_open_the_circuit(
    failures: int, unanswered: int, gave_up: bool
) -> None:
    drain = a_drain(unanswered=unanswered, failures=failures)
    looks: list[str] = []
    drain._dialect = SimpleNamespace(ask="ask", poll="poll")
    drain._look = lambda *what: (looks.append(" ".join(what)), False)[1]
    assert not drain._look_after()
    assert looks == ([] if gave_up else ["unknown ask ask", "awaiting_receipt poll poll"])


@pytest.mark.parametrize(
    ("doubt", "unanswered", "found", "told"),
    [
        ("", 0, True, ["nothing else", "look"]),
        ("x", 0, True, ["look"]),  # an answer to any question shows that the platform works
        ("x", 0, False, ["look", "nothing else", "look"]),
        ("x", 1, True, ["nothing else, asked", "look"]),
    ],
)
def test_before_a_platform_counts_as_not_working_it_is_asked_once(
    doubt: str, unanswered: int, found: bool, told: list[str]
) -> None:
    drain = a_drain(unanswered=unanswered)
    done: list[str] = []

    def nothing_else(skip: set[str], rows: set[int], *, asked: bool) -> None:
        assert (skip, rows) == ({"a", "b"}, {1, 2})
        done.append("nothing else" + ", asked" * asked)

    drain._settler.trouble = SimpleNamespace(doubt=doubt, nothing_else=nothing_else)
    drain._look_after = lambda: (done.append("look"), found)[1]
    for until in (None, 7.0):
        done.clear()
        drain._tasks_until = until
        assert drain._look_last() is found
        assert done == told
    assert drain._tasks_until == 7.0, "it is counted from the first idle moment on"


@pytest.mark.parametrize(
    ("state", "sending", "left", "skipped", "looked_at"),
    [
        ("unknown", False, None, True, False),
        ("awaiting_receipt", False, None, True, False),
        ("unknown", True, -1.0, False, False),
        ("awaiting_receipt", True, None, False, False),
        ("awaiting_receipt", True, 30.0, False, False),
        ("awaiting_receipt", True, -1.0, False, True),
    ],
)
def test_a_poll_looks_once_and_a_drain_once_more_after_its_time_for_tasks(
    state: str, sending: bool, left: float | None, skipped: bool, looked_at: bool
) -> None:
    drain = a_drain(sending=sending)
    drain._tasks_until = None if left is None else time.monotonic() + left
    drain._looked_at = {"c"}
    leased = SimpleNamespace(shipment=SimpleNamespace(label=SimpleNamespace(shipment_no="s")))
    taken: list[Any] = []
    called: list[Any] = []
    drain._call = lambda *what: called.append(what)
    drain._desk = SimpleNamespace(take_open=lambda *what: (taken.append(what), leased)[1])
    assert drain._look(state, "kind", "method")
    assert (taken, called) == ([(state, ["a", "b", "c"])], [(leased, "kind", "method")])
    assert ("s" in drain._settler.skip_shipments, "s" in drain._looked_at) == (skipped, looked_at)
    drain._desk = SimpleNamespace(take_open=lambda *_: None)
    assert not drain._look(state, "kind", "method")
    assert len(called) == 1
