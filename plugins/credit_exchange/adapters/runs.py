"""What Airflow knows of its own runs and DAGs; asked by the API server, which has Airflow's database open."""

from __future__ import annotations

DAG_ID = "nightly_exchange"
RECEIPTS_DAG_ID = "platform_receipts"
"""The DAG that asks platforms for what they have not answered, and tells the alerts that reached nobody."""


def nightly_state(run_id: str) -> str:
    """Return the state of a run of the nightly DAG (queued, running, success, failed), "" when there is no such run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asked = select(DagRun.state).where(DagRun.dag_id == DAG_ID, DagRun.run_id == run_id)
        return str(session.scalar(asked) or "")


def is_paused(dag_id: str) -> bool:
    """Tell whether a DAG is paused: then no run of it begins or goes on, a backfill neither."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return bool(session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag_id)))
