"""The schedule takes every night once, in order, beside any backfill; with Airflow's own bookkeeping of runs.

A run that is started by hand says its business date by the partition key, and in no other way.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
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


@pytest.mark.parametrize("logical_date", ["2026-10-15T00:00:00+08:00", "2026-11-15T00:00:00+08:00"])
def test_a_run_by_hand_that_names_its_day_by_a_logical_date_is_refused(stored: Any, logical_date: str) -> None:
    """Airflow makes no task of a day before the start date and calls such a run a success; of any other day it would be
    a run of the last business date."""
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

    for key in (None, "2026-11-15"):
        body = TriggerDAGRunPostBody.model_validate({"logical_date": logical_date, "partition_key": key})
        with pytest.raises(ValueError, match="请用分区键") as refused:
            body.validate_context(stored)
        assert "night --date" in str(refused.value)


@pytest.mark.parametrize(("first", "is_taken"), [("2026-11-01", True), ("2999-01-01", False)])
def test_the_logical_date_of_this_moment_is_the_last_business_date_once_the_schedule_has_begun(
    stored: Any, monkeypatch: pytest.MonkeyPatch, first: str, is_taken: bool
) -> None:
    """So `airflow dags test` gives it."""
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", first)
    for moment, taken in ((datetime.now(UTC), is_taken), (datetime.now(UTC) - timedelta(days=1), False)):
        with nullcontext() if taken else pytest.raises(ValueError, match="请用分区键"):
            stored.timetable.infer_manual_data_interval(run_after=moment)


def test_the_command_that_starts_a_run_refuses_a_logical_date_too_before_the_schedule_begins(
    stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a laptop: Airflow would make no task. Later on the first task refuses it."""
    from airflow.api.common.trigger_dag import _trigger_dag
    from airflow.utils.types import DagRunTriggeredByType

    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "2999-01-01")
    bag = SimpleNamespace(get_latest_version_of_dag=lambda *_, **__: stored)
    with pytest.raises(ValueError, match="请用分区键"):
        _trigger_dag(
            dag_id=DAG_ID,
            dag_bag=bag,  # type: ignore[arg-type]
            triggered_by=DagRunTriggeredByType.CLI,
            logical_date=datetime(2026, 11, 15, tzinfo=UTC),
        )


@pytest.mark.parametrize("key", [None, "2026-11-15"])
def test_a_run_by_hand_with_a_partition_key_or_nothing_is_taken(stored: Any, key: str | None) -> None:
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

    body = TriggerDAGRunPostBody.model_validate({"logical_date": None, "partition_key": key})
    assert body.validate_context(stored)["partition_key"] == key
