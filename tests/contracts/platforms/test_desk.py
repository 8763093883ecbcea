"""What a drain finds in the database, without any platform: what is its turn, what is due, and what waits again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deskwork import HOUR, NOW, packed, put_as
from world import names, open_exchange, outbox, put, query, run

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.claim import Leased
from credit_exchange.steps.push.desk import Desk

ME = "me"


@pytest.fixture
def exchange(database_url: str) -> Iterator[Exchange]:
    """The exchange; no platform is there."""
    opened = open_exchange(database_url, {})
    yield opened
    opened.engine.dispose()


@pytest.fixture
def desk(exchange: Exchange) -> Iterator[Desk]:
    """The desk of a drain of 信用福州."""
    opened = Desk(exchange, exchange.config.platforms["fuzhou"], ME)
    yield opened
    opened.close()


def taken(desk: Desk, *, takedowns_only: bool = False, skip: tuple[str, ...] = ()) -> list[str]:
    """The numbers of all shipments in the order in which they are taken."""
    found = []
    while (leased := desk.take(skip, takedowns_only=takedowns_only)) is not None:
        assert isinstance(leased, Leased)
        found.append(leased.shipment.label.shipment_no)
    return found


def test_packed_shipments_are_taken_takedowns_first_then_the_oldest(exchange: Exchange, desk: Desk) -> None:
    packed(exchange, "c", "r0001", created_at=NOW - 1 * HOUR)
    packed(exchange, "b", "r0002", created_at=NOW - 3 * HOUR, state="retry")
    packed(exchange, "a", "r0003", created_at=NOW - 2 * HOUR)
    packed(exchange, "d", "r0004", op="withdraw", created_at=NOW)
    assert taken(desk, takedowns_only=True) == ["d"]
    packed(exchange, "e", "r0005", op="withdraw", created_at=NOW)
    assert taken(desk, skip=("a",)) == ["e", "b", "c"]
    assert taken(desk) == ["a"]


def test_of_packed_shipments_those_that_are_due_and_nobody_holds_are_taken(exchange: Exchange, desk: Desk) -> None:
    packed(exchange, "due", "r0001")
    packed(exchange, "later", "r0002", next_attempt_at=NOW + HOUR)
    packed(exchange, "held", "r0003", lease_owner="another", lease_until=NOW + HOUR)
    packed(exchange, "over", "r0004", lease_owner="another", lease_until=NOW - HOUR)
    packed(exchange, "asked", "r0005", state="unknown")
    assert taken(desk) == ["due", "over"]
    for state in ("unknown", "awaiting_receipt"):
        query(exchange, "update exchange.shipment set state = :s, lease_owner = null returning 1", s=state)
        query(
            exchange,
            "update exchange.shipment set lease_until = now() - interval '1 minute' where shipment_no <> 'held' "
            "returning 1",
        )
        found = [desk.take_open(state, ["asked"]) for _ in range(3)]
        assert [one and one.shipment.label.shipment_no for one in found] == ["due", "over", None]
    fences = (
        "select shipment_no, fence from exchange.shipment where shipment_no in ('due', 'later') order by shipment_no"
    )
    assert query(exchange, fences) == [("due", 3), ("later", 0)], "each who takes it has a fence of its own"


def test_what_is_asked_about_goes_by_its_time_takedowns_first_and_what_is_unseen_for_a_day_last(
    exchange: Exchange, desk: Desk
) -> None:
    packed(exchange, "old", "r0001", state="unknown", op="withdraw", created_at=NOW - 30 * HOUR)
    packed(exchange, "b", "r0002", state="unknown", next_attempt_at=NOW - 2 * HOUR)
    packed(exchange, "a", "r0003", state="unknown", next_attempt_at=NOW - 1 * HOUR)
    packed(exchange, "c", "r0004", state="unknown", op="withdraw", next_attempt_at=NOW - timedelta(seconds=1))
    found = [desk.take_open("unknown", ()) for _ in range(4)]
    assert [one and one.shipment.label.shipment_no for one in found] == ["c", "b", "a", "old"]


@pytest.mark.parametrize(
    ("version", "op", "state", "goes"),
    [
        (2, "upsert", "ready", False),
        (2, "withdraw", "ready", False),
        (2, "upsert", "rejected", False),
        (2, "upsert", "superseded", True),
        (2, "withdraw", "cancelled", True),
    ],
)
@pytest.mark.parametrize("platform", ["fuzhou", "china"])
def test_what_was_packed_and_overtaken_goes_afresh(
    exchange: Exchange, desk: Desk, platform: str, version: int, op: str, state: str, goes: bool
) -> None:
    packed(exchange, "one", "r0001", state="retry")
    put_as(exchange, "r0001", state, platform=platform, version=version, op=op)
    found = desk.take((), takedowns_only=False)
    assert isinstance(found, Leased) is (goes or platform == "china")
    assert outbox(exchange)["r0001", 1].state == ("ready" if isinstance(found, Leased) else "retry")


def test_what_was_packed_goes_afresh_while_another_version_is_under_way_and_goes_when_that_is_over(
    exchange: Exchange, desk: Desk
) -> None:
    packed(exchange, "old", "r0001", state="unknown")
    packed(exchange, "new", "r0001", version=2)
    assert desk.take((), takedowns_only=False) == "new"
    put_as(exchange, "r0002", "rejected")
    packed(exchange, "later", "r0002", version=2)
    assert isinstance(desk.take((), takedowns_only=False), Leased)


def test_a_packed_takedown_is_overtaken_by_a_newer_takedown_only(exchange: Exchange, desk: Desk) -> None:
    packed(exchange, "one", "r0001", op="withdraw")
    put(exchange, "fuzhou", ["r0001"], version=2)
    packed(exchange, "two", "r0002", op="withdraw")
    put(exchange, "fuzhou", ["r0002"], version=2, op="withdraw")
    assert isinstance(desk.take((), takedowns_only=True), Leased)
    assert desk.take((), takedowns_only=True) == "two"


def test_what_each_platform_holds_waits_again_when_our_files_changed(exchange: Exchange, desk: Desk) -> None:
    for platform in ("fuzhou", "china"):
        for record, given in {
            "r0001": {},
            "r0002": {"receipt_no": "judged there"},
            "r0003": {"op": "withdraw"},
            "r0004": {"state": "rejected"},
        }.items():
            put_as(exchange, record, **{"state": "held", "platform": platform, "outcome_code": "DATASET"} | given)
    other = Desk(exchange, exchange.config.platforms["china"], ME)
    for drain in (desk, other):
        drain.held_again()
        drain.close()
    states = "select record_id, state from exchange.release order by record_id, platform"
    told = [("r0001", "waiting")] * 2 + [("r0002", "held")] * 2 + [("r0003", "held")] * 2 + [("r0004", "rejected")] * 2
    assert query(exchange, states) == told
    query(exchange, "update exchange.release set state = 'held' where record_id = 'r0001' returning 1")
    desk.held_again()  # the files are as they were
    assert {row.state for key, row in outbox(exchange).items() if key[0] == "r0001"} == {"held"}


@pytest.mark.parametrize(
    ("state", "given", "goes"),
    [
        ("delivered", {}, True),
        ("rejected", {}, True),
        ("superseded", {}, True),
        ("cancelled", {}, True),
        ("held", {}, False),
        ("delivered", {"settled_at": NOW - 2 * HOUR}, True),  # the clock stands
        ("delivered", {"settled_at": NOW - 2 * HOUR - timedelta(seconds=5)}, True),  # while the other was judged
        ("delivered", {"settled_at": NOW - 3 * HOUR}, False),
        ("delivered", {"platform": "fujian"}, False),
        ("delivered", {"dataset": "penalty"}, False),
    ],
)
def test_what_shares_its_identity_waits_again_when_something_of_that_was_settled_since(
    exchange: Exchange, state: str, given: dict[str, Any], goes: bool
) -> None:
    desk = Desk(exchange, exchange.config.platforms["china"], ME)
    desk.held_again()  # the files are known
    held = {"outcome_code": "IDENTITY", "outcome_message": "x", "settled_at": NOW - 2 * HOUR}
    put_as(exchange, "r0001", "held", platform="china", **held)
    put_as(exchange, "r0001", "delivered", platform="china", version=7, settled_at=NOW)  # its own is no other's
    put_as(exchange, "r0002", "held", platform="china", **held | {"outcome_code": "EMPTY"})
    for record in ("q0001", "q0002"):
        put_as(exchange, record, state, **{"platform": "china", "settled_at": NOW} | given)
    desk.held_again()
    desk.close()
    rows = outbox(exchange)
    assert rows["r0002", 1].state == "held"
    one = rows["r0001", 1]
    told = ("ready", None, None, None) if goes else ("held", "IDENTITY", "x", NOW - 2 * HOUR)
    assert (one.state, one.outcome_code, one.outcome_message, one.settled_at) == told


def test_a_refused_takedown_goes_again_with_what_was_held_for_it_there_and_nothing_else(
    exchange: Exchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T01:30:00+08:00")
    night = datetime.fromisoformat("2026-11-22T01:40:00+08:00")
    desk.held_again()  # the files are known
    for record, settled_at in (("r0001", night), ("r0002", night + 20 * HOUR)):
        put_as(exchange, record, "held", outcome_code="PLACE", settled_at=night)
        put_as(exchange, record, "held", version=2, op="withdraw", not_before=NOW + HOUR, settled_at=settled_at)
        put_as(exchange, record, "held", version=3, outcome_code="PLACE", settled_at=night)
        put_as(exchange, record, "held", version=4, outcome_code="EMPTY", settled_at=night)
        put_as(exchange, record, "rejected", version=5, outcome_code="PLACE", settled_at=night)
        put_as(exchange, record, "held", version=6, platform="fujian", outcome_code="PLACE", settled_at=night)
    put_as(exchange, "r0003", "held", settled_at=night)
    put_as(exchange, "r0004", "rejected", op="withdraw", settled_at=night)
    before = outbox(exchange)
    desk.held_again()
    after = outbox(exchange)
    assert {key: row.state for key, row in after.items() if row != before[key]} == {
        ("r0001", 2): "retry",
        ("r0001", 3): "ready",
    }
    assert (after["r0001", 2].not_before, after["r0001", 2].settled_at, after["r0001", 3].settled_at) == (None,) * 3


def test_a_takedown_waits_when_one_waits_here_in_a_lot_or_by_itself(exchange: Exchange, desk: Desk) -> None:
    put(exchange, "fuzhou", names(1))
    put(exchange, "china", names(1), version=2, op="withdraw")
    put_as(exchange, "r0002", "retry")
    put_as(exchange, "r0003", "retry", op="withdraw", priority=0, platform="fujian")
    put_as(exchange, "r0004", "held", op="withdraw", priority=0)
    query(exchange, "delete from exchange.lot where platform = 'fuzhou' and priority = 0 returning 1")
    assert not desk.takedowns_wait()
    for state in ("waiting", "retry"):
        query(exchange, "update exchange.release set state = :s where record_id = 'r0004' returning 1", s=state)
        assert desk.takedowns_wait()
    query(exchange, "update exchange.release set state = 'held' where record_id = 'r0004' returning 1")
    put(exchange, "fuzhou", names(1, first=5), op="withdraw")
    assert desk.takedowns_wait()


def test_what_is_due_when(exchange: Exchange, desk: Desk) -> None:
    def due(**skip: Any) -> dict[str, int]:
        found = desk.next_due(skip.get("shipments", ()), skip.get("rows", ()))
        return {what: round(seconds / 60) for what, seconds in found.items()}

    def at(minutes: int) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    for number, state in enumerate(("ready", "unknown", "awaiting_receipt"), 1):
        packed(exchange, f"z{state}", f"r002{number}", platform="china", state=state)
    put_as(exchange, "r0020", "retry", platform="china", not_before=at(1))
    put_as(exchange, "r0019", "retry", not_before=at(-60))  # something else keeps it
    assert due() == {}
    for number, state in enumerate(("retry", "unknown", "awaiting_receipt", "sending"), 1):
        lease = at(20) if state == "sending" else None
        packed(exchange, state, f"r000{number}", state=state, next_attempt_at=at(number), lease_until=lease)
    put_as(exchange, "r0009", "retry", not_before=at(9))
    put_as(exchange, "r0010", "waiting", not_before=at(10))
    assert due() == {"shipment": 1, "unknown": 2, "task": 3, "record": 9, "other": 20}
    rows = [outbox(exchange)["r0009", 1].outbox_id]
    assert due(shipments=("retry", "unknown", "awaiting_receipt"), rows=rows) == {"record": 10, "other": 20}
    query(exchange, "update exchange.shipment set lease_until = now() + interval '30 minutes' returning 1")
    assert due() == {"unknown": 30, "task": 30, "record": 9, "other": 30}


@pytest.mark.parametrize("left", ["lot", "waiting", "retry", "shipment"])
@pytest.mark.parametrize("platform", ["fuzhou", "china"])
def test_an_open_circuit_is_tried_again_when_something_is_left_there(
    exchange: Exchange, desk: Desk, left: str, platform: str
) -> None:
    match left:
        case "lot":
            put(exchange, platform, names(1))
        case "shipment":
            packed(exchange, "one", "r0001", platform=platform, state="unknown")
        case _:
            put_as(exchange, "r0001", left, platform=platform)
            query(exchange, "delete from exchange.lot returning 1")
    packed(exchange, "two", "r0002", state="settled")
    if left == "lot":
        put(exchange, platform, names(1, first=3))
    assert desk.anything_left() is (platform == "fuzhou")
    query(exchange, "insert into exchange.platform_state (platform, circuit) values ('fuzhou', 'open') returning 1")
    run(exchange, "fuzhou")
    assert (len(query(exchange, "select 1 from exchange.attempt")) > 0) is (platform == "fuzhou")


def test_what_is_overdue_here_was_sent_a_day_ago_and_nobody_knows_what_became_of_it(
    exchange: Exchange, desk: Desk
) -> None:
    states = ("ready", "sending", "unknown", "awaiting_receipt", "retry", "settled")
    for number, state in enumerate(states, 1):
        for record, days, kind, platform in (
            (f"r000{number}", 2, "send", "fuzhou"),
            (f"r001{number}", 0, "send", "fuzhou"),
            (f"r002{number}", 2, "ask", "fuzhou"),
            (f"r003{number}", 2, "send", "china"),
        ):
            packed(exchange, f"{record}-{state}", record, state=state, platform=platform)
            query(
                exchange,
                "insert into exchange.attempt (shipment_no, kind, fence, started_at) values "
                "(:no, :kind, 1, now() - make_interval(days => :days)), (:no, 'send', 1, now()) returning 1",
                no=f"{record}-{state}",
                kind=kind,
                days=days,
            )
    assert desk.overdue() == {f"r000{number}-{state}": (state, 1) for number, state in enumerate(states[:4], 1)}
