"""Which records travel together: as many as the platform's limits allow, and as those that failed before allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar


class _Packed(Protocol):
    """A record in the form of the wire."""

    @property
    def record_id(self) -> str: ...

    @property
    def data(self) -> bytes: ...


Row = TypeVar("Row", bound=_Packed)


def groups(
    rows: Iterable[Row], *, records: int, size: int, overhead: Sequence[int], bounds: Mapping[str, int]
) -> Iterator[list[Row]]:
    """Yield the rows of one shipment after another, in their order.

    records, size: at most so many, and so many bytes. overhead: bytes of the envelope and between two records.
    bounds: with how many a record may travel at most, by record id, where it is fewer.
    """
    envelope, between = overhead
    group: list[Row] = []
    filled, most = envelope, records
    for row in rows:
        more = len(row.data) + between
        own = bounds.get(row.record_id, records)
        if group and (len(group) >= min(most, own) or filled + more > size):
            yield group
            group, filled, most = [], envelope, records
        group.append(row)
        filled += more
        most = min(most, own)
    if group:
        yield group
