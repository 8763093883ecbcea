"""Merging: nothing lost, never backwards, quiet, and the same end whatever the order."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from merging import CODE, batch, query, row

from credit_exchange.core.business_time import today
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.orders import order
from credit_exchange.steps.release import release
from credit_exchange.steps.rules import is_stale

OTHER_CODE = "9135010026017703XW"
D1, D2, D3 = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)
STATE = "select record_id, status, content_digest, document_no, subject_code from exchange.record order by record_id"


def test_a_new_record_is_version_one_with_its_source_line(exchange: Exchange) -> None:
    counts = merge(exchange, batch(exchange, [row(exchange, "榕许〔2026〕1号")], D1))
    assert counts["rows_accepted"] == 1
    (record,) = query(exchange, "select * from exchange.record")
    assert (record["version"], record["status"]) == (1, "current")
    (version,) = query(exchange, "select * from exchange.record_version")
    assert (version["line_no"], version["reason"]) == (2, "content")
    (told,) = query(exchange, "select state, rows_delivered, rows_accepted from report.batch")
    assert told == {"state": "complete", "rows_delivered": 1, "rows_accepted": 1}


def test_the_same_content_the_next_day_is_unchanged_and_writes_no_record(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    before = query(exchange, "select xmin::text, * from exchange.record") + query(
        exchange, "select xmin::text, * from exchange.claim"
    )
    counts = merge(exchange, batch(exchange, [row(exchange, "1号")], D2))
    assert counts == {
        "rows_delivered": 1,
        "rows_accepted": 0,
        "rows_quarantined": 0,
        "rows_unchanged": 1,
        "rows_held": 0,
    }
    after = query(exchange, "select xmin::text, * from exchange.record") + query(
        exchange, "select xmin::text, * from exchange.claim"
    )
    assert before == after


def test_merging_a_batch_again_changes_nothing(exchange: Exchange) -> None:
    batch_id = batch(exchange, [row(exchange, "1号")], D1)
    assert merge(exchange, batch_id) == merge(exchange, batch_id)
    assert len(query(exchange, "select * from exchange.record_version")) == 1


@pytest.mark.parametrize("contents", ["甲乙甲", "甲乙丙"])
@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_backfilled_days_in_any_order_end_in_the_same_content(
    exchange: Exchange, order: tuple[int, ...], contents: str
) -> None:
    days = [D1, D2, D3]
    for place in order:
        rows = [row(exchange, "1号", fields={"XK_NR": contents[place]})]
        assert merge(exchange, batch(exchange, rows, days[place]))["rows_delivered"] == 1
    (record,) = query(exchange, STATE)
    newest = row(exchange, "1号", fields={"XK_NR": contents[-1]})
    assert record["content_digest"] == newest["content_digest"]
    assert record["record_id"] == newest["record_id"]


def test_what_a_newer_delivery_said_and_the_landing_lost_is_told_by_its_date(
    exchange: Exchange, tmp_path: Path
) -> None:
    newer = [row(exchange, "A1")]
    merge(exchange, batch(exchange, newer, D3))
    [lost] = query(exchange, "select identities_uri from exchange.batch")
    (tmp_path / "landing" / lost["identities_uri"]).unlink()
    older = batch(exchange, [row(exchange, "A1", fields={"XK_NR": "更早"})], D1)
    with pytest.raises(FatalError, match=f"{D3}.*第 1 次.*night --date {D3} --feed fz_a_permit --recollect"):
        merge(exchange, older)
    batch(exchange, newer, D2)  # the same rows delivered once more are the same object
    assert merge(exchange, older)["rows_accepted"] == 1


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_a_withdrawal_stands_whatever_full_files_say_and_in_any_order(
    exchange: Exchange, order: tuple[int, ...]
) -> None:
    nights = [
        (D1, [row(exchange, "1号")]),
        (D2, [row(exchange, "1号", operation="withdraw", reason="撤销许可")]),
        (D3, [row(exchange, "1号", fields={"XK_NR": "又报了一次"})]),
    ]
    for place in order:
        day, rows = nights[place]
        merge(exchange, batch(exchange, rows, day))
    (record,) = query(exchange, "select status from exchange.record")
    assert record["status"] == "withdrawn"


def test_an_explicit_reinstatement_brings_a_record_back_with_a_higher_version(exchange: Exchange) -> None:
    for day, operation in ((D1, "upsert"), (D2, "withdraw"), (D3, "reinstate")):
        merge(exchange, batch(exchange, [row(exchange, "1号", operation=operation)], day))
    (record,) = query(exchange, "select status, version from exchange.record")
    assert record == {"status": "current", "version": 3}


@pytest.mark.parametrize(("clock", "status"), [("00:00:00", "current"), ("23:59:60", "withdrawn")])
def test_of_one_days_orders_the_latest_stands_whoever_gave_it(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, clock: str, status: str
) -> None:
    """A department's orders have its update time, the office's the time at which they were given."""
    monkeypatch.delenv("CREDIT_EXCHANGE_NOW")
    day = today()
    withdrawal = row(exchange, "1号", operation="withdraw")
    merge(exchange, batch(exchange, [row(exchange, "1号"), withdrawal], day - timedelta(days=1)))
    order(exchange, withdrawal["record_id"], "reinstate", "office", "撤销有误", "样例依据", "样例人员")
    again = row(exchange, "1号", operation="withdraw", sequence=f"{day} {clock}")
    merge(exchange, batch(exchange, [again], day))
    assert query(exchange, "select status from exchange.record") == [{"status": status}]


def test_of_a_withdrawal_and_a_reinstatement_of_one_moment_the_withdrawal_stands(exchange: Exchange) -> None:
    """Nobody can say which came first: what may be withdrawn is not shown, in whatever order they are merged."""
    said = {"upsert": D1, "withdraw": D2, "reinstate": D2}
    for number, order_of_merging in enumerate(permutations(said)):
        for word in order_of_merging:
            rows = [row(exchange, f"{number}号", operation=word)]
            merge(exchange, batch(exchange, rows, said[word], feed=f"fz_{word}_{number}", department=f"fz_{word}"))
    statuses = query(exchange, "select document_no, status from exchange.record where status <> 'withdrawn'")
    assert statuses == []
    assert len(query(exchange, "select 1 from exchange.record")) == 6


@pytest.mark.parametrize("days", [(0, 1, 2), (0, 2, 1)])
def test_a_reinstatement_said_once_more_by_the_overlap_outdoes_no_withdrawal_since(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, days: tuple[int, ...]
) -> None:
    """A front table's row comes in every night whose window has its update time; a full file repeats it for ever."""
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"{D2}T15:00:00")
    said = row(exchange, "1号", operation="withdraw")
    back = {"operation": "reinstate", "sequence": f"{D2} 00:00:00"}
    nights = [[row(exchange, "1号"), said], [row(exchange, "1号", **back)], [row(exchange, "1号", **back)]]
    merge(exchange, batch(exchange, nights[0], D1))
    order(exchange, said["record_id"], "withdraw", "court", "停止公示", "样例依据", "样例人员")
    for place in days[1:]:
        merge(exchange, batch(exchange, nights[place], (D1, D2, D3)[place]))
    assert query(exchange, "select status from exchange.record") == [{"status": "withdrawn"}]
    newer = row(exchange, "1号", operation="reinstate", sequence=f"{D3} 08:00:00")
    merge(exchange, batch(exchange, [newer], D3 + timedelta(days=1)))
    assert query(exchange, "select status from exchange.record") == [{"status": "current"}]


