"""What two nights do at once to the same records: a backfill runs beside the nightly run."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any

import pytest
from merging import batch, query, row

from credit_exchange.config.sharing import SharingRule
from credit_exchange.steps import merge as merge_step
from credit_exchange.steps import release as release_step
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release

D1, D2 = date(2026, 11, 20), date(2026, 11, 21)


def test_a_merge_beside_a_release_that_makes_versions_waits_for_it(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both take a record's next version: a backfill merges while another night releases by changed rules."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    made = batch(exchange, [row(exchange, "1号", fields={"XK_NR": "新"})], D2)
    rule = {"id": "T-1", "name": "试验", "legal_basis": "试验依据", "datasets": ["permit"], "platforms": ["fujian"]}
    exchange.config = replace(
        exchange.config, sharing=(*exchange.config.sharing, SharingRule(**rule, effect="withhold", valid_from=D1))
    )
    looked, released = Event(), Event()
    stage, decide = merge_step._stage_contents, release_step._release_chunk
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"

    def after_the_look(*given: Any) -> None:
        looked.set()
        released.wait(20)
        stage(*given)

    def beside_a_merge(*given: Any) -> None:
        merging.append(pool.submit(merge, exchange, made))
        while not looked.is_set() and not query(exchange, waiting):
            time.sleep(0.02)
        decide(*given)

    monkeypatch.setattr(merge_step, "_stage_contents", after_the_look)
    monkeypatch.setattr(release_step, "_release_chunk", beside_a_merge)
    merging: list[Future[dict[str, int]]] = []
    with ThreadPoolExecutor(1) as pool:
        release(exchange)
        released.set()
        assert [one.result()["rows_accepted"] for one in merging] == [1]
    assert query(exchange, "select version, content_version from exchange.record") == [
        {"version": 3, "content_version": 3}
    ]
