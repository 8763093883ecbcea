"""A database of the first version is brought into the present form, and every delivery keeps its state."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from merging import batch, open_exchange, query, row

from credit_exchange.errors import RetriableError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.stores import database, sql
from credit_exchange.stores.database import migrate

FIRST = date(2026, 11, 18)
FIRST_VERSION = Path(__file__).parent / "fixtures" / "delivery_0001.sql"
NOW_GONE = """
drop schema report cascade;
create schema report;
drop view exchange.one_decision;
drop function exchange.version_of_now;
drop table exchange.key_check, exchange.order_ahead, exchange.skipped_date;
drop view exchange.on_its_way, exchange.last_word, exchange.outbox;
drop table exchange.lot, exchange.shipment_run, exchange.release, exchange.attempt, exchange.shipment;
drop sequence exchange.outbox_seq;
alter table exchange.night drop column causes;
alter table exchange.batch drop column waived_by, drop column waived_reason, drop column filled;
drop table exchange.restored, exchange.reconciliation, exchange.difference, exchange.listed, exchange.asked;
drop index exchange.record_by_document, exchange.record_by_subject;
update exchange.credit_exchange_version set version_num = '0001';
"""
ROWS = """
insert into exchange.subject (kind) values ('legal');
insert into exchange.record (record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id,
    subject_kind, subject_name, department, feed, business_date, version, status, content_digest, content_version)
select 'r' || n, 'permit', 'a', 'k' || n, 'd' || n, 's', (select min(subject_id) from exchange.subject), 'legal', 'n',
    'f', 'f_permit', '2026-11-20', 1, 'current', 'x', 1
from generate_series(1, 10) as n;
insert into exchange.release (platform, record_id, version, dataset, effect)
select 'fuzhou', 'r' || n, 1, 'permit', case when n = 8 then 'withhold' else 'send' end
from generate_series(1, 10) as n;
insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, body_digest,
    records, state, tries, receipt_no, sent_at)
values
    ('s-settled', 'fuzhou', 'permit', 'upsert', 'b1', 'k1', '', '', 3, 'settled', 1, 'R1', now()),
    ('s-unknown', 'fuzhou', 'permit', 'upsert', 'b2', 'k2', '', '', 1, 'unknown', 2, null, now()),
    ('s-retry', 'fuzhou', 'permit', 'upsert', 'b3', 'k3', '', '', 1, 'retry', 1, null, now());
insert into exchange.attempt (shipment_no, kind, fence) values ('s-unknown', 'send', 1);
insert into exchange.outbox (platform, dataset, record_id, version, op, state, shipment_no, line_no, attempts,
    receipt_no, outcome_code, settled_at)
values
    ('fuzhou', 'permit', 'r1', 1, 'upsert', 'delivered', 's-settled', 1, 1, 'R1', null, now()),
    ('fuzhou', 'permit', 'r2', 1, 'upsert', 'unknown', 's-unknown', 1, 2, null, null, null),
    ('fuzhou', 'permit', 'r3', 1, 'upsert', 'retry', 's-retry', 1, 1, null, '429', null),
    ('fuzhou', 'permit', 'r4', 1, 'upsert', 'ready', null, null, 0, null, null, null),
    ('fuzhou', 'permit', 'r5', 1, 'upsert', 'retry', 's-settled', 2, 1, 'R1', '1099', null),
    ('fuzhou', 'permit', 'r6', 1, 'upsert', 'superseded', null, null, 0, null, null, now()),
    ('fuzhou', 'permit', 'r7', 1, 'upsert', 'rejected', 's-settled', 3, 1, 'R1', '1001', now()),
    ('fuzhou', 'permit', 'r9', 1, 'upsert', 'delivered', 's-settled', 4, 1, 'R1', null, now()),
    ('fuzhou', 'permit', 'r10', 1, 'upsert', 'delivered', 's-settled', 5, 1, 'R1', null, now());
"""
SHAPE = """
select 'column' as kind, attrelid::regclass::text || '.' || attname as name,
    concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid)) as definition