def test_a_repeated_withdrawal_row_is_unchanged(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    merge(exchange, batch(exchange, [row(exchange, "1号", operation="withdraw")], D2))
    assert merge(exchange, batch(exchange, [row(exchange, "1号", operation="withdraw")], D3))["rows_unchanged"] == 1
    assert query(exchange, "select version from exchange.record") == [{"version": 2}]


def test_blank_codes_join_nobody(exchange: Exchange) -> None:
    rows = [row(exchange, f"{n}号", codes=[], subject_code=None) for n in range(3)]
    merge(exchange, batch(exchange, rows, D1))
    assert len({r["subject_id"] for r in query(exchange, "select subject_id from exchange.record")}) == 3


def test_a_legacy_code_is_linked_to_the_unified_code_and_the_record_keeps_its_id(exchange: Exchange) -> None:
    old = row(exchange, "1号", codes=["reg:350100100012345"], subject_code=None)
    merge(exchange, batch(exchange, [old], D1))
    both = [f"org:{CODE[8:17]}", f"uscc:{CODE}", "reg:350100100012345"]
    merge(exchange, batch(exchange, [row(exchange, "2号", codes=both)], D2))
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新内容"})], D3))
    records = query(exchange, "select record_id, subject_id, version from exchange.record where document_no = '1号'")
    assert [(r["record_id"], r["version"]) for r in records] == [(old["record_id"], 2)]
    assert len(query(exchange, "select distinct subject_id from exchange.record")) == 1


@pytest.mark.parametrize("known", [(), ("c2",), ("c5", "c1"), ("c4", "c0", "c3")])
def test_codes_that_are_linked_through_others_are_one_subject(exchange: Exchange, known: tuple[str, ...]) -> None:
    """Each row links two codes; with some of the codes known before, as subjects of their own."""
    for number, code in enumerate(known):
        alone = row(exchange, f"旧{number}号", codes=[code], subject_code=None)
        merge(exchange, batch(exchange, [alone], D1, feed=f"fz_{number}_permit"))
    chain = [row(exchange, f"{n}号", codes=[f"c{n}", f"c{n + 1}"], subject_code=None) for n in (3, 0, 5, 1, 4, 2)]
    merge(exchange, batch(exchange, chain, D2))
    assert len(query(exchange, "select distinct subject_id from exchange.subject_code")) == 1
    assert len(query(exchange, "select distinct subject_id from exchange.record")) == 1
    merged = query(exchange, "select merged_into from exchange.subject where merged_into is not null")
    assert len(merged) == max(0, len(known) - 1)
    assert len({m["merged_into"] for m in merged}) <= 1


@pytest.mark.parametrize("first", ["fz_a", "fz_b"])
def test_departments_that_disagree_are_settled_per_field_and_the_loser_is_kept(exchange: Exchange, first: str) -> None:
    contents = {"fz_a": {"XK_NR": "甲说"}, "fz_b": {"XK_NR": "乙说", "XK_XKBH": "许可 7"}}
    days = {"fz_a": D2, "fz_b": D1}
    for department in (first, "fz_b" if first == "fz_a" else "fz_a"):
        rows = [row(exchange, "1号", fields=contents[department])]
        merge(exchange, batch(exchange, rows, days[department], feed=f"{department}_permit", department=department))
    (version,) = query(
        exchange,
        """select v.content::jsonb ->> 'XK_NR' as nr, v.content::jsonb ->> 'XK_XKBH' as bh from exchange.record as r
        join exchange.record_version as v on v.record_id = r.record_id and v.version = r.content_version""",
    )
    assert version == {"nr": "甲说", "bh": "许可 7"}, "no priority is declared, so the newest claim stands per field"
    claims = query(
        exchange, "select department, content::jsonb ->> 'XK_NR' as nr from exchange.claim order by department"
    )
    assert claims == [{"department": "fz_a", "nr": "甲说"}, {"department": "fz_b", "nr": "乙说"}]


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_record_is_told_of_by_the_content_that_stands_whoever_spoke_last(exchange: Exchange, first: str) -> None:
    """Pages, views, expiry and search read the record's own columns: they say what was published, in any order."""

    def said(days: int, **columns: str) -> dict[str, Any]:
        decided = today() - timedelta(days=days)
        end = str(decided + timedelta(days=200))
        told = {
            "XK_XDR_MC": columns["subject_name"],
            "XK_XDR_SHXYM": columns["subject_code"],
            "XK_WSH": columns["document_no"],
            "XK_CFLB": "罚款",
            "XK_JDRQ": str(decided),
            "_decided_on": str(decided),
            "XK_GSJZQ": end,
        }
        columns |= {"decided_on": str(decided), "publish_until": end}
        return {"fields": told, **columns}

    rows = {
        "a": said(10, subject_name="甲公司", subject_code=CODE, document_no="榕罚〔2026〕1号", subject_kind="legal"),
        "b": said(
            1000, subject_name="甲", subject_code=OTHER_CODE, document_no="榕罚[2026]1号", subject_kind="sole_trader"
        ),
    }
    days = {"a": D2, "b": D1}
    record_id = row(exchange, "榕罚〔2026〕1号", dataset="penalty")["record_id"]
    for name in (first, "b" if first == "a" else "a"):
        given = {**rows[name], "document_key": "榕罚〔2026〕1号", "record_id": record_id}
        made = row(exchange, given.pop("document_no"), dataset="penalty", **given)
        of = {"feed": f"fz_{name}_penalty", "department": f"fz_{name}", "dataset": "penalty"}
        merge(exchange, batch(exchange, [made], days[name], **of))
    (found,) = query(exchange, "select * from exchange.record")
    wanted = {key: value for key, value in rows["a"].items() if key != "fields"} | {"status": "current"}
    wanted |= {"department": "fz_a", "feed": "fz_a_penalty"}
    assert {key: str(found[key]) for key in wanted} == wanted


def test_rows_that_do_not_add_up_stop_the_merge(exchange: Exchange) -> None:
    batch_id = batch(exchange, [row(exchange, "1号")], D1)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(f"update exchange.batch set rows_delivered = 2 where batch_id = {batch_id}")
    with pytest.raises(Exception, match="行数不符：收到 2 行，去向合计 1 行"):
        merge(exchange, batch_id)
    assert query(exchange, "select * from exchange.record") == []


def test_an_expired_penalty_is_expired_from_the_start(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号", publish_until="2026-11-22")], D1))
    assert query(exchange, "select status from exchange.record") == [{"status": "expired"}]


def test_a_penalty_is_shown_to_the_end_of_its_last_day(exchange: Exchange) -> None:
    ends = {"1号": today(), "2号": today() - timedelta(days=1)}
    for place, word in enumerate(("upsert", "withdraw", "reinstate")):
        rows = [row(exchange, no, publish_until=str(end), operation=word) for no, end in ends.items()]
        merge(exchange, batch(exchange, rows, D1 + timedelta(days=place)))
        found = query(exchange, "select document_no, status from exchange.record order by 1")
        expected = ("withdrawn", "withdrawn") if word == "withdraw" else ("current", "expired")
        assert tuple(one["status"] for one in found) == expected


def test_of_a_mixed_batch_each_record_gets_the_content_of_its_own_line(exchange: Exchange) -> None:
    numbers = [f"{n:03d}号" for n in range(60)]

    def says(number: str, day: date) -> str:
        return "改了" if day == D2 and int(number[:3]) % 7 == 3 else "准予"

    for day, first in ((D1, 0), (D2, 20)):
        rows = [
            row(exchange, number, fields={"XK_NR": says(number, day) + number})
            for number in numbers[first : first + 40]
        ]
        counts = merge(exchange, batch(exchange, rows, day))
    changed = [number for number in numbers[20:40] if says(number, D2) != "准予"]
    assert counts["rows_accepted"] == 20 + len(changed)
    assert counts["rows_unchanged"] == 20 - len(changed)
    found = query(
        exchange,
        """select r.document_no, v.content::jsonb ->> 'XK_NR' as nr, v.line_no, r.version from exchange.record as r
        join exchange.record_version as v on v.record_id = r.record_id and v.version = r.content_version
        order by r.document_no""",
    )
    newest = {number: D1 if place < 20 else D2 for place, number in enumerate(numbers)}
    assert [(f["document_no"], f["nr"]) for f in found] == [(n, says(n, newest[n]) + n) for n in numbers]
    assert [f["document_no"] for f in found if f["version"] == 2] == changed
    lines = {f["document_no"]: f["line_no"] for f in found}
    assert (lines["000号"], lines[changed[0]], lines["059号"]) == (2, numbers.index(changed[0]) - 18, 41)


def test_two_late_rows_of_one_record_by_linked_codes_beside_another_feed_are_history(exchange: Exchange) -> None:
    legacy, codes = ["reg:350100100012345"], [f"org:{CODE[8:17]}", f"uscc:{CODE}"]

    def say(
        day: date, words: str, *refs: list[str], feed: str = "fz_a", more: list[str] | None = None
    ) -> dict[str, int]:
        rows = [row(exchange, "1号", codes=c, fields={"XK_NR": words}) for c in refs]
        rows += [row(exchange, "2号", codes=more)] if more else []
        return merge(exchange, batch(exchange, rows, day, feed=f"{feed}_permit", department=feed))

    say(D1, "甲", legacy, more=[*codes, *legacy])
    say(D1, "丙", legacy, feed="fz_b")
    say(D3, "甲", legacy, codes)
    assert say(D2, "乙", legacy, codes)["rows_accepted"] == 2
    assert len(query(exchange, "select * from exchange.record where document_no = '1号'")) == 1
    (claim,) = query(
        exchange,
        "select content::jsonb ->> 'XK_NR' as nr, business_date from exchange.claim where feed = 'fz_a_permit' "
        "and record_id in (select record_id from exchange.record where document_no = '1号')",
    )
    assert claim == {"nr": "甲", "business_date": D3}, "a came back to it after it had said something else"


def test_that_a_publication_ended_stays_to_be_seen_until_it_is_released_again(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits of it would leave when 上报 is cleared between the merges of a night and its release."""
    day = date(2026, 11, 22)
    merge(exchange, batch(exchange, [row(exchange, "1号", publish_until="2026-11-23")], day))
    release(exchange)
    assert not is_stale(exchange, "fuzhou")
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-24T01:30:00")
    merge(exchange, batch(exchange, [row(exchange, "2号")], day + timedelta(1)))
    assert is_stale(exchange, "fuzhou")
    release(exchange)
    assert not is_stale(exchange, "fuzhou")
    assert query(exchange, "select count(*) as n from exchange.outbox where state = 'cancelled'") == [{"n": 3}]
