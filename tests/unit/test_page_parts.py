"""What the pages are made of, without a database: the things to do, shares, bars."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from credit_exchange.config.labels import feed_label
from credit_exchange.config.loader import load
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.ui import render
from credit_exchange.ui.night import in_order, of_platforms, standing, to_do, verdict, while_running

RUN = {"failed_parts": ["release"], "causes": {}}
BATCH = {
    "batch_id": 8,
    "feed": "f_permit",
    "department_name": "某局",
    "dataset": "permit",
    "state": "failed",
    "stage": "collected",
    "rows_held": 0,
    "problem": "",
}


def test_a_held_delivery_is_approved_and_taken_by_what_can_be_typed() -> None:
    batch = BATCH | {"state": "held", "rows_held": 3}
    [task] = to_do(date(2026, 11, 22), [batch], {}, {}, None, [], [], {}, {}, {})
    approve, _, again = task.command.partition(" && ")
    assert approve.endswith('credit_exchange approve 8 --reason "原因"')
    assert again.endswith("credit_exchange night --date 2026-11-22 --feed f_permit")
    # 校验 alone would judge what was held again, and of a table that was held before it landed there is nothing yet
    assert "重新报送后清除「采集」（含下游）；内容无误时放行，再清除「采集」（含下游）" in task.detail
    assert "校验" not in task.detail


@pytest.mark.parametrize("state", ["missing", "failed", "held"])
def test_what_is_not_waited_for_is_nobodys_task_and_stands_last(state: str) -> None:
    batch = BATCH | {"state": state, "stage": "merged", "problem": "没有收到", "waived_by": "office"}
    run = {"failed_parts": ["feed f_permit"], "causes": {"feed f_permit": "没有收到"}}
    assert to_do(date(2026, 11, 22), [batch], {}, {}, run, [], [], {}, {}, {}) == []
    [first, last] = in_order([batch, BATCH | {"feed": "g_permit", "state": "partial"}])
    assert (first["feed"], last["feed"]) == ("g_permit", "f_permit")


@pytest.mark.parametrize(
    ("stage", "problem", "step"),
    [
        ("expected", "服务暂不可用", "采集"),
        ("collected", "引号没有正确闭合；请部门重新报送", "采集"),  # 校验 failed; by itself it reads what has landed
        ("validated", "", "归并"),
    ],
)
def test_what_is_to_be_cleared_takes_what_the_department_delivers_again(stage: str, problem: str, step: str) -> None:
    batch = BATCH | {"stage": stage, "problem": problem}
    [task] = to_do(date(2026, 11, 22), [batch], {}, {}, None, [], [], {}, {}, {})
    assert f"清除「{step}」（含下游）" in task.detail


def test_two_systems_of_a_department_are_told_apart_in_every_list() -> None:
    """A real department has several systems for one data set: two red rows of the same name help nobody."""
    row = BATCH | {"state": "missing", "stage": "expected"}
    batches = in_order(
        [row | {"feed": "f_permit_b"}, row | {"feed": "f_permit_a"}, row | {"feed": "g", "dataset": "x"}]
    )
    assert [batch["system"] for batch in batches] == ["f_permit_a", "f_permit_b", ""]
    told = [task.who for task in to_do(date(2026, 11, 22), batches, {}, {}, None, [], [], {}, {"permit": "许可"}, {})]
    assert told == ["某局 · 许可（f_permit_a）", "某局 · 许可（f_permit_b）", "某局 · x"]


def test_what_stops_a_platform_stands_above_hundreds_of_departments() -> None:
    row = BATCH | {"state": "missing", "stage": "expected"}
    batches = [row | {"batch_id": n, "feed": f"f{n}"} for n in range(300)]
    counts = {"backlog": 5, "unknown": 0, "rejected": 0, "awaiting": 0}
    run = {"failed_parts": ["release"], "causes": {"release": "规则文件有错"}}
    found = to_do(date(2026, 11, 22), batches, {"china": counts}, {}, run, [], [], {"china": "信用中国"}, {}, {})
    assert [task.about for task in found[:3]] == ["part", "feed", "feed"]
    assert found[-1].about == "platform"  # what waits is no trouble of this night
    bad = to_do(date(2026, 11, 22), batches, {"china": counts | {"unknown": 2}}, {}, run, [], [], {}, {}, {})
    assert {task.about for task in bad[:2]} == {"platform", "part"}


def test_two_systems_of_a_department_have_names_of_their_own() -> None:
    config = load()
    feed = config.feeds["fz_zjj_permit"]
    both = replace(config, feeds=config.feeds | {"fz_zjj_permit_old": feed})
    assert feed_label(config, "fz_zjj_permit") == "福州市城乡建设局 · 行政许可"
    assert feed_label(both, "fz_zjj_permit_old") == "福州市城乡建设局 · 行政许可（fz_zjj_permit_old）"
    assert feed_label(both, "fz_zjj_permit") == "福州市城乡建设局 · 行政许可（fz_zjj_permit）"
    assert feed_label(both, "fz_gulou_permit") == feed_label(config, "fz_gulou_permit")


def test_a_good_night_says_that_rows_have_to_go_back_to_their_departments() -> None:
    day, run = date(2026, 11, 22), {"outcome": "good", "finished_at": 1}
    assert verdict(day, [run], [], [{"rows_quarantined": 0}]).text == "全部完成，没有要处理的"
    told = verdict(day, [run], [], [{"rows_quarantined": 1}, {"rows_quarantined": 1234}])
    assert (told.kind, told.text) == ("good", "全部完成；1,235 行有问题，由部门更正")
    waived = {"rows_quarantined": 0, "waived_by": "office"}
    assert verdict(day, [run], [], [waived]).text == "全部完成，其中 1 个报送批次不再等待，没有要处理的"


def test_the_platforms_page_says_first_what_does_not_arrive() -> None:
    quiet = {"platform": "fuzhou", "circuit": "closed", "ready": 0, "in_flight": 0, "unknown": 0}
    assert of_platforms([], {}, {}).kind == "idle"
    assert of_platforms([quiet], {}, {}).kind == "good"
    differs = of_platforms([quiet], {}, {"fuzhou": "信用福州"}, differ={"fuzhou": 5})
    assert (differs.kind, differs.text) == ("bad", "信用福州 与平台清单不一致 5 条")
    waiting = of_platforms([quiet | {"in_flight": 1200}], {}, {"fuzhou": "信用福州"})
    assert (waiting.kind, waiting.text) == ("care", "信用福州 未送完 1,200 条")
    stuck = of_platforms([quiet | {"circuit": "open", "ready": 2}], {"fuzhou": 3}, {"fuzhou": "信用福州"})
    assert (stuck.kind, stuck.text) == ("bad", "信用福州 暂停上报、未送完 2 条、要处理 3 条")
    failed = of_platforms([quiet | {"ready": 2}], {}, {"fuzhou": "信用福州"}, {"fuzhou": "没有定义连接"})
    assert (failed.kind, failed.text) == ("bad", "信用福州 上次失败、未送完 2 条")


def test_a_paused_platform_says_why_also_when_all_that_is_left_is_unknown() -> None:
    counts = {"backlog": 0, "unknown": 3, "rejected": 0, "awaiting": 0}
    state = {"circuit": "open", "failures": 5, "reason": "平台答复 HTTP 503"}
    [task] = to_do(
        date(2026, 11, 22), [], {"china": counts}, {"china": state}, None, [], [], {"china": "信用中国"}, {}, {}
    )
    assert (task.who, task.word) == ("信用中国", "暂停上报")
    assert "结果不明 3 条" in task.why
    assert "平台答复 HTTP 503" in task.why


def test_what_a_platform_refused_is_not_sent_again_but_corrected() -> None:
    counts = {"backlog": 0, "unknown": 0, "rejected": 2, "awaiting": 0}
    [task] = to_do(date(2026, 11, 22), [], {"china": counts}, {}, None, [], [], {}, {}, {})
    assert (task.kind, task.word, task.command) == ("bad", "被退回", "")
    assert "由部门更正" in task.detail


def test_small_shares_and_short_bars_stay_visible() -> None:
    from credit_exchange.ui.render import bar, share

    assert share(1, 1_000_000) == "<0.1%"
    assert share(999_999, 1_000_000) == ">99.9%"
    assert (share(1, 0), share(0, 5), share(5, 5)) == ("—", "0.0%", "100.0%")
    assert 'width="2.0"' in bar([("good", "好", 1_000_000), ("bad", "坏", 1)])
    assert 'aria-label="坏 1"' in bar([("good", "好", 0), ("bad", "坏", 1)], 10)
    assert 'aria-label="无"' in bar([])


def test_a_run_without_a_verdict_is_running_only_as_long_as_something_may_give_it_one() -> None:
    now = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)
    run = {"outcome": None, "finished_at": None, "started_at": now - timedelta(hours=7)}
    again = run | {"finished_at": now - timedelta(hours=5)}
    assert standing(None, None, now) == "none"
    assert standing(run | {"outcome": "good"}, None, now) == "ended"
    assert standing(run, "running", now) == "running"
    assert standing(again, "queued", now) == "again"
    assert {standing(one, state, now) for one in (run, again) for state in ("failed", "success", "")} == {"lost"}
    assert standing(run, None, now) == "lost", "a command that was killed"
    assert standing(run | {"started_at": now - timedelta(hours=1)}, None, now) == "running"


def test_while_a_night_runs_nothing_is_to_be_run_beside_it() -> None:
    """What waits for its turn is nobody's task; what has failed already is told, without a command."""
    day = date(2026, 11, 22)
    batch = BATCH | {"stage": "validated"}
    broken = batch | {"feed": "g_permit", "problem": "文件打不开"}
    seen = while_running([batch, broken])
    assert [row["state"] for row in seen] == ["merging", "failed"]
    sent = {"backlog": 4, "unknown": 2, "rejected": 0, "awaiting": 3}
    tasks = to_do(day, seen, {"china": sent}, {}, RUN, [], [], {}, {}, {}, {"g_permit": "联络员"}, running=True)
    [task] = tasks
    assert (task.why, task.command, task.contact) == ("文件打不开", "", "联络员")
    told = verdict(day, [{"outcome": None}], tasks, seen, stands="running")
    assert (told.kind, told.text) == ("bad", "正在运行，到现在出错：1 个报送源")
    tasks = to_do(day, [batch, broken], {"china": sent}, {}, RUN, [], [], {}, {}, {})
    assert [task.word for task in tasks] == ["失败", "失败", "未送完", "失败"]
    assert "没有留下原因" in tasks[0].why
    assert "清除「归并」" in tasks[0].detail


