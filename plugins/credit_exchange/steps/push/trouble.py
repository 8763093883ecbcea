"""Whether a platform does not work, or only a part of it: a data set, one of its catalogues, its takedowns.

The circuit is the platform's. Before it opens, something else is tried: what fails alone is sent no more by this drain,
and all else goes on. A platform that answers nobody, or takes nothing of several data sets in a row, does not work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.streams import Stopped, Stream

_DATASETS_IN_A_ROW = 3


class Trouble:
    """What failed in one drain."""

    def __init__(self, platform: Platform, gate: Gate, stopped: Stopped, names: Mapping[str, str]) -> None:
        """names: how people call the data sets."""
        self._platform = platform
        self._names = names
        self._gate = gate
        self._stopped = stopped
        self.lately = True
        """The platform failed lately, as far as was seen when the last call began: a success has to be written."""
        self.broken: dict[Stream, str] = {}
        """What is not sent any more by this drain, and why."""
        self.doubt = ""
        """Why the circuit has to open, unless something else is taken next."""
        self._in_a_row: Counter[Stream] = Counter()
        self._datasets: set[str] = set()
        self._works = False

    def took(self, stream: Stream) -> None:
        """The platform took a shipment."""
        self._in_a_row.pop(stream, None)
        self.fine()

    def fine(self) -> None:
        """The platform works: that ends its trouble, if it had any."""
        self._works = True
        if self.lately:
            self._gate.success()
            self.lately = False
        self._datasets.clear()
        self.doubt = ""

    def failed(self, stream: Stream, reason: str, *, for_all: bool = False, for_good: bool = False) -> None:
        """Count a failure.

        for_all: it would have met any other shipment as well. for_good: it is not tried again, not even a few times;
        where this drain saw the platform work it says nothing about anything else.
        """
        self.lately = True
        self._in_a_row[stream] += 1
        self._datasets.add(stream.dataset)
        has_to_open = self._gate.failure(reason) or (for_good and not self._works)
        if has_to_open and (for_all or len(self._datasets) >= _DATASETS_IN_A_ROW):
            self._gate.open(reason)
        elif has_to_open or for_good or self._in_a_row[stream] >= self._platform.circuit.failures:
            self.stop(stream, f"没有成功：{reason}")
            self.doubt = reason if has_to_open else ""

    def stop(self, stream: Stream, why: str) -> None:
        """Send no more of it in this drain. why: as it goes on after the stream's name."""
        self._stopped.add(stream)
        self.broken[stream] = f"{stream.told(self._names)}{why}"

    def nothing_else(self, skip: Iterable[str] = (), skip_rows: Iterable[int] = (), *, asked: bool) -> None:
        """State that there is nothing else to send. Raises Stop when that leaves no other end than an open circuit.

        skip, skip_rows: shipments and records that were tried often enough.
        asked: also a question about what it has taken was not answered; until then such questions are still to come.
        """
        if self.doubt and self._gate.open_alone(self.doubt, self.broken, skip, skip_rows, asked=asked):
            raise Stop(f"{self._platform.name}：暂停上报，到时自动再试；{'；'.join(self.broken.values())}")
