"""The database is restored from a backup while platforms and landing are newer: nothing comes back or stays behind."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console
from town import Town, town

from credit_exchange.cli import actions
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.steps.night import run_feed
from credit_exchange.steps.orders import order
from credit_exchange.steps.release import release

FEEDS = ["fz_gulou_permit"]
NOT_SENT = "fz_cgw_penalty"
PUBLISHED = """select r.record_id from exchange.record as r
    where r.status = 'current' and 3 = (select count(*) from report.published as p where p.record_id = r.record_id)
    order by r.record_id limit 5"""


def stated(place: Town, *, begin: bool = False) -> str:
    """What the command says."""
    said = io.StringIO()
    given = argparse.Namespace(reason="演练：恢复到前一天的备份", by="tester", begin=begin)
    assert actions.ACTIONS["restored"](place.exchange, given, Console(file=said)) == 0
    return said.getvalue()


def test_a_database_restored_from_a_backup_brings_nothing_back_and_goes_on_above_what_platforms_have(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path
) -> None:
    name = "restored"
    pg_server.create_database(name, template=migrated_template)
    with town(tmp_path, pg_server.url(name), days=3, volume=0.05) as place:
        first, lost, later = place.days
        assert place.night(first, feeds=FEEDS).good
        sent, unsent, reinstated, back, gone_again = (row["record_id"] for row in place.query(PUBLISHED))
        order(place.exchange, gone_again, "withdraw", "repair", "信用修复", "", "tester")
        assert place.night(first, feeds=FEEDS).good
        order(place.exchange, reinstated, "withdraw", "objection", "异议核实期间", "", "tester")
        place.platforms["china"].down()
        assert not place.night(first, feeds=FEEDS).good, "what waits in the backup"
        run_feed(place.exchange, NOT_SENT, first)
        assert release(place.exchange)["china.upsert"], "what was decided, and is not packed"
        place.exchange.engine.dispose()
        pg_server.create_database(f"{name}_backup", template=name)
        place.platforms["china"].up()

        order(place.exchange, reinstated, "reinstate", "objection", "异议不成立", "", "tester")
        order(place.exchange, sent, "withdraw", "repair", "信用修复", "", "tester")
        order(place.exchange, back, "withdraw", "repair", "误报", "", "tester")
        order(place.exchange, gone_again, "reinstate", "office", "核实", "", "tester")
        assert place.night(lost, feeds=FEEDS).good
        place.check_receivers()
        order(place.exchange, unsent, "withdraw", "court", "法院撤销", "", "tester")
        order(place.exchange, back, "reinstate", "repair", "误报", "", "tester")
        order(place.exchange, gone_again, "withdraw", "court", "法院撤销", "", "tester")
        there = {kind: sandbox.current() for kind, sandbox in place.platforms.items()}
        place.exchange.engine.dispose()
        pg_server.drop_database(name)
        pg_server.create_database(name, template=f"{name}_backup")

        night = place.night(lost, feeds=FEEDS)
        assert set(night.failed) == {"release", *(f"platform {kind}" for kind in place.platforms)}
        assert all("从备份恢复" in told for told in night.failed.values())
        assert place.query("select 1 from exchange.batch where business_date = :d and stage = 'merged'", d=lost)
        assert {kind: sandbox.current() for kind, sandbox in place.platforms.items()} == there

        assert "发布和上报都已停止" in stated(place, begin=True)
        assert "其中 7 条是找回的" in stated(place)
        night = place.night(lost, feeds=FEEDS)
        assert night.good, night.failed
        gone = {sent, unsent, gone_again}
        for kind in ("fuzhou", "fujian"):
            shown = {record_id for _, record_id in place.platforms[kind].current()}
            assert not shown & gone
            assert reinstated in shown
            assert shown == {back, *(record_id for _, record_id in there[kind])} - gone
        assert len(place.platforms["china"].current()) == len(there["china"]) - 1, "two are gone, and one is back"
        assert place.query("select 1 from report.published where record_id = any(:gone)", gone=sorted(gone)) == []
        place.check_receivers()
        [statement] = place.query("select * from exchange.restored")
        before = place.traces()
        assert place.night(lost, feeds=FEEDS).good
        assert place.traces() == before, "it is quiet again"
        assert place.night(later, feeds=FEEDS).good
        place.check_receivers()
        [lowest] = place.query("select min(version) as version, count(*) as n from exchange.record")
        assert lowest["version"] >= statement["first_version"], "also of what is reported for the first time since"
        assert lowest["n"] > len(there["fuzhou"])
