"""The night's page: whether the night is all right, while it runs, when it has ended, and when it never will."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from credit_exchange.config.loader import config_root
from credit_exchange.stores.database import connect

pytestmark = [
    # Airflow's API server imports Starlette's test client (by way of svcs), which speaks of its next HTTP library
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient."),
    pytest.mark.filterwarnings("ignore:No path_separator:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_a_night_of_which_a_part_runs_again_has_no_verdict_and_is_not_late(client: Any, database_url: str) -> None:
    from credit_exchange.config.loader import load
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.nights import close_night, open_night, run_again

    exchange = Exchange(load(), connect(database_url))
    run_again(exchange, "run 1")
    assert "还没有结束" in client.get("/night?date=2026-11-22").text
    close_night(exchange, "run 1", [])
    assert "结束，" in client.get("/night?date=2026-11-22").text
    for begin_again in (run_again, lambda exchange, run: open_night(exchange, run, date(2026, 11, 22), "manual")):
        begin_again(exchange, "run 1")
        page = client.get("/night?date=2026-11-22").text
        assert "正在重新运行" in page
        assert "现在重新运行" in page
        with exchange.engine.connect() as connection:
            (finished,) = connection.exec_driver_sql("select finished_at from exchange.night").one()
        assert finished is not None
        close_night(exchange, "run 1", [])
        assert "重新运行" not in client.get("/night?date=2026-11-22").text
    exchange.engine.dispose()


def test_a_run_whose_verdict_never_comes_does_not_stay_running_for_ever(
    client: Any, database_url: str, in_airflow: dict[str, str]
) -> None:
    """A task is cleared without its downstream, a run is marked failed by hand, deleted, or a command is killed."""
    from credit_exchange.config.loader import load
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.nights import close_night, run_again

    exchange = Exchange(load(), connect(database_url))
    for state in ("failed", "success", ""):
        in_airflow["run 1"] = state
        page = client.get("/night?date=2026-11-22").text
        assert "最近一次运行没有判定" in page
        assert "清除「发布」（含下游）" in page  # 判定 alone would leave what was merged meanwhile
        assert "正在运行" not in page
        assert "http-equiv" not in page
    in_airflow["run 1"] = "running"
    close_night(exchange, "run 1", [])
    run_again(exchange, "run 1")
    assert "正在重新运行" in client.get("/night?date=2026-11-22").text
    in_airflow["run 1"] = "failed"
    page = client.get("/night?date=2026-11-22").text
    assert "没有重新判定" in page
    assert "正在重新运行" not in page
    exchange.engine.dispose()


def test_a_dag_that_is_paused_runs_nothing(client: Any, database_url: str, in_airflow: dict[str, str]) -> None:
    """A night that has begun stands still and no other begins: neither is told as running, nor as all right."""
    from credit_exchange.config.loader import load
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.nights import close_night, run_again

    exchange = Exchange(load(), connect(database_url))
    run_again(exchange, "run 1")
    assert "正在运行" in client.get("/night?date=2026-11-22").text
    in_airflow["paused"] = "nightly_exchange"
    page = client.get("/night?date=2026-11-22").text
    assert '<p class="big">停在半路：DAG 已暂停</p>' in page
    assert "打开它的开关" in page
    close_night(exchange, "run 1", [])
    page = client.get("/night?date=2026-11-22").text
    assert '<section class="verdict bad">' in page
    assert "；DAG 已暂停</p>" in page
    assert "已暂停" not in client.get("/night?date=2026-11-01").text  # an older date has had its night
    exchange.engine.dispose()


def test_that_nobody_asks_for_receipts_is_told_where_one_looks_for_them(
    client: Any, database_url: str, in_airflow: dict[str, str]
) -> None:
    """While the DAG of receipts is paused, what a platform has taken and not answered for waits for the next night."""
    close_run_1(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:  # otherwise all is well
        connection.execute(text("update exchange.batch set state = 'complete'"))
        connection.execute(text("update exchange.alert set cleared_at = now()"))
    engine.dispose()
    for path in ("/night?date=2026-11-22", "/platforms"):
        assert '<section class="verdict good">' in client.get(path).text, path
    in_airflow["paused"] = "platform_receipts"
    for path in ("/night?date=2026-11-22", "/platforms"):
        page = client.get(path).text
        assert '<section class="verdict care">' in page, path
        assert "；DAG 平台回执 已暂停</p>" in page, path
    page = client.get("/night?date=2026-11-22").text
    assert "没有通知到人的告警" in page
    assert "打开它的开关" in page
    assert "平台回执" not in client.get("/night?date=2026-11-01").text  # what is now is told with the newest date


def close_run_1(database_url: str) -> None:
    """Let the run of the seed end with every part in order."""
    from credit_exchange.config.loader import load
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.nights import close_night

    exchange = Exchange(load(), connect(database_url))
    close_night(exchange, "run 1", [])
    exchange.engine.dispose()


def test_what_a_running_night_has_not_reached_has_not_failed(
    client: Any, database_url: str, in_airflow: dict[str, str]
) -> None:
    """A batch is recorded as failed until it is merged; only one with a reason, or of a run that has ended, is."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update exchange.batch set state = 'failed', stage = 'collected', problem = null"))
    page = client.get("/night?date=2026-11-22").text
    assert "校验中" in page
    assert "失败</span>" not in page
    assert "python -m credit_exchange night" not in page
    assert '<meta http-equiv="refresh"' in page
    assert "报送源处理完 0 / " in page
    assert "还没有判定" in page
    assert "校验中" in client.get("/batch/1").text
    in_airflow["run 1"] = "failed"
    for path in ("/night?date=2026-11-22", "/batch/1"):
        page = client.get(path).text
        assert "校验中" not in page
        assert "没有留下原因：运行中断" in page
    in_airflow["run 1"] = "running"
    with engine.begin() as connection:
        connection.execute(text("update exchange.batch set problem = '文件打不开'"))
    engine.dispose()
    page = client.get("/night?date=2026-11-22").text
    assert "到现在出错：1 个报送源" in page
    assert "文件打不开" in page


