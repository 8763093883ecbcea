"""Of what one drain packs no more."""

from __future__ import annotations

import pytest

from credit_exchange.config.loader import load
from credit_exchange.steps.push.streams import Stopped, Stream


@pytest.mark.parametrize(
    ("platform", "streams", "unpacked"),
    [
        ("fuzhou", [], []),
        ("fuzhou", ["permit upsert"], ["permit upsert"]),
        ("fuzhou", ["permit withdraw", "red_list upsert"], ["permit withdraw", "red_list upsert"]),
        ("fujian", ["frxk upsert"], []),
        ("fujian", ["frxk upsert", "zrrxk withdraw"], []),
        ("fujian", ["frxk upsert", "zrrxk upsert"], ["permit upsert"]),
    ],
)
def test_what_has_another_catalogue_left_is_packed(platform: str, streams: list[str], unpacked: list[str]) -> None:
    stopped = Stopped(load().platforms[platform])
    for stream in streams:
        lane, op = stream.split()
        dataset = "permit" if platform == "fujian" else lane
        stopped.add(Stream(dataset, lane, op))
        assert Stream(dataset, lane, op) in stopped
        assert Stream(dataset, lane, "another") not in stopped
    assert stopped.unpacked() == unpacked
