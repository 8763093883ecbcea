"""What the operators do around a step: the verdict of a night is taken back while a part of it runs again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException
from sqlalchemy import event

from credit_exchange.adapters import notifiers, tasks
from credit_exchange.adapters.exchange import NotReady
from credit_exchange.config.loader import load
from credit_exchange.steps import push, watchdog
from credit_exchange.steps.alerts import close_mended, open_incidents, raise_alert
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import close_night, open_night, remember_cause
from credit_exchange.steps.push import DrainResult
from credit_exchange.stores.database import connect

RUN = {"dag_run": SimpleNamespace(run_id="scheduled__1")}


@pytest.fixture
def closed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    """A night that has ended, and operators that may be called by themselves."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    exchange = Exchange(load(), connect(database_url))
    open_night(exchange, "scheduled__1", date(2026, 11, 22), "scheduled")
    close_night(exchange, "scheduled__1", ["platform china"])
    yield exchange
    exchange.engine.dispose()


def ended(exchange: Exchange) -> tuple[Any, Any]:
    with exchange.engine.connect() as connection:
        return tuple(connection.exec_driver_sql("select outcome, finished_at is not null from exchange.night").one())


@pytest.mark.parametrize(
    ("operator", "outcome"), [(tasks.Release, None), (tasks.Summary, None), (tasks.PollReceipts, "partial")]
)
def test_a_step_that_runs_again_takes_the_verdict_back(
    closed: Exchange, monkeypatch: pytest.MonkeyPatch, operator: Any, outcome: str | None
) -> None:
    monkeypatch.setattr(operator, "work", lambda _self, _exchange, _context: {})
    operator(task_id="t").execute(RUN)
    assert ended(closed) == (outcome, True)


def test_the_verdict_gives_one_again(closed: Exchange) -> None:
    assert not tasks.Verdict.reopens


def states_of(feeds: list[str], platforms: list[str], **states: str) -> dict[str, Any]:
    """The context of a verdict on a run of these parts: the states of its tasks as Airflow gives them."""
    ti = SimpleNamespace(
        get_task_states=lambda **_: {"scheduled__1": states},
        xcom_pull=lambda task_ids: {"open_night": feeds, "platforms": platforms}[task_ids],
    )
    return {"dag_run": SimpleNamespace(run_id="scheduled__1", dag_id="nightly_exchange"), "ti": ti}


@pytest.mark.parametrize(("stage", "step"), [("expected", "采集"), ("collected", "校验"), ("validated", "归并")])
def test_a_task_marked_as_success_by_hand_does_not_make_its_rows_count(
    closed: Exchange, monkeypatch: pytest.MonkeyPatch, stage: str, step: str
) -> None:
    monkeypatch.setattr(notifiers, "tell", lambda _exchange: 0)
    with closed.engine.begin() as connection:
        for generation, feed, reached in ((1, "fz_gulou_permit", stage), (1, "fz_hbj_penalty", stage)):
            add_batch(connection, feed, generation, reached)
        add_batch(connection, "fz_hbj_penalty", 2, "merged")
        add_batch(connection, "fz_of_a_feed_that_is_gone", 1, stage)
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    states = {"feeds.merge_0": "success", "feeds.merge_1": "success", "release": "success"}
    context = states_of(["fz_gulou_permit", "fz_hbj_penalty"], ["fuzhou"], **states)
    with pytest.raises(AirflowFailException, match=rf"^1 个部分未完成：福州市鼓楼区[^；]*（{step}）。"):
        verdict.execute(context)
    assert ended(closed) == ("partial", True)
    with closed.engine.connect() as connection:
        detail = connection.exec_driver_sql("select detail from exchange.alert").scalar_one()
    assert detail.startswith(f"环节：{step}；原因：数据没有收到或没有归并，任务可能被手工标记为成功；")
    with closed.engine.begin() as connection:
        connection.exec_driver_sql("update exchange.batch set stage = 'merged', state = 'complete'")
    assert verdict.execute(context) == {"failed": 0}
    assert ended(closed) == ("good", True)
    with pytest.raises(AirflowFailException, match=r"^1 个部分未完成：[^；]*（采集）。"):
        verdict.execute(states_of(["fz_yjj_penalty"], [], **states))  # not even a batch


