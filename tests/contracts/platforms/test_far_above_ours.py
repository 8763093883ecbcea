"""A platform has a record in a version far above ours, as a database that was lost had given it. It answers only that
it has something newer, not which version: what we say next goes above all that another database may have given."""

from __future__ import annotations

import pytest
from beside import tampered
from moving import history, ordered, push, query, quiet, told

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reconcile import reconcile, repair
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["fuzhou", "fujian"])]
LISTED = {"XK_JDRQ": "2026-11-10"}
NIGHT = "2026-11-{}T01:30:00"


def sent(exchange: Exchange, sandbox: Sandbox, kind: str, *, is_shown: bool) -> None:
    """A record that arrived, and of which the platform has something newer by now."""
    told(exchange, 20, "legal", platforms=[kind], fields=LISTED)
    push(exchange, kind)
    tampered(sandbox, "update record set {ver} = 71, shown = ? where {ver} = 1", int(is_shown))


def test_what_it_does_not_show_is_shown_again_after_two_repairs(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    sent(exchange, sandbox, kind, is_shown=False)
    for state in ("held", "delivered"):
        done = reconcile(exchange, kind)
        assert done is not None
        assert done.counts == {"missing": 1}
        assert repair(exchange, kind, ["missing"], "平台恢复过备份", "tester") == (1, 0)
        assert release(exchange, [kind]) == {f"{kind}.upsert": 1}
        push(exchange, kind)
        assert history(exchange, kind)[-1][1:] == ("upsert", state)
    done = reconcile(exchange, kind)
    assert done is not None
    assert (done.agrees, done.compared, done.waiting) == (True, 1, 0)
    quiet(exchange, sandbox, kind)
    told(exchange, 21, "legal", "准予零售", platforms=[kind], fields=LISTED)
    assert push(exchange, kind).delivered == 1, "it goes on from there"


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_takedown_that_it_refuses_is_decided_anew_the_next_night_and_taken(
    exchange: Exchange, sandbox: Sandbox, kind: str, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(exchange, sandbox, kind, is_shown=is_shown)
    ordered(exchange, "withdraw", platforms=[kind])
    push(exchange, kind)
    assert history(exchange, kind)[-1] == (2, "withdraw", "held")
    assert any(one.incident_key.startswith("shown:") for one in watchdog.check(exchange))
    quiet(exchange, sandbox, kind)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHT.format(24))
    assert release(exchange, [kind]) == {f"{kind}.withdraw": 1}
    assert push(exchange, kind).problem is None
    assert sandbox.current() == {}
    assert not any(one.incident_key.startswith("shown:") for one in watchdog.check(exchange))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHT.format(25))
    quiet(exchange, sandbox, kind)
    ordered(exchange, "reinstate", platforms=[kind])
    assert push(exchange, kind).delivered == 1
    assert len(sandbox.current()) == 1
    versions = [row["version"] for row in query(exchange, "select version from exchange.record_version order by 1")]
    assert versions[:2] == [1, 2]
    assert sandbox.ledger.backwards() == []
