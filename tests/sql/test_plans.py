"""A bulk night fills tables before their statistics know of it: a look for each shipment stays a look by key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from merging import batch, query, row
from sqlalchemy import Connection, event, text

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

OF_A_SHIPMENT = {
    "push/lines": {"shipment_id": 7},
    "push/lines_free": {"shipment_id": 7},
    "push/lines_afresh": {"shipment_no": "n7", "code": "413"},
}


@pytest.fixture
def a_bulk_night(exchange: Exchange) -> Exchange:
    """Forty thousand rows that travel, and the runs of many shipments; no statistics were ever made of either."""
    query(
        exchange,
        "insert into exchange.release (platform, dataset, record_id, version, op, outbox_id) "
        "select 'fujian', 'permit', 'r' || n, 1, 'upsert', n from generate_series(1, 40000) as n returning 1",
    )
    query(
        exchange,
        "insert into exchange.shipment (shipment_id, shipment_no, platform, dataset, lane, op, batch_no, idem_key, "
        "body_sealed, body_digest, records) overriding system value select n, 'n' || n, 'fujian', 'permit', '', "
        "'upsert', 'n' || n, 'k' || n, '', '', 500 from generate_series(1, 80) as n returning 1",
    )
    query(
        exchange,
        "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
        "select 500 * n - 499, 500 * n, n, 1 from generate_series(1, 20000) as n returning 1",
    )
    return exchange


def scans(plan: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """Every place of a plan where the table is read."""
    if plan.get("Relation Name") == table and "Scan" in plan["Node Type"]:
        yield plan
    for part in plan.get("Plans", []):
        yield from scans(part, table)


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every part of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from parts(part)


def handled(plan: dict[str, Any]) -> Iterator[float]:
    """How many rows every part of a plan gave on."""
    for part in parts(plan):
        yield part["Actual Rows"] * part["Actual Loops"]


@pytest.mark.parametrize("statement", OF_A_SHIPMENT)
def test_the_records_of_a_shipment_are_found_by_key_whatever_the_statistics_say(
    a_bulk_night: Exchange, statement: str
) -> None:
    with transaction(a_bulk_night.engine) as connection:
        connection.execute(sql.load("push/by_key"))
        explained = text(f"explain (analyze, format json) {sql.source(statement)}")
        [[[answer]]] = connection.execute(explained, OF_A_SHIPMENT[statement]).all()
    read = list(scans(answer["Plan"], "release"))
    assert read
    for scan in read:
        handled = (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        assert handled <= 1000, f"{statement}: {handled} of 40,000 rows were read for a shipment of 500"


def test_what_waits_is_packed_by_key_also_when_the_statistics_know_of_none_that_waits(a_bulk_night: Exchange) -> None:
    with transaction(a_bulk_night.engine) as connection:
        connection.exec_driver_sql("analyze exchange.release")
    query(a_bulk_night, "update exchange.release set state = 'waiting' where outbox_id > 20000 returning 1")
    packed = {"outbox_ids": list(range(20001, 20021)), "following_ids": list(range(50001, 50021))}
    with transaction(a_bulk_night.engine) as connection:
        connection.execute(sql.load("push/by_key"))
        explained = text(f"explain (analyze, format json) {sql.source('push/lines_follow')}")
        [[[answer]]] = connection.execute(explained, packed).all()
    [read] = scans(answer["Plan"], "release")
    assert (read["Actual Rows"] + read.get("Rows Removed by Filter", 0)) * read["Actual Loops"] == 20


@pytest.mark.parametrize("analyzed", ["never", "now", "while all was packed"])
def test_what_was_not_sent_is_looked_for_among_what_waits(a_bulk_night: Exchange, analyzed: str) -> None:
    """Packed, by itself, or in a lot; whatever else the night has sent."""
    day = date(2026, 11, 20)
    query(
        a_bulk_night,
        "insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date) "
        "select 'r' || n, 1, 'content', 'current', 'd', :day from generate_series(1, 40000) as n returning 1",
        day=day,
    )
    if analyzed == "while all was packed":
        with transaction(a_bulk_night.engine) as connection:
            connection.exec_driver_sql("analyze exchange.shipment, exchange.shipment_run")
    query(a_bulk_night, "update exchange.shipment set state = 'settled' where shipment_no <> 'n7' returning 1")
    query(a_bulk_night, "update exchange.shipment set state = 'ready' where shipment_no = 'n7' returning 1")
    query(a_bulk_night, "update exchange.release set state = 'waiting' where outbox_id = 1 returning 1")
    insert = "insert into exchange.release (platform, dataset, record_id, version, op, outbox_id) "
    query(a_bulk_night, f"{insert} values ('china', 'permit', 'r1', 1, 'upsert', 20000001) returning 1")
    lot = "insert into exchange.lot (platform, dataset, op, priority, first_id, last_id) "
    query(a_bulk_night, f"{lot} values ('china', 'permit', 'upsert', 5, 20000001, 20008192) returning 1")
    if analyzed == "now":
        with transaction(a_bulk_night.engine) as connection:
            connection.exec_driver_sql("analyze")
    given = {
        "business_date": day,
        "platforms": ["china", "fujian"],
        "run_id": "",
        "since": datetime(2026, 11, 22, tzinfo=UTC),
    }
    with transaction(a_bulk_night.engine) as connection:
        found = {row.platform: row.records for row in connection.execute(sql.load("alerts/unsent"), given)}
        explained = text(f"explain (analyze, format json) {sql.source('alerts/unsent')}")
        [[[answer]]] = connection.execute(explained, given).all()
        other = given | {"business_date": date(2026, 11, 21)}
        assert connection.execute(sql.load("alerts/unsent"), other).all() == []
    assert found == {"china": 1, "fujian": 501}
    assert sum(part["Actual Rows"] * part["Actual Loops"] for part in scans(answer["Plan"], "release")) <= 1000


@pytest.mark.parametrize("statement", ["subject_links", "subject_join"])
def test_codes_that_many_name_are_linked_without_looking_at_pairs(exchange: Exchange, statement: str) -> None:
    many = 400
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("merge/create_staged"))
        staged = (
            "insert into staged select n, 'r' || n, 'a', 'd', 'd', {ref}, array['reg:' || n, {shared}], 'legal', null, "
            "'n', null, null, 'upsert', null, '', 'x' from generate_series(1, {many}) as n"
        )
        one_code = staged.format(ref="'uscc:' || n", shared="'tax:1'", many=many)
        one_ref = staged.format(ref="'uscc:0'", shared="'uscc:0'", many=many)
        connection.exec_driver_sql(one_code if statement == "subject_links" else one_ref)
        if statement == "subject_join":
            connection.execute(sql.load("merge/subject_links"), {"dataset": "permit"})
        explained = text(f"explain (analyze, format json) {sql.source(f'merge/{statement}')}")
        [[[answer]]] = connection.execute(explained).all()
        groups = connection.exec_driver_sql("select count(distinct leader) from subject_link").scalar_one()
    assert groups == 1
    assert max(handled(answer["Plan"])) <= 10 * many, "every pair of them was looked at"


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_small_batch_reads_no_table_of_records_or_waiting_orders_whole(exchange: Exchange, analyzed: bool) -> None:
    unified, legacy = "uscc:91350100M000100Y43", "reg:350100100012345"
    for place, code in enumerate((unified, legacy)):
        made = batch(exchange, [row(exchange, "1号", codes=[code])], date(2026, 11, 18), feed=f"fz_{place}_permit")
        merge(exchange, made)
    of_both = "select 'r' || n, 'permit', 'a', 'k' || n, n + 100"
    query(
        exchange,
        "insert into exchange.record (record_id, dataset, agency_code, document_key, subject_id, document_no, "
        "subject_ref, subject_kind, subject_name, department, feed, business_date, version, status, content_digest, "
        f"content_version) {of_both}, 'd' || n, 's', 'legal', 'n', 'f', 'f_permit', '2026-11-18', 1, 'current', 'x', 1 "
        "from generate_series(1, 40000) as n returning 1",
    )
    query(
        exchange,
        "insert into exchange.order_ahead (record_id, dataset, agency_code, document_key, subject_id) "
        f"{of_both} from generate_series(1, 40000) as n returning 1",
    )
    if analyzed:
        with transaction(exchange.engine) as connection:
            connection.exec_driver_sql("analyze exchange.record, exchange.order_ahead")
    read: dict[str, int] = {}
    last = sql.source("merge/apply_orders").splitlines()[0]  # what comes before it is asked

    def note(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if last in statement:
            cursor.execute(
                "select relname, seq_tup_read from pg_stat_xact_user_tables where relname in ('record', 'order_ahead')"
            )
            read.update(dict(cursor.fetchall()))
            cursor.execute("select pg_stat_get_xact_numscans('exchange.record_by_subject'::regclass)")
            read["looks by subject"] = cursor.fetchone()[0]

    rows = [
        row(exchange, "2号", codes=[unified, legacy]),
        row(exchange, "1号", codes=[legacy], operation="withdraw"),
        row(exchange, "3号", codes=[legacy], operation="withdraw"),
    ]
    made = batch(exchange, rows, date(2026, 11, 19))
    exchange.engine.dispose()  # a session still counts what it read in its transactions of the last second
    event.listen(exchange.engine, "before_cursor_execute", note)
    try:
        merge(exchange, made)
    finally:
        event.remove(exchange.engine, "before_cursor_execute", note)
    assert read.pop("looks by subject") > 0, "a look by subject walked through another index"
    assert read == {"record": 0, "order_ahead": 0}
    withdrawn = query(exchange, "select 1 from exchange.record where document_no = '1号' and status = 'withdrawn'")
    assert len(withdrawn) == 2


@pytest.fixture
def settled_history(a_bulk_night: Exchange) -> Exchange:
    """All forty thousand have arrived, as after years of nights; nothing waits."""
    query(a_bulk_night, "update exchange.shipment set state = 'settled' returning 1")
    query(
        a_bulk_night,
        "insert into exchange.record (record_id, dataset, agency_code, document_key, subject_id, document_no, "
        "subject_ref, subject_kind, subject_name, department, feed, business_date, version, status, content_digest, "
        "content_version) select 'r' || n, 'permit', 'a', 'k' || n, n, 'd' || n, 's', "
        "case n % 10 when 0 then 'person' else 'legal' end, 'n', 'f', 'f_permit', '2026-11-18', 1, 'current', 'x', 1 "
        "from generate_series(1, 40000) as n returning 1",
    )
    with transaction(a_bulk_night.engine) as connection:
        connection.exec_driver_sql(
            "analyze exchange.release, exchange.record, exchange.shipment, exchange.shipment_run"
        )
    return a_bulk_night


@pytest.mark.parametrize(
    "statement", ["push/left", "summary/backlog", "alerts/filed_as_companies", "alerts/unsent", "push/overdue"]
)
def test_what_is_asked_all_day_looks_through_nothing_that_has_arrived(
    settled_history: Exchange, statement: str
) -> None:
    """By each 上报, by the command that one types when something waits, by the watchdog every five minutes."""
    given = {"platform": "fujian", "platforms": ["fujian"], "business_date": date(2026, 11, 20), "run_id": ""}
    given |= {"since": datetime(2026, 11, 22, tzinfo=UTC)}
    source = sql.source(statement)
    given = {name: value for name, value in given.items() if f":{name}" in source}
    with transaction(settled_history.engine) as connection:
        [[[answer]]] = connection.execute(text(f"explain (analyze, format json) {source}"), given).all()
    for scan in scans(answer["Plan"], "release"):
        handled = (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        assert handled == 0, f"{handled} rows that have arrived were read"


def test_the_summary_looks_for_no_shipment_of_what_has_arrived(settled_history: Exchange) -> None:
    with transaction(settled_history.engine) as connection:
        explained = text(f"explain (analyze, format json) {sql.source('summary/platforms')}")
        [[[answer]]] = connection.execute(explained).all()
        [found] = connection.execute(sql.load("summary/platforms")).mappings()
    assert found["published"] == 40000
    for table in ("shipment", "shipment_run", "release"):
        assert sum(scan["Actual Loops"] for scan in scans(answer["Plan"], table)) <= 10


@pytest.mark.parametrize("statement", ["ui/quarantine", "summary/returns"])
def test_bad_rows_that_a_full_file_repeats_every_night_are_no_pairs(exchange: Exchange, statement: str) -> None:
    """Ten rows, a hundred nights: each of them is one look, not one for each night after it."""
    nights, rows = 100, 10
    query(
        exchange,
        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, state) "
        "select 'f_permit', 'f', '某局', 'permit', '1', date '2026-01-01' + n, 'complete' "
        "from generate_series(1, :nights) as n returning 1",
        nights=nights,
    )
    query(
        exchange,
        "insert into exchange.quarantine (batch_id, line_no, disposition, row_key, row_sealed, first_seen_at) "
        "select batch_id, n, 'reject', 'row ' || n, '', now() from exchange.batch, generate_series(1, :rows) as n "
        "order by 1 returning 1",
        rows=rows,
    )
    query(
        exchange,
        "insert into exchange.quarantine_reason (quarantine_id, rule_id, message) "
        "select quarantine_id, 'S01', 'm' from exchange.quarantine returning 1",
    )
    given = {"feed": None, "rule": None, "before": None, "size": 10_000}
    given |= {"department": "f", "since": date(2026, 1, 1), "until": date(2026, 12, 31)}
    given = {name: value for name, value in given.items() if f":{name}" in sql.source(statement)}
    with transaction(exchange.engine) as connection:
        connection.exec_driver_sql("analyze")
        connection.exec_driver_sql("set local enable_hashjoin = off")  # as it is planned where history is long
        connection.exec_driver_sql("set local enable_mergejoin = off")
        connection.exec_driver_sql("set local enable_seqscan = off")
        explained = text(f"explain (analyze, format json) {sql.source(statement)}")
        [[[answer]]] = connection.execute(explained, given).all()
        found = connection.execute(sql.load(statement), given).mappings().all()
    assert max(handled(answer["Plan"])) <= 3 * nights * rows, "every pair of nights was looked at"
    if statement == "summary/returns":
        assert {str(row["business_date"]) for row in found} == {"2026-04-11"}
        assert len(found) == rows


def test_a_merge_looks_at_orders_that_are_new(settled_history: Exchange) -> None:
    """Hundreds of merges a night ask for orders that their records do not know of yet, among all there ever were."""
    order = (
        "insert into exchange.withdrawal_order (record_id, action, authority, reason, business_date, ordered_by) "
        "select record_id, 'withdraw', 'department', 'r', '2026-11-19', 'f' from exchange.record "
        "where subject_id between :first and :last returning 1"
    )
    query(settled_history, order, first=1, last=4000)
    explained = text(f"explain (analyze, format json) {sql.source('merge/apply_orders')}")

    def look(every: bool) -> Iterator[tuple[str, str, float]]:
        with transaction(settled_history.engine) as connection:
            [[[answer]]] = connection.execute(explained, {"today": date(2026, 11, 20), "every": every}).all()
        for table in ("record", "withdrawal_order"):
            for scan in scans(answer["Plan"], table):
                read = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)
                yield table, scan["Node Type"], read * scan["Actual Loops"]

    def withdrawn() -> int:
        return len(query(settled_history, "select 1 from exchange.record where status = 'withdrawn'"))

    list(look(every=False))
    assert withdrawn() == 4000
    with transaction(settled_history.engine) as connection:
        connection.exec_driver_sql("analyze exchange.withdrawal_order, exchange.record")
    query(settled_history, order, first=4001, last=4010)
    read = list(look(every=False))
    assert withdrawn() == 4010
    assert sum(rows for _, _, rows in read) <= 100, f"what was applied long ago was looked at: {read}"
    query(settled_history, "update exchange.record set status = 'current' where subject_id = 1 returning 1")
    assert sum(rows for _, _, rows in look(every=False)) <= 10
    assert withdrawn() == 4009
    list(look(every=True))
    assert withdrawn() == 4010, "what leaves is decided after every order was looked at"


@pytest.mark.parametrize("statement", ["alerts/held_batches", "alerts/undated_rows"])
def test_deliveries_that_are_open_are_found_without_a_look_at_all_there_ever_were(
    exchange: Exchange, statement: str
) -> None:
    """By the watchdog, every five minutes. A table has such rows by now, or had them once, or could not be asked."""
    query(
        exchange,
        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, state, "
        "source_detail) select f.feed, 'f', '某局', 'permit', '1', date '2024-01-01' + n, 'complete', f.detail::jsonb "
        """from generate_series(0, 999) as n, (values ('csv', '{}'), ('sound', '{"undated": 0}'), """
        """('table', '{"undated": 0}'), ('asks', '{"undated": null}')) as f (feed, detail) returning 1""",
    )
    put = "update exchange.batch set {} where feed = :feed and business_date = date '2024-01-01' + :night returning 1"
    for feed, night, undated in (("table", 998, 3), ("table", 999, 2), ("sound", 997, 4), ("csv", 999, "null")):
        given = {"feed": feed, "night": night, "detail": f'{{"undated": {undated}}}'}
        query(exchange, put.format("source_detail = cast(:detail as jsonb)"), **given)
    query(exchange, put.format("state = 'held'"), feed="csv", night=999)
    with transaction(exchange.engine) as connection:
        connection.exec_driver_sql("analyze exchange.batch")
        [[[answer]]] = connection.execute(text(f"explain (analyze, format json) {sql.source(statement)}")).all()
        found = [row.feed for row in connection.execute(sql.load(statement))]
    assert found == (["csv"] if statement == "alerts/held_batches" else ["table"])
    read = sum(
        (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        for scan in scans(answer["Plan"], "batch")
    )
    assert read <= 20, f"{read} deliveries of 4,000 were read"


@pytest.mark.parametrize("statement", ["summary/platforms", "ui/platforms", "summary/backlog", "ui/night_deliveries"])
def test_the_state_is_said_once_and_written_out_in_the_plan(exchange: Exchange, statement: str) -> None:
    """A function that is called for each of millions of rows would cost more than all the rest."""
    given = {"business_date": date(2026, 11, 20)} if ":business_date" in sql.source(statement) else {}
    assert "exchange.state_of(" in sql.source(statement)
    with transaction(exchange.engine) as connection:
        plan = connection.execute(text(f"explain (verbose) {sql.source(statement)}"), given).scalars().all()
        outbox = connection.exec_driver_sql("explain (verbose) select state from exchange.outbox").scalars().all()
    assert "state_of" not in "\n".join([*plan, *outbox])


def test_a_list_that_differs_much_is_compared_without_looking_at_pairs(a_bulk_night: Exchange) -> None:
    """All that was sent is on its way, the platform lists something else, and so it did the last time."""
    many = 2000
    ids = [f"s{number}" for number in range(many)]
    listed = "insert into exchange.listed select 1, 'frxk', 's' || n, 1 from generate_series(1, :many) as n returning 1"
    query(a_bulk_night, listed, many=many)
    query(
        a_bulk_night,
        "insert into exchange.difference (platform, place, record_id, kind, their_version, reconciliation_id) "
        "select 'fujian', 'frxk', 't' || n, 'unknown', 1, 1 from generate_series(1, :many) as n returning 1",
        many=many,
    )
    with transaction(a_bulk_night.engine) as connection:
        connection.exec_driver_sql("analyze")
    given: dict[str, Any] = {"platform": "fujian", "datasets": ["permit"], "reconciliation_id": 1, "asked": None}
    given |= {"places": ["frxk"] * many, "record_ids": ids, "kinds": ["unknown"] * many}
    given |= {"our_versions": [None] * many, "their_versions": [1] * many, "kept_places": [], "kept_ids": []}
    for statement in ("reconcile/differences", "reconcile/keep"):
        with transaction(a_bulk_night.engine) as connection:
            connection.exec_driver_sql("set local work_mem = '64kB'")  # as a million rows are to what it has
            explained = text(f"explain (analyze, format json) {sql.source(statement)}")
            [[[answer]]] = connection.execute(explained, given).all()
        assert max(handled(answer["Plan"])) <= 100_000, statement
