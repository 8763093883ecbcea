"""What is particular to 信用中国: it stops at the first bad row, has no ids and no versions, and few calls a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moving import told
from sqlalchemy import event
from world import CREDENTIALS, made_up, names, open_exchange, outbox, permit, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.payload import Payload, Sheet, sheets_of
from credit_exchange.steps.push import drain
from credit_exchange.stores import sql
from platforms import Sandbox

pytestmark = pytest.mark.parametrize("kind", ["china"])


def ops(sandbox: Sandbox) -> list[str]:
    return [apply.op for apply in sandbox.ledger.applies()]


def test_the_rows_before_a_bad_one_are_delivered_and_the_rest_goes_afresh(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(5))
    sandbox.faults.add("import_permission", "reject", line=1)
    sandbox.faults.add("import_permission", "reject", line=3)
    result = run(exchange, "china")
    assert (result.delivered, result.rejected) == (3, 2)
    assert len(query(exchange, "select distinct idem_key from exchange.shipment")) == 3
    assert {name for (name, _), row in outbox(exchange).items() if row.state == "rejected"} == {"r0001", "r0004"}


def test_an_unchanged_row_counts_as_delivered_and_the_rest_goes_on(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(1, first=3))
    run(exchange, "china")
    query(exchange, "delete from exchange.release returning 1")
    put(exchange, "china", names(5))
    result = run(exchange, "china")
    assert (result.delivered, result.problem) == (5, None)
    assert outbox(exchange)["r0003", 1].outcome_code == "05"
    assert sandbox.ledger.repeated() == []


def test_a_changed_identity_is_revoked_read_back_and_imported_anew(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["x0001", "r0002"])
    run(exchange, "china")
    put(exchange, "china", ["x0001"], version=2)
    assert run(exchange, "china").delivered == 1
    assert ops(sandbox) == ["upsert", "upsert", "withdraw", "upsert"]
    assert len(sandbox.current()) == 2
    calls = [r.endpoint for r in sandbox.ledger.requests()]
    assert calls[-3:] == ["revoke", "query_permission", "import_permission"]
    put(exchange, "china", ["x0001"], version=3, op="withdraw")
    assert run(exchange, "china").delivered == 1
    assert len(sandbox.current()) == 1


@pytest.mark.parametrize("endpoint", ["revoke", "query_permission", "import_permission"])
@pytest.mark.parametrize("fault", ["commit_then_close", "close_before_commit"])
def test_a_changed_identity_survives_lost_replies(
    exchange: Exchange, sandbox: Sandbox, endpoint: str, fault: str
) -> None:
    put(exchange, "china", ["x0001"])
    run(exchange, "china")
    put(exchange, "china", ["x0001"], version=2)
    sandbox.faults.add(endpoint, fault)
    result = run(exchange, "china")
    assert (result.delivered, result.problem) == (1, None)
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]
    assert len(sandbox.current()) == 1


def test_a_changed_identity_whose_new_row_is_refused_is_published_no_more(exchange: Exchange, sandbox: Sandbox) -> None:
    published = "select version from report.published"
    put(exchange, "china", ["x0001"])
    run(exchange, "china")
    assert query(exchange, published) == [(1,)]
    put(exchange, "china", ["x0001"], version=2)
    sandbox.faults.add("import_permission", "reject", line=1)
    assert run(exchange, "china").rejected == 1
    assert sandbox.current() == {}
    assert query(exchange, published) == []
    row = outbox(exchange)["x0001", 2]
    assert (row.state, row.outcome_code) == ("rejected", "REVOKED")
    assert "已撤下" in row.outcome_message
    put(exchange, "china", ["x0001"], version=3)
    assert run(exchange, "china").delivered == 1
    assert query(exchange, published) == [(3,)]
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]


def test_a_refused_change_within_one_identity_leaves_what_was_there(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["r0001"])
    run(exchange, "china")
    put(exchange, "china", ["r0001"], version=2)
    sandbox.faults.add("import_permission", "reject", line=1)
    assert run(exchange, "china").rejected == 1
    assert len(sandbox.current()) == 1
    assert query(exchange, "select version from report.published") == [(1,)]
    assert outbox(exchange)["r0001", 2].outcome_code == "02"


def test_a_change_that_was_refused_and_taken_back_brings_the_old_row_again(
    exchange: Exchange, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-23T01:30:00")
    told(exchange, 20, "legal", platforms=["china"])
    drain(exchange, "china")
    told(exchange, 21, "person", platforms=["china"])  # a person has no code there: another identity
    sandbox.faults.add("import_permission", "reject", line=1)
    assert drain(exchange, "china").rejected == 1
    assert told(exchange, 22, "legal", platforms=["china"]) == {"china.upsert": 1}
    drain(exchange, "china")
    assert len(sandbox.current()) == 1
    assert len(query(exchange, "select 1 from report.published")) == 1
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]


def test_two_records_with_one_identity_there_are_both_held(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["r0001", "q0001", "r0002"])
    result = run(exchange, "china")
    assert (result.delivered, result.held) == (1, 2)
    assert {outbox(exchange)[name, 1].state for name in ("r0001", "q0001")} == {"held"}
    put(exchange, "china", ["q0002"])
    assert run(exchange, "china").held == 1
    assert len(sandbox.current()) == 1


def test_a_record_of_the_same_document_that_waits_behind_is_held_too(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "china", ["r0001"])
    put(exchange, "china", names(3, first=20))
    put(exchange, "china", ["q0001"])
    run(exchange, "china")
    assert states(exchange) == {"held": 2, "delivered": 3}


def test_agencies_under_the_placeholder_code_share_it_there(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox
) -> None:
    """Their names tell them apart here; there only the code arrives, so one document number is one row."""
    exchange = exchange_with(limits={"records": 1})
    put(exchange, "china", ["r0001"])
    run(exchange, "china")
    put(exchange, "china", ["q0001"])
    query(exchange, "update exchange.record set agency_code = 'a/' || record_id returning 1")
    assert run(exchange, "china").held == 1
    assert len(sandbox.current()) == 1


def test_what_identifies_a_row_there_is_never_masked(exchange: Exchange, sandbox: Sandbox) -> None:
    def source(an_exchange: Exchange, connection: Any, platform: str, ids: Sequence[int]) -> list[Sheet]:
        return [
            replace(sheet, masked=frozenset({"XK_WSH"})) for sheet in made_up(an_exchange, connection, platform, ids)
        ]

    put(exchange, "china", names(2))
    assert drain(exchange, "china", payload_source=source).held == 2
    assert outbox(exchange)["r0001", 1].outcome_code == "IDENTITY"
    assert sandbox.ledger.requests() == []
    put(exchange, "china", ["r0003"])
    run(exchange, "china")
    put(exchange, "china", ["r0003"], version=2, op="withdraw")
    assert drain(exchange, "china", payload_source=source).delivered == 1  # what lies there is taken down all the same
    assert sandbox.current() == {}


def test_penalties_of_natural_persons_never_go(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(1))
    query(exchange, "update exchange.release set dataset = 'penalty' returning 1")

    def source(_exchange: Exchange, _connection: Any, _platform: str, ids: Sequence[int]) -> list[Sheet]:
        fields = {key.replace("XK_", "CF_"): value for key, value in permit("r0001", 1).items()}
        return sheets_of(Payload(i, "r0001", 1, "upsert", "penalty", "person", fields) for i in ids)

    assert drain(exchange, "china", payload_source=source).held == 1
    assert sandbox.ledger.requests() == []


def test_busy_is_no_failed_attempt(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", names(2))
    sandbox.faults.add("import_permission", "busy", times=6)
    assert run(exchange, "china").delivered == 2


class TestPace:
    @pytest.fixture
    def sandbox(self, kind: str) -> Iterator[Sandbox]:
        with Sandbox(kind, credentials=CREDENTIALS[kind], rate_limit=True) as platform:
            yield platform

    def test_two_calls_a_second_are_never_exceeded(self, database_url: str, sandbox: Sandbox) -> None:
        exchange = open_exchange(database_url, {"china": sandbox.url}, limits={"records": 1, "calls_per_second": 2.0})
        put(exchange, "china", names(6))
        assert run(exchange, "china").delivered == 6
        assert [r.status for r in sandbox.ledger.requests()] == [200] * 6
        exchange.engine.dispose()

    def test_nor_when_one_of_them_is_held_up_after_its_turn(self, database_url: str, sandbox: Sandbox) -> None:
        exchange = open_exchange(database_url, {"china": sandbox.url}, limits={"records": 1, "calls_per_second": 2.0})
        renew = str(sql.load("push/renew")).splitlines()[0]
        seen: list[int] = []

        @event.listens_for(exchange.engine, "before_cursor_execute")
        def _busy(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith(renew):
                seen.append(1)
                if len(seen) == 2:
                    time.sleep(0.4)

        put(exchange, "china", names(4))
        assert run(exchange, "china").delivered == 4
        assert [r.status for r in sandbox.ledger.requests()] == [200] * 4
        assert len(seen) == 4
        exchange.engine.dispose()


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_refused_as_a_whole_once_goes_afresh_in_smaller_shipments(
    exchange: Exchange, sandbox: Sandbox, status: int
) -> None:
    put(exchange, "china", names(9))
    sandbox.faults.add("import_permission", "unlisted_status", status=status)
    result = run(exchange, "china")
    assert (result.delivered, result.rejected, result.problem) == (9, 0, None)
    assert sandbox.ledger.repeated() == []
    assert len(sandbox.current()) == 9