def add_batch(connection: Any, feed: str, generation: int, stage: str) -> None:
    connection.exec_driver_sql(
        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, "
        "generation, stage, state) values (%s, 'd', '部门', 'permit', 'v', '2026-11-22', %s, %s, 'failed')",
        (feed, generation, stage),
    )


@pytest.mark.parametrize("operator", [tasks.Validate, tasks.Merge])
def test_a_step_without_a_batch_says_what_to_clear(closed: Exchange, operator: Any) -> None:
    """采集 marked as success by hand hands on nothing."""
    with pytest.raises(AirflowFailException, match=r"采集没有给出批次.*清除它的采集"):
        operator(task_id="t", feed="fz_gulou_permit", batch_id=None).execute(dict(RUN))


@pytest.mark.parametrize(
    ("result", "is_told"),
    [
        (DrainResult(), False),
        (DrainResult(problem="信用福建：平台维护中"), False),
        (DrainResult(awaiting=1, unseen=1, problem="信用福建：有 1 个上报批次没有查询到结果"), True),
    ],
)
def test_a_task_whose_receipt_cannot_be_seen_is_told(
    closed: Exchange, monkeypatch: pytest.MonkeyPatch, result: DrainResult, is_told: bool
) -> None:
    with closed.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, "
            "body_digest, records, state) values ('s', 'fujian', 'permit', 'upsert', 'b', 'k', '', '', 1, "
            "'awaiting_receipt')"
        )
    monkeypatch.setattr(tasks, "die_with_parent", lambda: None)
    monkeypatch.setattr(push, "poll_receipts", lambda _exchange, _platform: result)
    poll = tasks.PollReceipts(task_id="poll")
    if is_told:
        with pytest.raises(NotReady, match="没有查询到结果"):
            poll.execute(RUN)
    else:
        assert poll.execute(RUN) == {"platforms": 1}


def test_who_is_told_that_a_part_failed_is_told_why_and_what_to_do(closed: Exchange) -> None:
    with closed.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
            " generation, state, problem) values"
            " ('fz_yjj_penalty', 'fz_yjj', '某局', 'penalty', '2019', '2026-11-22', 1, 'failed', '先前的原因'),"
            " ('fz_yjj_penalty', 'fz_yjj', '某局', 'penalty', '2019', '2026-11-22', 2, 'failed', '服务暂不可用')"
        )
        connection.exec_driver_sql(
            "insert into exchange.platform_state (platform, circuit, reason) values ('china', 'open', '凭证不被接受')"
        )
        add_batch(connection, "fz_hbj_penalty", 1, "collected")
    states = {
        "feeds.collect_0": "failed",
        "feeds.validate_0": "upstream_failed",
        "feeds.validate_1": "failed",
        "push_0": "failed",
        "release": "failed",
    }
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    with pytest.raises(AirflowFailException, match="4 个部分未完成"):
        verdict.work(closed, states_of(["fz_yjj_penalty", "fz_hbj_penalty"], ["china"], **states))
    with closed.engine.connect() as connection:
        told = dict(connection.exec_driver_sql("select incident_key, detail from exchange.alert").all())
    assert told["night:2026-11-22:feed fz_yjj_penalty"].startswith("环节：采集；原因：服务暂不可用；")
    assert told["night:2026-11-22:platform china"].startswith("环节：上报；原因：凭证不被接受；")
    assert told["night:2026-11-22:feed fz_hbj_penalty"].startswith("环节：校验；原因见这一环节的任务日志；")
    assert told["night:2026-11-22:release"].startswith("环节：发布；原因见这一环节的任务日志；")
    # what was not collected or merged no other night takes; what was not sent the next one sends
    alone = {key for key, detail in told.items() if "以后的夜晚不会补做" in detail}
    assert alone == {f"night:2026-11-22:feed {feed}" for feed in ("fz_yjj_penalty", "fz_hbj_penalty")}
    assert {key for key, detail in told.items() if "下一夜自动再试" in detail} == told.keys() - alone
    wrong = {"feed fz_hbj_penalty": ("fz_hbj_penalty.yml 有错",), "feed fz_gulou_permit": ("与本次运行无关",)}
    whole = {feed: given for feed, given in closed.config.feeds.items() if f"feed {feed}" not in wrong}
    again = replace(closed, config=replace(closed.config, broken=wrong, feeds=whole))
    with pytest.raises(AirflowFailException, match="4 个部分未完成"):
        verdict.work(again, states_of(["fz_yjj_penalty", "fz_hbj_penalty"], ["china"], **states))
    with closed.engine.connect() as connection:
        told = dict(connection.exec_driver_sql("select incident_key, detail from exchange.alert").all())
    assert told["night:2026-11-22:feed fz_hbj_penalty"].startswith("环节：校验；原因：fz_hbj_penalty.yml 有错；")
    # 校验 by itself judges what has landed again: only 采集 takes what the department has delivered since
    assert all(("清除它的「采集」（含下游）" in detail) == (key in alone) for key, detail in told.items())


