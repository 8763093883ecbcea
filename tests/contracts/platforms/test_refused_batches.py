"""A record for which a platform refuses whole shipments keeps no other back, and a platform that refuses everything is
not asked about each record."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from world import SEND, arrived_once, names, outbox, put, query, run, states

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange
from platforms import Sandbox
from platforms.wire import json_answer

MESSAGE = "第七列不符合约定，证件号350102199003074514"
pytestmark = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])


@dataclass
class Poison:
    """What the platform refuses as a whole, and how often it did."""

    records: set[str] = field(default_factory=set)
    status: int = 400
    everything: bool = False
    refused: int = 0
    after: int = 0
    only: bytes = b""  # of this data set only, and no takedowns

    def meant(self, body: bytes, what: bytes = b"") -> bool:
        """Whether this shipment is refused; `what`: what it says it is."""
        self.after -= 1
        hit = self.after < 0 and (self.everything or any(f'"{one}"'.encode() in body for one in self.records))
        hit = hit and (not self.only or (self.only in what and (b'"op":"U"' in body or b'"act":"S"' in body)))
        self.refused += hit
        return hit


@pytest.fixture
def poison(sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch) -> Poison:
    """Let the platform refuse every shipment that holds one of these records; nothing of it is stored."""
    meant = Poison()
    answer = sandbox.platform.answer

    def poisoned(request: Any, fault: Any) -> Any:
        if request.endpoint == SEND[kind]:
            body = request.body
            what = body
            if kind == "fujian":
                body = gzip.decompress(base64.b64decode(orjson.loads(body)["data"]))
            if meant.meant(body, what):
                if kind == "fujian":
                    return json_answer(200, {"code": f"E{meant.status}", "msg": MESSAGE, "data": None}, "")
                return json_answer(meant.status, {"code": str(meant.status), "message": MESSAGE}, "")
        return answer(request, fault)

    monkeypatch.setattr(sandbox.platform, "answer", poisoned)
    return meant


def refused_with(kind: str, status: int) -> str:
    """The platform's code for it."""
    return f"E{status}" if kind == "fujian" else str(status)


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize(
    "guilty",
    [["r0001"], ["r0100"], ["r0057"], ["r0001", "r0051", "r0100"], ["r0042", "r0043", "r0044", "r0045", "r0046"]],
    ids=["first", "last", "middle", "all-probed", "side-by-side"],
)
def test_all_but_the_guilty_are_delivered_in_the_same_night(
    exchange: Exchange, sandbox: Sandbox, kind: str, poison: Poison, guilty: list[str], status: int
) -> None:
    put(exchange, kind, names(100))
    put(exchange, kind, names(20, first=201))  # of the same kind, packed with them or after them
    poison.records, poison.status = set(guilty), status
    result = run(exchange, kind)
    assert (result.delivered, result.rejected, result.problem) == (120 - len(guilty), len(guilty), None)
    rows = outbox(exchange)
    for one in guilty:
        row = rows[one, 1]
        assert (row.state, row.outcome_code) == ("rejected", refused_with(kind, status))
        assert "第七列不符合约定" in row.outcome_message
        assert "350102199003074514" not in row.outcome_message
    arrived_once(sandbox, 120 - len(guilty))
    assert poison.refused <= 12 * len(guilty) + 6
    keys = "select count(*), count(distinct idem_key), count(distinct batch_no) from exchange.shipment"
    assert len(set(query(exchange, keys)[0])) == 1
    assert query(exchange, "select circuit, failures from exchange.platform_state") == [("closed", 0)]


def test_the_next_night_finds_what_could_not_be_told_apart_before(
    exchange: Exchange, sandbox: Sandbox, kind: str, poison: Poison
) -> None:
    guilty = names(3)
    put(exchange, kind, guilty)
    poison.records = set(guilty)
    assert "格式" in str(run(exchange, kind).problem)
    assert states(exchange) == {"retry": 3}  # nothing was taken: it may as well be the platform
    put(exchange, kind, names(5, first=10))
    result = run(exchange, kind)
    assert (result.delivered, result.rejected, result.problem) == (5, 3, None)
    arrived_once(sandbox, 5)


