"""The schedule of the nights, which no backfill moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.timetables.trigger import CronPartitionTimetable

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


class NightTimetable(CronPartitionTimetable):
    """One scheduled night after the other from the first business date, whatever was backfilled meanwhile.

    Airflow 3.3.2 takes the newest partition of scheduled and backfilled runs together for how far the schedule has come
    (dag_processing/collection.py): a backfill of later days would end a catch-up before it reaches them, and the days
    between would never be run. So the schedule goes on from its own newest run.
    """

    def infer_manual_data_interval(self, *, run_after: Any) -> Any:
        """Refuse a run by hand that is given a logical date (Airflow 3.3.2 asks for its interval then, and only then).

        It would make no task of a day before the start date and call the run a success, and of any other day a run of
        the last business date. Raises ValueError, which the API answers as 400.
        """
        raise ValueError(
            "逻辑日期（logical date）不是业务日期：请用分区键（partition key，如 2026-11-22），在界面或 API 里填写；"
            "命令 airflow dags trigger 不能给出分区键，请改用 python -m credit_exchange night --date 2026-11-22；"
            "不给分区键也不给逻辑日期即最近的业务日期"
        )

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
