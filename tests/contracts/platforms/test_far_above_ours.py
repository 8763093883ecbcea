"""A platform has a record in a version far above ours, as a database that was lost had given it. It answers only that
it has something newer, not which version: what we say next goes above all that another database may have given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from beside import tampered
from moving import history, let_time_pass, ordered, push, query, quiet, told
from world import SEND

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reconcile import reconcile, repair
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction
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


def test_while_the_one_decided_anew_is_on_its_way_it_stays_the_incident_that_was_told(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not closed as mended, in a night in which the platform does not answer either, nor younger than it is."""
    sent(exchange, sandbox, kind, is_shown=True)
    ordered(exchange, "withdraw", platforms=[kind])
    push(exchange, kind)
    [first] = watchdog.check(exchange)
    assert (first.incident_key, first.is_new) == (f"shown:{kind}", True)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHT.format(24))
    assert release(exchange, [kind]) == {f"{kind}.withdraw": 1}
    still = [one for one in watchdog.check(exchange) if one.incident_key == first.incident_key]
    assert [(one.subject, one.detail, one.is_new) for one in still] == [(first.subject, first.detail, False)]
    sandbox.faults.add(SEND[kind], "503", times=-1)
    assert push(exchange, kind).problem
    still = [one for one in watchdog.check(exchange) if one.incident_key == first.incident_key]
    assert [(one.subject, one.is_new) for one in still] == [(first.subject, False)]
    sandbox.faults.clear()
    let_time_pass(exchange)
    assert push(exchange, kind).problem is None
    assert not any(one.incident_key.startswith("shown:") for one in watchdog.check(exchange))


def test_what_is_refused_for_ever_is_told_since_its_first_takedown(
    exchange_with: Callable[..., Exchange], sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each night decides it anew; it has been shown since the first of them all the same."""
    exchange = exchange_with()
    sent(exchange, sandbox, kind, is_shown=True)
    tampered(sandbox, "update record set {ver} = 1999999999 where {ver} = 71")
    ordered(exchange, "withdraw", platforms=[kind])
    push(exchange, kind)
    [first] = watchdog.check(exchange)
    for night in (24, 25):
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHT.format(night))
        exchange = exchange_with()
        query(exchange, "update exchange.release set decided_at = decided_at - interval '1 day' returning 1")
        assert release(exchange, [kind]) == {f"{kind}.withdraw": 1}
        assert push(exchange, kind).held == 1
        assert release(exchange, [kind]) == {}, "once a night"
    [since] = query(exchange, "select min(decided_at) as day from exchange.release where op = 'withdraw'")
    [still] = watchdog.check(exchange)
    assert (still.subject, still.is_new) == (first.subject, False)
    assert f"最早决定于 {since['day']:%Y-%m-%d %H:%M}" in still.detail


def test_a_correction_that_it_refuses_is_not_dropped_when_the_record_takes_a_version_for_another_reason(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    """As what is decided for another platform gives it one: the correction goes again, and stays told while refused."""
    sent(exchange, sandbox, kind, is_shown=True)
    told(exchange, 21, "legal", "准予零售", platforms=[kind], fields=LISTED)
    for version in (2, 3):
        assert push(exchange, kind).held == 1
        assert history(exchange, kind)[-1] == (version, "upsert", "held")
        quiet(exchange, sandbox, kind)
        [found] = query(exchange, "select record_id from exchange.record")
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("release/bump_versions"), {"record_ids": [found["record_id"]]})
        assert release(exchange, [kind]) == {f"{kind}.upsert": 1}
    tampered(sandbox, "update record set {ver} = 1 where {ver} = 71")
    assert push(exchange, kind).delivered == 1
    quiet(exchange, sandbox, kind)


def test_a_takedown_of_a_data_set_that_a_platform_takes_no_more_is_not_decided_anew_night_after_night(
    exchange: Exchange, sandbox: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it can be decided: each version would be one more for nothing."""
    sent(exchange, sandbox, kind, is_shown=True)
    ordered(exchange, "withdraw", platforms=[kind])
    push(exchange, kind)
    platform = exchange.config.platforms[kind]
    routes = {name: route for name, route in platform.datasets.items() if name != "permit"}
    without = {**exchange.config.platforms, kind: platform.model_copy(update={"datasets": routes})}
    exchange.config = replace(exchange.config, platforms=without)
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", NIGHT.format(24))
    assert release(exchange, [kind]) == {}
    assert query(exchange, "select version from exchange.record") == [{"version": 2}]
