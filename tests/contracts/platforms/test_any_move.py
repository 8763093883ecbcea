"""Corrections of who a record is about, orders, faults and drains in any order: it is never in two places at once, our
view says what is shown, and at last what was said last lies in the right place."""

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
from moving import CATALOG, KINDS, PUBLISHED, let_time_pass, ordered, push, query, quiet, told
from world import CREDENTIALS, forget_notes, open_exchange

from credit_exchange.steps.context import Exchange
from platforms import Sandbox

TABLES = """record, record_version, claim, claim_history, withdrawal_order, release, release_run, lot, shipment,
    shipment_run, attempt, platform_state, batch"""
FAULTS = {
    "fujian": {
        "upload": (
            "commit_then_close",
            "close_before_commit",
            "503",
            "429",
            "task_failed",
            "task_never_done",
            "reject",
            "401",
        )
    },
    "china": {
        "import_permission": ("commit_then_close", "close_before_commit", "503", "429", "busy", "400", "reject", "401"),
        "revoke": ("commit_then_close", "close_before_commit", "503", "429", "busy", "400", "401"),
        "query_permission": ("commit_then_close", "503", "busy"),
    },
}
# after 429 a drain ends at once, in the middle of a move
OPTIONS: dict[str, dict[str, object]] = {"429": {"retry_after": "1000000000"}, "400": {"status": 400}}
OPEN = "select 1 from report.delivery where state not in ('delivered', 'superseded', 'cancelled', 'rejected')"


def machine(url: str, platform: str) -> type[RuleBasedStateMachine]:
    """The machine for one platform on one database."""

    class Moves(RuleBasedStateMachine):
        exchange: Exchange
        sandbox: Sandbox

        @initialize()
        def begin(self) -> None:
            self.sandbox = Sandbox(platform, credentials=CREDENTIALS[platform], task_seconds=0.02, rate_limit=False)
            self.sandbox.start()
            self.exchange = open_exchange(
                url,
                {platform: self.sandbox.url},
                settle_after_seconds=0.05,
                poll_seconds=0.02,
                poll_in_drain_seconds=0.3,
                retry={"first_seconds": 0.01, "max_seconds": 0.05},
            )
            tables = ", ".join(f"exchange.{name.strip()}" for name in TABLES.split(","))
            with self.exchange.engine.begin() as connection:
                connection.exec_driver_sql(f"truncate {tables} cascade")
            forget_notes()
            self.day = 0
            self.kind = self.text = ""
            self.withdrawn = False

        @rule(kind=st.sampled_from(list(KINDS)), text=st.sampled_from(["准予经营", "准予零售"]))
        def say(self, kind: str, text: str) -> None:
            """Few contents, so that a change is often taken back."""
            self.day += 1
            self.kind, self.text = kind, text
            told(self.exchange, self.day, kind, text, platforms=[platform])

        @precondition(lambda self: self.kind)
        @rule()
        def order(self) -> None:
            ordered(self.exchange, "reinstate" if self.withdrawn else "withdraw", platforms=[platform])
            self.withdrawn = not self.withdrawn

        @rule(endpoint=st.sampled_from(list(FAULTS[platform])), data=st.data(), after=st.integers(0, 1))
        def misbehave(self, endpoint: str, data: st.DataObject, after: int) -> None:
            fault = data.draw(st.sampled_from(FAULTS[platform][endpoint]))
            options = OPTIONS.get(fault, {})
            if fault == "reject":
                options = {"records": "all"} if platform == "fujian" else {"line": 1}
            if fault == "task_never_done":
                options = {"seconds": 0.8}
            name = "unlisted_status" if fault == "400" else fault
            self.sandbox.faults.add(endpoint, name, after=after, **options)

        @rule()
        def drain(self) -> None:
            push(self.exchange, platform)
            self.pass_a_night()

        @rule(
            kind=st.sampled_from(["legal", "person"]),
            text=st.sampled_from(["准予经营", "准予零售"]),
            endpoint=st.sampled_from(list(FAULTS[platform])),
            data=st.data(),
        )
        def a_bad_night(self, kind: str, text: str, endpoint: str, data: st.DataObject) -> None:
            self.say(kind, text)
            self.misbehave(endpoint, data, data.draw(st.integers(0, 1)))
            self.drain()

        def pass_a_night(self) -> None:
            let_time_pass(self.exchange)
            earlier = "settled_at = settled_at - interval '1 day'"
            query(self.exchange, f"update exchange.release set {earlier} where state = 'held' returning 1")

        def shown(self) -> list[tuple[str, str]]:
            """The place and what identifies the content there: a version, or the text."""
            there = self.sandbox.platform.current()
            if platform == "fujian":
                return [(catalog, str(value[0])) for (catalog, _), value in there.items()]
            return [(row["XK_XDR_LB"], row["XK_NR"]) for row in there.values()]

        def published(self) -> list[tuple[str, str]]:
            rows = query(self.exchange, PUBLISHED, platform=platform)
            kinds = {name: kind for kind, name in KINDS.items()}
            if platform == "fujian":
                return [(CATALOG[kinds[row["kind"]]], str(row["version"])) for row in rows]
            return [(row["kind"], row["text"]) for row in rows]

        @invariant()
        def it_lies_in_one_place_at_most(self) -> None:
            assert len(self.shown()) <= 1
            assert self.sandbox.ledger.anomalies == []

        @invariant()
        def what_we_call_published_is_what_is_shown(self) -> None:
            """But for what nobody knows of yet."""
            unknown = "select 1 from report.delivery where state in ('sending', 'unknown', 'awaiting_receipt')"
            if not query(self.exchange, unknown):
                assert self.published() == self.shown()

        def teardown(self) -> None:
            try:
                self.sandbox.faults.clear()
                for _ in range(60):
                    self.pass_a_night()
                    push(self.exchange, platform)
                    if not query(self.exchange, OPEN):
                        break
                if not self.kind:
                    return
                newest = query(self.exchange, "select state from report.delivery order by version desc limit 1")
                if newest and newest[0]["state"] == "rejected":
                    self.say(self.kind, "准予更正")  # what was refused goes again
                    if self.withdrawn:
                        self.order()
                    assert push(self.exchange, platform).problem is None
                assert not query(self.exchange, OPEN)
                self.it_ends_as_it_was_said()
                quiet(self.exchange, self.sandbox, platform)
                if self.withdrawn:
                    self.order()
                    push(self.exchange, platform)
                    self.it_ends_as_it_was_said()
                assert self.sandbox.ledger.repeated() == []
                assert self.sandbox.ledger.backwards() == []
                assert self.sandbox.errors == []
            finally:
                self.sandbox.close()
                self.exchange.engine.dispose()

        def it_ends_as_it_was_said(self) -> None:
            places = [] if self.withdrawn else [CATALOG[self.kind] if platform == "fujian" else KINDS[self.kind]]
            assert [place for place, _ in self.shown()] == places
            assert self.published() == self.shown()
            texts = [row["text"] for row in query(self.exchange, PUBLISHED, platform=platform)]
            assert texts == ([] if self.withdrawn else [self.text])

    return Moves


@pytest.mark.parametrize("platform", FAULTS)
@pytest.mark.slow
def test_any_history_ends_in_the_right_place_and_was_never_in_two(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    platform: str,
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-30T01:30:00")
    record_property("platform", platform)
    run_state_machine_as_test(
        machine(database_url, platform),
        settings=settings(
            max_examples=10,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
