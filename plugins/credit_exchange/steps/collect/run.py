"""The collect step: brings a feed's delivery of one business date into the landing, once."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from datetime import date
from typing import IO, Any

from credit_exchange.config.feed import Feed, HttpSource, RowdataZipSource, TableSource, XlsxSource
from credit_exchange.errors import ExchangeError, FatalError, HoldForPerson, LandingAway, NotDelivered, RetriableError
from credit_exchange.steps.collect import batches
from credit_exchange.steps.collect.absence import may_be_absent, tell_belated
from credit_exchange.steps.collect.archive import checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.delivery import Absent, take
from credit_exchange.steps.collect.pages import fetch_pages
from credit_exchange.steps.collect.table import fetch_table
from credit_exchange.steps.collect.workbook import check_workbook
from credit_exchange.steps.context import Exchange
from credit_exchange.stores.landing import Stored

log = logging.getLogger(__name__)
RAW = "raw"
APPROVED_UNSEEN = "approved_unseen"  # written by collect/mark_collected.sql
"""In a batch's source_detail: what was approved is its columns; how many rows it has nobody knew before it landed."""


@dataclass(frozen=True)
class _Landed:
    stored: Stored
    detail: dict[str, Any]


def collect(exchange: Exchange, feed_id: str, business_date: date, *, recollect: bool = False) -> int:
    """Land what the feed delivers for the business date and return the batch's id.

    What has landed once is used again, unless it could not be read or held afterwards (then a corrected delivery is a
    new generation) or `recollect` asks for a new generation. A missing delivery is recorded; contract.missing decides
    whether it is an error.

    Raises NotDelivered (absent or being written), RetriableError (source down), FatalError (broken delivery),
    HoldForPerson (drift of a table). All of them are recorded in the batch's `problem`.
    """
    feed = exchange.config.feed(feed_id)
    try:
        return _collected(exchange, feed_id, feed, business_date, recollect=recollect)
    finally:
        tell_belated(exchange, feed_id, feed)


def _collected(exchange: Exchange, feed_id: str, feed: Feed, business_date: date, *, recollect: bool) -> int:
    with batches.only_one(exchange.engine, feed_id, business_date):
        batch = batches.newest(exchange.engine, feed_id, business_date)
        if batch is None or not batch.landed_uri:
            return _first(exchange, feed_id, feed, business_date, batch)
        if recollect:
            landed = _land(exchange, feed_id, feed, business_date)
            return _generation(exchange, feed_id, feed, business_date, batch.generation + 1, landed)
        if batch.waived_by or (batch.stage == "collected" and batch.problem and not batch.approved_by):
            return _corrected(exchange, feed_id, feed, business_date, batch)
        log.info("%s %s：报送批次 %s 此前已经落地，沿用", feed_id, business_date, batch.batch_id)
        return batch.batch_id


def _first(exchange: Exchange, feed_id: str, feed: Feed, business_date: date, batch: batches.Batch | None) -> int:
    batch_id = batch.batch_id if batch else _create(exchange, feed_id, feed, business_date, 1)
    why = Absent.__name__
    try:
        landed = _landed_or_absent(exchange, feed_id, feed, business_date, approved=bool(batch and batch.approved_by))
    except ExchangeError as error:
        if isinstance(error, NotDelivered):
            noted = batches.mark_missing(exchange.engine, batch_id, str(error))
        else:
            state = "held" if isinstance(error, HoldForPerson) else "failed"
            noted = batches.mark_problem(exchange.engine, batch_id, state, str(error))
        if noted:
            raise
        why = type(error).__name__
    else:
        if landed:
            _mark(exchange, feed_id, business_date, batch_id, landed)
            return batch_id
        noted = batches.mark_absent(exchange.engine, batch_id)
    if noted:
        log.info("%s %s：没有交付，约定允许，不再等待", feed_id, business_date)
    else:  # perhaps a moment ago
        log.info("%s %s：没有可收下的交付（%s），但已登记不再等待，或已由另一次运行收下", feed_id, business_date, why)
    return batch_id


