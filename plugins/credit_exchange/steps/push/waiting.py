"""How long to wait: Retry-After in all its forms, and growing pauses with jitter."""

from __future__ import annotations

import random
from datetime import datetime

from credit_exchange.config.platform import RetryPolicy
from credit_exchange.core.retry_after import asked_seconds

CAP_SECONDS = 3600.0
_FLOOR_SECONDS = 1.0


def retry_after(given: str | float | None, policy: RetryPolicy, now: datetime | None = None) -> float:
    """Return how many seconds to wait after 429, C 09 or B E429.

    `given` is Retry-After as seconds or as an HTTP date (RFC 9110, 10.2.3), or B's number. Absent or unreadable: the
    policy's first pause. Negative, past or absurd: between a second (or the first pause) and one hour.
    """
    seconds = asked_seconds(given, now)
    if seconds is None:
        return policy.first_seconds
    return min(max(seconds, min(_FLOOR_SECONDS, policy.first_seconds)), CAP_SECONDS)


def pause(policy: RetryPolicy, failures: int) -> float:
    """Return the pause in seconds after so many failures in a row (from 1): doubling up to max_seconds, with jitter."""
    longest = min(policy.max_seconds, policy.first_seconds * 2 ** min(max(failures, 1) - 1, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads workers, hides nothing
