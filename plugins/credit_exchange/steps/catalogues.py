"""What lies in another catalogue of a platform than the last decision says is taken down there.

A row came to a second catalogue only before places were kept (ADR 0002), or by the platform itself, which shows again
what we took down (ADR 0006); what was decided last says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from credit_exchange.config.platform import Route
from credit_exchange.steps.push.places import lying
from credit_exchange.steps.wishes import MISPLACED, Desired


def leave_other_catalogues(
    connection: Connection,
    routes: Mapping[tuple[str, str], Route],
    again: Iterable[tuple[Any, Sequence[Desired]]],
    standing: Mapping[tuple[str, str], Any],
) -> list[str]:
    """Wish a takedown of what is not released and lies somewhere else than the last decision says; return record ids.

    What is released, and lies there in a form that nobody knows, leaves another catalogue before it is sent again.

    routes and standing: by (platform, data set) and (platform, record id). again: each record's row with what is wished
    of it; changed in place. Returned is what lies in several catalogues: one version takes it down in one of them.
    """
    gone: dict[str, dict[str, Desired]] = {}
    unsure: dict[str, dict[str, tuple[Desired, str | None]]] = {}
    for row, wishes in again:
        for wish in wishes:
            route = routes[wish.platform, row.dataset]
            if not route.catalog:
                continue
            if wish.payload_digest is None:
                gone.setdefault(wish.platform, {})[row.record_id] = wish
            elif not wish.moves and _is_unsure(standing.get((wish.platform, row.record_id))):
                unsure.setdefault(wish.platform, {})[row.record_id] = wish, route.catalog_of(row.subject_kind)
    for platform, some in unsure.items():
        for record_id, lanes in lying(connection, platform, some).items():
            wish, belongs = some[record_id]
            if any(lane != belongs for lane in lanes):
                wish.moves = MISPLACED
    in_several = set()
    for platform, wishes_of in gone.items():
        for record_id, lanes in lying(connection, platform, wishes_of).items():
            known = standing.get((platform, record_id))
            leaves = known.there_lane if known is not None and known.there_op == "withdraw" else None
            if lanes != [leaves]:
                wishes_of[record_id].op = wishes_of[record_id].effect = "withdraw"
            if len(lanes) > 1:
                in_several.add(record_id)
    return sorted(in_several)


def _is_unsure(known: Any) -> bool:
    """Tell whether something lies there of which nobody knows in which form: a repair or a restore marked it."""
    return known is not None and bool(known.there_op == "upsert" and known.there_digest == "")
