"""One row a run of the exchange: which business date it carries, how it was started, how it ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from credit_exchange.core import business_time
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.errors import ExchangeError, FatalError, without_values
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

log = logging.getLogger(__name__)
Kind = Literal["scheduled", "backfill", "manual", "command"]
QUIET = timedelta(hours=6)
"""Longer than a night takes: what was begun before is not on its way any more."""
CAUSE_LENGTH = 600
"""Characters of a cause that are kept: the first problems of a configuration with many are enough to begin with."""


@dataclass(frozen=True)
class Night:
    """A run and the business date it carries."""

    night_id: int
    business_date: date
    kind: Kind


def open_night(exchange: Exchange, run_id: str, business_date: date, kind: Kind, *, was_named: bool = False) -> Night:
    """Record that a run starts. A run that was there before keeps the business date it began with.

    was_named: the run itself names its business date; one that is known by another date is not the same run.
    """
    with transaction(exchange.engine) as connection:
        given = {"run_id": run_id, "business_date": business_date, "kind": kind, "now": business_time.now()}
        if was_named:
            connection.execute(sql.load("alerts/night_renamed"), {"run_id": run_id, "business_date": business_date})
        return Night(**connection.execute(sql.load("alerts/night_open"), given).mappings().one())


def run_again(exchange: Exchange, run_id: str) -> None:
    """Record that a part of a run starts: where the run had ended, it is to be judged anew."""
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("alerts/night_again"), {"run_id": run_id, "now": business_time.now()})


def remember_cause(engine: Engine, run_id: str, part: str, cause: str | None) -> None:
    """Record why the last try of a part failed; None when it succeeded. A run that was never opened has no memory.

    A platform or step that works is no date's trouble any more. What cannot be recorded is logged: the part's own end
    is what counts.
    """
    told = None if cause is None else scrub_text(cause)[:CAUSE_LENGTH]
    try:
        with transaction(engine, attempts=1) as connection:
            connection.execute(sql.load("alerts/night_cause"), {"run_id": run_id, "part": part, "cause": told})
    except (SQLAlchemyError, ExchangeError) as error:
        log.warning("没有记下 %s 的原因：%s", part, without_values(error))


def newest_run(exchange: Exchange, business_date: date) -> str:
    """Return the id of the run of a business date that began last, "" when there is none."""
    with transaction(exchange.engine) as connection:
        found = connection.execute(sql.load("ui/night_runs"), {"business_date": business_date}).mappings().first()
    return str(found["run_id"]) if found else ""


def unreleased(exchange: Exchange, business_date: date) -> int:
    """Return how many records a business date changed that were merged and not released: nothing sends them."""
    with transaction(exchange.engine) as connection:
        given = {"business_date": business_date, "datasets": exchange.config.taken()}
        return int(connection.execute(sql.load("alerts/unreleased"), given).scalar_one())


def unsent(exchange: Exchange, run_id: str, business_date: date, platforms: Sequence[str]) -> dict[str, int]:
    """Return by platform how many decisions about a business date's records were never sent: 上报 did not follow 发布.

    Nothing is said while another night is on its way, which may have decided them and sends them.
    """
    given = {"run_id": run_id, "business_date": business_date, "platforms": list(platforms)}
    with transaction(exchange.engine) as connection:
        found = connection.execute(sql.load("alerts/unsent"), given | {"since": business_time.now() - QUIET})
        return {row.platform: row.records for row in found}


def skip(exchange: Exchange, first: date, last: date, reason: str, skipped_by: str) -> list[date]:
    """Record that business dates are not to be exchanged, and return those of which that was new.

    Raises FatalError when they are not all over, or when there is nothing to skip among them.
    """
    if not first <= last <= business_time.last_business_date():
        raise FatalError(f"只能跳过已经过去的业务日期，且起不晚于止：{first} 至 {last}")
    if not reason.strip():
        raise FatalError("请写明跳过的原因")
    now = business_time.now()
    given = {"first": first, "last": last, "reason": scrub_text(reason.strip()), "skipped_by": skipped_by}
    with transaction(exchange.engine) as connection:
        days = list(connection.execute(sql.load("alerts/skip"), given | {"now": now, "since": now - QUIET}).scalars())
    if not days:
        raise FatalError(f"{first} 至 {last} 已经运行过、正在运行，或早已登记为跳过，没有可登记的业务日期")
    return sorted(days)


def passed_over(exchange: Exchange, night: Night) -> str:
    """Return why the schedule passes over the business date of a night: somebody stated that it is not to be exchanged.

    "" where nobody did, and for every run that a person started: that is a later order.
    """
    if night.kind != "scheduled":
        return ""
    with transaction(exchange.engine) as connection:
        given = {"business_date": night.business_date}
        found = connection.execute(sql.load("ui/skipped"), given).mappings().first()
    return f"{found['reason']}（{found['skipped_by']}）" if found else ""


def night_of(exchange: Exchange, run_id: str) -> Night:
    """Return the night of a run. Raises FatalError when the run was never opened."""
    with transaction(exchange.engine) as connection:
        row = connection.execute(sql.load("alerts/night_of_run"), {"run_id": run_id}).mappings().first()
    if row is None:
        raise FatalError(f"运行 {run_id} 没有登记业务日期；请清除它的第一个任务「开始」（含下游）后重新运行")
    return Night(**row)


def close_night(exchange: Exchange, run_id: str, failed_parts: Sequence[str]) -> None:
    """Record how a run ended: good without failed parts, else partial with their names.

    Raises FatalError when the run was never opened.
    """
    with transaction(exchange.engine) as connection:
        given = {"run_id": run_id, "failed_parts": list(failed_parts), "now": business_time.now()}
        if connection.execute(sql.load("alerts/night_close"), given).first() is None:
            raise FatalError(f"运行 {run_id} 没有登记业务日期；请清除它的第一个任务「开始」（含下游）")
