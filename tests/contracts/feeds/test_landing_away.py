"""The landing is away when something was to be kept or shown: nobody is told anything else instead."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text
from test_whole_way import CSV, DAY, Way, csv_of, way_of  # noqa: F401 - a fixture

from credit_exchange.cli import evidence
from credit_exchange.errors import LandingAway
from credit_exchange.steps.collect import collect
from credit_exchange.steps.release import release

WAY = Callable[..., Way]


def take_away(landing: Path) -> Callable[[], object]:
    """A file where the folder was stands for a store that refuses; returns what brings it back."""
    kept = landing.with_name("kept")
    landing.rename(kept)
    landing.touch()
    return lambda: (landing.unlink(), kept.rename(landing))


def test_a_corrected_delivery_that_cannot_be_landed_is_not_passed_over(way_of: WAY, tmp_path: Path) -> None:  # noqa: F811
    """采集 would be green, and the old delivery be told as what the department gave again."""
    way = way_of(CSV)
    way.put(csv_of({}), "20260901.csv")
    first = collect(way.exchange, "t", DAY)
    with way.exchange.engine.begin() as connection:
        connection.execute(text("update exchange.batch set problem = 'x' where batch_id = :b"), {"b": first})
    way.put(csv_of({}, {}), "20260901.csv")
    bring_back = take_away(tmp_path / "landing" / "raw")
    with pytest.raises(LandingAway, match="落地区：无法写入 raw/"):
        collect(way.exchange, "t", DAY)
    bring_back()
    assert collect(way.exchange, "t", DAY) != first


def test_evidence_is_whole_or_not_begun(way_of: WAY, tmp_path: Path) -> None:  # noqa: F811
    """A folder without differs.json looks like one in which nothing differs."""
    way = way_of(CSV)
    way.put(csv_of({}), "20260901.csv")
    way.run()
    release(way.exchange)
    (row,) = way.rows("select record_id from report.record")
    given = Namespace(record_id=row["record_id"], out=tmp_path / "taken", by="tester")
    bring_back = take_away(tmp_path / "landing" / "raw")
    with pytest.raises(LandingAway, match="落地区：无法读取 raw/"):
        evidence.export(way.exchange, given, Console())
    assert not given.out.exists()
    bring_back()
    assert evidence.export(way.exchange, given, Console()) == 0
