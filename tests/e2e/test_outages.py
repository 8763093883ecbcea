"""Promise 7: a platform that is down, slow or rude is one bad part; the next night completes it, once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from town import Town, town

from credit_exchange.laptop.postgres import EmbeddedPostgres

FEEDS = ["fz_gulou_permit", "fz_wjw_permit"]
SEND = {"fuzhou": "records", "fujian": "upload", "china": "import_permission"}
KINDS = list(SEND)


def open_town(server: EmbeddedPostgres, template: str, directory: Path, name: str, days: int) -> Iterator[Town]:
    server.create_database(name, template=template)
    with town(directory, server.url(name), days=days, volume=0.05) as made:
        yield made


@pytest.fixture(scope="module")
def outages(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """Seven nights, for all tests of this module, in the order of its tests."""
    yield from open_town(pg_server, migrated_template, tmp_path_factory.mktemp("outages"), "outages", 7)


@pytest.mark.parametrize("way", ["refused", "closed"])
def test_each_platform_down_for_a_night_in_turn_gets_what_it_missed_the_next_night_once(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path, way: str
) -> None:
    for place in open_town(pg_server, migrated_template, tmp_path, f"outages_{way}", 4):
        for kind, day in zip(KINDS, place.days, strict=False):
            sandbox = place.platforms[kind]
            applied = len(sandbox.ledger.applies())
            if way == "refused":
                sandbox.stop()
            else:
                sandbox.down()
            night = place.night(day, feeds=FEEDS)
            assert set(night.failed) == {f"platform {kind}"}
            assert len(sandbox.ledger.applies()) == applied
            assert place.missing_at(kind)
            for other in set(KINDS) - {kind}:
                assert place.missing_at(other) == set(), "the others are complete, with what they missed before"
            sandbox.start()
            sandbox.up()
        last = place.night(place.days[-1], feeds=FEEDS)
        assert last.good, last.failed
        place.check_receivers()
        before = place.traces()
        assert place.night(place.days[-1], feeds=FEEDS).good
        assert place.traces() == before


@pytest.mark.parametrize("slow", KINDS)
def test_a_slow_platform_does_not_slow_the_others(outages: Town, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    day = outages.days[KINDS.index(slow)]
    platform = outages.platforms[slow].platform
    answer = platform.answer
    undone = """select 1 from exchange.outbox
        where platform <> :slow and state not in ('delivered', 'superseded', 'cancelled')"""
    answered: list[bool] = []

    def after_the_others(request: Any, fault: Any) -> Any:
        """Nothing is sent before all is released, so what the others have to do is known by then."""
        end = time.monotonic() + 90
        while not answered and outages.query(undone, slow=slow) and time.monotonic() < end:
            time.sleep(0.05)
        answered.append(time.monotonic() < end)
        return answer(request, fault)

    monkeypatch.setattr(platform, "answer", after_the_others)
    night = outages.night(day, feeds=FEEDS)
    assert night.good, night.failed
    assert answered[0], "side by side: the others were done before the slow one"
    outages.check_receivers()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_lost_in_the_middle_of_a_night_is_asked_about_and_nothing_goes_twice(outages: Town, kind: str) -> None:
    day = outages.days[3 + KINDS.index(kind)]
    fault = outages.platforms[kind].faults.add(SEND[kind], "commit_then_close")
    night = outages.night(day, feeds=FEEDS)
    outages.platforms[kind].faults.clear()
    assert night.good, night.failed
    assert fault.fired == 1
    outages.check_receivers()
    asked = outages.query(
        """select 1 from exchange.attempt join exchange.shipment using (shipment_no)
        where kind = 'ask' and platform = :kind""",
        kind=kind,
    )
    assert asked, "the outcome was asked for before anything went again"


def test_a_rejected_record_stops_no_other_and_is_shown(outages: Town) -> None:
    for kind, sandbox in outages.platforms.items():
        # the first call of the day brings takedowns; one that is refused is a red night
        options = {"line": 2} if kind == "china" else {"records": 1, "after": 1}
        sandbox.faults.add(SEND[kind], "reject", **options)
    night = outages.night(outages.days[6], feeds=FEEDS)
    assert night.good, night.failed
    rejected = outages.query("select * from report.delivery where state = 'rejected' order by platform")
    assert [row["platform"] for row in rejected] == sorted(KINDS)
    assert all(row["outcome_code"] for row in rejected)
    for row in rejected:
        wanted = {"number"} if row["platform"] == "china" else {row["record_id"]}
        assert outages.missing_at(row["platform"]) == wanted
    before = outages.traces()
    assert outages.night(outages.days[6], feeds=FEEDS).good
    assert outages.traces() == before, "what was refused is not sent again by itself"
