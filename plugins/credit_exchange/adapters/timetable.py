"""The schedule of the nights, which no backfill moves."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.timetables.trigger import CronPartitionTimetable

from credit_exchange.adapters.business_date import NO_LOGICAL_DATE, THIS_MOMENT, first_start

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


class NightTimetable(CronPartitionTimetable):
    """One scheduled night after the other from the first business date, whatever was backfilled meanwhile.

    Airflow 3.3.2 takes the newest partition of scheduled and backfilled runs together for how far the schedule has come
    (dag_processing/collection.py): a backfill of later days would end a catch-up before it reaches them, and the days
    between would never be run. So the schedule goes on from its own newest run.
    """

    def infer_manual_data_interval(self, *, run_after: Any) -> Any:
        """Refuse a run by hand that is given a logical date (Airflow 3.3.2 asks for its interval then, and only then),
        but the one of this moment, as `airflow dags test` gives: that is a run of the last business date.

        Of a day before the start date Airflow would make no task and call the run a success, and any other day would be
        a run of the last business date. Raises ValueError, which the API answers as 400. `airflow dags trigger` gives
        the present moment here, whatever its logical date: 开始 refuses that one (business_date.date_of).
        """
        begins = first_start(os.environ.get("CREDIT_EXCHANGE_FIRST_DATE", ""))
        if begins <= run_after and abs(datetime.now(UTC) - run_after) < THIS_MOMENT:
            return super().infer_manual_data_interval(run_after=run_after)
        raise ValueError(NO_LOGICAL_DATE)

    def run_info_from_dag_run(self, *, dag_run: DagRun) -> Any:
        """Return where the schedule stands; None (from the beginning) when nothing but backfills has run yet."""
        from airflow.models.dagrun import DagRun as Run
        from airflow.utils.types import DagRunType
        from sqlalchemy import select
        from sqlalchemy.orm import object_session

        if dag_run.run_type != DagRunType.BACKFILL_JOB:
            return super().run_info_from_dag_run(dag_run=dag_run)
        session = object_session(dag_run)
        if session is None:
            raise RuntimeError(f"run {dag_run.run_id} belongs to no database session; report it with this traceback")
        newest = session.scalar(
            select(Run)
            .where(
                Run.dag_id == dag_run.dag_id,
                Run.run_type == DagRunType.SCHEDULED,
                Run.partition_date.is_not(None),
            )
            .order_by(Run.partition_date.desc())
            .limit(1)
        )
        return None if newest is None else super().run_info_from_dag_run(dag_run=newest)
