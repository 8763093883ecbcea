"""The deadline of a night: 06:00 in Asia/Shanghai on the day after its business date.

This is the second wire. The first are our own tables, the third is the watchdog, which needs neither this nor Airflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from credit_exchange.core import business_time


def due(business_date: date, clock: str = "06:00") -> datetime:
    """Return the moment by which the night of a business date must be finished (aware, Asia/Shanghai)."""
    return datetime.combine(business_date + timedelta(days=1), time.fromisoformat(clock), business_time.SHANGHAI)


def deadline_of(run_type: str, partition_date: datetime | None, clock: str = "06:00") -> datetime | None:
    """Return the deadline of a run, or None when it must have none.

    None for backfills, for manual runs without a business date, and when the deadline has already passed as the run is
    created (a night caught up after an outage is not late news again: the gap is one incident of its own).
    """
    if run_type.rsplit(".", 1)[-1].lower() in ("backfill", "backfill_job") or partition_date is None:
        return None
    moment = due(partition_date.astimezone(business_time.SHANGHAI).date(), clock)
    return moment if moment > max(datetime.now(UTC), business_time.now()) else None


@dataclass(eq=False)
class NightDue(BaseDeadlineReference):
    """Airflow's view of it; registered by the plugin `credit_exchange_ui`. `clock` is hh:mm in Asia/Shanghai."""

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}
    clock: str = "06:00"

    def serialize_reference(self) -> dict[str, Any]:
        """Return what is stored with the DAG."""
        return {"reference_type": self.reference_name, "clock": self.clock}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> NightDue:
        """Return the reference again from what is stored with the DAG."""
        return cls(clock=str(reference_data.get("clock", "06:00")))

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        query = select(DagRun).where(DagRun.dag_id == kwargs["dag_id"], DagRun.run_id == kwargs["run_id"])
        run = session.scalar(query)
        if run is None:
            return None
        kind = getattr(run.run_type, "value", run.run_type)
        return deadline_of(str(kind), run.partition_date, self.clock)