def test_the_watchdog_closes_nothing_that_the_verdict_is_about_to_tell(
    closed: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at any moment: between the incident and its cause it would take a task that died for one that worked."""

    def raised(*given: Any) -> bool:
        is_new = raise_alert(*given)
        close_mended(closed)
        return is_new

    monkeypatch.setattr("credit_exchange.steps.verdict.raise_alert", raised)
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    with pytest.raises(AirflowFailException, match="2 个部分未完成"):
        verdict.work(closed, states_of([], ["china"], push_0="failed", release="failed"))
    assert open_incidents(closed, "night:") == ["night:2026-11-22:platform china", "night:2026-11-22:release"]


def test_what_fails_again_while_the_watchdog_closes_it_is_told(closed: Exchange) -> None:
    """It reads what is mended, then closes it: a verdict that comes in between waits, and tells it anew."""
    key = "night:2026-11-22:platform china"
    raise_alert(closed, key, "warning", "信用中国 没有完成", "")
    again: list[Thread] = []

    def fails_again(connection: Any, _cursor: Any, statement: str, *_given: Any) -> None:
        if "over without a new verdict" in statement and not again:
            again.append(Thread(target=fail))
            again[0].start()
            while again[0].is_alive() and not waiting():
                sleep(0.01)

    def fail() -> None:
        remember_cause(closed.engine, "scheduled__1", "platform china", "凭证不被接受")
        raise_alert(closed, key, "warning", "信用中国 没有完成", "")

    def waiting() -> bool:
        with closed.engine.connect() as connection:
            blocked = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'exchange.alert'"
            )
            return bool(connection.exec_driver_sql(blocked).scalar_one())

    event.listen(closed.engine, "after_cursor_execute", fails_again)
    close_mended(closed)
    again[0].join()
    assert open_incidents(closed, "night:") == [key]


def test_what_was_mended_without_a_new_verdict_is_over(closed: Exchange) -> None:
    """By a command, by the next night, by a person who waits no more; a task that died says nothing and is not over."""
    with closed.engine.begin() as connection:
        add_batch(connection, "fz_hbj_penalty", 1, "collected")
        add_batch(connection, "fz_yjj_penalty", 1, "expected")
    states = {"feeds.collect_0": "failed", "feeds.validate_1": "failed", "push_0": "failed", "release": "failed"}
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    with pytest.raises(AirflowFailException, match="4 个部分未完成"):
        verdict.work(closed, states_of(["fz_yjj_penalty", "fz_hbj_penalty"], ["china"], **states))

    def over(*statements: str) -> list[str]:
        with closed.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        return [key.removeprefix("night:2026-11-22:") for key in close_mended(closed)]

    assert over() == []
    open_night(closed, "manual__again", date(2026, 11, 22), "manual")
    assert over() == [], "the date begins once more: nothing has worked yet"
    assert "night:2026-11-22:platform china" in open_incidents(closed, "night:")
    remember_cause(closed.engine, "manual__later", "platform china", None)  # another night's 上报 has worked
    watchdog.check(closed)
    assert "night:2026-11-22:platform china" not in open_incidents(closed, "night:")
    with closed.engine.begin() as connection:
        connection.exec_driver_sql("delete from exchange.night where run_id = 'manual__again'")
    taken = "update exchange.batch set stage = 'merged', {} where feed = 'fz_hbj_penalty'"
    assert over(taken.format("rows_delivered = 2, rows_accepted = 2")) == [], "its run still says that it failed"
    remember_cause(closed.engine, "scheduled__1", "feed fz_hbj_penalty", None)
    assert over(taken.format("rows_accepted = 1")) == [], "its rows do not add up"
    assert over(taken.format("rows_accepted = 2")) == ["feed fz_hbj_penalty"]
    assert over("update exchange.batch set stage = 'merged', waived_by = 'x' where feed = 'fz_yjj_penalty'") == [
        "feed fz_yjj_penalty"
    ]
    assert open_incidents(closed, "night:") == ["night:2026-11-22:release"]


MERGED = """
insert into exchange.subject (kind) values ('legal');
insert into exchange.record (record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id,
    subject_kind, subject_name, department, feed, business_date, version, status, content_digest, content_version)
select r, d, 'a', r, r, 's', (select min(subject_id) from exchange.subject), 'legal', 'n', 'f', 'f_permit',
    '2026-11-22', 1, 'current', 'x', 1
from unnest(array['r1', 'r2', 'r3', 'r4', 'r5'], array['permit', 'nobody_takes_it', 'permit', 'permit', 'permit'])
    as t (r, d);
insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date)
select record_id, 1, 'content', 'current', 'x', business_date from exchange.record;
-- what another night's merge does to records of this date, beside it: that night's release decides about it
update exchange.record set version = 2 where record_id in ('r3', 'r4', 'r5');
insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date)
values ('r3', 2, 'expiry', 'expired', 'x', '2026-11-22'), ('r4', 2, 'withdrawal', 'withdrawn', 'x', '2026-11-22'),
    ('r5', 2, 'withdrawal', 'withdrawn', 'x', '2026-11-22');
