"""What a platform may take or not as a kind: a data set, the place (lane) there, and the operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from credit_exchange.config.labels import OP_WORDS
from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.dialects.base import Label


class Stream(NamedTuple):
    """All shipments of one kind."""

    dataset: str
    lane: str
    op: str

    @classmethod
    def of(cls, label: Label) -> Stream:
        """Return the stream of a shipment."""
        return cls(label.dataset, label.lane, label.op)

    def told(self, names: Mapping[str, str]) -> str:
        """Return how people call it: data set, catalogue where it has several, operation. names: of the data sets."""
        lane = f"（{self.lane}）" if self.lane != self.dataset else " "
        return f"{names.get(self.dataset, self.dataset)}{lane}{OP_WORDS[self.op]}"


class Stopped:
    """The streams of which one drain sends no more."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._streams: set[Stream] = set()

    def add(self, stream: Stream) -> None:
        """Send no more of it."""
        self._streams.add(stream)

    def __contains__(self, stream: Stream) -> bool:
        return stream in self._streams

    def unpacked(self) -> list[str]:
        """Return data sets and operations of which nothing has to be packed, as they are written in SQL.

        In which catalogue a record belongs is known when it is packed: those with another one left are packed, and what
        comes into a stopped one is kept for the next drain.
        """
        streams = tuple(self._streams)  # asked while what is packed ahead is packed, in a thread of its own
        return sorted({f"{one.dataset} {one.op}" for one in streams if not self._is_left(one)})

    def _is_left(self, stream: Stream) -> bool:
        route = self._platform.datasets.get(stream.dataset)
        lanes = set(route.catalog.values()) if route is not None else set()
        return any(stream._replace(lane=lane) not in self._streams for lane in lanes)
