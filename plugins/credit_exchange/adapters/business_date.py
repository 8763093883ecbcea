"""From a run's partition key to its business date."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from credit_exchange.core import business_time
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.errors import FatalError

KEY_FORMAT = "%Y-%m-%d"
THIS_MOMENT = timedelta(minutes=10)
"""A logical date so near is the one that Airflow gives by itself, as `airflow dags test` does."""
NO_LOGICAL_DATE = (
    "逻辑日期（logical date）不是业务日期：请用分区键（partition key，如 2026-11-22），在界面或 API 里填写；"
    "命令 airflow dags trigger 不能给出分区键，请改用 python -m credit_exchange night --date 2026-11-22；"
    "不给分区键也不给逻辑日期即最近的业务日期"
)


def business_date(partition_key: str | None) -> date:
    """Return the business date of a run: its partition key, else the last business date (a manual run without a key).

    Raises FatalError when the key is not a date, or one that has not ended.
    """
    if not partition_key:
        return business_time.last_business_date()
    try:
        day = datetime.strptime(partition_key, KEY_FORMAT).replace(tzinfo=SHANGHAI).date()
    except ValueError:
        raise FatalError(f"分区键 {partition_key!r} 不是业务日期；请用 2026-11-22 这样的分区键触发") from None
    return business_time.ended(day)


def date_of(run: Any) -> date:
    """Return the business date of an Airflow run.

    Raises FatalError as :func:`business_date` does, and for a run without a key that was given the logical date of
    another time than that of its start: whoever gave it meant that day, and it would be another one's night.
    """
    if not run.partition_key and run.logical_date and abs(run.run_after - run.logical_date) > THIS_MOMENT:
        raise FatalError(NO_LOGICAL_DATE)
    return business_date(run.partition_key)


def first_start(configured: str) -> datetime:
    """Return the DAG's start date for a configured first business date ('yyyy-mm-dd'; blank: yesterday).

    The night of business date D is due at 01:30 of D+1, so the DAG starts at the first moment of D+1.
    Raises FatalError when the setting is not a date.
    """
    if configured.strip():
        try:
            first = date.fromisoformat(configured.strip())
        except ValueError:
            raise FatalError(f"CREDIT_EXCHANGE_FIRST_DATE={configured!r} 不是日期；请写作 2026-11-01") from None
    else:
        first = business_time.last_business_date()
    return datetime(first.year, first.month, first.day, tzinfo=SHANGHAI) + timedelta(days=1)
