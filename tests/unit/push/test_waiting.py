"""Retry-After in every form ends up bounded; pauses grow and stay bounded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from credit_exchange.config.platform import RetryPolicy
from credit_exchange.steps.push.waiting import pause, retry_after

POLICY = RetryPolicy(attempts=4, first_seconds=2, max_seconds=60)
NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("30", 30),
        (7, 7),
        (2.5, 2.5),
        ("0", 1),
        ("-5", 1),
        ("1000000000", 3600),
        ("inf", 3600),
        ("nan", 2),
        ("soon", 2),
        ("", 2),
        (None, 2),
        ("Mon, 23 Nov 2026 01:31:00 GMT", 60),
        ("Mon, 23 Nov 2026 01:29:00 GMT", 1),
        ("Mon, 23 Nov 2037 01:29:00 GMT", 3600),
        ("Mon, 99 Nov 2026 01:31:00 GMT", 2),
        ("Mon, 23 Nov 2026 01:31:00 +99999999999999999999", 2),
        (10**400, 3600),
    ],
)
def test_retry_after_is_read_in_every_form_and_bounded(given: str | float | None, seconds: float) -> None:
    assert retry_after(given, POLICY, NOW) == seconds


def test_pauses_double_up_to_the_longest() -> None:
    assert 1 <= pause(POLICY, 1) <= 2
    assert 4 <= pause(POLICY, 3) <= 8
    assert 30 <= pause(POLICY, 50) <= 60