def test_a_platform_that_is_not_done_says_what_happens_by_itself() -> None:
    counts = {"backlog": 1, "unknown": 1, "rejected": 0, "awaiting": 1}
    [task] = to_do(date(2026, 11, 22), [], {"china": counts}, {}, None, [], [], {}, {}, {})
    for told in ("下一夜自动补报", "先向平台查询", "每 5 分钟查询"):
        assert told in task.detail


def test_what_failed_says_why_also_where_only_its_task_knew() -> None:
    """A platform without a connection waits for a person: its night is red and so is the page, not yellow."""
    day, counts = date(2026, 11, 22), {"backlog": 3, "unknown": 0, "rejected": 0, "awaiting": 0}
    batch = BATCH
    causes = {
        "platform china": "信用中国：没有定义连接 credit_china",
        "feed f_permit": "配置文件读不了",
        "release": "信用福建仍有 1 条在公示",
    }
    run = {"failed_parts": ["feed f_permit", "platform china", "release"], "causes": causes}
    given = (day, [batch], {"china": counts}, {}, run, [], [], {"china": "信用中国"}, {}, {"release": "发布"})
    feed, platform, release = to_do(*given)
    assert [task.kind for task in (feed, platform, release)] == ["bad"] * 3
    assert feed.why == "配置文件读不了"
    assert (platform.word, platform.why) == ("失败", "积压 3 条；没有定义连接 credit_china")
    assert release.why == "信用福建仍有 1 条在公示"
    assert "含下游" in release.detail
    assert [task.word for task in to_do(*given, unreleased=7)] == ["失败", "失败", "没有发布"]
    taken = (day, [batch | {"state": "complete"}], *given[2:])
    assert to_do(*taken)[0].why == "配置文件读不了", "an earlier run took it, and the task of this one is red"
    quiet = (day, [], {"china": counts | {"backlog": 0}}, {}, run | {"failed_parts": []}, *given[5:])
    assert [task.why for task in to_do(*quiet)] == ["没有定义连接 credit_china"]


def test_a_wide_table_scrolls_by_itself() -> None:
    """Else it makes the whole page wide on a telephone. The things to do are arranged anew there."""
    folder = Path(render.__file__).parent / "templates"
    found = [
        part for path in folder.glob("*.html") for part in re.findall(r"(.*)<table(.*?)>", path.read_text("utf-8"))
    ]
    assert len(found) > 10
    assert [part for part in found if part[0] != '<div class="scroll">' and part[1] != ' class="todo"'] == []
