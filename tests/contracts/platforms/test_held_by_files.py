"""What our own files, or another of our records, keep from going is tried again when that changes, and only then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from moving import batch, push, query, quiet, row
from world import SEND, names, outbox, permit, put, run, states, uscc

from credit_exchange.config.platform import Route
from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = pytest.mark.usefixtures("a_night")


def written(exchange: Exchange, platform: str, datasets: dict[str, Route]) -> None:
    """A person writes a platform's file anew."""
    changed = exchange.config.platforms[platform].model_copy(update={"datasets": datasets})
    exchange.config = replace(exchange.config, platforms={**exchange.config.platforms, platform: changed})


def test_a_data_set_that_was_missing_in_a_platforms_file_goes_when_it_is_written_there(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(3))
    before = exchange.config.platforms[kind].datasets
    written(exchange, kind, {name: route for name, route in before.items() if name != "permit"})
    assert run(exchange, kind).held == 3
    assert outbox(exchange)["r0001", 1].outcome_code == "DATASET"
    quiet(exchange, sandbox, kind)
    written(exchange, kind, before)
    release(exchange, [kind])  # what a platform takes is among the rules by which a night decides first
    assert run(exchange, kind).delivered == 3
    assert states(exchange) == {"delivered": 3}
    assert outbox(exchange)["r0001", 1].outcome_message is None
    quiet(exchange, sandbox, kind)


@pytest.mark.parametrize("kind", ["fujian"])
def test_a_kind_of_subject_that_had_no_catalogue_goes_when_it_has_one(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, [*names(3), "p0501"])
    before = exchange.config.platforms[kind].datasets
    catalog = {"legal": "frxk", "sole_trader": "frxk"}
    without = before | {"permit": before["permit"].model_copy(update={"catalog": catalog})}
    written(exchange, kind, without)
    result = run(exchange, kind)
    assert (result.delivered, result.held) == (3, 1)
    assert outbox(exchange)["p0501", 1].outcome_code == "CATALOG"
    assert "平台没有接收自然人的目录" in (outbox(exchange)["p0501", 1].outcome_message or "")
    written(exchange, kind, without | {"red_list": Route(catalog={"*": "heiming"})})
    run(exchange, kind)  # another change helps nothing
    assert outbox(exchange)["p0501", 1].outcome_code == "CATALOG"
    quiet(exchange, sandbox)
    written(exchange, kind, before)
    assert run(exchange, kind).delivered == 1
    assert ("zrrxk", "p0501") in sandbox.platform.current()


@pytest.mark.parametrize("kind", ["fuzhou", "fujian"])
def test_what_the_platform_itself_has_something_newer_of_is_not_sent_again_for_another_file(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(1))
    code = {"fuzhou": "1006", "fujian": "OLD"}[kind]
    sandbox.faults.add(SEND[kind], "reject", records="all", code=code)
    assert run(exchange, kind).held == 1
    calls = len(sandbox.ledger.requests())
    routes = exchange.config.platforms[kind].datasets
    written(exchange, kind, {name: route for name, route in routes.items() if name != "red_list"})
    assert run(exchange, kind).calls == 0
    assert len(sandbox.ledger.requests()) == calls
    assert outbox(exchange)["r0001", 1].state == "held"


@pytest.mark.parametrize("kind", ["china"])
def test_of_two_records_with_one_identity_the_one_that_is_left_goes(exchange: Exchange, sandbox: Sandbox) -> None:
    def report(day: int, *codes: str) -> None:
        fields = [permit("r0001", 1) | {"XK_XDR_SHXYM": code} for code in codes]
        rows = [row(exchange, "1号", codes=[f"uscc:{uscc(n)}"], fields=one) for n, one in enumerate(fields, 1)]
        merge(exchange, batch(exchange, rows, date(2026, 11, day)))
        release(exchange, ["china"])

    report(20, uscc(1), uscc(1))
    assert push(exchange, "china").held == 2
    quiet(exchange, sandbox, "china")
    query(exchange, "update exchange.release set settled_at = settled_at - interval '1 day' returning 1")
    first, _ = query(exchange, "select record_id from exchange.record order by record_id")
    orders.order(exchange, first["record_id"], "withdraw", "office", "重复", "内部核实", "tester")
    release(exchange, ["china"])
    assert push(exchange, "china").delivered == 1
    assert len(sandbox.current()) == 1
    quiet(exchange, sandbox, "china")


@pytest.mark.parametrize("kind", ["china"])
def test_a_takedown_of_which_nobody_knows_is_asked_about_though_its_data_set_has_another_kind_by_now(
    exchange: Exchange, sandbox: Sandbox, kind: str
) -> None:
    put(exchange, kind, names(1))
    assert run(exchange, kind).delivered == 1
    put(exchange, kind, names(1), version=2, op="withdraw")
    sandbox.faults.add("revoke", "commit_then_close")
    sandbox.faults.add("query_permission", "503", times=-1)
    assert run(exchange, kind).unknown == 1
    sandbox.faults.clear()
    before = exchange.config.platforms[kind].datasets
    written(exchange, kind, before | {"permit": before["permit"].model_copy(update={"kind": "licence"})})
    assert run(exchange, kind).delivered == 1
    assert sandbox.current() == {}
