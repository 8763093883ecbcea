"""归并: accepted rows become records, set-based, in one transaction a batch.

Newness is (business date, source's own sequence, generation). An older row fills history and never overwrites what is
newer, so that any order of backfills ends in the same state: a feed's claim is as new as the first day since when the
feed has said it without a break, and every order of withdrawal is kept. What has not changed is found before anything
is written.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from credit_exchange.core.business_time import today
from credit_exchange.errors import FatalError
from credit_exchange.steps.accepted_rows import IDENTITIES, SCHEMA
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.survivorship import settle
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table
from credit_exchange.stores.database import transaction

_CHUNK = 50_000
_WRITES = (
    "insert_records",
    "update_records",
    "insert_versions",
    "prevailing_department",
    "insert_claims",
    "update_claims",
    "apply_orders",
)
_SUBJECTS = ("subject_links", "subject_new", "subject_winner", "subject_repoint", "subject_codes", "subject_assign")


def merge(exchange: Exchange, batch_id: int) -> dict[str, int]:
    """Merge a validated batch into the record store; return its counts.

    Running it again on a merged batch changes nothing. Raises FatalError when the batch is not validated or when
    delivered rows do not add up (promise 1); nothing is written then.
    """
    with transaction(exchange.engine) as connection:
        head = connection.execute(sql.load("merge/lock_batch"), {"batch_id": batch_id}).mappings().one_or_none()
        if head is None:
            raise FatalError(f"merge: there is no batch {batch_id}")
        batch = dict(head)
        if batch["stage"] == "merged":
            return _numbers(batch)
        if batch["stage"] != "validated" or (batch["state"] == "held" and not batch["accepted_uri"]):
            raise FatalError(f"merge: batch {batch_id} of {batch['feed']} is {batch['stage']}; validate it first")
        connection.execute(sql.load("merge/lock"))
        _stage(exchange, connection, batch)
        faultpoint("merge.after_staging")
        counts = _merge_staged(exchange, connection, batch)
        faultpoint("merge.before_commit")
    faultpoint("merge.after_commit")
    return counts


def _numbers(batch: dict[str, Any]) -> dict[str, int]:
    keys = ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_unchanged", "rows_held")
    return {key: int(batch[key]) for key in keys}


def _stage(exchange: Exchange, connection: Connection, batch: dict[str, Any]) -> None:
    connection.execute(sql.load("merge/create_staged"))
    connection.execute(sql.load("merge/create_later"))
    if batch["accepted_uri"]:
        with exchange.landing.open(batch["accepted_uri"]) as file:
            for table in _batches(file):
                copy_table(connection, "merge/copy_staged", _with_array_literals(table))
    newer = connection.execute(sql.load("merge/newer_batches"), batch).mappings().all()
    for other in newer:
        ids = pq.read_table(io.BytesIO(exchange.landing.get_bytes(other["identities_uri"])), columns=IDENTITIES)
        for name in ("batch_id", "business_date", "generation"):
            ids = ids.append_column(name, pa.repeat(pa.scalar(other[name]), ids.num_rows))
        copy_table(connection, "merge/copy_later", ids)
    connection.exec_driver_sql("create index on staged (record_id)")
    connection.exec_driver_sql("create index on staged (subject_ref)")
    connection.exec_driver_sql("create index on later (record_id)")
    connection.exec_driver_sql("analyze staged, later")


def _batches(file: Any) -> Iterator[pa.Table]:
    parquet = pq.ParquetFile(file)
    for record_batch in parquet.iter_batches(batch_size=_CHUNK, columns=SCHEMA.names):
        yield pa.Table.from_batches([record_batch])


def _with_array_literals(table: pa.Table) -> pa.Table:
    """Turn the list of codes into PostgreSQL array literals; the codes hold no character that needs escaping."""
    codes = table["subject_codes"].combine_chunks()
    joined = pc.binary_join(codes.cast(pa.list_(pa.string())), '","')
    quoted = pc.binary_join_element_wise('{"', joined, '"}', "")
    literal = pc.if_else(pc.greater(pc.list_value_length(codes), 0), quoted, "{}")
    return table.set_column(table.schema.get_field_index("subject_codes"), "subject_codes", literal)


def _merge_staged(exchange: Exchange, connection: Connection, batch: dict[str, Any]) -> dict[str, int]:
    parameters = {**batch, "today": today()}

    def run(name: str) -> int:
        return connection.execute(sql.load(f"merge/{name}"), parameters).rowcount

    for name in _SUBJECTS:
        run(name)
    for name in ("record_known", "record_same_batch", "subject_for_names", "subject_names", "classify"):
        run(name)
    connection.exec_driver_sql("analyze staged")
    for name in ("history", "create_raised", "raise_claims", "resettle", "orders_classify"):
        run(name)
    run("orders_insert")
    run("keep_sole_claims")
    run("create_settled")
    settle(exchange, connection, parameters)
    run("create_outcome")
    connection.exec_driver_sql("analyze outcome")
    for name in _WRITES:
        run(name)
    return _finish(connection, batch)


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
            f"merge: batch {batch['batch_id']} of {batch['feed']} does not add up: {delivered} rows "
            f"delivered but {told} accounted for; nothing was merged, look at the batch page and report it"
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
