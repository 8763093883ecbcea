"""Finds the records for which a platform refuses whole shipments, so that they keep no others back.

A shipment that is refused for its form or size is given up and its records go afresh in smaller ones, down to one. A
record is found guilty when it is refused by itself although the platform took others of its kind after it had first
been refused. A data set of which a platform refuses everything (another contract, our configuration) is never told
apart in this way: a few records by themselves, tried first, show it, and nothing is rejected.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from credit_exchange.steps.push.dialects.base import Line, Shipment
from credit_exchange.steps.push.streams import Stream

_ALONE_IN_A_ROW = 3
_REFUSALS = 300
"""In one drain; what is refused after that waits for the next one as it is."""


class Finding(Enum):
    """What a refused shipment comes to."""

    SPLIT = auto()  # its records go afresh in smaller ones
    ASIDE = auto()  # they wait: for something of their kind to be taken, else for the next drain
    GUILTY = auto()  # it is this record, and no other
    BROKEN = auto()  # it is all of its kind: the platform's contract, or what we think of it


class _First(NamedTuple):
    """When a record was first refused: in which shipment, and after how many of its kind had been taken."""

    shipment: int
    taken: int


class Apart:
    """What one drain knows of refused shipments; of what kind they are is their stream."""

    def __init__(self) -> None:
        self._parts: deque[tuple[Stream, list[int]]] = deque()
        self._suspects: dict[Stream, list[list[int]]] = {}
        self._first: dict[tuple[str, int], _First] = {}
        self._taken: Counter[Stream] = Counter()
        self._shipments = 0
        self._refused_lately: dict[Stream, set[int]] = {}
        self._alone: Counter[Stream] = Counter()
        self._refusals = 0
        self._large: Counter[str] = Counter()

    def is_size(self, lane: str) -> bool:
        """Tell whether shipments of a lane are too large by themselves: of one alone it may be one of its records."""
        return self._large[lane] > 1

    def next(self) -> list[int] | None:
        """Return the outbox ids that are to go in a shipment of their own next, if there are any."""
        return self._parts.popleft()[1] if self._parts else None

    def taken(self, shipment: Shipment) -> None:
        """The platform took a shipment: what is refused from now on is not refused for its kind."""
        kind = Stream.of(shipment.label)
        self._taken[kind] += 1
        self._alone[kind] = 0
        self._refused_lately.pop(kind, None)
        self._parts.extend((kind, ids) for ids in self._suspects.pop(kind, ()))

    def refused(self, shipment: Shipment, *, too_large: bool = False) -> Finding:
        """Return what to do about a shipment that was refused for its form, or its size."""
        kind = Stream.of(shipment.label)
        lines = shipment.lines
        self._refusals += 1
        first = self._first.get(_version(lines[0]))
        if first is None:
            self._shipments += 1
            self._large[shipment.label.lane] += too_large
            first = _First(self._shipments, self._taken[kind])
            self._first |= dict.fromkeys(map(_version, lines), first)
        lately = self._refused_lately.setdefault(kind, set())
        lately.add(first.shipment)
        is_taken = self._taken[kind] > first.taken
        ids = [line.outbox_id for line in lines]
        if len(ids) > 1:
            if self._refusals > _REFUSALS:
                return Finding.ASIDE
            self._split(kind, ids, too_large=too_large, is_taken=is_taken)
            return Finding.SPLIT
        if is_taken:
            return Finding.GUILTY
        self._alone[kind] += 1
        suspects = self._suspects.setdefault(kind, [])
        suspects.append(ids)
        if self._alone[kind] < _ALONE_IN_A_ROW:
            return Finding.ASIDE
        # all of one shipment: another one of its kind shows whether it is the shipment or the contract
        suspects.extend(part for its, part in self._parts if its == kind)
        self._parts = deque(part for part in self._parts if part[0] != kind)
        return Finding.BROKEN if len(lately) > 1 else Finding.ASIDE

    def _split(self, kind: Stream, ids: list[int], *, too_large: bool, is_taken: bool) -> None:
        if too_large:  # the first size that is taken is soon found
            self._parts.extendleft((kind, half) for half in reversed(_halves(ids)))
        elif is_taken:  # the larger parts go first
            self._parts.extend((kind, half) for half in _halves(ids))
        else:
            tried = sorted({0, len(ids) // 2, len(ids) - 1})
            rest = _halves([one for place, one in enumerate(ids) if place not in tried])
            self._parts.extend((kind, part) for part in [*([ids[place]] for place in tried), *rest])


def _halves(ids: Sequence[int]) -> list[list[int]]:
    middle = (len(ids) + 1) // 2
    return [list(half) for half in (ids[:middle], ids[middle:]) if half]


def _version(line: Line) -> tuple[str, int]:
    return line.record_id, line.version
