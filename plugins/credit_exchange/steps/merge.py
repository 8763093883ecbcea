"""归并: accepted rows become records, set-based, in one transaction a batch.

Newness is (business date, source's own sequence, generation). An older row fills history and never overwrites what is
newer, so that any order of backfills ends in the same state: a feed's claim is as new as the first day since when the
feed has said it without a break, and every order of withdrawal is kept. What has not changed is found before anything
is written: the rows travel to the database without their contents, and the contents of what is not unchanged follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from credit_exchange.core.business_time import today
from credit_exchange.errors import FatalError
from credit_exchange.steps.accepted_rows import IDENTITIES, SCHEMA
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.survivorship import find_standing, settle
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_numbers, copy_tables
from credit_exchange.stores.database import check_clock, transaction

_CHUNK = 2_000  # small pieces, one thread: half the client's seconds and a third of its memory
_JOINS = 100  # each one at least doubles how far the links of a chain see
_HEADS = [name for name in SCHEMA.names if name != "content"]
_SUBJECTS = ("subject_new", "subject_winner", "subject_repoint", "subject_codes")
_FOUND = ("create_found", "record_same_batch", "subject_for_names", "subject_names")
_LATE = ("history", "create_raised", "raise_claims", "resettle")
_ORDERS = ("orders_classify", "orders_said_earlier", "orders_insert", "orders_ahead")
_WRITES = (
    "insert_records",
    "update_records",
    "insert_versions",
    "prevailing_source",
    "insert_claims",
    "update_claims",
)


def merge(exchange: Exchange, batch_id: int) -> dict[str, int]:
    """Merge a validated batch into the record store; return its counts.

    Running it again on a merged batch changes nothing. Raises FatalError when the batch is not validated or when
    delivered rows do not add up (promise 1), RetriableError when this machine's clock is not the database's; nothing is
    written then.
    """
    with transaction(exchange.engine) as connection:
        check_clock(connection)
        head = connection.execute(sql.load("merge/lock_batch"), {"batch_id": batch_id}).mappings().one_or_none()
        if head is None:
            raise FatalError(f"归并：没有报送批次 {batch_id}")
        batch = dict(head)
        if batch["stage"] == "merged":
            return _numbers(batch)
        if batch["stage"] != "validated" or (batch["state"] == "held" and not batch["accepted_uri"]):
            raise FatalError(f"归并：{batch['feed']} 的报送批次 {batch_id} 处于 {batch['stage']}；请先校验")
        connection.execute(sql.load("merge/memory"))
        with _accepted(exchange, batch) as accepted:
            _stage(connection, accepted)
            connection.execute(sql.load("merge/lock"))
            _stage_later(exchange, connection, batch)
            faultpoint("merge.after_staging")
            counts = _merge_staged(exchange, connection, batch, accepted)
        faultpoint("merge.before_commit")
    faultpoint("merge.after_commit")
    return counts


def _numbers(batch: dict[str, Any]) -> dict[str, int]:
    keys = ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_unchanged", "rows_held")
    return {key: int(batch[key]) for key in keys}


@contextmanager
def _accepted(exchange: Exchange, batch: dict[str, Any]) -> Iterator[pq.ParquetFile | None]:
    """Open the batch's accepted rows; None when it has none."""
    if not batch["accepted_uri"]:
        yield None
        return
    with exchange.landing.open(batch["accepted_uri"]) as file:
        yield pq.ParquetFile(file, buffer_size=1 << 20)


def _stage(connection: Connection, accepted: pq.ParquetFile | None) -> None:
    """Send the rows without their contents; nobody else is touched by it, so another merge may go on meanwhile."""
    connection.execute(sql.load("merge/create_staged"))
    if accepted is not None:
        heads = (_with_array_literals(chunk) for chunk in _chunks(accepted, _HEADS))
        copy_tables(connection, "merge/copy_staged", heads)
    connection.exec_driver_sql("analyze staged (line_no, derived_id, subject_ref, agency_code, document_key)")


def _stage_later(exchange: Exchange, connection: Connection, batch: dict[str, Any]) -> None:
    """Send what newer batches of the feed said, as far as they are merged by now."""
    connection.execute(sql.load("merge/create_later"))
    newer = connection.execute(sql.load("merge/newer_batches"), batch).mappings().all()
    for other in newer:
        try:
            with exchange.landing.open(other["identities_uri"]) as file:
                copy_tables(connection, "merge/copy_later", _said_by(other, pq.ParquetFile(file)))
        except FatalError as error:
            day, times = other["business_date"], other["generation"]
            raise FatalError(
                f"归并：{batch['business_date']} 的报送要与同一报送源 {day} 的（第 {times} 次）比较，而{error}。"
                f"要重新采集的是后者：python -m credit_exchange night --date {day} --feed {batch['feed']} --recollect，"
                "然后再归并本批"
            ) from None
    if newer:
        connection.exec_driver_sql("create index on later (record_id)")
        connection.exec_driver_sql("create index on later (content_digest)")
        connection.exec_driver_sql("analyze later")


