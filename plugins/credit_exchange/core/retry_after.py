"""How long a service asks its caller to wait: Retry-After as seconds or as an HTTP date (RFC 9110, 10.2.3)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_seconds(given: str | float | None, now: datetime | None = None) -> float | None:
    """Return the seconds from now on, maybe negative or without end; None when absent or unreadable."""
    if given is None or isinstance(given, bool):
        return None
    try:
        number = float(given)
    except OverflowError:  # of a number of hundreds of digits
        return math.inf
    except ValueError:
        pass
    else:
        return None if math.isnan(number) else number
    try:
        moment = parsedate_to_datetime(str(given))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - (now or datetime.now(UTC))).total_seconds()