insert into exchange.withdrawal_order (record_id, action, authority, reason, business_date, sequence, ordered_by)
values ('r4', 'withdraw', 'department', 'n', '2026-11-21', '', 'f'),
    ('r5', 'withdraw', 'department', 'n', '2026-11-22', '', 'f');
"""


def test_a_night_of_which_nothing_was_released_is_not_good(closed: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed was cleared without what succeeded behind it, or 发布 was marked as success by hand."""
    monkeypatch.setattr(notifiers, "tell", lambda _exchange: 0)
    with closed.engine.begin() as connection:
        connection.exec_driver_sql(MERGED)
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    context = states_of([], ["fuzhou"], release="success", summary="success")
    with pytest.raises(AirflowFailException, match=r"^1 个部分未完成：发布（发布）。"):
        verdict.execute(context)
    assert ended(closed) == ("partial", True)
    with closed.engine.begin() as connection:
        detail = connection.exec_driver_sql("select detail from exchange.alert").scalar_one()
        assert detail.startswith("环节：发布；原因：有 2 条记录已经归并而没有发布")
        connection.exec_driver_sql(
            "insert into exchange.release (platform, record_id, version, dataset, effect) "
            "values ('fuzhou', 'r1', 1, 'permit', 'withhold'), ('fuzhou', 'r5', 2, 'permit', 'withhold')"
        )
    assert verdict.execute(context) == {"failed": 0}
    with closed.engine.begin() as connection:
        connection.exec_driver_sql("update exchange.release set op = 'withdraw', outbox_id = 7 where record_id = 'r5'")
        connection.exec_driver_sql(
            "insert into exchange.lot (platform, dataset, op, priority, first_id, last_id) "
            "values ('fuzhou', 'permit', 'withdraw', 1, 7, 7)"
        )
    pushed = {"ti": states_of([], ["fuzhou"], release="success", push_0="success")["ti"]}
    with pytest.raises(AirflowFailException, match=r"^1 个部分未完成：信用福州（上报）。"):
        verdict.execute(context | pushed)
    with closed.engine.begin() as connection:
        details = connection.exec_driver_sql("select detail from exchange.alert where cleared_at is null").scalars()
        assert [told.partition("；排除后")[0] for told in details] == [
            "环节：上报；原因：有 1 条已经发布而没有上报：「上报」没有在发布之后运行"
        ]
    open_night(closed, "backfill__2", date(2026, 11, 20), "backfill")
    assert verdict.execute(context | pushed) == {"failed": 0}, "a night on its way may just have decided it"
    close_night(closed, "backfill__2", [])
    with pytest.raises(AirflowFailException, match=r"^1 个部分未完成：信用福州（上报）。"):
        verdict.execute(context | pushed)
    with closed.engine.begin() as connection:
        connection.exec_driver_sql("update exchange.release set state = 'delivered' where record_id = 'r5'")
        connection.exec_driver_sql("delete from exchange.night where run_id = 'backfill__2'")
    assert verdict.execute(context) == {"failed": 0}
    assert ended(closed) == ("good", True)


