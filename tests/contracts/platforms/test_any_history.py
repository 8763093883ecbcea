"""New versions, takedowns, faults and drains in whatever order: it ends with the newest there, once."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from world import CREDENTIALS, SEND, forget_notes, open_exchange, outbox, put, query, run

from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from platforms import Sandbox

FAULTS = ("commit_then_close", "close_before_commit", "503", "html_200", "truncate", "429", "reject", "401")
IN_FLIGHT = ("sending", "awaiting_receipt", "unknown")
PAGE_COUNTS = (
    "select platform, ready, in_flight, unknown, held, delivered, rejected, oldest "
    f"from ({sql.source('ui/platforms')}) as page"
)
ROW_COUNTS = """
    select platform,
        count(*) filter (where state in ('ready', 'retry')),
        count(*) filter (where state in ('sending', 'awaiting_receipt')),
        count(*) filter (where state = 'unknown'),
        count(*) filter (where state = 'held'),
        count(*) filter (where state = 'delivered'),
        count(*) filter (where state = 'rejected'),
        min(created_at) filter (where state not in ('delivered', 'rejected', 'superseded', 'cancelled'))
    from exchange.outbox group by platform order by platform"""
ROW_NIGHT = """
    select o.platform, r.department, o.dataset, count(*),
        count(*) filter (where state = 'delivered'),
        count(*) filter (where state = 'rejected'),
        count(*) filter (where state in ('awaiting_receipt', 'sending')),
        count(*) filter (where state = 'unknown'),
        count(*) filter (where state in ('ready', 'retry', 'held')),
        count(*) filter (where state in ('superseded', 'cancelled'))
    from exchange.outbox as o inner join exchange.record as r on o.record_id = r.record_id
    group by o.platform, r.department, o.dataset"""
ROW_BACKLOG = """
    select platform, dataset, op, state, count(*), min(created_at), max(outcome_code) from exchange.outbox
    where state not in ('delivered', 'superseded', 'cancelled')
    group by platform, dataset, op, state order by platform, dataset, op, state"""

SUMMARY = (
    "select platform, dataset, published, waiting, awaiting, rejected, held "
    f"from ({sql.source('summary/platforms')}) as summary"
)
ROW_SUMMARY = """
    select platform, dataset,
        (select count(*) from report.published as p where p.platform = o.platform and p.dataset = o.dataset),
        count(*) filter (where state in ('ready', 'retry', 'sending', 'unknown')),
        count(*) filter (where state = 'awaiting_receipt'),
        count(*) filter (where state = 'rejected'),
        count(*) filter (where state = 'held')
    from exchange.outbox as o group by platform, dataset order by platform, dataset"""


def counted_as_the_rows_say(exchange: Exchange) -> None:
    """The platforms page, the backlog, the night page and the summary."""
    assert query(exchange, PAGE_COUNTS) == query(exchange, ROW_COUNTS)
    assert query(exchange, sql.source("summary/backlog")) == query(exchange, ROW_BACKLOG)
    day = {"business_date": "2026-11-22"}
    assert query(exchange, sql.source("ui/night_deliveries"), **day) == query(exchange, ROW_NIGHT)
    assert query(exchange, SUMMARY) == query(exchange, ROW_SUMMARY)


def overtake(exchange: Exchange, record: str) -> None:
    """What the release step does to older versions that wait, before it adds one."""
    query(
        exchange,
        "with s as (update exchange.release set state = 'superseded' where outbox_id in "
        "(select outbox_id from exchange.outbox where record_id = :r and state in ('ready', 'retry') "
        "and not under_way)) select 1",
        r=record,
    )


def put_version(exchange: Exchange, kind: str, record: str, version: int, op: str = "upsert") -> None:
    """One version of one record, of the business date that is counted."""
    put(exchange, kind, [record], version=version, op=op)
    query(
        exchange,
        "insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date)"
        " values (:r, :v, 'content', 'current', 'x', '2026-11-22') returning 1",
        r=record,
        v=version,
    )


def history(kind: str, url: str) -> type[RuleBasedStateMachine]:
    """The machine for one platform on one database."""

    class History(RuleBasedStateMachine):
        exchange: Exchange
        sandbox: Sandbox

        @initialize()
        def begin(self) -> None:
            self.sandbox = Sandbox(kind, credentials=CREDENTIALS[kind], task_seconds=0.02, rate_limit=False).start()
            self.exchange = open_exchange(
                url,
                {kind: self.sandbox.url},
                settle_after_seconds=0.05,
                poll_seconds=0.02,
                retry={"first_seconds": 0.01, "max_seconds": 0.05},
            )
            query(
                self.exchange,
                "with a as (delete from exchange.attempt), o as (delete from exchange.release), "
                "l as (delete from exchange.lot), "
                "n as (delete from exchange.shipment_run), "
                "v as (delete from exchange.record_version), "
                "p as (delete from exchange.platform_state) select 1",
            )
            query(self.exchange, "with s as (delete from exchange.shipment) select 1")
            forget_notes()
            self.versions: dict[str, int] = {}
            self.wanted: dict[str, str] = {}

        @rule(number=st.integers(1, 4), op=st.sampled_from(["upsert", "upsert", "withdraw"]))
        def new_version(self, number: int, op: str) -> None:
            record = f"r{number:04d}"
            self.versions[record] = self.versions.get(record, 0) + 1
            self.wanted[record] = op
            overtake(self.exchange, record)
            put_version(self.exchange, kind, record, self.versions[record], op)

        @rule(fault=st.sampled_from(FAULTS), after=st.integers(0, 1))
        def misbehave(self, fault: str, after: int) -> None:
            options = {"retry_after": "0"} if fault == "429" else {}
            self.sandbox.faults.add(SEND[kind], fault, after=after, **options)

        @rule()
        def drain(self) -> None:
            run(self.exchange, kind)

        @invariant()
        def one_version_of_a_record_is_under_way(self) -> None:
            under_way = [r for (r, _), row in outbox(self.exchange).items() if row.state in IN_FLIGHT]
            assert len(under_way) == len(set(under_way))

        @invariant()
        def the_counts_of_the_page_and_the_backlog_are_those_of_the_rows(self) -> None:
            """They are worked out without the view; it says of each row by itself what became of it."""
            counted_as_the_rows_say(self.exchange)

        def teardown(self) -> None:
            try:
                self.sandbox.faults.clear()
                # what a fault rejected is sent again as a new version, as a department's correction would be
                for (record, version), row in outbox(self.exchange).items():
                    if row.state == "rejected" and version == self.versions[record]:
                        self.new_version(int(record[1:]), row.op)
                assert run(self.exchange, kind).problem is None
                there = {record for record, op in self.wanted.items() if op == "upsert"}
                assert len(self.sandbox.current()) == len(there)
                assert self.sandbox.ledger.backwards() == []
                assert self.sandbox.ledger.repeated() == []
                assert self.sandbox.errors == []
                rows = outbox(self.exchange)
                assert all(rows[r, v].state == "delivered" for r, v in self.versions.items())
            finally:
                self.sandbox.close()
                self.exchange.engine.dispose()

    return History


def test_any_history_ends_with_the_newest_there_once(
    kind: str, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("platform", kind)
    run_state_machine_as_test(
        history(kind, database_url),
        settings=settings(
            max_examples=8,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_was_overtaken_in_a_shipment_that_is_to_go_again_is_counted_once(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put_version(exchange, kind, "r0001", 1)
    put_version(exchange, kind, "r0002", 1)
    sandbox.faults.add(SEND[kind], "429", retry_after="1000000000")
    run(exchange, kind)
    overtake(exchange, "r0001")
    put_version(exchange, kind, "r0001", 2)
    assert {row.state for row in outbox(exchange).values()} == {"superseded", "retry", "ready"}
    counted_as_the_rows_say(exchange)
