"""Corrections of who a record is about, orders, faults and drains in any order: never in two catalogues, and at last in
the right one with what was said last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moving import CATALOG, let_time_pass, ordered, push, query, quiet, shown, told
from world import CREDENTIALS, open_exchange

from credit_exchange.steps.context import Exchange
from platforms import Sandbox

TABLES = """record, record_version, claim, claim_history, withdrawal_order, release, release_run, lot, shipment,
    shipment_run, attempt, platform_state, batch"""
FAULTS = ("commit_then_close", "close_before_commit", "503", "429", "task_failed", "task_never_done", "reject", "401")


def machine(url: str) -> type[RuleBasedStateMachine]:
    """The machine on one database."""

    class Moves(RuleBasedStateMachine):
        exchange: Exchange
        sandbox: Sandbox

        @initialize()
        def begin(self) -> None:
            self.sandbox = Sandbox("fujian", credentials=CREDENTIALS["fujian"], task_seconds=0.02).start()
            self.exchange = open_exchange(
                url,
                {"fujian": self.sandbox.url},
                settle_after_seconds=0.05,
                poll_seconds=0.02,
                poll_in_drain_seconds=0.3,
                drain_seconds=5.0,
                retry={"first_seconds": 0.01, "max_seconds": 0.05},
            )
            tables = ", ".join(f"exchange.{name.strip()}" for name in TABLES.split(","))
            with self.exchange.engine.begin() as connection:
                connection.exec_driver_sql(f"truncate {tables} cascade")
            self.day = 0
            self.kind = ""
            self.withdrawn = False

        @rule(kind=st.sampled_from(["legal", "person", "sole_trader"]))
        def say(self, kind: str) -> None:
            self.day += 1
            self.kind = kind
            told(self.exchange, self.day, kind, f"准予第{self.day}版")

        @precondition(lambda self: self.kind)
        @rule()
        def order(self) -> None:
            ordered(self.exchange, "reinstate" if self.withdrawn else "withdraw")
            self.withdrawn = not self.withdrawn

        @rule(fault=st.sampled_from(FAULTS), after=st.integers(0, 1))
        def misbehave(self, fault: str, after: int) -> None:
            options: dict[str, object] = {"reject": {"records": "all"}, "429": {"retry_after": "0"}}.get(fault, {})
            if fault == "task_never_done":
                options = {"seconds": 0.8}
            self.sandbox.faults.add("upload", fault, after=after, **options)

        @rule()
        def drain(self) -> None:
            push(self.exchange)
            let_time_pass(self.exchange)

        @invariant()
        def it_lies_in_one_catalogue_at_most(self) -> None:
            assert len(shown(self.sandbox)) <= 1
            assert self.sandbox.ledger.anomalies == []

        def teardown(self) -> None:
            try:
                self.sandbox.faults.clear()
                for _ in range(60):
                    left = query(
                        self.exchange,
                        "select 1 from report.delivery where state not in "
                        "('delivered', 'superseded', 'cancelled', 'rejected', 'held')",
                    )
                    if not left:
                        break
                    let_time_pass(self.exchange)
                    push(self.exchange)
                if not self.kind:
                    return
                if self.withdrawn:
                    self.order()
                self.say(self.kind)  # a correction: what was refused goes again
                assert push(self.exchange).problem is None
                assert list(shown(self.sandbox)) == [CATALOG[self.kind]]
                (now,) = query(self.exchange, "select version from report.published where platform = 'fujian'")
                assert list(shown(self.sandbox).values()) == [now["version"]]
                quiet(self.exchange, self.sandbox)
                assert self.sandbox.ledger.repeated() == []
                assert self.sandbox.ledger.backwards() == []
                assert self.sandbox.ledger.anomalies == []
                assert self.sandbox.errors == []
            finally:
                self.sandbox.close()
                self.exchange.engine.dispose()

    return Moves


@pytest.mark.slow
def test_any_history_ends_in_the_right_catalogue_and_was_never_in_two(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-30T01:30:00")
    record_property("platform", "fujian")
    run_state_machine_as_test(
        machine(database_url),
        settings=settings(
            max_examples=10,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