def causes_of(exchange: Exchange) -> Any:
    with exchange.engine.connect() as connection:
        return connection.exec_driver_sql("select causes from exchange.night").scalar_one()


def test_a_night_remembers_why_a_part_failed_until_it_succeeds(
    closed: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the configuration is broken nothing can be opened, and that is what people have to be told."""
    push = tasks.Push(task_id="push", platform="china")
    collect = tasks.Collect(task_id="collect", feed="fz_gulou_permit")
    monkeypatch.setattr(tasks.Push, "work", fails(NotReady("信用中国：平台维护中")))
    with pytest.raises(NotReady):
        push.execute(dict(RUN))
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "permit.yml").write_text("dataset: [", encoding="utf-8")
    with monkeypatch.context() as broken:
        broken.setenv("CREDIT_EXCHANGE_CONFIG", str(tmp_path))
        with pytest.raises(AirflowFailException, match=r"permit\.yml"):
            collect.execute(dict(RUN))
    told = causes_of(closed)
    assert told["platform china"] == "信用中国：平台维护中"
    assert "permit.yml 第 1 行" in told["feed fz_gulou_permit"]
    monkeypatch.setattr(tasks.Collect, "work", lambda *_: 1)
    collect.execute(RUN | {"dag_run": SimpleNamespace(run_id="of another date")})
    assert "feed fz_gulou_permit" in causes_of(closed), "what a feed delivered for another date is another matter"
    collect.execute(dict(RUN))
    assert causes_of(closed) == {"platform china": "信用中国：平台维护中"}
    verdict = tasks.Verdict(task_id="verdict", feeds_task="open_night", platforms_task="platforms")
    with pytest.raises(AirflowFailException, match="信用中国（上报）"):
        verdict.work(closed, states_of([], ["china"], push_0="failed"))
    with closed.engine.connect() as connection:
        detail = connection.exec_driver_sql("select detail from exchange.alert").scalar_one()
    assert detail.startswith("环节：上报；原因：信用中国：平台维护中；")
    monkeypatch.setattr(tasks.Push, "work", lambda *_: {})
    push.execute({"dag_run": SimpleNamespace(run_id="of another date")})
    assert causes_of(closed) == {}, "it works again, and what waited is sent whatever its date"


def test_a_night_goes_on_where_a_cause_cannot_be_recorded(closed: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    with closed.engine.begin() as connection:
        connection.exec_driver_sql("alter table exchange.night rename to gone")
    remember_cause(closed.engine, "scheduled__1", "release", "x")
    assert "没有记下 release 的原因" in caplog.text


def fails(error: Exception) -> Any:
    def work(*_: Any) -> None:
        raise error

    return work
