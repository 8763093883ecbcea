"""What becomes of the records of a shipment on which a platform failed as a whole, step by step. Without platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from credit_exchange.stores import sql

NOW = datetime.now(UTC)
JUDGED = {"state": "settled", "receipt_no": "R", "sent_at": NOW - timedelta(hours=1)}
"""A shipment of their kind that the platform judged since the last step failed, two hours ago."""


def shipment(connection: Connection, number: str, **given: Any) -> int:
    """Write a shipment of 信用福建, of permits unless given; return its id."""
    columns = {"platform": "fujian", "dataset": "permit", "lane": "frxk", "op": "upsert", "state": "settled"}
    columns |= {"shipment_no": number, "batch_no": number, "idem_key": number, "body_digest": "x", "records": 1} | given
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    insert = f"insert into exchange.shipment (body_sealed, {names}) values ('x', {values}) returning shipment_id"
    return int(connection.execute(text(insert), columns).scalar_one())


def fails(connection: Connection, number: str, *hours: int) -> None:
    """The platform answered that it failed, so many hours ago; several times where given."""
    for ago in hours:
        connection.execute(
            text(
                "insert into exchange.attempt (shipment_no, kind, fence, finished_at) values (:number, 'poll', 1, :at)"
            ),
            {"number": number, "at": NOW - timedelta(hours=ago)},
        )


def failed(
    connection: Connection,
    count: int = 1,
    *,
    most: int | None = 1,
    step: int | None = 1,
    attempts: int = 2,
    judged: Mapping[str, Any] | None = None,
    op: str = "upsert",
    tries: int = 1,
    went: datetime | None = None,
    wait: float = 0.0,
    apart: int = 0,
) -> list[Any]:
    """Let a shipment of these fail, and return its rows after that, with whether the step is this shipment.

    most, attempts: what is known of its records; step: how many were in the shipment that was their last step; judged:
    what else there is; went: when its records first went; apart: its last rows lie so far behind the others.
    """
    steps = [shipment(connection, f"step{n}", records=step, op=op) for n in (1, 2)] if step else [None]
    if step:
        fails(connection, "step1", 9)
        fails(connection, "step2", 4, 2)
    if judged is not None:
        shipment(connection, "other", **({"op": op} | JUDGED | judged))
    this = shipment(connection, "this", records=count, op=op, tries=tries, first_sent_at=NOW)
    fails(connection, "this", 0)
    half = count // 2
    runs = [(1, half, 1), (half + 1 + apart, count + apart, half + 1)] if apart else [(1, count, 1)]
    for first, last, line in runs:
        connection.execute(
            text(
                "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) values (:f, :l, :s, :n)"
            ),
            {"f": first, "l": last, "s": this, "n": line},
        )
        connection.execute(
            text(
                "insert into exchange.release (platform, dataset, record_id, version, op, priority, reason, outbox_id, "
                "most, failed_in, attempts, first_sent_at) select 'fujian', 'permit', 'r' || n, 1, :op, 5, '', n, "
                "cast(:most as int), case when n = 1 then cast(:before as bigint) else cast(:step as bigint) end, "
                ":attempts, cast(:went as timestamptz) from generate_series(cast(:f as int), cast(:l as int)) as n"
            ),
            {"op": op, "most": most, "attempts": attempts, "f": first, "l": last, "went": went}
            | {"before": steps[0] if count > 1 else steps[-1], "step": steps[-1]},
        )
    told = {"shipment_no": "this", "code": "E500", "message": "失败", "found_message": "是它", "wait": wait}
    connection.execute(sql.load("push/lines_failed"), told)
    rows = text("select *, failed_in = :this as is_step from exchange.release order by outbox_id")
    return list(connection.execute(rows, {"this": this}))


@pytest.fixture
def anew(database_url: str) -> Iterator[Callable[..., list[Any]]]:
    """:func:`failed`, each time as if nothing had been before."""
    engine = create_engine(database_url)

    def rolled_back(*count: int, **given: Any) -> list[Any]:
        with engine.connect() as connection:
            return failed(connection, *count, **given)

    yield rolled_back
    engine.dispose()


def test_one_record_is_found_when_others_of_its_kind_were_judged_since_it_last_failed(
    anew: Callable[..., list[Any]],
) -> None:
    assert [row.state for row in anew(judged={})] == ["rejected"]
    others: list[dict[str, Any] | None] = [
        None,
        {"platform": "fuzhou"},
        {"dataset": "red_list"},
        {"lane": "zrrxk"},
        {"op": "withdraw"},
        {"state": "awaiting_receipt"},
        {"receipt_no": None},
        {"sent_at": NOW - timedelta(hours=3)},
    ]
    for judged in others:
        [row] = anew(judged=judged)
        assert (row.state, row.outcome_message, row.settled_at) == ("retry", "失败", None), judged
        assert (row.most, row.is_step, row.attempts) == (1, False, 3), judged


def test_it_is_rejected_after_three_tries_in_all_and_a_takedown_is_for_a_person(anew: Callable[..., list[Any]]) -> None:
    [row] = anew(judged={}, attempts=2)
    assert (row.state, row.outcome_code, row.outcome_message, row.attempts) == ("rejected", "E500", "是它", 3)
    assert row.settled_at is not None
    [row] = anew(judged={}, attempts=1)
    assert (row.state, row.attempts, row.is_step) == ("retry", 2, True)
    [row] = anew(judged={}, attempts=0, tries=3)
    assert (row.state, row.attempts) == ("rejected", 3)
    [row] = anew(judged={}, op="withdraw")
    assert row.state == "held"
    assert {row.state for row in anew(2, most=2, step=2, judged={}, attempts=9)} == {"retry"}, "one of two, but which"


def test_how_many_records_may_travel_together_after_each_step(anew: Callable[..., list[Any]]) -> None:
    cases: list[tuple[int, int | None, int | None, bool, list[int], bool]] = [
        (4, None, None, False, [4] * 4, True),  # as it went: it may be the platform's fault
        (4, None, 4, True, [4] * 4, True),
        (5, 5, 5, False, [1, 4, 1, 4, 1], True),  # three are tried by themselves
        (5, 9, 9, False, [1, 4, 1, 4, 1], True),  # also when fewer travelled together by chance
        (5, 5, 9, False, [5] * 5, False),  # once
        (5, 5, 5, True, [1] * 5, True),  # it is one of them
        (100, 100, 100, True, [1] * 100, True),
        (121, 121, 121, True, [11] * 121, True),
    ]
    for count, most, step, is_judged, told, is_step in cases:
        for apart in (0, 500):
            rows = anew(count, most=most, step=step, judged={} if is_judged else None, apart=apart)
            assert [row.most for row in rows] == told, (count, most, step, apart)
            assert [row.is_step for row in rows[1:]] == [is_step] * (count - 1), (count, most, step)
            assert {row.attempts for row in rows} == {3}


def test_what_was_judged_before_the_last_step_failed_for_the_last_time_says_nothing(
    anew: Callable[..., list[Any]],
) -> None:
    for ago in (3, 5):
        rows = anew(5, most=5, step=5, judged={"sent_at": NOW - timedelta(hours=ago)})
        assert [row.most for row in rows] == [1, 4, 1, 4, 1], ago


def test_they_go_again_at_one_moment_and_keep_when_they_first_went(anew: Callable[..., list[Any]]) -> None:
    rows = anew(5, most=5, step=5, wait=60)
    assert len({row.not_before for row in rows}) == 1
    assert rows[0].not_before > datetime.now(UTC)
    assert {row.first_sent_at for row in rows} == {NOW}
    day_before = NOW - timedelta(days=1)
    [row] = anew(went=day_before)
    assert (row.first_sent_at, row.not_before) == (day_before, None)
