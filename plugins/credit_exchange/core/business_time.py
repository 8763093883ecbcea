"""Business time: the clock of deadlines, expiry and "today", in Asia/Shanghai.

`CREDIT_EXCHANGE_NOW` (ISO 8601, taken as Asia/Shanghai without an offset) replaces it for trying out and testing.
Leases, time-outs, tokens and signatures never use this module: they use real time.
"""

from __future__ import annotations

import os
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from credit_exchange.errors import ConfigurationError, FatalError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """Return the business time, aware, in Asia/Shanghai.

    Raises ConfigurationError when CREDIT_EXCHANGE_NOW is not an ISO 8601 date and time.
    """
    return pretended() or datetime.now(SHANGHAI)


def pretended() -> datetime | None:
    """Return the business time of CREDIT_EXCHANGE_NOW, aware, in Asia/Shanghai; None where it is not set.

    Raises ConfigurationError when it is not an ISO 8601 date and time.
    """
    given = os.environ.get("CREDIT_EXCHANGE_NOW", "").strip()
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise ConfigurationError(f"CREDIT_EXCHANGE_NOW={given!r} 不是日期和时间；请写作 2026-11-23T01:30:00") from error
    return moment.replace(tzinfo=SHANGHAI) if moment.tzinfo is None else moment.astimezone(SHANGHAI)


def today() -> date:
    """Return the business day in Asia/Shanghai."""
    return now().date()


def last_business_date() -> date:
    """Return the newest business date whose night may have run: yesterday in Asia/Shanghai."""
    return today() - timedelta(days=1)


def ended(business_date: date) -> date:
    """Return the business date. Raises FatalError when it has not ended: what it brings later would be missed."""
    if business_date > (last := last_business_date()):
        raise FatalError(
            f"业务日期 {business_date} 还没有过完，现在交换会漏掉之后的数据；最近一个过完的业务日期是 {last}"
        )
    return business_date


def day_bounds(business_date: date) -> tuple[datetime, datetime]:
    """Return [start, end) of a business date as aware datetimes in Asia/Shanghai."""
    start = datetime.combine(business_date, time.min, SHANGHAI)
    return start, datetime.combine(business_date + timedelta(days=1), time.min, SHANGHAI)
