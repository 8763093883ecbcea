"""A platform that does not work for one data set, one of its catalogues or takedowns only gets everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from world import SEND, arrived_once, finish_tasks, made_up, names, outbox, put, query, run, states

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push import DrainResult, poll_receipts
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.streams import Stopped, Stream
from credit_exchange.steps.push.trouble import Trouble
from platforms import Sandbox
from platforms.wire import Answer, json_answer

CIRCUIT = "select circuit from exchange.platform_state"
QUICK: dict[str, Any] = {
    "limits": {"records": 10},
    "circuit": {"failures": 3},
    "settle_after_seconds": 0.05,
    "retry": {"first_seconds": 0.01, "max_seconds": 0.02},
}


@dataclass
class Broken:
    """What does not work at the platform: what holds one of these in its path or body, and what is answered."""

    parts: tuple[bytes, ...] = ()
    answer: str = "503"
    tasks: str = "answered"
    """Or silent: nobody is told what became of a task."""
    calls: list[bytes] = field(default_factory=list)
    """Which part each failed call was of."""
    third: Callable[[], None] = lambda: None
    """Done when the third call fails."""

    def hit(self, request: Any) -> bool:
        for part in self.parts:
            if part in request.target.encode() + request.body:
                self.calls.append(part)
                if len(self.calls) == 3:
                    self.third()
                return True
        return False


@pytest.fixture
def broken(sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch, silence: Callable[[], None]) -> Broken:
    """Let some of what is sent fail; nothing of it is stored."""
    meant = Broken()
    answer = sandbox.platform.answer

    def failing(request: Any, fault: Any) -> Any:
        if request.endpoint in (SEND[kind], "import_penalty", "revoke") and meant.hit(request):
            if meant.answer == "silence":
                silence()
            if meant.answer in ("403", "400") and kind == "fujian":
                return json_answer(200, {"code": f"E{meant.answer}", "msg": "", "data": None}, "")
            return Answer(int(meant.answer) if meant.answer.isdigit() else 502, b"<html>", "text/html")
        if request.endpoint == "task" and meant.tasks == "silent":
            silence()
        return answer(request, fault)

    monkeypatch.setattr(sandbox.platform, "answer", failing)
    return meant


PERMITS = {"fuzhou": b"/records/permit", "fujian": b'"frxk"'}
on_two = pytest.mark.parametrize("kind", ["fuzhou", "fujian"])


@on_two
@pytest.mark.parametrize("answer", ["503", "silence", "403"])
@pytest.mark.parametrize("circuit", ["closed", "open"])
def test_a_data_set_on_which_the_platform_fails_stops_only_itself(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, answer: str, circuit: str
) -> None:
    exchange = exchange_with(**QUICK)
    put(exchange, kind, names(100))
    put(exchange, kind, names(20, first=201), dataset="red_list")
    put(exchange, kind, names(20, first=301), dataset="black_list")
    broken.parts, broken.answer = (PERMITS[kind],), answer
    query(
        exchange,
        "insert into exchange.platform_state (platform, circuit) values (:p, :c) returning 1",
        p=kind,
        c=circuit,
    )
    result = run(exchange, kind)
    assert result.delivered == 40
    assert "行政许可" in str(result.problem)
    assert {"503": "503", "silence": "没有收到完整的答复", "403": "403"}[answer] in str(result.problem)
    assert len(broken.calls) == (1 if answer == "403" or circuit == "open" else 3)
    assert query(exchange, CIRCUIT) == [("closed",)]
    leased = "select count(*) from exchange.shipment where lease_owner is not null"
    assert query(exchange, leased) == [(0,)]
    broken.parts = ()
    result = run(exchange, kind)
    assert (result.delivered, result.problem) == (100, None)
    arrived_once(sandbox, 140)


@on_two
@pytest.mark.parametrize("answer", ["503", "403"])
def test_a_platform_that_fails_on_everything_is_called_a_few_times(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, answer: str
) -> None:
    exchange = exchange_with(**QUICK)
    for place, dataset in enumerate(("permit", "red_list", "black_list", "commitment", "tender_violation")):
        put(exchange, kind, names(50, first=1000 * place + 1), dataset=dataset)
    broken.parts, broken.answer = (b"",), answer
    result = run(exchange, kind)
    assert "暂停上报" in str(result.problem)
    assert len(broken.calls) == (5 if answer == "503" else 3)  # three data sets in a row
    assert query(exchange, CIRCUIT) == [("open",)]
    assert poll_receipts(exchange, kind, payload_source=made_up).calls == 0
    broken.parts = ()
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 250)


@on_two
def test_the_last_part_that_fails_opens_the_circuit_at_the_end(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken
) -> None:
    """Whether it is the platform nobody knows then."""
    exchange = exchange_with(**QUICK)
    put(exchange, kind, names(60))
    broken.parts = (PERMITS[kind],)
    result = run(exchange, kind)
    assert "暂停上报" in str(result.problem)
    assert "行政许可" in str(result.problem)
    assert len(broken.calls) == 3
    assert query(exchange, CIRCUIT) == [("open",)]


@on_two
def test_what_is_not_allowed_opens_no_circuit_where_something_was_taken_before(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken
) -> None:
    """The platform works, and what it has taken is still asked about."""
    exchange = exchange_with(**QUICK)
    put(exchange, kind, names(20, first=201), dataset="red_list")
    put(exchange, kind, names(20))
    broken.parts, broken.answer = (PERMITS[kind],), "403"
    result = run(exchange, kind)
    assert result.delivered == 20
    assert "行政许可" in str(result.problem)
    assert len(broken.calls) == 1
    assert query(exchange, CIRCUIT) == [("closed",)]


@pytest.mark.parametrize("kind", ["fujian"])
@pytest.mark.parametrize("tasks", ["answered", "silent"])
def test_the_last_part_that_fails_keeps_nobody_from_asking_what_became_of_what_was_taken(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, tasks: str
) -> None:
    """An answer about a task shows that the platform works; the circuit opens when there is none either."""
    exchange = exchange_with(**QUICK | {"poll_seconds": 3600})

    def tasks_are_due() -> None:
        """Not before: what was answered earlier says nothing of a platform that fails since."""
        finish_tasks(sandbox)
        query(exchange, "update exchange.shipment set next_attempt_at = now() where task_id is not null returning 1")

    broken.third = tasks_are_due
    put(exchange, kind, names(20, first=201), dataset="red_list")
    put(exchange, kind, names(60))
    broken.parts, broken.tasks = (PERMITS[kind],), tasks
    result = run(exchange, kind)
    assert "行政许可" in str(result.problem)
    assert len(broken.calls) == 3
    assert result.delivered == (20 if tasks == "answered" else 0)
    assert query(exchange, CIRCUIT) == [("closed" if tasks == "answered" else "open",)]
    broken.parts, broken.tasks = (), "answered"
    assert run(exchange_with(**QUICK), kind).problem is None
    arrived_once(sandbox, 80)


@pytest.mark.parametrize(("kind", "op"), [("fuzhou", "upsert"), ("fujian", "upsert"), ("fuzhou", "withdraw")])
def test_what_waits_for_its_next_try_is_tried_before_the_circuit_opens(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, op: str
) -> None:
    """Of another data set, and takedowns of the same."""
    exchange = exchange_with(**QUICK | {"settle_after_seconds": 0.5, "retry": {"first_seconds": 0.5}})
    if op == "withdraw":
        put(exchange, kind, names(10, first=201))
        run(exchange, kind)
        put(exchange, kind, names(10, first=201), version=2, op=op)
    else:
        put(exchange, kind, names(10, first=201), dataset="red_list")
    put(exchange, kind, names(60))
    sandbox.faults.add(SEND[kind], "503")
    broken.parts = (PERMITS[kind] if op == "upsert" else b'"op":"U"',)
    result = run(exchange, kind)
    assert "行政许可" in str(result.problem)
    assert result.delivered == 10
    assert query(exchange, CIRCUIT) == [("closed",)]


TAKEDOWN = {"fuzhou": b'"op":"R"', "fujian": b"", "china": b"revoke"}


@pytest.mark.parametrize("kind", ["fuzhou", "china"])
@pytest.mark.parametrize("answer", ["503", "403"])
def test_takedowns_on_which_the_platform_fails_stop_nothing_else(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, answer: str
) -> None:
    exchange = exchange_with(**QUICK | {"limits": {"records": 1}})
    put(exchange, kind, names(6))
    run(exchange, kind)
    put(exchange, kind, names(6), version=2, op="withdraw")
    put(exchange, kind, names(10, first=101))
    broken.parts, broken.answer = (TAKEDOWN[kind],), answer
    result = run(exchange, kind)
    assert result.delivered == 10
    assert "撤下" in str(result.problem)
    assert len(broken.calls) == (3 if answer == "503" else 1)
    assert query(exchange, CIRCUIT) == [("closed",)]
    broken.parts = ()
    assert run(exchange, kind).problem is None
    assert len(sandbox.current()) == 10


@pytest.mark.parametrize("kind", ["fujian"])
@pytest.mark.parametrize("answer", ["503", "403", "400"])
def test_one_catalogue_on_which_the_platform_fails_does_not_stop_the_other_one_of_its_data_set(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken, answer: str
) -> None:
    exchange = exchange_with(**QUICK)
    persons = [f"p{number:04d}" for number in range(501, 551)]
    put(exchange, kind, names(410))  # more than is packed at once and ahead: the persons come when frxk has stopped
    put(exchange, kind, persons)
    put(exchange, kind, names(10, first=601), dataset="red_list")
    broken.parts, broken.answer = (PERMITS[kind],), answer
    for night in range(2):
        result = run(exchange, kind)
        assert result.delivered == (0 if night else 60)
        assert "frxk" in str(result.problem)
        assert len(broken.calls) <= (night + 1) * (12 if answer == "400" else 3)
    assert query(exchange, "select distinct state from exchange.outbox where record_id like 'p%'") == [("delivered",)]
    assert set(states(exchange)) <= {"delivered", "ready", "retry", "unknown"}
    broken.parts = ()
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 470)


@pytest.mark.parametrize("kind", ["fujian"])
def test_a_takedown_does_not_wait_for_a_row_that_was_packed_for_a_catalogue_that_fails(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken
) -> None:
    exchange = exchange_with(**QUICK)
    put(exchange, kind, names(60))
    run(exchange, kind)
    put(exchange, kind, names(60), version=2)
    put(exchange, kind, names(10, first=201), dataset="red_list")
    broken.parts = (PERMITS[kind],)
    run(exchange, kind)
    assert outbox(exchange)["r0055", 2].state == "retry"
    put(exchange, kind, ["r0055"], version=3, op="withdraw")
    broken.parts = ()
    assert run(exchange, kind).problem is None
    assert outbox(exchange)["r0055", 2].state == "cancelled"
    assert [one.op for one in sandbox.ledger.applies() if "r0055" in str(one.key)] == ["upsert", "withdraw"]
    assert [one.op for one in sandbox.ledger.applies()][70] == "withdraw"  # before everything else


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_a_drain_that_has_nothing_else_to_try_stops_no_other_that_is_at_work(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    platform = exchange.config.platforms[kind]
    gate = Gate(exchange.engine, platform)
    gate.prepare(at_once=True, try_again=False)
    query(
        exchange,
        "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, "
        "body_digest, records, state, lease_owner, lease_until) values "
        "('s1', 'fuzhou', 'red_list', 'upsert', 'b', 'k', '', '', 1, 'sending', 'another', now() + interval '1 min') "
        "returning 1",
    )
    trouble = Trouble(platform, gate, Stopped(platform), {})

    def fails() -> None:
        for _ in range(platform.circuit.failures):
            trouble.failed(Stream("permit", "permit", "upsert"), "平台答复 HTTP 503")
        assert trouble.doubt

    fails()
    trouble.nothing_else(asked=False)
    fails()
    query(exchange, "update exchange.shipment set lease_until = null returning 1")
    query(
        exchange,
        "insert into exchange.lot (platform, dataset, op, priority, first_id, last_id) "
        "values ('fuzhou', 'red_list', 'upsert', 5, 7, 7) returning 1",
    )
    trouble.nothing_else(asked=False)  # while another drain packs it nobody but that one can take it
    assert query(exchange, CIRCUIT) == [("closed",)]
    query(exchange, "update exchange.lot set dataset = 'permit' returning 1")
    fails()
    query(exchange, "update exchange.shipment set state = 'settled' returning 1")
    gate.success()  # of that other one
    trouble.nothing_else(asked=False)
    assert query(exchange, CIRCUIT) == [("closed",)]
    fails()
    query(exchange, "update exchange.shipment set state = 'awaiting_receipt' returning 1")
    trouble.nothing_else(asked=False)  # a receipt is still to come, and would not be asked for
    assert query(exchange, CIRCUIT) == [("closed",)]
    with pytest.raises(Stop, match="permit"):
        trouble.nothing_else(asked=True)
    assert query(exchange, CIRCUIT) == [("open",)]


A, B, C, D = "permit", "red_list", "black_list", "commitment"


@pytest.mark.parametrize("kind", ["fuzhou"])
def test_what_was_taken_in_between_decides_whether_it_is_a_part_or_the_platform(
    exchange_with: Callable[..., Exchange], kind: str
) -> None:
    """Three failures open the circuit where they are everybody's; +: taken, -: failed, ~: not allowed, !: for all."""
    exchange = exchange_with(circuit={"failures": 3})
    platform = exchange.config.platforms[kind]
    told = {
        f"-{A} -{A} +{A} -{A} -{A}": ("closed", 2, set(), False),
        f"-{A} +{B} -{A} +{B} -{A}": ("closed", 1, {A}, False),
        f"-{A} -{A} -{A}": ("closed", 3, {A}, True),
        f"-{A} -{A} -{A} +{B}": ("closed", 0, {A}, False),
        f"-{A} -{A} -{A} -{B}": ("closed", 4, {A, B}, True),
        f"-{A} -{B} -{C}": ("open", 3, set(), False),
        f"-{A} +{A} -{B} +{A} -{C} -{C} -{C}": ("closed", 3, {C}, True),
        f"!{A} !{A}": ("closed", 2, set(), False),
        f"!{A} !{A} !{A}": ("open", 3, set(), False),
        f"~{A}": ("closed", 1, {A}, True),
        f"+{B} ~{A}": ("closed", 1, {A}, False),
        f"~{A} ~{B} ~{C}": ("open", 3, {A, B}, True),
        f"+{A} -{B} +{A}": ("closed", 0, set(), False),
    }
    for events, (circuit, failures, broken, doubt) in told.items():
        query(exchange, "delete from exchange.platform_state returning 1")
        gate = Gate(exchange.engine, platform)
        gate.prepare(at_once=True, try_again=False)
        trouble = Trouble(platform, gate, Stopped(platform), {})
        for event in events.split():
            stream = Stream(event[1:], event[1:], "upsert")
            if event[0] == "+":
                trouble.took(stream)
            else:
                trouble.failed(stream, "503", for_all=event[0] == "!", for_good=event[0] == "~")
        state = query(exchange, "select circuit, failures from exchange.platform_state")
        assert state == [(circuit, failures)], events
        assert ({one.dataset for one in trouble.broken}, bool(trouble.doubt)) == (broken, doubt), events


@on_two
def test_two_drains_at_once_bring_all_else_of_a_platform_that_fails_on_one_data_set(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, broken: Broken
) -> None:
    exchange = exchange_with(**QUICK)
    put(exchange, kind, names(100))
    put(exchange, kind, names(300, first=201), dataset="red_list")
    broken.parts = (PERMITS[kind],)
    results: list[DrainResult] = []
    threads = [threading.Thread(target=lambda: results.append(run(exchange, kind))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.delivered for result in results) == 300
    broken.parts = ()
    assert run(exchange, kind).problem is None
    arrived_once(sandbox, 400)