def _said_by(batch: Mapping[Any, Any], identities: pq.ParquetFile) -> Iterator[pa.Table]:
    for chunk in _chunks(identities, IDENTITIES):
        for name in ("batch_id", "business_date", "generation"):
            chunk = chunk.append_column(name, pa.repeat(pa.scalar(batch[name]), chunk.num_rows))
        yield chunk


def _chunks(accepted: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """Give the rows in small pieces; what one row group needed is given back before the next is read."""
    for group in range(accepted.num_row_groups):
        pieces = accepted.iter_batches(batch_size=_CHUNK, row_groups=[group], columns=columns, use_threads=False)
        for record_batch in pieces:
            yield pa.Table.from_batches([record_batch])
        pa.default_memory_pool().release_unused()


def _stage_contents(connection: Connection, accepted: pq.ParquetFile | None) -> None:
    """Send the contents that are needed: none of an unchanged batch, all of a first one."""
    connection.execute(sql.load("merge/create_content"))
    counted = connection.execute(sql.load("merge/wanted")).one()
    if accepted is None or not counted.wanted:
        return
    chunks = _chunks(accepted, ["line_no", "content"])
    if counted.wanted < counted.staged:
        lines = copy_numbers(connection, "merge/copy_wanted")
        wanted = np.zeros(lines.max() + 1, dtype=np.bool_)
        wanted[lines] = True
        chunks = (chunk.filter(pa.array(_are_in(wanted, chunk["line_no"].to_numpy()))) for chunk in chunks)
    copy_tables(connection, "merge/copy_content", chunks)
    connection.exec_driver_sql("analyze staged_content (line_no)")


def _are_in(wanted: npt.NDArray[np.bool_], lines: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Tell for each line whether it is marked; lines beyond the last marked one are not."""
    return wanted[np.minimum(lines, len(wanted) - 1)] & (lines < len(wanted))


def _with_array_literals(table: pa.Table) -> pa.Table:
    """Turn the list of codes into PostgreSQL array literals; the codes hold no character that needs escaping."""
    codes = table["subject_codes"].combine_chunks()
    joined = pc.binary_join(codes.cast(pa.list_(pa.string())), '","')
    quoted = pc.binary_join_element_wise('{"', joined, '"}', "")
    literal = pc.if_else(pc.greater(pc.list_value_length(codes), 0), quoted, "{}")
    return table.set_column(table.schema.get_field_index("subject_codes"), "subject_codes", literal)


def _merge_staged(
    exchange: Exchange, connection: Connection, batch: dict[str, Any], accepted: pq.ParquetFile | None
) -> dict[str, int]:
    parameters = {**batch, "today": today(), "every": False}

    def run(*names: str) -> None:
        for name in names:
            connection.execute(sql.load(f"merge/{name}"), parameters)

    run("subject_links")
    connection.exec_driver_sql("analyze subject_link")
    _join_subjects(connection, batch)
    run(*_SUBJECTS)
    connection.exec_driver_sql("analyze subject_winner")
    run(*_FOUND)
    connection.exec_driver_sql("analyze found (line_no, record_id, subject_id, operation, verdict, old_version)")
    find_standing(exchange, connection, parameters)
    _stage_contents(connection, accepted)
    run(*_LATE, *_ORDERS, "keep_sole_claims", "create_settled")
    several = settle(exchange, connection, parameters)
    run("create_outcome")
    connection.exec_driver_sql("analyze outcome (line_no, record_id, old_version, differs, claimed, several)")
    run(*_WRITES)
    if several:
        run("keep_own_claims")
    run("orders_share", "apply_orders")
    return _finish(connection, batch)


def _join_subjects(connection: Connection, batch: dict[str, Any]) -> None:
    """Join groups of codes until no two share one: a row that names codes of two subjects shows that they are one."""
    for _ in range(_JOINS):
        if not connection.execute(sql.load("merge/subject_bridges")).scalar_one():
            return
        connection.execute(sql.load("merge/subject_join"))
    raise FatalError(
        f"归并：{batch['feed']} 的报送批次 {batch['batch_id']} 中的代码把信用主体连成了没有尽头的链；"
        "未归并任何数据，请核对其中的代码并报告"
    )


def _finish(connection: Connection, batch: dict[str, Any]) -> dict[str, int]:
    counted = connection.execute(sql.load("merge/counts")).mappings().one()
    repeats = int((batch["source_detail"] or {}).get("repeats", 0))
    batch["rows_accepted"] = int(counted["accepted"])
    batch["rows_unchanged"] = int(counted["unchanged"]) + repeats
    numbers = _numbers(batch)
    delivered = numbers["rows_delivered"]
    told = sum(value for key, value in numbers.items() if key != "rows_delivered")
    if delivered != told:
        raise FatalError(
            f"归并：{batch['feed']} 的报送批次 {batch['batch_id']} 行数不符：收到 {delivered} 行，"
            f"去向合计 {told} 行；未归并任何数据，请查看批次页面并报告"
        )
    state = "late" if batch["was_missing"] else "partial" if numbers["rows_held"] else "complete"
    connection.execute(
        sql.load("merge/finish_batch"),
        {
            "batch_id": batch["batch_id"],
            "state": state,
            "accepted": numbers["rows_accepted"],
            "unchanged": numbers["rows_unchanged"],
        },
    )
    return numbers
