"""The schedule takes every night once, in order, beside any backfill; with Airflow's own bookkeeping of runs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from credit_exchange.adapters.business_date import first_start

REPOSITORY = Path(__file__).resolve().parents[2]
DAG_ID = "nightly_exchange"
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient."),
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def stored(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The night as the scheduler has it, with 1 November as its first business date."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2026-11-01")
    dag = DagBag(str(REPOSITORY / "dags" / "nightly_exchange.py")).dags[DAG_ID]
    assert dag.start_date == first_start("2026-11-01")
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def next_night(stored: Any, **runs: list[int]) -> str:
    """The business date that is scheduled next after runs of these days of November, by kind."""
    from airflow.dag_processing.collection import _get_latest_runs_stmt_partitioned
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    kinds = {"scheduled": DagRunType.SCHEDULED, "backfill": DagRunType.BACKFILL_JOB, "manual": DagRunType.MANUAL}
    with create_session() as session:
        for kind, days in runs.items():
            for day in days:
                key = date(2026, 11, day).isoformat()
                partition = stored.timetable._decode_partition_date(key)
                run_after = partition if kind == "backfill" else datetime(2026, 11, day, 17, 30, tzinfo=UTC)
                session.add(
                    DagRun(
                        dag_id=DAG_ID,
                        run_id=f"{kind}-{key}",
                        run_type=kinds[kind],
                        run_after=run_after,
                        partition_key=key,
                        partition_date=partition,
                        triggered_by=DagRunTriggeredByType.TEST,
                        state="success",
                    )
                )
        session.flush()
        session.expire_all()
        newest = session.scalar(_get_latest_runs_stmt_partitioned(DAG_ID))
        model = DagModel(dag_id=DAG_ID)
        model.calculate_dagrun_date_fields(stored, reference_run=newest)
        found = str(model.next_dagrun_partition_key)
        session.rollback()
    return found


@pytest.mark.parametrize(
    ("runs", "following"),
    [
        ({}, "2026-11-01"),
        ({"scheduled": [1, 2]}, "2026-11-03"),
        ({"scheduled": [1, 2], "backfill": [6]}, "2026-11-03"),
        ({"scheduled": [1, 2], "backfill": [1, 2]}, "2026-11-03"),
        ({"backfill": [6, 7]}, "2026-11-01"),
        ({"scheduled": [1, 2], "manual": [9]}, "2026-11-03"),
    ],
)
def test_the_schedule_goes_on_from_its_own_newest_night(
    stored: Any, runs: dict[str, list[int]], following: str
) -> None:
    assert next_night(stored, **runs) == following