def test_a_takedown_that_is_refused_is_for_a_person_and_stops_no_other(
    exchange: Exchange, sandbox: Sandbox, kind: str, poison: Poison
) -> None:
    put(exchange, kind, names(6))
    run(exchange, kind)
    put(exchange, kind, names(6), version=2, op="withdraw")
    poison.records = {"r0002"}
    result = run(exchange, kind)
    assert (result.delivered, result.held) == (5, 1)
    assert outbox(exchange)["r0002", 2].state == "held"
    assert len(sandbox.current()) == 1
    for is_new in (True, False):
        [finding] = watchdog.check(exchange)
        assert (finding.incident_key.split(":")[:2], finding.is_new) == (["shown", kind], is_new)
        assert "explain r0002" in finding.detail
    poison.records = set()
    query(
        exchange,
        "update exchange.release set settled_at = settled_at - interval '1 day' where state = 'held' returning 1",
    )
    run(exchange, kind)
    assert watchdog.check(exchange) == []
    assert sandbox.current() == {}


@pytest.mark.parametrize("status", [400, 413])
def test_a_platform_that_refuses_everything_is_called_a_few_times_and_nothing_is_rejected(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, poison: Poison, status: int
) -> None:
    exchange = exchange_with(limits={"records": 100})
    put(exchange, kind, names(1000))
    poison.everything, poison.status = True, status
    result = run(exchange, kind)
    assert "接口约定不符" in str(result.problem)
    assert poison.refused <= 20
    assert set(states(exchange)) <= {"retry", "ready"}
    poison.everything = False
    assert run(exchange, kind).delivered == 1000
    arrived_once(sandbox, 1000)


def test_a_platform_that_begins_to_refuse_everything_has_no_record_rejected_for_it(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, poison: Poison
) -> None:
    exchange = exchange_with(limits={"records": 10})
    put(exchange, kind, names(100))
    poison.everything, poison.after = True, 4
    result = run(exchange, kind)
    assert (result.delivered + result.awaiting, result.rejected) == (40, 0)
    assert "接口约定不符" in str(result.problem)
    assert poison.refused <= 8


@pytest.mark.parametrize("status", [400, 413])
def test_a_data_set_that_is_refused_altogether_stops_only_itself(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, poison: Poison, status: int
) -> None:
    exchange = exchange_with(limits={"records": 20})
    put(exchange, kind, names(20, first=801))
    assert run(exchange, kind).delivered == 20
    put(exchange, kind, names(200))
    put(exchange, kind, names(200, first=201), dataset="red_list")
    put(exchange, kind, names(20, first=801), version=2, op="withdraw")
    poison.everything, poison.status = True, status
    poison.only = b"permit" if kind == "fuzhou" else b"frxk"
    for night in range(2):
        result = run(exchange, kind)
        assert re.search("行政许可.*报送接口约定不符：", str(result.problem))
        assert (result.delivered, result.rejected, result.held) == (0 if night else 220, 0, 0)
    assert poison.refused <= 40
    assert query(exchange, "select circuit from exchange.platform_state")[0][0] == "closed"
    # what was packed when it was found out waits for nobody's lease to end
    leased = "select count(*) from exchange.shipment where lease_owner is not null"
    assert query(exchange, leased)[0][0] == 0
    poison.everything = False
    assert run(exchange, kind).delivered == 200
    assert len(sandbox.current()) == 400


def test_one_record_that_is_too_large_makes_the_shipments_after_it_no_smaller(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, poison: Poison
) -> None:
    exchange = exchange_with(limits={"records": 16})
    put(exchange, kind, names(16))
    put(exchange, kind, names(16 * 40, first=101))
    poison.records, poison.status = {"r0005"}, 413
    result = run(exchange, kind)
    assert (result.delivered, result.rejected) == (16 * 41 - 1, 1)
    assert len(sandbox.ledger.requests(SEND[kind])) < 60
