"""The DAGs as Airflow sees them, without any database."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from credit_exchange.adapters import tasks
from credit_exchange.adapters.business_date import business_date, date_of, first_start
from credit_exchange.adapters.exchange import NotReady, StepFailed, guarded
from credit_exchange.config.labels import STEP_WORDS
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.errors import FatalError, HoldForPerson, NotDelivered

REPOSITORY = Path(__file__).resolve().parents[2]
# Airflow reads .airflowignore through an older name of pathspec
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(REPOSITORY / "dags"))


@pytest.fixture
def night(bag: Any) -> Any:
    return bag.dags["nightly_exchange"]


def test_every_dag_is_parsed_without_an_error(bag: Any) -> None:
    assert not bag.import_errors
    assert set(bag.dags) == {"nightly_exchange", "platform_receipts", "platform_reconciliation"}


def test_parsing_imports_nothing_heavy_and_opens_no_database() -> None:
    code = (
        "import sys; import airflow.sdk\n"
        "before = set(sys.modules)\n"
        "import nightly_exchange, platform_receipts, platform_reconciliation\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "heavy = new & {'pandas', 'great_expectations', 'pyarrow', 'psycopg', 'sqlalchemy', 'requests', 'lxml'}\n"
        "assert not heavy, heavy\n"
        "assert 'credit_exchange.stores.database' not in sys.modules\n"
    )
    paths = [str(REPOSITORY / "plugins"), str(REPOSITORY / "dags")]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert found.returncode == 0, found.stderr[-2000:]


def test_the_night_runs_at_0130_shanghai_for_the_day_before(night: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.to_dict(night)["dag"]
    timetable = stored["timetable"]["__var"]
    assert timetable["expression"] == "30 1 * * *"
    assert timetable["timezone"] == "Asia/Shanghai"
    assert timetable["run_offset"] == -1
    assert timetable["key_format"] == "%Y-%m-%d"
    assert night.catchup is True
    assert night.max_active_runs == 1
    [deadline] = stored["deadline"]
    assert deadline["reference"]["__class_path"] == "credit_exchange.adapters.deadline.NightDue"
    assert deadline["callback"]["__classname__"].endswith(".AsyncCallback"), "which finds connections, others do not"
    assert deadline["callback"]["__data__"]["path"] == "credit_exchange.adapters.notifiers.NightLateNotifier"


def test_what_fails_is_tried_again_within_the_night(night: Any) -> None:
    for task in night.tasks:
        given = getattr(task, "partial_kwargs", {}) | vars(task)
        assert given["retries"] == (1 if task.task_id == "push" else 2), "a drain retries by itself"
        assert given["retry_exponential_backoff"]
        assert given["max_retry_delay"] <= timedelta(minutes=15)


def test_receipts_are_asked_for_every_few_minutes_and_missed_rounds_are_not_made_up_for(bag: Any) -> None:
    receipts = bag.dags["platform_receipts"]
    assert receipts.timetable.expression == "*/5 * * * *"
    assert receipts.catchup is False
    assert receipts.max_active_runs == 1


def test_a_feed_stops_only_itself_and_the_verdict_is_the_only_leaf(night: Any) -> None:
    assert [task.task_id for task in night.leaves] == ["verdict"]
    for task_id in ("release", "push", "summary", "verdict"):
        assert night.get_task(task_id).trigger_rule == "all_done"
    assert night.get_task("release").upstream_task_ids == {"feeds.merge"}
    assert night.get_task("push").upstream_task_ids == {"release", "platforms"}
    # all that it judges: where only what failed is cleared, 汇总 is not, and would let it judge what still runs
    assert night.get_task("verdict").upstream_task_ids == {"feeds.merge", "release", "push", "summary"}
    assert [asset.name for asset in night.get_task("summary").outlets] == ["credit_exchange/night"]


def test_alerts_and_pages_call_the_steps_as_the_dag_does(night: Any) -> None:
    names = {
        task.task_id.rpartition(".")[2]: getattr(task, "task_display_name", "")
        or task.partial_kwargs["task_display_name"]
        for task in night.tasks
    }
    assert names.pop("verdict") == "判定"
    assert names == STEP_WORDS


def test_every_task_has_a_chinese_name_and_a_time_limit(bag: Any) -> None:
    for dag_id in bag.dags:
        for task in bag.dags[dag_id].tasks:
            name = getattr(task, "task_display_name", "") or task.partial_kwargs["task_display_name"]
            assert any("\u4e00" <= letter <= "\u9fff" for letter in name), task.task_id
            limit = getattr(task, "execution_timeout", None) or task.partial_kwargs["execution_timeout"]
            assert limit is not None
        for group in bag.dags[dag_id].task_group.get_task_group_dict().values():
            assert group.group_id is None or not str(group.label).isascii()


def test_a_partition_key_is_the_business_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T02:00:00")
    assert business_date("2026-11-20") == date(2026, 11, 20)
    assert business_date(None) == date(2026, 11, 22)
    with pytest.raises(FatalError, match="不是业务日期"):
        business_date("2026-11")
    for day in ("2026-11-23", "2026-11-24"):
        with pytest.raises(FatalError, match=r"还没有过完.*最近一个过完的业务日期是 2026-11-22"):
            business_date(day)


def test_a_logical_date_of_another_day_is_no_business_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T02:00:00")
    started = datetime(2026, 11, 23, 2, tzinfo=SHANGHAI)

    def run(key: str | None, logical_date: datetime | None) -> SimpleNamespace:
        return SimpleNamespace(partition_key=key, logical_date=logical_date, run_after=started)

    with pytest.raises(FatalError, match="请用分区键"):
        date_of(run(None, started - timedelta(days=8)))
    for nothing in (None, started):
        assert date_of(run(None, nothing)) == date(2026, 11, 22)
    assert date_of(run("2026-11-20", started - timedelta(days=8))) == date(2026, 11, 20)


def test_the_first_night_is_the_one_of_the_configured_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_start("2026-11-01").isoformat() == "2026-11-02T00:00:00+08:00"
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T09:00:00")
    assert first_start("").isoformat() == "2026-11-23T00:00:00+08:00"
    with pytest.raises(FatalError, match="CREDIT_EXCHANGE_FIRST_DATE"):
        first_start("yesterday")


def test_the_scheduler_makes_the_configured_date_the_first_partition(bag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction
    from pendulum import instance

    stored = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["nightly_exchange"]))
    restriction = TimeRestriction(earliest=instance(first_start("2026-11-01")), latest=None, catchup=True)
    info = stored.timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert info.partition_key == "2026-11-01"
    assert info.run_after.isoformat() == "2026-11-01T17:30:00+00:00"


def test_errors_of_steps_are_retried_only_where_that_may_help() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    def failing(error: Exception) -> Any:
        def work() -> None:
            raise error

        return work

    with pytest.raises(NotReady, match="not there yet"):
        guarded(failing(NotDelivered("not there yet")))
    with pytest.raises(AirflowFailException, match="shrank"):
        guarded(failing(HoldForPerson("shrank")))
    with pytest.raises(StepFailed) as caught:
        guarded(failing(ValueError("张三 35010219900101123X")))
    assert "ValueError" in str(caught.value)
    assert "张三" not in str(caught.value)
    assert caught.value.__context__ is None


def test_failed_parts_are_named_by_feed_and_platform() -> None:
    states = {
        "feeds.collect_0": "success",
        "feeds.collect_1": "failed",
        "feeds.validate_1": "upstream_failed",
        "feeds.merge_1": "upstream_failed",
        "push_0": "failed",
        "push_1": "success",
        "release": "failed",
        "summary": "skipped",
        "verdict": "failed",
    }
    mapped = {"feed": ["a_permit", "b_penalty"], "platform": ["credit_china", "credit_fujian"]}
    assert tasks.failed_parts(states, mapped, own="verdict") == {
        "feed b_penalty": "collect",
        "platform credit_china": "push",
        "release": "release",
        "summary": "summary",
    }


def test_only_counts_reach_an_xcom() -> None:
    given = {"rows_delivered": 3, "problem": "张三", "held": True, "share": 0.5}
    assert tasks.counts(given) == {"rows_delivered": 3}


@pytest.mark.parametrize(
    ("run_type", "partition", "now", "expected"),
    [
        ("scheduled", "2099-11-21T17:30:00+00:00", "2026-11-23T01:30:00", "2099-11-23T06:00:00+08:00"),
        ("backfill", "2099-11-21T17:30:00+00:00", "2026-11-23T01:30:00", None),
        ("DagRunType.BACKFILL_JOB", "2099-11-21T17:30:00+00:00", "2026-11-23T01:30:00", None),
        ("manual", None, "2026-11-23T01:30:00", None),
        ("scheduled", "2020-11-21T17:30:00+00:00", "2026-11-23T01:30:00", None),
        ("scheduled", "2099-11-21T17:30:00+00:00", "2099-12-01T00:00:00", None),
    ],
)
def test_a_deadline_is_silent_for_backfills_and_for_what_is_past(
    monkeypatch: pytest.MonkeyPatch, run_type: str, partition: str | None, now: str, expected: str | None
) -> None:
    from credit_exchange.adapters.deadline import deadline_of

    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", now)
    found = deadline_of(run_type, datetime.fromisoformat(partition) if partition else None)
    assert (found.isoformat() if found else None) == expected


def test_only_the_plugin_module_is_loaded_as_a_plugin() -> None:
    code = (
        "from airflow import plugins_manager\n"
        "plugins, errors = plugins_manager._get_plugins()\n"
        "assert not errors, errors\n"
        "ours = [str(p.source) for p in plugins if 'credit_exchange' in str(p.source)]\n"
        "assert ours == ['$PLUGINS_FOLDER/credit_exchange_ui.py'], ours\n"
        "refs = plugins_manager.get_deadline_references_plugins()\n"
        "assert list(refs) == ['credit_exchange.adapters.deadline.NightDue'], refs\n"
        "tables = plugins_manager.get_timetables_plugins()\n"
        "assert list(tables) == ['credit_exchange.adapters.timetable.NightTimetable'], tables\n"
        "import sys\n"
        "assert 'credit_exchange.ui.app' not in sys.modules\n"
        "import calendar; assert 'credit_exchange' not in calendar.__file__\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert found.returncode == 0, found.stderr[-2000:]


def test_receipts_are_asked_for_before_the_hundreds_of_tasks_of_a_night(bag: Any, night: Any) -> None:
    """Airflow takes what waits by weight: behind three hundred departments a round came twelve minutes late, and with
    it the alerts that it tells."""
    [poll] = bag.dags["platform_receipts"].tasks
    assert poll.weight_rule == "absolute"
    # a task of the night has at most the weight of all that come after it
    assert poll.priority_weight > sum(task.priority_weight for task in night.tasks)
