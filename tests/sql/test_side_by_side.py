"""What two nights do at once to the same records: a backfill runs beside the nightly run."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any

import pytest
from merging import batch, query, row
from sqlalchemy import text

from credit_exchange.config.sharing import SharingRule
from credit_exchange.steps import merge as merge_step
from credit_exchange.steps import release as release_step
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

D1, D2 = date(2026, 11, 20), date(2026, 11, 21)


def test_a_merge_beside_a_release_that_makes_versions_waits_for_it(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both take a record's next version: a backfill merges while another night releases by changed rules."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    made = batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"})], D2)
    rule = {"id": "T-1", "name": "试验", "legal_basis": "试验依据", "datasets": ["permit"], "platforms": ["fujian"]}
    exchange.config = replace(
        exchange.config, sharing=(*exchange.config.sharing, SharingRule(**rule, effect="withhold", valid_from=D1))
    )
    looked, released = Event(), Event()
    stage, decide = merge_step._stage_contents, release_step._release_chunk
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"

    def after_the_look(*given: Any) -> None:
        looked.set()
        released.wait(20)
        stage(*given)

    def beside_a_merge(*given: Any) -> None:
        merging.append(pool.submit(merge, exchange, made))
        while not looked.is_set() and not query(exchange, waiting):
            time.sleep(0.02)
        decide(*given)

    monkeypatch.setattr(merge_step, "_stage_contents", after_the_look)
    monkeypatch.setattr(release_step, "_release_chunk", beside_a_merge)
    merging: list[Future[dict[str, int]]] = []
    with ThreadPoolExecutor(1) as pool:
        release(exchange)
        released.set()
        assert [one.result()["rows_accepted"] for one in merging] == [1]
    assert query(exchange, "select version, content_version from exchange.record") == [
        {"version": 3, "content_version": 3}
    ]


def test_what_comes_back_from_a_platform_while_a_release_looks_is_overtaken_under_that_platforms_lock(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a drain has seen it wait, and finds less of it a moment later than it is about to pack."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    at_fujian = "where platform = 'fujian' returning 1"
    query(exchange, f"update exchange.release set state = 'delivered' {at_fujian}")
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"})], D2))
    look = release_step._standing

    def then_it_comes_back(*given: Any) -> Any:
        found = look(*given)
        query(exchange, f"update exchange.release set state = 'retry' {at_fujian}")
        return found

    locked = "select 1 from pg_locks where locktype = 'advisory' and classid = 4203 and objid = (:of)::oid"
    beside: list[str] = []

    def nobody_packs(*given: Any) -> None:
        for platform, _, _, _ in given[1]:
            [of] = query(exchange, "select hashtext(:p)::bigint & 4294967295 as of", p=platform)
            beside.extend([] if query(exchange, locked, of=of["of"]) else [platform])

    monkeypatch.setattr(release_step, "_standing", then_it_comes_back)
    monkeypatch.setattr(release_step, "overtake", nobody_packs)
    release(exchange)
    assert beside == []


NIGHTS = """insert into exchange.night (business_date, run_id, kind, started_at, causes)
    select date '2026-11-20' + n, 'r' || n, 'command', now(), '{"release": "x"}' from generate_series(1, 3) as n"""
NEWEST_NIGHTS_FIRST = "update exchange.night set kind = kind where run_id = 'r1'"
BATCHES = """insert into exchange.batch
    (feed, department, department_name, dataset, schema_version, business_date, stage, state)
    select 'f', 'd', 'd', 'permit', 'v', date '2026-11-20' + n, 'merged', 'complete' from generate_series(1, 2) as n"""
BAD_ROWS = """insert into exchange.quarantine
    (batch_id, line_no, disposition, record_id, row_key, row_sealed, first_seen_at)
    select min(batch_id), n, 'reject', 'r' || 9 - n, 'k' || n, '', now()
    from exchange.batch, generate_series(1, 3) as n group by n"""
GOOD_ROWS = "insert into good_record select 'r' || n, false, 'a', 'n' from generate_series(6, 8) as n"
BY_RECORD = "set local enable_seqscan = off"


@pytest.mark.parametrize(
    ("table", "made", "before", "statement"),
    [
        ("night", (NIGHTS, NEWEST_NIGHTS_FIRST), (), "alerts/night_cause"),
        (
            "quarantine",
            (BATCHES, BAD_ROWS),
            (sql.source("validate/create_good_record"), GOOD_ROWS, BY_RECORD),
            "validate/correct_quarantine",
        ),
    ],
)
def test_rows_that_several_change_at_once_are_locked_in_the_order_of_their_ids(
    exchange: Exchange, table: str, made: tuple[str, ...], before: tuple[str, ...], statement: str
) -> None:
    """Two that lock the same rows in different orders wait for each other until one of them fails."""
    with transaction(exchange.engine) as connection:
        for one in made:
            connection.execute(text(one))
        newest = connection.execute(text("select max(batch_id) from exchange.batch")).scalar()
    given = {"batch_id": newest, "now": "2026-11-23", "run_id": "r1", "part": "release", "cause": None}
    first = f"{table}_id = (select min({table}_id) from exchange.{table})"
    waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

    def change() -> int:
        with transaction(exchange.engine) as connection:
            for one in before:
                connection.exec_driver_sql(one)
            return int(connection.execute(sql.load(statement), given).rowcount)

    with ThreadPoolExecutor(1) as pool:
        with transaction(exchange.engine) as connection:
            connection.execute(text(f"select 1 from exchange.{table} where {first} for update"))
            changing = pool.submit(change)
            while not query(exchange, waits):
                assert not changing.done()
                time.sleep(0.02)
            connection.execute(text(f"select 1 from exchange.{table} where not {first} for update nowait"))
        assert changing.result() == 3
