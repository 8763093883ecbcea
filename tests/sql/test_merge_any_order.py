"""Promise 3 for many invented histories at once: whatever the order of nights, the same records stand in the end."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from merging import batch, query, row
from sqlalchemy import text

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.stores.database import transaction

FIRST = date(2026, 11, 18)
NIGHTS = [(feed, FIRST + timedelta(days=day)) for day in range(4) for feed in ("a", "b")]
SAYS = ("", "", "甲", "甲", "乙", "丙", "withdraw", "reinstate")
DOCUMENTS = 250
STATE = """select r.record_id, r.status, r.department, v.content::jsonb ->> 'XK_NR' as nr
    from exchange.record as r
    join exchange.record_version as v on v.record_id = r.record_id and v.version = r.content_version
    where r.document_no like :prefix || '-%' order by r.document_no"""


def histories() -> list[dict[tuple[str, date], list[str]]]:
    """What each feed says of each document on each night: nothing, a content, an order, or a content and an order."""
    made = []
    for number in range(DOCUMENTS):
        rng = Random(number)
        made.append({night: rng.sample(SAYS, 1 + (rng.randrange(5) == 0)) for night in NIGHTS})
    return made


def rows_of(exchange: Exchange, prefix: str, night: tuple[str, date]) -> list[dict[str, Any]]:
    """The rows that a feed delivers on a night."""
    rows = []
    for number, history in enumerate(histories()):
        said = [word for word in history[night] if word]
        upserts = [word for word in said if word not in ("withdraw", "reinstate")][:1]
        orders = [word for word in said if word in ("withdraw", "reinstate")][:1]
        document = f"{prefix}-{number:03d}"
        rows += [row(exchange, document, fields={"XK_NR": word}) for word in upserts]
        rows += [row(exchange, document, operation=word) for word in orders]
    return rows


def stand(exchange: Exchange, prefix: str, nights: list[tuple[str, date]]) -> list[tuple[str, str, str, str]]:
    """Merge the nights in this order; return what stands, by document."""
    numbers = {}
    for feed, day in nights:
        rows = rows_of(exchange, prefix, (feed, day))
        numbers |= {r["record_id"]: r["document_no"].removeprefix(prefix) for r in rows}
        merge(exchange, batch(exchange, rows, day, feed=f"fz_{feed}_{prefix}", department=f"fz_{feed}"))
    found = query(exchange, STATE, prefix=prefix)
    return [(numbers[r["record_id"]], r["status"], r["department"], r["nr"]) for r in found]


@pytest.mark.parametrize("seed", ["backwards", 1, 2, 3])
def test_any_order_of_nights_leaves_the_same_records(exchange: Exchange, seed: Any) -> None:
    reference = stand(exchange, "inorder", NIGHTS)
    nights = NIGHTS[::-1] if seed == "backwards" else Random(seed).sample(NIGHTS, len(NIGHTS))
    other = stand(exchange, "shuffled", nights)
    differing = [(a, b) for a, b in zip(reference, other, strict=False) if a != b]
    assert (len(reference), differing[:5]) == (len(other), [])
    assert {status for _, status, _, _ in reference} == {"current", "withdrawn"}


@pytest.mark.parametrize("backwards", [False, True])
def test_a_newer_night_that_only_withdraws_does_not_swallow_the_record(exchange: Exchange, backwards: bool) -> None:
    nights = [
        (FIRST, [row(exchange, "1号")]),
        (FIRST + timedelta(days=1), [row(exchange, "1号", operation="withdraw")]),
    ]
    for day, rows in nights[:: -1 if backwards else 1]:
        merge(exchange, batch(exchange, rows, day))
    assert [r["status"] for r in query(exchange, "select status from exchange.record")] == ["withdrawn"]


def test_a_late_reinstatement_does_not_outdo_a_withdrawal_that_was_said_again_since(exchange: Exchange) -> None:
    operations = [(0, "upsert"), (1, "withdraw"), (3, "withdraw"), (2, "reinstate")]
    for day, operation in operations:
        merge(exchange, batch(exchange, [row(exchange, "1号", operation=operation)], FIRST + timedelta(days=day)))
    assert [r["status"] for r in query(exchange, "select status from exchange.record")] == ["withdrawn"]


def test_a_feed_cleared_late_keeps_the_newness_it_would_have_had(exchange: Exchange) -> None:
    """Neither department has priority, so the newer claim stands: that of b, although a's day came later."""

    def say(feed: str, day: int, words: str) -> None:
        rows = [row(exchange, "1号", fields={"XK_NR": words})]
        when = FIRST + timedelta(days=day)
        merge(exchange, batch(exchange, rows, when, feed=f"fz_{feed}_permit", department=f"fz_{feed}"))

    say("b", 1, "乙说")
    say("a", 2, "甲说")
    standing = "select department, feed from exchange.record"
    of_a, of_b = ({"department": f"fz_{name}", "feed": f"fz_{name}_permit"} for name in "ab")
    assert query(exchange, standing) == [of_a], "so far a spoke last"
    say("a", 0, "甲说")
    assert query(exchange, standing) == [of_b], "a has said so since before b spoke"
    say("a", 1, "甲另说")
    assert query(exchange, standing) == [of_a], "a came back to it after b spoke"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_document_number_is_written_as_in_the_content_that_stands(exchange: Exchange, order: tuple[str, ...]) -> None:
    """Brackets and blanks do not make another number: what the views show is what was published, whoever spoke last."""
    record_id = row(exchange, "榕许〔2026〕1号")["record_id"]
    spoken = {"a": (FIRST, "榕许[2026]1号"), "b": (FIRST + timedelta(days=1), "榕许〔2026〕1号")}
    for name in order:
        day, number = spoken[name]
        rows = [row(exchange, number, document_key="榕许〔2026〕1号", record_id=record_id, fields={f"XK_{name}": name})]
        merge(exchange, batch(exchange, rows, day, feed=f"fz_{name}_permit", department=f"fz_{name}"))
    assert query(exchange, "select document_no from exchange.record") == [{"document_no": "榕许〔2026〕1号"}]


@pytest.mark.parametrize("days", [(0, 1, 1, 2), (2, 0, 1, 1)])
def test_a_day_collected_again_tells_what_its_feed_said_in_between(exchange: Exchange, days: tuple[int, ...]) -> None:
    """The second delivery of a day has the lower number: its row is the older one, whenever it is merged."""
    said = {0: [("1", "甲说")], 1: [("3", "甲另说"), ("2", "甲说")], 2: [("1", "甲说")]}
    rows = [row(exchange, "1号", sequence="25", fields={"XK_NR": "乙说"})]
    merge(exchange, batch(exchange, rows, FIRST + timedelta(days=1), feed="fz_b_permit", department="fz_b"))
    for place, day in enumerate(days):
        again = day in days[:place]
        number, words = said[day][again]
        made = batch(
            exchange,
            [row(exchange, "1号", sequence=number, fields={"XK_NR": words})],
            date(1999, 1, 1) if again else FIRST + timedelta(days=day),
        )
        with transaction(exchange.engine) as connection:
            moved = text("update exchange.batch set business_date = :day, generation = :of where batch_id = :batch_id")
            connection.execute(moved, {"day": FIRST + timedelta(days=day), "of": 1 + again, "batch_id": made})
        merge(exchange, made)
    assert query(exchange, "select department from exchange.record") == [{"department": "fz_a"}], "a came back to it"