from pg_attribute inner join pg_class as c on c.oid = attrelid
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where relnamespace = 'exchange'::regnamespace and attnum > 0 and not attisdropped and relkind = 'r'
union all
select 'constraint', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid) from pg_constraint
where connamespace = 'exchange'::regnamespace
union all
select 'index', indexname, indexdef from pg_indexes where schemaname = 'exchange'
union all
select 'view', oid::regclass::text, concat_ws(' ', pg_get_viewdef(oid), relacl) from pg_class
where relnamespace = any(array['exchange', 'report']::regnamespace[]) and relkind = 'v'
union all
select 'function', proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'exchange'::regnamespace
union all
select 'sequence', seqrelid::regclass::text, seqincrement::text from pg_sequence
"""


def shape(exchange: Exchange) -> set[tuple[object, ...]]:
    """What there is in our schemas and how it is defined, in no order: of whatever version a database was made."""
    return {tuple(row.values()) for row in query(exchange, SHAPE)}


def test_every_delivery_keeps_its_state_and_what_waits_is_still_found(exchange: Exchange) -> None:
    url = exchange.engine.url.render_as_string(hide_password=False)
    made_today = shape(exchange)
    with exchange.engine.begin() as connection:
        for script in (NOW_GONE, FIRST_VERSION.read_text(encoding="utf-8"), ROWS):
            connection.exec_driver_sql(script)
    before = query(exchange, "select record_id, state, attempts, shipment_no, receipt_no from exchange.outbox")
    migrate(url)
    assert shape(exchange) ^ made_today == set()
    after = query(exchange, "select record_id, state, attempts, shipment_no, receipt_no from report.delivery")
    assert sorted(before, key=str) == sorted(after, key=str)
    under_way = query(exchange, "select record_id from exchange.outbox where under_way")
    assert [row["record_id"] for row in under_way] == ["r2"]
    waiting = "select record_id from exchange.release where state in ('waiting', 'retry') order by 1"
    assert [row["record_id"] for row in query(exchange, waiting)] == ["r4", "r5"]
    (following,) = query(
        exchange, "select nextval('exchange.outbox_seq') as n, (select max(outbox_id) from exchange.release)"
    )
    assert following["n"] > following["max"]
    runs = query(exchange, "select first_id, last_id, first_line from exchange.shipment_run order by first_id")
    assert [tuple(run.values()) for run in runs] == [(1, 1, 1), (2, 2, 1), (3, 3, 1), (5, 5, 2), (7, 9, 3)]
    assert query(exchange, "select causes from exchange.night") == []
    bounds = query(exchange, "select failed_in, most from exchange.release limit 1")
    assert bounds == [{"failed_in": None, "most": None}]
    lines = query(exchange, "select record_id, line_no from exchange.outbox where shipment_no = 's-settled' order by 2")
    assert [line["record_id"] for line in lines] == ["r1", "r5", "r7", "r9", "r10"]
    migrate(url)


def test_the_view_of_what_is_published_is_replaced_and_keeps_its_grants(exchange: Exchange) -> None:
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "create or replace view report.published as select o.platform, o.dataset, o.record_id, o.version, "
            "o.payload_digest as content_digest, o.settled_at as since from exchange.outbox as o "
            "where o.state = 'delivered'"
        )
        masked_since = "when length(r.subject_name) = 1 then '*'"
        connection.exec_driver_sql(sql.source("report/03_record").replace(masked_since, ""))
        narrow = "drop constraint claim_history_pkey, add primary key (record_id, feed, batch_id)"
        connection.exec_driver_sql(f"alter table exchange.claim_history {narrow}")
        connection.exec_driver_sql("drop table exchange.handed_out")
        connection.exec_driver_sql("alter table exchange.night drop column reopened_at")
        connection.exec_driver_sql(
            "insert into exchange.night (business_date, run_id, kind, started_at, finished_at, outcome) select "
            "'2026-11-20', run, 'manual', now(), now(), judged from (values ('waits', null), ('is over', 'good')) as n "
            "(run, judged)"
        )
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0004'")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    (view,) = query(exchange, "select pg_get_viewdef('report.published'::regclass) as words")
    assert "last_word" in view["words"]
    (view,) = query(exchange, "select pg_get_viewdef('report.record'::regclass) as words")
    assert "= 1" in view["words"], "names of one character are masked as well"
    keys = "select pg_get_constraintdef(oid) as words from pg_constraint where conname = 'claim_history_pkey'"
    (key,) = query(exchange, keys)
    assert "line_no" in key["words"], "each of several rows of a batch is history"
    assert query(exchange, "select count(*) as n from exchange.handed_out") == [{"n": 0}]
    assert query(exchange, "select run_id from exchange.night where reopened_at is not null") == [{"run_id": "waits"}]
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("set local role credit_report")
        assert connection.exec_driver_sql("select count(*) from report.published").scalar() == 0


def test_orders_and_records_of_the_version_before_go_on_in_the_present_one(exchange: Exchange) -> None:
    orders = [row(exchange, f"{n}号", operation="withdraw") for n in (2, 3)]
    merge(exchange, batch(exchange, [row(exchange, "1号"), *orders], FIRST))
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("drop view exchange.one_decision")
        connection.exec_driver_sql("drop table exchange.key_check, exchange.order_ahead")
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0007'")
    url = exchange.engine.url.render_as_string(hide_password=False)
    migrate(url)
    again = open_exchange(url)
    assert query(again, "select name from exchange.key_check") == []
    assert again.keys == exchange.keys
    said = [row(again, "1号", operation="withdraw"), row(again, "2号"), row(again, "4号", operation="withdraw")]
    merge(again, batch(again, said, FIRST + timedelta(days=1)))
    again.engine.dispose()
    found = query(exchange, "select document_no, status from exchange.record order by document_no")
    assert [tuple(one.values()) for one in found] == [("1号", "withdrawn"), ("2号", "withdrawn")]
    with exchange.engine.connect() as connection:
        waiting = connection.execute(sql.load("orders/waiting"), {"feed": None, "size": None}).all()
    assert len(waiting) == 2, "one from before, one from since"
    assert [one["name"] for one in query(exchange, "select name from exchange.key_check")] == ["encryption", "hmac"]


def test_what_is_found_by_its_subject_is_so_in_an_older_database_too(exchange: Exchange) -> None:
    indexes = (
        "select indexname, indexdef from pg_indexes where schemaname = 'exchange' "
        "and tablename in ('record', 'order_ahead') order by 1"
    )
    before = query(exchange, indexes)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "drop index exchange.record_by_subject, exchange.order_ahead_by_document, exchange.order_ahead_by_subject"
        )
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0009'")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    assert query(exchange, indexes) == before


def reports_before_waived() -> tuple[str, str]:
    """The view of batches and the one that reads it, as they were before version 0018."""
    batches, scorecard = sql.source("report/01_batch"), sql.source("report/09_scorecard")
    columns = batches[batches.index(",\n    b.waived_by") : batches.index("\nfrom")]
    return batches.replace(columns, ""), scorecard.replace(" filter (where not b.is_absent)", "")


def test_what_is_new_or_open_is_found_by_itself_in_an_older_database_too(exchange: Exchange) -> None:
    found = (
        "select indexname, indexdef from pg_indexes where schemaname = 'exchange' "
        "and tablename in ('batch', 'withdrawal_order') order by 1"
    )
    present = query(exchange, found)
    merge(exchange, batch(exchange, [row(exchange, "1号")], FIRST))
    view = sql.source("schema/27_outbox")
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(view.replace("exchange.state_of(r.state, coalesce(s.state, 'ready'))", "r.state"))
        connection.exec_driver_sql("drop function exchange.state_of")
        connection.exec_driver_sql("drop index exchange.batch_held, exchange.batch_undated")
        connection.exec_driver_sql(
            "insert into exchange.withdrawal_order (record_id, action, authority, reason, business_date, ordered_by) "
            "select record_id, 'withdraw', 'office', 'x', '2026-11-18', 'o' from exchange.record"
        )
        connection.exec_driver_sql("alter table exchange.withdrawal_order drop column applied")
        connection.exec_driver_sql("drop view report.scorecard, report.batch")
        connection.exec_driver_sql("alter table exchange.batch drop column waived_by, drop column waived_reason")
        for view in reports_before_waived():
            connection.exec_driver_sql(view)
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0017'")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    assert query(exchange, found) == present
    (outbox,) = query(exchange, "select pg_get_viewdef('exchange.outbox'::regclass) as words")
    assert "state_of" in outbox["words"]
    assert query(exchange, "select waived_by from report.batch") == [{"waived_by": None}]
    merge(exchange, batch(exchange, [row(exchange, "2号")], FIRST + timedelta(days=1)))
    status = query(exchange, "select status from exchange.record where document_no = '1号'")
    assert status == [{"status": "withdrawn"}], "an order of before, that no merge had seen"


def test_what_a_migration_was_completed_with_later_is_made_up_where_it_had_run_before(exchange: Exchange) -> None:
    """0002 had no blocks and kept the keys, 0007 held no takedowns, 0018 forgot the view: for some hours each."""
    made_today = shape(exchange)
    merge(exchange, batch(exchange, [row(exchange, "1号"), row(exchange, "2号")], FIRST))
    with exchange.engine.begin() as connection:
        for statement in (
            "alter sequence exchange.outbox_seq increment by 1",
            "alter table exchange.claim add constraint claim_batch_id_fkey "
            "foreign key (batch_id) references exchange.batch",
            "alter table exchange.record add constraint record_subject_id_fkey "
            "foreign key (subject_id) references exchange.subject",
            "insert into exchange.release (platform, record_id, version, dataset, effect, op, outbox_id, state) "
            "select 'fuzhou', record_id, 1, dataset, 'withdraw', 'withdraw', row_number() over (), 'rejected' "
            "from exchange.record",
            "drop view report.scorecard, report.batch",
            *reports_before_waived(),
            "update exchange.credit_exchange_version set version_num = '0022'",
        ):
            connection.exec_driver_sql(statement)
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    assert shape(exchange) ^ made_today == set()
    assert query(exchange, "select distinct state from exchange.release") == [{"state": "held"}]


def test_a_migration_keeps_nobody_waiting_while_it_waits_for_a_step_that_runs(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validation keeps a transaction open that has read the batch, and reads it again on another connection."""
    monkeypatch.setattr(database, "MIGRATION_LOCK_S", 0.2)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("alter table exchange.batch drop column filled")
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0022'")
    seen = Event()
    monkeypatch.setattr(database.log, "warning", lambda *_: seen.set())
    with exchange.engine.connect() as step:
        step.exec_driver_sql("select from exchange.batch")
        upgrade = Thread(target=migrate, args=(exchange.engine.url.render_as_string(hide_password=False),))
        upgrade.start()
        assert seen.wait(60), "it has given up once"
        query(exchange, "select batch_id from exchange.batch")
    upgrade.join()
    assert query(exchange, "select filled from exchange.batch") == []
    assert query(exchange, "select version_num from exchange.credit_exchange_version") == [{"version_num": "0030"}]


