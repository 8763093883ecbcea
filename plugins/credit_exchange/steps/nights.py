"""One row a run of the exchange: which business date it carries, how it was started, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from credit_exchange.core import business_time
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

Kind = Literal["scheduled", "backfill", "manual", "command"]


@dataclass(frozen=True)
class Night:
    """A run and the business date it carries."""

    night_id: int
    business_date: date
    kind: Kind


def open_night(exchange: Exchange, run_id: str, business_date: date, kind: Kind) -> Night:
    """Record that a run starts. A run that was there before keeps the business date it began with."""
    with transaction(exchange.engine) as connection:
        given = {"run_id": run_id, "business_date": business_date, "kind": kind, "now": business_time.now()}
        return Night(**connection.execute(sql.load("alerts/night_open"), given).mappings().one())


def night_of(exchange: Exchange, run_id: str) -> Night:
    """Return the night of a run. Raises FatalError when the run was never opened."""
    with transaction(exchange.engine) as connection:
        row = connection.execute(sql.load("alerts/night_of_run"), {"run_id": run_id}).mappings().first()
    if row is None:
        raise FatalError(
            f"run {run_id} has no row in exchange.night; clear its first task (open_night) and run it again"
        )
    return Night(**row)


def close_night(exchange: Exchange, run_id: str, failed_parts: Sequence[str]) -> None:
    """Record how a run ended: good without failed parts, else partial with their names.

    Raises FatalError when the run was never opened.
    """
    with transaction(exchange.engine) as connection:
        given = {"run_id": run_id, "failed_parts": list(failed_parts), "now": business_time.now()}
        if connection.execute(sql.load("alerts/night_close"), given).first() is None:
            raise FatalError(f"run {run_id} has no row in exchange.night; clear its first task (open_night)")