def _landed_or_absent(
    exchange: Exchange, feed_id: str, feed: Feed, business_date: date, *, approved: bool
) -> _Landed | None:
    """Land what is delivered; None where nothing is and the contract allows it."""
    try:
        return _land(exchange, feed_id, feed, business_date, approved=approved)
    except Absent:
        if may_be_absent(exchange, feed, business_date):
            return None
        raise


def _corrected(exchange: Exchange, feed_id: str, feed: Feed, business_date: date, batch: batches.Batch) -> int:
    """Look for a corrected delivery of a batch that could not go on; keep what has landed when there is none.

    Raises LandingAway for one that is there and cannot be landed: the old one would be told as what was delivered.
    """
    try:
        landed = _land(exchange, feed_id, feed, business_date)
    except LandingAway:
        raise
    except (RetriableError, FatalError, HoldForPerson) as error:
        log.info("%s %s：没有更正后的交付（%s）", feed_id, business_date, type(error).__name__)
        return batch.batch_id
    if landed.stored.digest == batch.digest:
        return batch.batch_id
    return _generation(exchange, feed_id, feed, business_date, batch.generation + 1, landed)


def _generation(
    exchange: Exchange, feed_id: str, feed: Feed, business_date: date, generation: int, landed: _Landed
) -> int:
    batch_id = _create(exchange, feed_id, feed, business_date, generation)
    _mark(exchange, feed_id, business_date, batch_id, landed)
    return batch_id


def _create(exchange: Exchange, feed_id: str, feed: Feed, business_date: date, generation: int) -> int:
    return batches.create(
        exchange.engine,
        feed=feed_id,
        department=feed.department.code,
        department_name=feed.department.name,
        dataset=feed.dataset,
        schema_version=feed.schema_version or exchange.config.dataset_of(feed_id).current.id,
        business_date=business_date,
        generation=generation,
    )


def _mark(exchange: Exchange, feed_id: str, business_date: date, batch_id: int, landed: _Landed) -> None:
    earlier = batches.earlier_with(exchange.engine, feed_id, landed.stored.digest, business_date)
    detail = landed.detail | ({"same_bytes_as": earlier} if earlier else {})
    stored = landed.stored
    if batches.mark_collected(exchange.engine, batch_id, stored.digest, stored.uri, stored.size, detail):
        log.info("%s %s：报送批次 %s 已落地，%s 字节", feed_id, business_date, batch_id, stored.size)
    else:
        log.warning("%s %s：报送批次 %s 已由另一次运行收下，本次读到的不用", feed_id, business_date, batch_id)


def _land(exchange: Exchange, feed_id: str, feed: Feed, business_date: date, *, approved: bool = False) -> _Landed:
    """Fetch into a private file, look whether it is whole, and put it into the landing."""
    layout = Layout(feed_id, feed, exchange.config.dataset_of(feed_id), approved=approved)
    source = feed.source
    with tempfile.TemporaryFile() as file:
        if isinstance(source, TableSource):
            detail = fetch_table(exchange.connection(source.connection), source, layout, business_date, file)
        elif isinstance(source, HttpSource):
            detail = fetch_pages(exchange.connection(source.connection), source, layout, business_date, file)
        else:
            detail = take(source, business_date, layout.where, file)
        _whole(file, feed, layout)
        file.seek(0)
        detail |= {"form": source.form}
        if layout.new_columns:
            detail["new_columns"] = layout.new_columns
        return _Landed(exchange.landing.put_stream(RAW, file), detail)


def _whole(file: IO[bytes], feed: Feed, layout: Layout) -> None:
    """Refuse what cannot be a delivery before it becomes one: nothing at all, or a container that is cut off."""
    if file.seek(0, 2) == 0:
        raise FatalError(f"{layout.where}：文件是空的（0 字节）；没有数据的报送也要有表头，请部门重新报送")
    file.seek(0)
    if isinstance(feed.source, XlsxSource):
        check_workbook(file, layout.where)
    elif isinstance(feed.source, RowdataZipSource):
        with checked_zip(file, layout.where, feed.source.max_bytes):
            pass
