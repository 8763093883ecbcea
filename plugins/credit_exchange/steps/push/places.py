"""Where records lie at a platform that keeps a data set in several catalogues: a record is in one of them at a time.

The lane of a shipment is its catalogue there. A takedown goes to the catalogue in which the record lies, whatever its
content or our files say by now; a row that would come to a second catalogue is held while the record lies in another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.dialects.base import Verdict, elsewhere
from credit_exchange.stores import sql


class _Waiting(Protocol):
    """A row of the outbox that is about to be packed."""

    @property
    def outbox_id(self) -> int: ...

    @property
    def record_id(self) -> str: ...

    @property
    def version(self) -> int: ...


Row = TypeVar("Row", bound=_Waiting)
Lanes = dict[tuple[str, str, bool], list[Row]]
"""Rows by data set, lane, and whether they travel alone."""


def lying(connection: Connection, platform_id: str, record_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the lanes in which these records lie at a platform, the one that they came to first before others."""
    found: dict[str, list[str]] = {}
    parameters = {"platform": platform_id, "record_ids": sorted(record_ids)}
    for record_id, lane in connection.execute(sql.load("push/places"), parameters):
        found.setdefault(record_id, []).append(lane)
    return found


def put_in_place(
    connection: Connection, platform: Platform, op: str, lanes: Lanes[Row], known: Collection[str]
) -> tuple[Lanes[Row], dict[int, Verdict]]:
    """Return the rows by the lane they have to travel in, and which of them must not go.

    known: records of which something may lie at the platform already. Called when no other version of them is under way
    and no older takedown waits: what lies in another catalogue now will not leave it by itself.
    """
    if not known or not any(platform.datasets[dataset].catalog for dataset, _, _ in lanes):
        return lanes, {}
    places = lying(connection, platform.platform, known)
    again = _coming_again(connection, platform.platform, places) if op == "withdraw" else {}
    placed: Lanes[Row] = {}
    held: dict[int, Verdict] = {}
    for (dataset, lane, alone), rows in lanes.items():
        for row in rows:
            there = places.get(row.record_id, [])
            others = [one for one in there if one != lane]
            if op == "withdraw":
                coming = again.get(row.record_id)
                if coming is not None and coming.version > row.version:
                    # what lies where it belongs is replaced; what lies elsewhere would be there for good
                    belongs = platform.datasets[dataset].catalog_of(coming.subject_kind)
                    there = [one for one in there if one != belongs] or there
                placed.setdefault((dataset, there[0] if there else lane, alone), []).append(row)
            elif others:
                held[row.outbox_id] = elsewhere(f"在平台的目录 {'、'.join(others)} 中")
            else:
                placed.setdefault((dataset, lane, alone), []).append(row)
    return placed, held


def _coming_again(connection: Connection, platform_id: str, places: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return what comes again of the records that lie in several places: version and kind of subject."""
    several = sorted(record_id for record_id, there in places.items() if len(there) > 1)
    if not several:
        return {}
    rows = connection.execute(sql.load("push/comes_again"), {"platform": platform_id, "record_ids": several})
    return {row.record_id: row for row in rows}
