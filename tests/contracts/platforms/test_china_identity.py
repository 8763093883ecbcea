"""At 信用中国 a record lies under what it says: when that changes, the old row leaves before the new one comes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date

import pytest
from moving import (
    as_published,
    batch,
    history,
    let_time_pass,
    message,
    ordered,
    push,
    pushed_and_killed,
    query,
    quiet,
    row,
    told,
)
from world import names, permit, put, run, uscc

from credit_exchange.core.canonical import canonical_json
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.payload import Payload
from credit_exchange.steps.push.ahead import Ahead
from credit_exchange.steps.push.claim import Claim
from credit_exchange.steps.push.dialects.base import Identity, Piece
from credit_exchange.steps.push.dialects.china_xml import ChinaXml
from credit_exchange.steps.release import release
from platforms import Sandbox
from platforms.china import _result

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["china"])]
POINTS = ("before_claim", "after_claim", "after_attempt_row", "after_send", "after_record")
LATER = "1000000000"


def said(exchange: Exchange, day: int, kind: str, text: str = "准予经营") -> dict[str, int]:
    """A person has no code there: about a person and about a company are two identities."""
    return told(exchange, day, kind, text, platforms=["china"])


def reported(exchange: Exchange, sandbox: Sandbox) -> None:
    said(exchange, 20, "legal")
    assert push(exchange, "china").delivered == 1
    in_order(exchange, sandbox)


def in_order(exchange: Exchange, sandbox: Sandbox) -> None:
    """One row at most, as our view says, and nothing done twice."""
    assert len(sandbox.current()) <= 1
    assert sandbox.ledger.repeated() == []
    as_published(exchange, sandbox)


def shown(sandbox: Sandbox) -> list[str]:
    return [row["XK_XDR_LB"] for row in sandbox.current().values()]


def ops(sandbox: Sandbox) -> list[str]:
    return [apply.op for apply in sandbox.ledger.applies()]


MOVED = [(1, "upsert", "delivered"), (2, "withdraw", "delivered"), (3, "upsert", "delivered")]


def test_the_old_row_is_revoked_and_read_back_before_the_new_one_is_imported(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    reported(exchange, sandbox)
    assert said(exchange, 21, "person") == {"china.withdraw": 1, "china.upsert": 1}
    assert push(exchange, "china").problem is None
    assert history(exchange, "china") == MOVED
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]
    assert [r.endpoint for r in sandbox.ledger.requests()][-3:] == ["revoke", "query_permission", "import_permission"]
    assert shown(sandbox) == ["自然人"]
    in_order(exchange, sandbox)
    quiet(exchange, sandbox, "china")


def test_another_way_to_write_the_document_number_is_another_row_there(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox)
    fields = {"XK_WSH": "榕许[2026]1号"}
    assert told(exchange, 21, "legal", platforms=["china"], fields=fields) == {"china.withdraw": 1, "china.upsert": 1}
    push(exchange, "china")
    assert [key[1] for key in sandbox.current()] == ["榕许[2026]1号"]
    in_order(exchange, sandbox)


def test_within_one_identity_the_row_is_replaced(exchange: Exchange, sandbox: Sandbox) -> None:
    reported(exchange, sandbox)
    assert said(exchange, 21, "sole_trader", "准予零售") == {"china.upsert": 1}
    push(exchange, "china")
    assert ops(sandbox) == ["upsert", "upsert"]
    in_order(exchange, sandbox)


REFUSALS = {
    "busy": ("busy", {}),
    "429": ("429", {"retry_after": LATER}),
    "400": ("unlisted_status", {"status": 400}),
    "413": ("unlisted_status", {"status": 413}),
    "refused": ("reject", {"line": 1}),
    "401": ("401", {}),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_was_revoked_is_published_no_more_whatever_becomes_of_the_new_row(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, refusal: str
) -> None:
    """And when the change is taken back, the old content comes again."""
    exchange = exchange_with()
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    fault, options = REFUSALS[refusal]
    sandbox.faults.add("import_permission", fault, times=-1, **options)
    push(exchange, "china")
    assert shown(sandbox) == []
    in_order(exchange, sandbox)
    sandbox.faults.clear()
    let_time_pass(exchange)
    assert said(exchange, 22, "legal")["china.upsert"] == 1
    assert push(exchange_with(), "china").problem is None
    assert shown(sandbox) == ["法人及非法人组织"]
    in_order(exchange, sandbox)
    quiet(exchange, sandbox, "china")


@pytest.mark.parametrize("endpoint", ["revoke", "query_permission", "import_permission"])
@pytest.mark.parametrize("fault", ["commit_then_close", "close_before_commit", "503", "html_200", "429", "busy"])
def test_whatever_befalls_one_of_its_calls(exchange: Exchange, sandbox: Sandbox, endpoint: str, fault: str) -> None:
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    sandbox.faults.add(endpoint, fault)
    assert push(exchange, "china").problem is None
    assert history(exchange, "china") == MOVED
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]
    in_order(exchange, sandbox)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("step", [1, 2])
def test_killed_at_any_point_of_either_step(
    exchange: Exchange, sandbox: Sandbox, database_url: str, point: str, step: int
) -> None:
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    if step == 2:  # the takedown is settled, the new row was not sent
        sandbox.faults.add("import_permission", "429", retry_after=LATER)
        push(exchange, "china")
        assert history(exchange, "china")[1:] == [(2, "withdraw", "delivered"), (3, "upsert", "retry")]
        in_order(exchange, sandbox)
        let_time_pass(exchange)
        query(exchange, "update exchange.release set state = 'retry' where version = 3 returning 1")
        query(exchange, "update exchange.shipment set state = 'settled' where state = 'retry' returning 1")
    assert pushed_and_killed(sandbox, database_url, f"push.{point}") == -9
    assert len(sandbox.current()) <= 1
    let_time_pass(exchange)
    assert push(exchange, "china").problem is None
    assert history(exchange, "china") == MOVED
    in_order(exchange, sandbox)
    quiet(exchange, sandbox, "china")


@pytest.mark.parametrize("fault", ["commit_then_close", "close_before_commit", "429"])
@pytest.mark.parametrize("then", ["legal", "person", "withdraw"])
def test_what_is_decided_while_the_takedown_is_under_way(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, fault: str, then: str
) -> None:
    exchange = exchange_with(settle_after_seconds=3600)
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    sandbox.faults.add("revoke", fault, **({"retry_after": LATER} if fault == "429" else {}))
    push(exchange, "china")
    state = "retry" if fault == "429" else "unknown"
    assert history(exchange, "china")[1:] == [(2, "withdraw", state), (3, "upsert", "ready")]
    if then == "withdraw":
        ordered(exchange, "withdraw", platforms=["china"])
    else:
        said(exchange, 22, then, "准予执业")
    let_time_pass(exchange)
    assert push(exchange_with(), "china").problem is None
    assert shown(sandbox) == {"legal": ["法人及非法人组织"], "person": ["自然人"], "withdraw": []}[then]
    in_order(exchange, sandbox)
    quiet(exchange, sandbox, "china")


def test_while_the_old_row_cannot_be_taken_down_the_new_one_is_held(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sandbox.platform, "_revoke", lambda _: _result("07", "", "未找到唯一匹配的数据"))
        assert push(exchange, "china").held == 2
    assert history(exchange, "china")[1:] == [(2, "withdraw", "held"), (3, "upsert", "held")]
    assert shown(sandbox) == ["法人及非法人组织"]
    assert "撤下" in message(exchange, 3)
    assert "陈" not in message(exchange, 3)
    in_order(exchange, sandbox)
    ordered(exchange, "withdraw", platforms=["china"])
    push(exchange, "china")
    assert shown(sandbox) == []
    ordered(exchange, "reinstate", platforms=["china"])
    push(exchange, "china")
    assert shown(sandbox) == ["自然人"]
    in_order(exchange, sandbox)


def test_a_new_identity_that_another_record_has_is_held(exchange: Exchange, sandbox: Sandbox) -> None:
    def report(day: int, code: str) -> dict[str, int]:
        fields = [permit("r0001", 1), permit("r0001", 1) | {"XK_XDR_SHXYM": code}]
        rows = [row(exchange, "1号", codes=[f"uscc:{uscc(n)}"], fields=one) for n, one in enumerate(fields, 1)]
        merge(exchange, batch(exchange, rows, date(2026, 11, day)))
        return release(exchange, ["china"])

    report(20, uscc(2))
    assert push(exchange, "china").delivered == 2
    assert report(21, uscc(1)) == {"china.withdraw": 1, "china.upsert": 1}
    assert push(exchange, "china").held == 1
    (held,) = query(exchange, "select outcome_code from report.delivery where state = 'held'")
    assert held == {"outcome_code": "IDENTITY"}
    assert [key[3] for key in sandbox.current()] == [uscc(1)]
    as_published(exchange, sandbox)
    assert report(22, uscc(3)) == {"china.upsert": 1}
    assert push(exchange, "china").delivered == 1
    assert len(sandbox.current()) == 2


def test_where_one_of_our_records_leaves_another_comes_the_same_night(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the others are packed while it is taken down."""

    class Fast(Ahead[Claim | None]):
        def begin(self) -> None:
            super().begin()
            assert self._future is not None
            self._future.result()

    def report(number: int) -> None:
        rows = [row(exchange, "1号", codes=[f"uscc:{uscc(number)}"], fields=permit("r0001", 1))]
        merge(exchange, batch(exchange, rows, date(2026, 11, 20 + number)))

    monkeypatch.setattr(sys.modules["credit_exchange.steps.push.drain"], "Ahead", Fast)
    report(1)
    assert release(exchange, ["china"]) == {"china.upsert": 1}
    assert push(exchange, "china").delivered == 1
    assert ordered(exchange, "withdraw", platforms=["china"]) == {"china.withdraw": 1}
    report(2)
    assert release(exchange, ["china"]) == {"china.upsert": 1}
    assert push(exchange, "china").delivered == 2
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]
    as_published(exchange, sandbox)


