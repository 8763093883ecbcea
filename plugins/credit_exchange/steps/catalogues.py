"""What is not released any more is taken down in every catalogue of a platform in which it lies.

A row came to a second catalogue only before places were kept (ADR 0002); what was decided last says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from credit_exchange.config.platform import Route
from credit_exchange.steps.push.places import lying
from credit_exchange.steps.wishes import Desired


def take_down_everywhere(
    connection: Connection,
    routes: Mapping[tuple[str, str], Route],
    again: Iterable[tuple[Any, Sequence[Desired]]],
    standing: Mapping[tuple[str, str], Any],
) -> list[str]:
    """Wish a takedown of what is not released and lies somewhere else than the last decision says; return record ids.

    routes and standing: by (platform, data set) and (platform, record id). again: each record's row with what is wished
    of it; changed in place. Returned is what lies in several catalogues: one version takes it down in one of them.
    """
    gone: dict[str, dict[str, Desired]] = {}
    for row, wishes in again:
        for wish in wishes:
            if wish.payload_digest is None and routes[wish.platform, row.dataset].catalog:
                gone.setdefault(wish.platform, {})[row.record_id] = wish
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
