"""A delivery that did not come: whether the feed's contract allows it, and what comes after all."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import date

from sqlalchemy.exc import SQLAlchemyError

from credit_exchange.config.feed import Feed, FileSource
from credit_exchange.config.labels import feed_label
from credit_exchange.errors import ExchangeError
from credit_exchange.steps.alerts import clear_others, open_incidents, raise_alert
from credit_exchange.steps.collect.delivery import inbox, path_of
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reference import calendar_of
from credit_exchange.stores.database import transaction
from credit_exchange.stores.sql import load

log = logging.getLogger(__name__)
BELATED = "belated:"
LOOKED_BACK = 31
"""So many of a feed's newest business dates are looked at, and those that were told already: what comes later than that
is brought by people who say so."""


def may_be_absent(exchange: Exchange, feed: Feed, business_date: date) -> bool:
    """Whether nothing has to be delivered for this business date. Raises ConfigurationError for a broken calendar."""
    if feed.contract.missing == "fail_on_workdays":
        return not calendar_of(exchange.config).is_workday(business_date)
    return feed.contract.missing == "accept"


def tell_belated(exchange: Exchange, feed_id: str, feed: Feed) -> None:
    """Raise an incident for each earlier date that nobody waits for and that was delivered after all, and close those
    of dates that were taken since. A look that fails is logged: whether this delivery was collected is what counts.
    """
    source = feed.source
    if not isinstance(source, FileSource) or not source.is_dated:
        return
    prefix = f"{BELATED}{feed_id}:"
    try:
        if not inbox().is_dir():
            return
        told = [date.fromisoformat(key.removeprefix(prefix)) for key in open_incidents(exchange, prefix)]
        given = {"feed": feed_id, "days": LOOKED_BACK, "told": told}
        with transaction(exchange.engine) as connection:
            days = list(connection.execute(load("collect/absent"), given).scalars())
        came = [day for day in days if os.path.lexists(path_of(source, day, feed_id))]
        for day in came:
            raise_alert(
                exchange,
                f"{prefix}{day}",
                "warning",
                f"{feed_label(exchange.config, feed_id)}：业务日期 {day} 的交付后来到了，还没有收下",
                "那一夜没有收到，按约定没有等待；以后的夜晚不会补收。清除那一天它的「采集」（含下游），"
                f"或运行 python -m credit_exchange night --date {day} --feed {feed_id}",
                f"/exchange/night?date={day}",
            )
        clear_others(exchange, prefix, [f"{prefix}{day}" for day in came])
    except (ExchangeError, SQLAlchemyError, OSError) as error:
        log.warning("%s：没有查看此前未等待的日期后来有没有报送（%s）", feed_id, type(error).__name__)


def tell_belated_of_others(exchange: Exchange, due: Sequence[str]) -> None:
    """Tell what came late for feeds that are not due: after its last date no 采集 of a feed looks any more."""
    for feed_id in sorted(exchange.config.feeds.keys() - set(due)):
        tell_belated(exchange, feed_id, exchange.config.feeds[feed_id])