def test_airflow_is_asked_for_the_state_of_its_run(airflow_database: None) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    from credit_exchange.adapters.runs import DAG_ID, is_paused, nightly_state

    assert nightly_state("nobody") == ""
    assert is_paused(DAG_ID) is False  # Airflow has not read the DAG yet
    with create_session() as session:
        session.add(DagRun(dag_id=DAG_ID, run_id="asked", run_type="manual", state="failed"))
        session.add(DagBundleModel(name="asked"))
        session.flush()
        session.add(DagModel(dag_id=DAG_ID, bundle_name="asked", is_paused=True))
    assert nightly_state("asked") == "failed"
    assert is_paused(DAG_ID) is True
    assert is_paused("platform_receipts") is False
    with create_session() as session:
        session.execute(delete(DagModel).where(DagModel.dag_id == DAG_ID))


def test_the_night_leads_to_its_run_in_airflow(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update exchange.night set run_id = 'manual__2026-11-22T17:19:57+00:00'"))
    page = client.get("/night?date=2026-11-22").text
    assert 'href="/dags/nightly_exchange/runs/manual__2026-11-22T17%3A19%3A57%2B00%3A00"' in page
    with engine.begin() as connection:
        connection.execute(text("update exchange.night set kind = 'command'"))
    engine.dispose()
    assert "/dags/nightly_exchange" not in client.get("/night?date=2026-11-22").text


def test_recent_dates_are_compared(client: Any, database_url: str) -> None:
    assert "个业务日期</h2>" not in client.get("/night?date=2026-11-22").text
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
                " state, rows_delivered, rows_accepted, rows_quarantined) values"
                " ('f_permit', 'f', '某局', 'permit', '2023', '2026-11-21', 'late', 8, 6, 2),"
                " ('g_permit', 'g', '另局', 'permit', '2023', '2026-11-21', 'missing', 0, 0, 0)"
            )
        )

    def compared() -> tuple[str, list[str]]:
        page = client.get("/night?date=2026-11-22").text
        [light] = re.findall(r'<a href="/exchange/night\?date=2026-11-21" class="(\w+)"', page)
        [row] = re.findall(r'<tr><td class="t"><a href="/exchange/night\?date=2026-11-21">.*?</tr>', page)
        return light, re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", row)).split()

    assert compared() == ("bad", ["2026-11-21", "周六", "8", "2", "25.0%", "1", "0", "0", "1", "—"])
    with engine.begin() as connection:
        assert "1 个未完成" in client.get("/night?date=2026-11-21").text
        connection.execute(text("update exchange.batch set waived_by = 'x', rows_held = 1 where state = 'missing'"))
    engine.dispose()
    assert compared() == ("good", ["2026-11-21", "周六", "8", "2", "25.0%", "0", "0", "0", "1", "—"])
    page = client.get("/night?date=2026-11-21").text
    assert re.search(r"<td[^>]*>[^/]*不再等待", page), "in the place of its state"
    assert "个未完成" not in page


@pytest.mark.parametrize("state", ["missing", "held"])
def test_the_page_of_a_batch_says_how_it_is_waived_and_who_waived_it(
    client: Any, database_url: str, state: str
) -> None:
    engine = connect(database_url)

    def page(change: str) -> str:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"update exchange.batch set {change} where batch_id = 1")
        return str(client.get("/batch/1").text)

    waive, approve = "python -m credit_exchange waive 1", "python -m credit_exchange approve 1"
    assert waive not in page(f"state = '{state}', stage = 'expected', problem = null"), "nothing is wrong with it"
    told = page("problem = '没有收到'")
    assert waive in told
    assert "不再等待" not in told
    told = page("stage = 'merged', waived_by = 'office', waived_reason = '系统<b>停用'")
    engine.dispose()
    assert waive not in told
    assert (approve in told) == (state == "held")
    assert "，不再等待</p>" in told
    assert "已由 office 登记不再等待：系统&lt;b&gt;停用" in told


