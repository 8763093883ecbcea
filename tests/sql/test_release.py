"""Releasing: nothing leaked, quiet, strictest rule first, takedowns ahead, changed rules seen at once."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from merging import batch, query, row

from credit_exchange.config.catalog import Condition
from credit_exchange.config.sharing import SharingRule
from credit_exchange.errors import FatalError
from credit_exchange.steps import orders
from credit_exchange.steps import release as release_step
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.outbox import BLOCK
from credit_exchange.steps.payload import payloads
from credit_exchange.steps.release import release
from credit_exchange.stores.database import transaction

D1, D2 = date(2026, 11, 20), date(2026, 11, 21)
OUTBOX = "select platform, version, op, state from exchange.outbox order by platform, version, op"


def deliver(exchange: Exchange) -> None:
    """Mark everything that waits as delivered, as the push step does at its end."""
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "update exchange.release set state = 'delivered', settled_at = now() "
            "where op is not null and state = 'ready'"
        )


def reported(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    deliver(exchange)


def test_a_released_record_waits_for_all_three_platforms(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    assert release(exchange) == {"china.upsert": 1, "fujian.upsert": 1, "fuzhou.upsert": 1}


def test_a_word_in_a_record_is_never_taken_for_its_status(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credit_exchange.steps.release.PARTS", 1)
    rule = SharingRule(
        id="T-2",
        name="试验",
        legal_basis="试验依据",
        datasets=["permit"],
        platforms=["fuzhou"],
        match=[Condition(field="XK_NR", op="eq", value="withdrawn")],
        effect="release",
        valid_from=D1,
    )
    exchange.config = replace(exchange.config, sharing=(rule,))
    rows = [row(exchange, "1号", fields={"XK_NR": "withdrawn"}), row(exchange, "2号", fields={"XK_NR": "withdrawn"})]
    merge(exchange, batch(exchange, rows, D1))
    withdrawn = sorted(r["record_id"] for r in query(exchange, "select record_id from exchange.record"))[0]
    orders.order(exchange, withdrawn, "withdraw", "repair", "信用修复", "发改委令第36号", "tester")
    assert release(exchange, ["fuzhou"]) == {"fuzhou.withhold": 1, "fuzhou.upsert": 1}


def test_what_a_platform_was_told_of_before_is_not_fresh(exchange: Exchange) -> None:
    reported(exchange)
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"}), row(exchange, "2号")], D2))
    release(exchange)
    told = query(exchange, "select distinct version, fresh from exchange.release order by version, fresh")
    assert told == [{"version": 1, "fresh": True}, {"version": 2, "fresh": False}]


def test_ids_are_given_out_in_blocks_as_large_as_the_release_step_takes_them(exchange: Exchange) -> None:
    (told,) = query(exchange, "select increment_by from pg_sequences where sequencename = 'outbox_seq'")
    assert told["increment_by"] == BLOCK


def test_what_is_no_longer_what_was_released_is_not_sent(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("update exchange.record_version set content = replace(content, '准予', '不准')")
        (waiting,) = query(exchange, "select outbox_id from exchange.outbox where platform = 'fuzhou'")
        with pytest.raises(FatalError, match="内容与发布时不一致"):
            payloads(exchange, connection, "fuzhou", [waiting["outbox_id"]])


def test_a_bulk_is_decided_in_parts_side_by_side_and_every_row_waits_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credit_exchange.steps.release.CHUNK", 3)
    merge(exchange, batch(exchange, [row(exchange, f"{number}号") for number in range(40)], D1))
    assert release(exchange) == {"china.upsert": 40, "fujian.upsert": 40, "fuzhou.upsert": 40}
    (told,) = query(
        exchange,
        """select count(*) as rows, count(distinct r.outbox_id) as ids,
            count(distinct (r.record_id, r.platform)) as once
        from exchange.lot as l
        join exchange.release as r on r.platform = l.platform and r.outbox_id between l.first_id and l.last_id""",
    )
    assert told == {"rows": 120, "ids": 120, "once": 120}
    assert release(exchange) == {}


def test_a_second_release_writes_nothing(exchange: Exchange) -> None:
    reported(exchange)
    before = query(exchange, "select xmin::text, * from exchange.release") + query(
        exchange, "select xmin::text, * from exchange.lot"
    )
    assert release(exchange) == {}
    after = query(exchange, "select xmin::text, * from exchange.release") + query(
        exchange, "select xmin::text, * from exchange.lot"
    )
    assert before == after


def test_without_a_rule_nothing_is_released(exchange: Exchange) -> None:
    exchange.config = replace(exchange.config, sharing=())
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    assert query(exchange, OUTBOX) == []
    assert {r["rule_id"] for r in query(exchange, "select rule_id from report.withheld")} == {"NO-RULE"}


def test_a_natural_persons_permit_goes_out_masked_and_without_any_id_field(exchange: Exchange) -> None:
    person = row(
        exchange,
        "1号",
        codes=["id:abc"],
        subject_kind="person",
        subject_code=None,
        fields={
            "XK_XDR_MC": "陈榕生",
            "XK_XDR_LB": "自然人",
            "XK_XDR_SHXYM": "",
            "XK_XDR_ZJLX": "身份证",
            "XK_XDR_ZJHM": "enc:v1:sealed",
            "XK_NR": "准予陈某（身份证号11010519491231002X）执业",
        },
    )
    merge(exchange, batch(exchange, [person], D1))
    release(exchange)
    with transaction(exchange.engine) as connection:
        ids = [
            r["outbox_id"] for r in query(exchange, "select outbox_id from exchange.outbox where platform = 'fuzhou'")
        ]
        (sheet,) = payloads(exchange, connection, "fuzhou", ids)
        payload = sheet.payload(0)
    assert payload.fields["XK_XDR_MC"] == "陈**"
    assert not {"XK_XDR_ZJLX", "XK_XDR_ZJHM"} & set(payload.fields)
    assert "11010519491231002X" not in payload.fields["XK_NR"]
    assert not [code for code in payload.fields if code.startswith("_")]


def test_a_withdrawal_order_takes_the_next_version_ahead_of_everything(exchange: Exchange) -> None:
    reported(exchange)
    record_id = query(exchange, "select record_id from exchange.record")[0]["record_id"]
    orders.order(exchange, record_id, "withdraw", "repair", "信用修复", "发改委令第36号", "tester")
    release(exchange)
    rows = query(exchange, "select version, op, priority, reason from exchange.outbox where state = 'ready'")
    assert rows == [{"version": 2, "op": "withdraw", "priority": 0, "reason": "信用修复"}] * 3
    assert query(exchange, "select status from report.record") == [{"status": "withdrawn"}]
    orders.order(exchange, record_id, "reinstate", "repair", "修复决定撤销", "", "tester")
    deliver(exchange)
    release(exchange)
    assert (
        query(exchange, "select version, op from exchange.outbox where state = 'ready'")
        == [{"version": 3, "op": "upsert"}] * 3
    )


def test_the_reason_of_a_withdrawal_carries_no_number_of_a_person(exchange: Exchange) -> None:
    reported(exchange)
    reason = "信用修复，经办人身份证11010519491231002X，电话13805911234"
    for days, why in ((1, reason), (0, "更早的一次")):  # the newest counts, not what is merged last
        merge(exchange, batch(exchange, [row(exchange, "1号", operation="withdraw", reason=why)], D2 + timedelta(days)))
    release(exchange)
    told = query(exchange, "select distinct reason from report.delivery where op = 'withdraw'")
    assert told == [{"reason": f"信用修复，经办人身份证{'*' * 18}，电话{'*' * 11}"}]


@pytest.mark.parametrize("together", [True, False])
def test_a_takedown_says_why_also_when_the_content_changed_with_it_or_since(exchange: Exchange, together: bool) -> None:
    reported(exchange)
    said = [row(exchange, "1号", operation="withdraw", reason="许可依法撤销")]
    changed = [row(exchange, "1号", fields={"XK_NR": "新"})]
    for days, rows in enumerate([said + changed] if together else [said, changed]):
        merge(exchange, batch(exchange, rows, D2 + timedelta(days=days)))
    release(exchange)
    told = query(exchange, "select distinct reason from report.delivery where op = 'withdraw'")
    assert told == [{"reason": "许可依法撤销"}]


def test_a_withdrawal_goes_to_where_the_record_lies_whoever_it_is_about_by_now(exchange: Exchange) -> None:
    reported(exchange)
    person = row(exchange, "1号", subject_kind="person", fields={"XK_XDR_LB": "自然人"})
    merge(exchange, batch(exchange, [person], D2))
    record_id = query(exchange, "select record_id from exchange.record where subject_kind = 'person'")[0]["record_id"]
    orders.order(exchange, record_id, "withdraw", "repair", "信用修复", "发改委令第36号", "tester")
    assert release(exchange, ["fujian"]) == {"fujian.withdraw": 1}
    (waiting,) = query(exchange, "select outbox_id from exchange.outbox where platform = 'fujian' and state = 'ready'")
    with exchange.engine.begin() as connection:
        (sheet,) = payloads(exchange, connection, "fujian", [waiting["outbox_id"]])
    assert list(sheet.subject_kinds) == ["legal"]


def test_what_was_held_for_a_person_is_overtaken_as_well(exchange: Exchange) -> None:
    reported(exchange)
    query(exchange, "update exchange.release set state = 'held' returning 1")
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"})], D2))
    release(exchange)
    states = {(r["version"], r["state"]) for r in query(exchange, OUTBOX)}
    assert states == {(1, "superseded"), (2, "ready")}


def test_a_takedown_before_the_first_send_cancels_and_sends_nothing(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    record_id = query(exchange, "select record_id from exchange.record")[0]["record_id"]
    orders.order(exchange, record_id, "withdraw", "objection", "异议成立", "", "tester")
    release(exchange)
    assert {r["state"] for r in query(exchange, OUTBOX)} == {"cancelled"}


def pack(exchange: Exchange, state: str) -> None:
    """Put the one waiting row into a shipment in this state, as a drain does."""
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "with s as (insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, "
            "body_sealed, body_digest, records, state) values ('s', 'fuzhou', 'permit', 'upsert', 'b', 'k', '', '', 1, "
            f"'{state}') returning shipment_id), l as (delete from exchange.lot) "
            "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
            "select r.outbox_id, r.outbox_id, s.shipment_id, 1 from exchange.release as r, s"
        )


def test_what_is_packed_while_its_takedown_is_decided_is_taken_down(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange, ["fuzhou"])
    record_id = query(exchange, "select record_id from exchange.record")[0]["record_id"]
    orders.order(exchange, record_id, "withdraw", "objection", "异议成立", "", "tester")
    look = release_step._standing
    looked: list[object] = []

    def packed_after_the_first_look(*arguments: Any) -> Any:
        seen = look(*arguments)
        if not looked:
            pack(exchange, "sending")
        looked.append(seen)
        return seen

    monkeypatch.setattr(release_step, "_standing", packed_after_the_first_look)
    assert release(exchange, ["fuzhou"]) == {"fuzhou.withdraw": 1}
    assert len(looked) == 2


@pytest.mark.parametrize("state", ["ready", "sending", "awaiting_receipt", "unknown"])
def test_what_may_have_arrived_is_taken_down_and_not_merely_cancelled(exchange: Exchange, state: str) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange, ["fuzhou"])
    pack(exchange, state)
    record_id = query(exchange, "select record_id from exchange.record")[0]["record_id"]
    orders.order(exchange, record_id, "withdraw", "objection", "异议成立", "", "tester")
    assert release(exchange, ["fuzhou"]) == {"fuzhou.withdraw": 1}
    assert [(r["version"], r["op"], r["state"]) for r in query(exchange, OUTBOX)] == [
        (1, "upsert", state),
        (2, "withdraw", "ready"),
    ]


def test_a_newer_version_supersedes_what_was_never_sent(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"})], D2))
    release(exchange)
    states = {(r["version"], r["state"]) for r in query(exchange, OUTBOX)}
    assert states == {(1, "superseded"), (2, "ready")}


def test_a_rule_that_withholds_from_now_on_withdraws_what_is_out_there(exchange: Exchange) -> None:
    reported(exchange)
    rule = SharingRule(
        id="T-1",
        name="试验",
        legal_basis="试验依据",
        datasets=["permit"],
        platforms=["fujian"],
        effect="withhold",
        valid_from=D1,
    )
    exchange.config = replace(exchange.config, sharing=(*exchange.config.sharing, rule))
    assert release(exchange) == {"china.send": 1, "fujian.withdraw": 1, "fuzhou.send": 1}
    assert query(exchange, "select platform, version, op from exchange.outbox where state = 'ready'") == [
        {"platform": "fujian", "version": 2, "op": "withdraw"}
    ]
    assert query(exchange, "select platform, rule_id from report.withheld") == [
        {"platform": "fujian", "rule_id": "T-1"}
    ]
    deliver(exchange)
    assert release(exchange) == {}


def test_expiry_withdraws_by_business_today(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", publish_until="2026-11-24")], D1))
    release(exchange)
    deliver(exchange)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-25T01:30:00")
    release(exchange)
    assert {(r["op"]) for r in query(exchange, "select op from exchange.outbox where state = 'ready'")} == {"withdraw"}
    assert query(exchange, "select status from report.record") == [{"status": "expired"}]


def test_a_change_that_a_platform_does_not_see_sends_nothing(exchange: Exchange) -> None:
    reported(exchange)
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"SECRET": "否"})], D2))
    release(exchange)
    assert query(exchange, "select * from exchange.outbox where state = 'ready'") == []


def test_rules_that_were_applied_to_some_records_only_are_applied_again(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_step, "CHUNK", 3)
    monkeypatch.setattr(release_step, "PARTS", 1)
    merge(exchange, batch(exchange, [row(exchange, f"{number}号") for number in range(9)], D1))
    loose = exchange.config
    rule = {"id": "T-1", "name": "试验", "legal_basis": "试验依据", "datasets": ["permit"], "platforms": ["*"]}
    strict = replace(loose, sharing=(*loose.sharing, SharingRule(**rule, effect="withhold", valid_from=D1)))

    def killed_in_the_second_chunk(_point: str) -> None:
        if next(chunks) == 2:
            raise InterruptedError

    for before in (loose, strict):  # the first night ever, and one after many
        exchange.config = before
        if before is strict:
            release(exchange)
        exchange.config = loose
        chunks = count(1)
        with monkeypatch.context() as patch:
            patch.setattr(release_step, "faultpoint", killed_in_the_second_chunk)
            with pytest.raises(InterruptedError):
                release(exchange)
        exchange.config = strict
        release(exchange)
        assert query(exchange, "select 1 from exchange.outbox where state = 'ready'") == []


def test_data_sets_in_another_order_in_each_part_do_not_wait_for_each_other(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_step, "CHUNK", 12)
    made = {name: [row(exchange, f"{name}{n}", dataset=name) for n in range(60)] for name in ("permit", "penalty")}
    part = {0: "permit", 1: "penalty"}
    first = {
        name: min(r["record_id"] for r in made[name] if ord(r["record_id"][-1]) % 2 == number)
        for number, name in part.items()
    }
    for number, name in part.items():  # the first record of each part is of another data set
        other = first[part[1 - number]]
        some = [r for r in made[name] if ord(r["record_id"][-1]) % 2 == number or r["record_id"] > other]
        merge(exchange, batch(exchange, some, D1, feed=f"fz_a_{name}", dataset=name))
    digests = release_step._payload_digests

    def slowly(*given: Any) -> Any:
        time.sleep(0.2)
        return digests(*given)

    monkeypatch.setattr(release_step, "_payload_digests", slowly)
    release(exchange)
    assert release(exchange) == {}


def test_the_reporting_views_answer(exchange: Exchange) -> None:
    from credit_exchange.steps.reference import sync_reference

    assert sync_reference(exchange)
    assert not sync_reference(exchange)
    reported(exchange)
    (clock,) = query(exchange, "select * from report.clock")
    assert (str(clock["started_on"]), str(clock["amber_on"]), str(clock["red_on"])) == (
        "2026-11-10",
        "2026-11-17",
        "2026-11-19",
    )
    assert len(query(exchange, "select * from report.published")) == 3
    (score,) = query(exchange, "select * from report.scorecard")
    assert score["accepted_rate"] == 1
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("set local role credit_report")
        assert connection.exec_driver_sql("select count(*) from report.record").scalar() == 1
        with pytest.raises(Exception, match="permission denied"):
            connection.exec_driver_sql("select count(*) from exchange.record")
