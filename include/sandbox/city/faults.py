"""Broken deliveries for a red night: a file half written, one missing, one that shrank, a service that fails."""

from __future__ import annotations

from city.departments import FeedSpec

HALF_WRITTEN, MISSING, SHRUNKEN, UNAVAILABLE = "fz_zjj_permit", "fz_wlj_permit", "fz_jtj_penalty", "fz_yjj_penalty"

EXPECTED: dict[str, tuple[str, ...]] = {
    HALF_WRITTEN: ("failed", "missing"),
    MISSING: ("missing", "failed"),
    SHRUNKEN: ("held",),
    UNAVAILABLE: ("failed", "missing"),
}
"""Feed → states, in one of which its batch must be shown."""

SHRUNKEN_ROWS = 3


def broken(spec: FeedSpec, faulty: bool) -> tuple[str, ...]:
    """The states that this feed's batch may end in on a night with faults; empty when it is fine."""
    return EXPECTED.get(spec.feed, ()) if faulty else ()


def half(data: bytes) -> bytes:
    """What is there when the writer died: no manifest fits it."""
    return data[: len(data) * 3 // 5]