def test_a_date_that_was_skipped_says_who_said_so(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.skipped_date values ('2020-01-01', '迁移机房 <b>', 'office', now())"
        )
    engine.dispose()
    page = client.get("/night?date=2020-01-01").text
    assert "有意不交换：迁移机房 &lt;b&gt;（office）" in page
    assert "night --date" not in page


def test_an_older_night_is_judged_by_what_is_its_own(client: Any) -> None:
    """An incident of today makes no red banner on a date that it has nothing to do with."""
    assert "还没有运行过" in client.get("/night?date=2020-01-01").text


@pytest.mark.parametrize(
    ("name", "who"), [("feeds/fz_gulou_permit.yml", "报送源 fz_gulou_permit"), ("sharing/20_privacy.yml", "整个交换")]
)
def test_a_wrong_file_is_the_first_thing_to_mend(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, who: str
) -> None:
    shutil.copytree(config_root(), tmp_path / "files", ignore=shutil.ignore_patterns("sandbox", "sql"))
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(tmp_path / "files"))
    with (tmp_path / "files" / name).open("a", encoding="utf-8") as file:
        file.write(": [")
    page = client.get("/night").text
    first = re.sub(r"<[^>]+>", " ", page[page.index("<tbody>") : page.index("</tr>", page.index("<tbody>"))])
    assert first.split()[:2] == ["配置有错", who.split()[0]]
    assert f"{name.rpartition('/')[2]} 第 " in first
    assert "配置有错" not in client.get("/night?date=2020-01-01").text


def test_what_was_merged_and_not_released_is_told_and_to_be_released(client: Any, database_url: str) -> None:
    from credit_exchange.config.loader import load
    from credit_exchange.steps.context import Exchange
    from credit_exchange.steps.nights import close_night, remember_cause

    exchange = Exchange(load(), connect(database_url))
    close_night(exchange, "run 1", [])
    assert "没有发布" not in client.get("/night?date=2026-11-22").text
    assert 'class="bad" aria-current' not in client.get("/night?date=2026-11-22").text
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("delete from exchange.release")
    page = client.get("/night?date=2026-11-22").text
    assert "有 1 条记录已经归并而没有发布" in page
    assert "清除「发布」（含下游）" in page
    assert "这一天没有产生" not in page
    remember_cause(exchange.engine, "run 1", "platform china", "没有定义连接 credit_china")
    page = client.get("/night?date=2026-11-22").text
    assert 'class="bad" aria-current' in page, "a date on which a platform failed is no green one"
    exchange.engine.dispose()


def test_of_hundreds_of_departments_in_trouble_the_page_lists_some_and_unfolds_the_others(
    client: Any, database_url: str
) -> None:
    """As when the inbox is not mounted: what stops everybody is in sight, what comes after the list in reach."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into exchange.batch (feed, department, department_name, dataset, schema_version,"
                " business_date, state) select 'f' || n, 'd' || n / 2, '第' || n / 2 || '局', 'permit', '2023',"
                " '2026-11-22', 'missing'"
                " from generate_series(1, 300) as n"
            )
        )
        connection.execute(text("update exchange.night set outcome = 'partial', failed_parts = array['release']"))
    engine.dispose()
    page = client.get("/night?date=2026-11-22").text
    head, unfolded = page.split("<details><summary>其余 ", 1)
    assert head.count(">未报送</span>") < 31
    assert "python -m credit_exchange night --date 2026-11-22</code>" in head  # what to do about 发布
    folded = unfolded.split("</details>", 1)[0]
    assert folded.count(">未报送</span>") > 260
    assert "第7局 · 行政许可（f14）" in page
    assert "第7局 · 行政许可（f15）" in page
    assert "<small>f15</small>" in page


def test_a_delivery_that_did_not_have_to_come_is_nobodys_task(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
            " state, stage) values ('f', 'fz_test', '测试局', 'permit', '2023', '2026-11-21', 'complete', 'merged')"
        )
    engine.dispose()
    page = client.get("/night?date=2026-11-21").text
    assert '<span class="state idle">无报送</span>' in page
    assert "<h2>要处理的" not in page
    assert "全部完成，没有要处理的" in page
    assert 'class="good" aria-current' in page
    batch_page = client.get(re.findall(r'href="/exchange(/batch/\d+)">测试局', page)[0]).text
    assert "无报送，约定允许" in batch_page
    assert "没有报送，没有可检查的" in batch_page
    assert "部门后来报送的，清除「采集」（含下游）即收下" in batch_page
