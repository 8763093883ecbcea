"""What is packed next, and what is not: one claim on the outbox, without any platform."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from deskwork import HOUR, NOW, packed, put_as
from sqlalchemy import text
from world import made_up, names, open_exchange, outbox, put, query

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.claim import Claimer
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import Context, dialect_for
from credit_exchange.steps.push.streams import Stream
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

EVERYTHING, TAKEDOWNS = 5, 0


@pytest.fixture
def exchange(database_url: str) -> Iterator[Exchange]:
    """The exchange, two records a shipment; no platform is there."""
    opened = open_exchange(database_url, {}, limits={"records": 2})
    yield opened
    opened.engine.dispose()


@pytest.fixture
def claimer(exchange: Exchange) -> Claimer:
    """What packs for 信用福州."""
    platform = exchange.config.platform("fuzhou")
    dialect = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
    return Claimer(exchange, platform, dialect, made_up, "me")


def claimed(exchange: Exchange, claimer: Claimer, priority: int = EVERYTHING, **given: object) -> list[list[str]]:
    """The records of each shipment of one claim; nothing where there is nothing to pack."""
    skip = given.pop("skip", ())
    with transaction(exchange.engine) as connection:
        done = claimer.claim(connection, priority, skip, **given)  # type: ignore[arg-type]
    return [[line.record_id for line in one.shipment.lines] for one in done.packed] if done is not None else []


def test_the_oldest_lots_of_one_data_set_and_operation_are_packed_in_their_order(
    exchange: Exchange, claimer: Claimer
) -> None:
    put(exchange, "fuzhou", names(3))
    put(exchange, "fuzhou", names(1, first=10), dataset="red_list")
    put(exchange, "fuzhou", names(2, first=4))
    put(exchange, "fuzhou", names(1, first=20), op="withdraw")
    assert claimed(exchange, claimer, ahead=True) == [["r0001", "r0002"], ["r0003", "r0004"], ["r0005"]]
    assert claimed(exchange, claimer, TAKEDOWNS) == [["r0020"]]
    assert claimed(exchange, claimer, TAKEDOWNS) == []
    claimer.stopped.add(Stream("red_list", "red_list", "upsert"))
    assert claimed(exchange, claimer) == []
    claimer.stopped = type(claimer.stopped)(exchange.config.platform("fuzhou"))
    assert claimed(exchange, claimer) == [["r0010"]]
    assert query(exchange, "select 1 from exchange.lot") == []


def test_at_most_what_a_claim_takes_is_packed_and_the_rest_stays_in_its_lot(
    exchange: Exchange, claimer: Claimer
) -> None:
    claimer._rows = 4
    for first in (1, 4, 7):
        put(exchange, "fuzhou", names(3, first=first))
    assert claimed(exchange, claimer) == [["r0001", "r0002"], ["r0003", "r0004"]]
    left = "select r.record_id from exchange.lot as l join exchange.release as r on r.outbox_id between l.first_id and "
    left += "l.last_id order by r.outbox_id"
    assert query(exchange, left) == [(name,) for name in names(5, first=5)]
    assert claimed(exchange, claimer) == [["r0005", "r0006"], ["r0007", "r0008"]]
    put(exchange, "fuzhou", names(3, first=20), op="withdraw")
    assert claimed(exchange, claimer, TAKEDOWNS) == [["r0020", "r0021"]], "of takedowns what fills one shipment"
    assert claimed(exchange, claimer, TAKEDOWNS) == [["r0022"]]


def test_lots_of_which_nothing_waits_any_more_keep_back_none_after_them(exchange: Exchange, claimer: Claimer) -> None:
    claimer._rows = 1
    for record in names(3):
        put(exchange, "fuzhou", [record])
    query(exchange, "update exchange.release set state = 'cancelled' where record_id < 'r0003' returning 1")
    assert claimed(exchange, claimer) == [["r0003"]]


def test_of_two_records_that_would_be_one_row_there_one_is_held_though_the_other_only_waits(exchange: Exchange) -> None:
    platform = exchange.config.platform("china")
    dialect = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
    claimer = Claimer(exchange, platform, dialect, made_up, "me")
    claimer._rows = 1
    for record in ("r0001", "q0001"):
        put(exchange, "china", [record])
    with transaction(exchange.engine) as connection:
        done = claimer.claim(connection, EVERYTHING, ())
    assert done is not None
    assert (done.packed, done.aside) == ([], {"held": 1})
    row = outbox(exchange)["r0001", 1]
    assert (row.state, row.outcome_code) == ("held", "IDENTITY")
    assert claimed(exchange, claimer) == [["q0001"]]


@pytest.mark.parametrize(
    ("op", "others", "becomes"),
    [
        ("upsert", [(1, "upsert", "unknown")], "blocked"),
        ("upsert", [(1, "upsert", "unknown"), (0, "withdraw", "delivered")], "blocked"),
        ("upsert", [(1, "withdraw", "unknown")], "blocked"),
        ("upsert", [(3, "upsert", "unknown")], "superseded"),
        ("upsert", [(1, "withdraw", "ready")], "blocked"),
        ("upsert", [(1, "withdraw", "retry")], "blocked"),
        ("upsert", [(1, "withdraw", "waiting")], "blocked"),
        ("upsert", [(1, "withdraw", "held")], "packed"),
        ("upsert", [(1, "withdraw", "cancelled")], "packed"),
        ("upsert", [(1, "upsert", "retry")], "packed"),
        ("upsert", [(3, "upsert", "retry")], "superseded"),
        ("upsert", [(3, "upsert", "rejected")], "superseded"),
        ("upsert", [(3, "upsert", "superseded"), (4, "withdraw", "cancelled")], "packed"),
        ("upsert", [(3, "withdraw", "ready")], "cancelled"),
        ("upsert", [(3, "withdraw", "held"), (4, "upsert", "held")], "superseded"),
        ("upsert", [(3, "upsert", "held"), (4, "withdraw", "held")], "cancelled"),
        ("withdraw", [(1, "upsert", "unknown")], "blocked"),
        ("withdraw", [(1, "withdraw", "retry")], "packed"),
        ("withdraw", [(3, "upsert", "retry")], "packed"),
        ("withdraw", [(3, "withdraw", "retry")], "superseded"),
        ("withdraw", [(3, "withdraw", "cancelled")], "packed"),
    ],
)
@pytest.mark.parametrize("alone", [False, True], ids=["of a lot", "by itself"])
def test_a_version_goes_waits_or_is_overtaken(
    exchange: Exchange, claimer: Claimer, op: str, others: list[tuple[int, str, str]], becomes: str, alone: bool
) -> None:
    for version, other, state in others:
        if state == "unknown":
            packed(exchange, "other", "r0001", version, op=other, state=state)
        else:
            put_as(exchange, "r0001", state, version=version, op=other)
    if alone and others[0][2] == "unknown":
        becomes = "blocked"  # not looked at before the other one is settled
    query(exchange, "with gone as (delete from exchange.lot) select 1")
    put(exchange, "fuzhou", ["r0001"], version=2, op=op)
    if alone:
        state = "retry" if op == "upsert" else "waiting"
        query(exchange, "update exchange.release set state = :s where version = 2 returning 1", s=state)
    only = [outbox(exchange)["r0001", 2].outbox_id]
    assert claimed(exchange, claimer, only=only) == ([["r0001"]] if becomes == "packed" else [])
    row = outbox(exchange)["r0001", 2]
    waits = "retry" if alone and op == "upsert" else "ready"
    told = {"packed": "ready", "blocked": waits}.get(becomes, becomes)
    assert (row.state, row.shipment_no is not None) == (told, becomes == "packed")
    if becomes == "blocked" and not alone:
        told = "先撤下、后报送：第 1 版的撤下还没有得到平台确认，确认后再报送本版"
        assert row.outcome_message == (told if others[0][1] == "withdraw" else None)


def test_of_what_waits_by_itself_that_of_one_kind_goes_whose_time_has_come(
    exchange: Exchange, claimer: Claimer
) -> None:
    put_as(exchange, "r0001", "retry", dataset="red_list", not_before=NOW + HOUR)
    put_as(exchange, "r0002", "retry", not_before=NOW - HOUR, outcome_code="C", outcome_message="M")
    put_as(exchange, "r0003", "retry", dataset="red_list")
    put_as(exchange, "r0004", "waiting")
    put_as(exchange, "r0005", "retry", op="withdraw", priority=0)
    put_as(exchange, "r0006", "held")
    put_as(exchange, "r0007", "retry", most=1)
    put_as(exchange, "r0008", "retry")
    put_as(exchange, "r0009", "retry")
    query(exchange, "delete from exchange.lot returning 1")
    ids = {name: outbox(exchange)[name, 1].outbox_id for name in names(8)}
    skip = [ids["r0008"]]
    assert claimed(exchange, claimer, TAKEDOWNS, skip=skip) == [["r0005"]]
    assert claimed(exchange, claimer, TAKEDOWNS, skip=skip) == []
    assert claimed(exchange, claimer, only=[ids["r0004"]]) == [["r0004"]]
    assert claimed(exchange, claimer, ahead=True) == []
    claimer._rows = 2
    assert claimed(exchange, claimer, skip=skip) == [["r0002"], ["r0007"]]
    row = outbox(exchange)["r0002", 1]
    assert (row.outcome_code, row.outcome_message, row.not_before) == (None, None, None)
    claimer.stopped.add(Stream("red_list", "red_list", "upsert"))
    assert claimed(exchange, claimer, skip=skip) == [["r0009"]]
    assert claimed(exchange, claimer, skip=skip) == []
    assert claimed(exchange, claimer) == [["r0008"]]


@pytest.mark.parametrize("alone", [False, True], ids=["of a lot", "by itself"])
def test_a_takedown_goes_before_what_waited_longer(exchange: Exchange, claimer: Claimer, alone: bool) -> None:
    put(exchange, "fuzhou", ["r0001"])
    put(exchange, "fuzhou", ["r0002"], op="withdraw")
    if alone:
        query(
            exchange, "with gone as (delete from exchange.lot) update exchange.release set state = 'retry' returning 1"
        )
    assert [claimed(exchange, claimer) for _ in range(3)] == [[["r0002"]], [["r0001"]], []]


@pytest.mark.parametrize("step", ["claim", "take", "held_again"])
def test_what_waits_for_a_platform_is_packed_taken_or_revived_by_one_at_a_time(
    exchange: Exchange, claimer: Claimer, step: str
) -> None:
    """Each reads what another one changes: a record would go twice, or after what overtook it."""
    packed(exchange, "one", "r0001")
    put(exchange, "fuzhou", names(1, first=2))
    desk = Desk(exchange, exchange.config.platform("fuzhou"), "me")
    steps: dict[str, Callable[[], object]] = {
        "claim": lambda: claimed(exchange, claimer),
        "take": lambda: desk.take((), takedowns_only=False),
        "held_again": desk.held_again,
    }
    done: list[object] = []
    worker = threading.Thread(target=lambda: done.append(steps[step]()))
    waits = text(
        "select count(*) from pg_locks inner join pg_database on pg_database.oid = database "
        "where datname = current_database() and locktype = 'advisory' and not granted"
    )
    with transaction(exchange.engine) as another:
        another.execute(sql.load("push/lock"), {"platform": "fuzhou"})
        worker.start()
        while worker.is_alive() and not another.execute(waits).scalar_one():
            time.sleep(0.01)
        assert not done
    worker.join()
    assert len(done) == 1
    desk.close()
