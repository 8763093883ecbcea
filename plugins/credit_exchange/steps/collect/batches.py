"""The row of exchange.batch as the collect step sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from credit_exchange.core import business_time
from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.steps.code_version import code_version
from credit_exchange.stores.database import reached, transaction
from credit_exchange.stores.sql import load

_WAIT_SECONDS = 30


@dataclass(frozen=True)
class Batch:
    """A batch, as far as collecting and reading need it."""

    batch_id: int
    feed: str
    schema_version: str
    business_date: date
    generation: int
    stage: str
    state: str
    problem: str | None
    digest: str | None
    landed_uri: str | None
    approved_by: str | None
    waived_by: str | None
    source_detail: dict[str, Any]


@contextmanager
def only_one(engine: Engine, feed_id: str, business_date: date, wait: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of a feed and business date. Raises RetriableError when another run keeps it for `wait` seconds.

    A session's lock on a connection of its own: collecting may take long, and no transaction stays open for it.
    """
    key = f"collect/{feed_id}/{business_date.isoformat()}"
    end = time.monotonic() + wait
    with reached(engine).execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(load("collect/lock"), {"key": key}).scalar_one():
            if time.monotonic() >= end:
                raise RetriableError(f"{feed_id} 业务日期 {business_date}：另一次运行正在采集；请待其结束后再运行")
            time.sleep(0.5)
        try:
            yield
        finally:
            with suppress(OperationalError):  # the lock went with its session
                connection.execute(load("collect/unlock"), {"key": key})


def newest(engine: Engine, feed_id: str, business_date: date) -> Batch | None:
    """Return the newest generation of a feed's business date, or None."""
    with transaction(engine) as connection:
        values = {"feed": feed_id, "business_date": business_date}
        row = connection.execute(load("collect/newest"), values).one_or_none()
    return Batch(**row._mapping) if row else None


def by_id(engine: Engine, batch_id: int) -> Batch:
    """Return a batch. Raises FatalError when there is none."""
    with transaction(engine) as connection:
        row = connection.execute(load("collect/by_id"), {"batch_id": batch_id}).one_or_none()
    if row is None:
        raise FatalError(f"没有报送批次 {batch_id}；现有批次见 report.batch")
    return Batch(**row._mapping)


def create(engine: Engine, **values: Any) -> int:
    """Make the row of a new generation, not yet collected, and return its id."""
    with transaction(engine) as connection:
        return int(connection.execute(load("collect/create"), values | {"code_version": code_version()}).scalar_one())


def mark_collected(engine: Engine, batch_id: int, digest: str, uri: str, size: int, detail: dict[str, Any]) -> bool:
    """Note that the bytes have landed. False: others had landed before, and stay."""
    values = {"batch_id": batch_id, "digest": digest, "uri": uri, "size": size, "detail": json.dumps(detail)}
    with transaction(engine) as connection:
        return bool(connection.execute(load("collect/mark_collected"), values | {"at": business_time.now()}).rowcount)


def mark_missing(engine: Engine, batch_id: int, problem: str) -> bool:
    """Note that nothing was delivered. False: as :func:`mark_problem`."""
    values = {"batch_id": batch_id, "problem": problem}
    with transaction(engine) as connection:
        return bool(connection.execute(load("collect/mark_missing"), values).rowcount)


def mark_absent(engine: Engine, batch_id: int) -> bool:
    """Note that nothing was delivered, as the feed's contract allows. False: as :func:`mark_problem`."""
    with transaction(engine) as connection:
        return bool(connection.execute(load("collect/mark_absent"), {"batch_id": batch_id}).rowcount)


def mark_problem(engine: Engine, batch_id: int, state: str, problem: str) -> bool:
    """Note why a delivery could not be collected (state failed or held). False: it is waived or has landed."""
    values = {"batch_id": batch_id, "state": state, "problem": problem}
    with transaction(engine) as connection:
        return bool(connection.execute(load("collect/mark_problem"), values).rowcount)


def remember(engine: Engine, batch_id: int, detail: dict[str, Any]) -> None:
    """Merge what was found into source_detail."""
    with transaction(engine) as connection:
        connection.execute(load("collect/remember"), {"batch_id": batch_id, "detail": json.dumps(detail)})


def earlier_with(engine: Engine, feed_id: str, digest: str, business_date: date) -> str | None:
    """Return the ISO date of an earlier business date whose delivery had the same bytes (reliability C18)."""
    with transaction(engine) as connection:
        found = connection.execute(
            load("collect/earlier_with"), {"feed": feed_id, "digest": digest, "business_date": business_date}
        ).scalar_one_or_none()
    return found.isoformat() if found else None
