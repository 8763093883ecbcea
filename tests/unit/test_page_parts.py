"""What the pages are made of, without a database: the things to do, shares, bars."""

from __future__ import annotations

from datetime import date

from credit_exchange.ui.night import of_platforms, to_do, verdict


def test_a_held_delivery_is_approved_and_taken_by_what_can_be_typed() -> None:
    batch = {
        "batch_id": 8,
        "feed": "f_permit",
        "department_name": "某局",
        "dataset": "permit",
        "state": "held",
        "rows_held": 3,
        "problem": "",
    }
    [task] = to_do(date(2026, 11, 22), [batch], {}, {}, [], [], [], {}, {}, {})
    approve, _, again = task.command.partition(" && ")
    assert approve.endswith('credit_exchange approve 8 --reason "原因"')
    assert again.endswith("credit_exchange night --date 2026-11-22 --feed f_permit")


def test_a_good_night_says_that_rows_have_to_go_back_to_their_departments() -> None:
    day, run = date(2026, 11, 22), {"outcome": "good", "finished_at": 1}
    assert verdict(day, [run], [], [{"rows_quarantined": 0}]).text == "全部完成，没有要处理的"
    told = verdict(day, [run], [], [{"rows_quarantined": 1}, {"rows_quarantined": 1234}])
    assert (told.kind, told.text) == ("good", "全部完成；1,235 行有问题，由部门更正")


def test_the_platforms_page_says_first_what_does_not_arrive() -> None:
    quiet = {"platform": "fuzhou", "circuit": "closed", "ready": 0, "in_flight": 0, "unknown": 0}
    assert of_platforms([], {}, {}).kind == "idle"
    assert of_platforms([quiet], {}, {}).kind == "good"
    waiting = of_platforms([quiet | {"in_flight": 1200}], {}, {"fuzhou": "信用福州"})
    assert (waiting.kind, waiting.text) == ("care", "信用福州 未送完 1,200 条")
    stuck = of_platforms([quiet | {"circuit": "open", "ready": 2}], {"fuzhou": 3}, {"fuzhou": "信用福州"})
    assert (stuck.kind, stuck.text) == ("bad", "信用福州 暂停上报、未送完 2 条、要处理 3 条")


def test_a_paused_platform_says_why_also_when_all_that_is_left_is_unknown() -> None:
    counts = {"backlog": 0, "unknown": 3, "rejected": 0, "awaiting": 0}
    state = {"circuit": "open", "failures": 5, "reason": "平台答复 HTTP 503"}
    [task] = to_do(
        date(2026, 11, 22), [], {"china": counts}, {"china": state}, [], [], [], {"china": "信用中国"}, {}, {}
    )
    assert (task.who, task.word, task.detail) == ("信用中国", "暂停上报", "平台答复 HTTP 503")
    assert "结果不明 3 条" in task.why


def test_what_a_platform_refused_is_not_sent_again_but_corrected() -> None:
    counts = {"backlog": 0, "unknown": 0, "rejected": 2, "awaiting": 0}
    [task] = to_do(date(2026, 11, 22), [], {"china": counts}, {}, [], [], [], {}, {}, {})
    assert (task.kind, task.word, task.command) == ("bad", "被退回", "")
    assert "由部门更正" in task.why


def test_small_shares_and_short_bars_stay_visible() -> None:
    from credit_exchange.ui.render import bar, share

    assert share(1, 1_000_000) == "<0.1%"
    assert share(999_999, 1_000_000) == ">99.9%"
    assert (share(1, 0), share(0, 5), share(5, 5)) == ("—", "0.0%", "100.0%")
    assert 'width="2.0"' in bar([("good", "好", 1_000_000), ("bad", "坏", 1)])
    assert 'aria-label="坏 1"' in bar([("good", "好", 0), ("bad", "坏", 1)], 10)
    assert 'aria-label="无"' in bar([])