def test_a_step_that_never_ends_stops_a_migration_with_what_to_do(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MIGRATION_LOCK_S", 0.05)
    monkeypatch.setattr(database, "MIGRATION_TRIES", 2)
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("alter table exchange.batch drop column filled")
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0022'")
    with exchange.engine.connect() as step:
        step.exec_driver_sql("select from exchange.batch")
        with pytest.raises(RetriableError, match="请停止 worker"):
            migrate(exchange.engine.url.render_as_string(hide_password=False))


def test_what_did_not_have_to_be_delivered_is_missing_no_more(exchange: Exchange) -> None:
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
            " state, stage, problem, waived_by) select 'f' || n, 'd', 'd', 'permit', '2023', '2026-11-21', 'missing',"
            " case n when 1 then 'expected' else 'merged' end, '没有收到', case n when 2 then 'office' end"
            " from generate_series(1, 3) as n"
        )
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0029'")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    found = query(exchange, "select state, problem from report.batch where feed like 'f_' order by feed")
    assert [row["state"] for row in found] == ["missing", "missing", "complete"]
    assert [row["problem"] for row in found] == ["没有收到", "没有收到", None]


def test_a_database_of_the_present_form_is_left_as_it_is(exchange: Exchange) -> None:
    assert query(exchange, "select version_num from exchange.credit_exchange_version") == [{"version_num": "0030"}]
    assert query(exchange, "select to_regclass('exchange.outbox_before')::text as t") == [{"t": None}]


def test_migrations_that_are_started_together_wait_for_each_other(empty_database_url: str) -> None:
    again = "import sys; from credit_exchange.stores.database import migrate; [migrate(sys.argv[1]) for _ in range(8)]"
    started = [
        subprocess.Popen([sys.executable, "-c", again, empty_database_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [(process.communicate()[1][-300:], process.returncode) for process in started]
    assert [status for _, status in told] == [0, 0, 0], told


def test_a_report_role_that_an_administrator_made_later_gets_its_grants_by_the_next_migration(
    exchange: Exchange,
) -> None:
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("revoke usage on schema report from credit_report")
        connection.exec_driver_sql("revoke select on all tables in schema report from credit_report")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql("set local role credit_report")
        assert connection.exec_driver_sql("select count(*) from report.published").scalar() == 0