@pytest.mark.parametrize("fault", [None, "429", "commit_then_close"])
def test_what_was_packed_in_one_delivery_by_an_earlier_version_still_goes(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    """Its bytes revoke the old row and import the new one."""
    reported(exchange, sandbox)
    said(exchange, 21, "person")
    query(exchange, "delete from exchange.release where op = 'withdraw' returning 1")
    query(exchange, "delete from exchange.lot where op = 'withdraw' returning 1")
    monkeypatch.setattr(ChinaXml, "encode", _in_one_delivery)
    if fault is not None:
        sandbox.faults.add("import_permission", fault, **({"retry_after": "1"} if fault == "429" else {}))
    assert push(exchange, "china").problem is None
    assert ops(sandbox) == ["upsert", "withdraw", "upsert"]
    assert shown(sandbox) == ["自然人"]
    in_order(exchange, sandbox)


def _in_one_delivery(self: ChinaXml, payload: Payload, there: Sequence[Identity]) -> Piece:
    row = {"xml": self._rows.row(payload), "identity": self.identity_of(payload), "revoke": there, "reason": "标识变更"}
    return Piece(payload.dataset, canonical_json(row), alone=True)


def test_what_was_decided_before_takedowns_were_planned_is_held(exchange: Exchange, sandbox: Sandbox) -> None:
    put(exchange, "china", ["x0001", *names(2, first=2)])
    run(exchange, "china")
    put(exchange, "china", ["x0001"], version=2)
    assert run(exchange, "china").held == 1
    assert len(sandbox.current()) == 3
    assert "先撤下、后恢复" in message(exchange, 2)
