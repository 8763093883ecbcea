"""What a night's decision knows of a platform: what lies there, what waits, what is overtaken. Without platforms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from deskwork import packed, put_as
from world import open_exchange, outbox, query

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.outbox import overtake
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

Said = tuple[str, str] | tuple[str, str, str]
"""Operation, state and code of one version."""
UNDER_WAY = ("packed", "sending", "unknown", "awaiting_receipt")


LIES_AND_WAITS: list[tuple[list[Said], tuple[int, str] | None, bool]] = [
    ([("upsert", "delivered")], (1, "upsert"), False),
    *(([("upsert", state)], None, True) for state in ("ready", "waiting", "retry", "held")),
    *(([("upsert", state)], None, False) for state in ("rejected", "superseded", "cancelled")),
    *(([("upsert", state)], (1, "upsert"), False) for state in UNDER_WAY),
    ([("upsert", "unknown"), ("withdraw", "ready")], (1, "upsert"), True),
    ([("upsert", "delivered"), ("withdraw", "delivered")], (2, "withdraw"), False),
    ([("withdraw", "delivered"), ("upsert", "unknown")], (2, "upsert"), False),
    ([("upsert", "delivered"), ("withdraw", "held")], (1, "upsert"), True),
    ([("upsert", "delivered"), ("upsert", "rejected", "REVOKED")], (2, "withdraw"), False),
    ([("upsert", "delivered"), ("upsert", "rejected", "02")], (1, "upsert"), False),
    ([("upsert", "held", "1006")], (1, "upsert"), True),
    ([("upsert", "held", "OLD")], (1, "upsert"), True),
    ([("upsert", "held", "PLACE")], None, True),
    ([("upsert", "rejected", "OLD")], None, False),
    ([("withdraw", "held", "1006")], None, True),
]
"""Versions of a record, what lies at the platform after them (version and operation), and whether something waits."""


@pytest.fixture
def exchange(database_url: str) -> Iterator[Exchange]:
    """The exchange; no platform is there."""
    opened = open_exchange(database_url, {})
    yield opened
    opened.engine.dispose()


def put_all(exchange: Exchange, versions: list[Said], **given: Any) -> None:
    """Put the versions of a record, the first one first; their lots do not matter."""
    for version, (op, state, *code) in enumerate(versions, 1):
        if state in UNDER_WAY:
            state = "ready" if state == "packed" else state
            packed(exchange, f"s{version}", "r0001", version, op=op, state=state, lane="there")
        else:
            code_of = {"outcome_code": code[0]} if code else {}
            put_as(exchange, "r0001", state, version=version, op=op, **code_of, **given)


@pytest.mark.parametrize(("versions", "lies", "waits"), LIES_AND_WAITS)
def test_what_lies_or_may_lie_at_a_platform_and_what_waits_for_it(
    exchange: Exchange, versions: list[Said], lies: tuple[int, str] | None, waits: bool
) -> None:
    put_all(exchange, versions)
    for state, platform in (("delivered", "china"), ("ready", "fujian")):
        put_as(exchange, "r0001", state, version=9, platform=platform)
    with transaction(exchange.engine) as connection:
        found = connection.execute(sql.load("release/standing"), {"record_ids": ["r0001"]}).all()
    standing = {row.platform: row for row in found}
    row = standing["fuzhou"]
    ids = {version: row.outbox_id for (_, version), row in outbox(exchange).items()}
    assert row.version == len(versions)
    assert (row.there_id, row.there_op) == ((ids[lies[0]], lies[1]) if lies else (None, None))
    assert row.waiting is waits
    assert (standing["china"].there_op, standing["china"].waiting) == ("upsert", False)
    assert (standing["fujian"].there_op, standing["fujian"].waiting) == (None, True)


@pytest.mark.parametrize(("versions", "lies"), [case[:2] for case in LIES_AND_WAITS])
def test_what_lies_where_our_files_send_nothing_any_more_is_told(
    exchange: Exchange, versions: list[Said], lies: tuple[int, str] | None
) -> None:
    packed(exchange, "another", "r0002", state="settled")
    put_all(exchange, versions)
    put_as(exchange, "r0003", "delivered", dataset="penalty")
    packed(exchange, "elsewhere", "r0004", state="settled", platform="china")
    packed(exchange, "red", "r0005", state="settled", dataset="red_list")
    sent = {"platforms": ["fuzhou", "china"], "datasets": ["red_list", "permit"]}
    with transaction(exchange.engine) as connection:
        found = connection.execute(sql.load("release/forgotten"), sent).all()
    there = lies is not None and lies[1] == "upsert"
    assert [tuple(row) for row in found] == [("fuzhou", "permit", 2 if there else 1)]


@pytest.mark.parametrize("op", ["upsert", "withdraw", None])
def test_a_decision_overtakes_what_is_older_and_waits_there_and_nothing_else(
    exchange: Exchange, op: str | None
) -> None:
    waits = [("upsert", state) for state in ("ready", "waiting", "retry", "held")]
    stays = [("upsert", state) for state in ("delivered", "rejected", *UNDER_WAY)]
    put_all(exchange, [*waits, ("withdraw", "retry"), *stays, ("upsert", "ready"), ("upsert", "ready")])
    newest = len(waits) + 1 + len(stays) + 1
    put_as(exchange, "r0001", "ready", platform="china")
    put_as(exchange, "r0002", "ready")
    rows = "select platform, record_id, version, state, settled_at is not null from exchange.outbox"
    before = set(query(exchange, rows))
    with transaction(exchange.engine) as connection:
        overtake(connection, [("fuzhou", "r0001", newest, op)])
    over = "superseded" if op == "upsert" else "cancelled"
    assert set(query(exchange, rows)) - before == {
        ("fuzhou", "r0001", version, state, True)
        for version, state in enumerate([over, over, over, over, "superseded"], 1)
    }


@pytest.mark.parametrize(
    ("versions", "takes"),
    [
        ([("upsert", "delivered"), ("upsert", "rejected"), ("withdraw", "ready")], 1),
        ([("upsert", "delivered"), ("upsert", "delivered"), ("withdraw", "ready")], 2),
        ([("upsert", "rejected"), ("upsert", "rejected"), ("withdraw", "ready")], 2),
        ([("upsert", "unknown"), ("withdraw", "delivered"), ("withdraw", "ready")], 1),
        ([("withdraw", "ready")], None),
        ([("withdraw", "ready"), ("upsert", "delivered")], None),
        ([("upsert", "delivered"), ("upsert", "ready")], 2),
    ],
)
def test_a_takedown_takes_content_and_decision_of_what_arrived_last_there(
    exchange: Exchange, versions: list[Said], takes: int | None
) -> None:
    put_all(exchange, versions)
    waiting = {version: row.outbox_id for (_, version), row in outbox(exchange).items() if row.state == "ready"}
    sent = max(waiting)
    put_as(exchange, "r0001", "delivered", version=sent, platform="china", decision_id=9)
    query(
        exchange,
        "update exchange.release set decision_id = coalesce(decision_id, version), "
        "effect = case op when 'upsert' then 'send' else 'withdraw' end returning 1",
    )
    query(  # every second version is one of the status only
        exchange,
        "insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date, "
        "content) select 'r0001', n, 'content', 'current', 'x', '2026-11-22', case n % 2 when 1 then n::text end "
        "from generate_series(1, 9) as n returning 1",
    )
    ids = {"first_ids": [waiting[sent]], "last_ids": [waiting[sent]]}
    with transaction(exchange.engine) as connection:
        found = connection.execute(sql.load("release/payload_rows"), ids).all()
    told = [(row.version, row.decision_id, row.content) for row in found]
    assert told == ([(sent, takes, str(takes - 1 + takes % 2))] if takes else [])


@pytest.mark.parametrize(
    ("platforms", "datasets", "changed", "found"),
    [
        (["fuzhou", "china"], ["permit", "permit"], [], ["r0001", "r0002"]),
        (["fuzhou"], ["permit"], [], ["r0002"]),
        (["fuzhou", "china"], ["permit", "penalty"], [], ["r0002"]),
        (["fuzhou"], ["permit"], ["fuzhou"], ["r0001", "r0002"]),
    ],
)
def test_a_record_is_decided_for_each_platform_by_itself(
    exchange: Exchange, platforms: list[str], datasets: list[str], changed: list[str], found: list[str]
) -> None:
    put_as(exchange, "r0001", "delivered")
    put_as(exchange, "r0002", "delivered", version=7)  # of its version 1 nothing was decided
    given = {"platforms": platforms, "datasets": datasets, "changed": changed}
    with transaction(exchange.engine) as connection:
        assert connection.execute(sql.load("release/candidates"), given).scalars().all() == found
