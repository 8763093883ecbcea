"""What will stop the reporting is told before it does: a certificate that ends, a clock that is not the platform's."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from credit_exchange.steps import watchdog
from credit_exchange.steps.context import Exchange

SHOWED = text(
    "insert into exchange.platform_state (platform, certificate_ends, clock_ahead, seen_at) values"
    " ('fuzhou', now() + make_interval(hours => :hours), :ahead, now() - make_interval(hours => :ago))"
    " on conflict (platform) do update set certificate_ends = excluded.certificate_ends,"
    " clock_ahead = excluded.clock_ahead, seen_at = excluded.seen_at"
)


def told(exchange: Exchange, hours: int = 9999, ahead: float | None = None, ago: int = 1) -> list[tuple[str, str]]:
    with exchange.engine.begin() as connection:
        connection.execute(SHOWED, {"hours": hours, "ahead": ahead, "ago": ago})
    return [(one.incident_key, one.severity) for one in watchdog.check(exchange)]


def test_a_certificate_that_ends_is_told_anew_at_each_bound_and_over_when_it_is_renewed(exchange: Exchange) -> None:
    assert told(exchange, 31 * 24) == []
    assert told(exchange, 29 * 24) == [("certificate:fuzhou:30", "warning")]
    assert told(exchange, 28 * 24) == [("certificate:fuzhou:30", "warning")], "once for each bound"
    assert told(exchange, 13 * 24) == [("certificate:fuzhou:14", "warning")]
    assert told(exchange, 6 * 24) == [("certificate:fuzhou:7", "critical")]
    for hours in (20, -20):
        assert told(exchange, hours) == [("certificate:fuzhou:1", "critical")]
    assert told(exchange, 6 * 24, ago=80) == [], "seen so long ago it may have been renewed since"
    assert told(exchange, 90 * 24) == []
    with exchange.engine.connect() as connection:
        incidents = connection.exec_driver_sql("select incident_key, subject from exchange.alert order by 1").all()
    assert [row.incident_key.split(":")[2] for row in incidents] == ["1", "14", "30", "7"]
    assert all(row.subject.startswith("信用福州的证书 20") for row in incidents)


@pytest.mark.parametrize(("ahead", "is_told"), [(59, False), (-59, False), (61, True), (-3600, True), (None, False)])
def test_a_clock_that_is_a_minute_away_is_told(exchange: Exchange, ahead: float | None, is_told: bool) -> None:
    assert told(exchange, ahead=ahead) == [("apart:fuzhou", "warning")] * is_told
