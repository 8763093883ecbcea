"""问题数据: rows that failed, whole and sealed, with all their reasons, written set-based in the step's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from credit_exchange.core.business_time import now
from credit_exchange.core.canonical import canonical_json, hmac_sm3_many
from credit_exchange.core.crypto import Keys, seal
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table


class Reason(NamedTuple):
    """Why a row is not taken. `position` counts within its chunk; hold: a person decides, else the row is rejected."""

    position: int
    rule_id: str
    field: str
    message: str
    hold: bool = False


class Quarantine:
    """Collects one batch's rows in temporary tables and puts them into quarantine at the end."""

    def __init__(self, connection: Connection, keys: Keys, feed: str, batch_id: int) -> None:
        self._connection, self._keys, self._feed, self._batch_id = connection, keys, feed, batch_id
        connection.execute(sql.load("validate/create_bad_row"))
        connection.execute(sql.load("validate/create_bad_reason"))
        self.rejected = 0
        self.held = 0

    def add(
        self,
        raw: pd.DataFrame,
        line_no: npt.NDArray[Any],
        record_id: npt.NDArray[np.object_],
        reasons: Sequence[Reason],
    ) -> npt.NDArray[np.bool_]:
        """Take the rows of a chunk that have reasons; return True for each position taken.

        raw: the chunk as delivered (all of it). A row with any rejecting reason is rejected, else it is held.
        """
        taken = np.zeros(len(raw), dtype=np.bool_)
        if not reasons:
            return taken
        rejected = np.zeros(len(raw), dtype=np.bool_)
        for reason in reasons:
            taken[reason.position] = True
            rejected[reason.position] |= not reason.hold
        places = np.flatnonzero(taken)
        lines = line_no[places]
        plain = [canonical_json(row) for row in delivered(raw, places)]
        row_keys = hmac_sm3_many(self._keys.hmac, [f"{self._feed}\n{one.decode()}" for one in plain])
        table = pa.table(
            {
                "line_no": pa.array(lines, type=pa.int32()),
                "disposition": np.where(rejected[places], "reject", "hold").tolist(),
                "record_id": pa.array(record_id[places], type=pa.string()),
                "row_key": row_keys,
                "row_sealed": ["\\x" + seal(self._keys, one).hex() for one in plain],
            }
        )
        copy_table(self._connection, "validate/copy_bad_row", table)
        first = {(r.position, r.rule_id, r.field): r.message for r in reversed(reasons)}
        copy_table(
            self._connection,
            "validate/copy_bad_reason",
            pa.table(
                {
                    "line_no": pa.array([int(line_no[position]) for position, _, _ in first], type=pa.int32()),
                    "rule_id": [rule_id for _, rule_id, _ in first],
                    "field": [field for _, _, field in first],
                    "message": list(first.values()),
                }
            ),
        )
        self.rejected += int(rejected[places].sum())
        self.held += int((~rejected[places]).sum())
        return taken

    def store(self) -> None:
        """Write the collected rows; a row that the same feed delivered before keeps the time it was first seen."""
        parameters = {"batch_id": self._batch_id, "now": now()}
        self._connection.execute(sql.load("validate/insert_quarantine"), parameters)
        self._connection.execute(sql.load("validate/insert_reasons"), parameters)

    def correct(self, good: Iterable[pa.Table]) -> int:
        """Settle open rows of records that this batch brings in good order (:func:`good_records`); return how many."""
        self._connection.execute(sql.load("validate/create_good_record"))
        for table in good:
            copy_table(self._connection, "validate/copy_good_record", table)
        parameters = {"batch_id": self._batch_id, "now": now()}
        return self._connection.execute(sql.load("validate/correct_quarantine"), parameters).rowcount


def good_records(record_id: Any, operation: Any, agency_code: Any, document_key: Any) -> pa.Table:
    """Rows in good order: the records and decisions they are about, whether they are orders (withdraw, reinstate)."""
    is_order = pc.not_equal(operation, "upsert")
    names = ["record_id", "is_order", "agency_code", "document_key"]
    return pa.table([record_id, is_order, agency_code, document_key], names=names)


def delivered(raw: pd.DataFrame, places: npt.NDArray[np.int64]) -> list[dict[str, str]]:
    """The delivered rows at these positions as dicts, absent values left out."""
    some = raw.take(places)
    columns = [(str(code), some[code].astype(object).where(some[code].notna(), None).tolist()) for code in some.columns]
    names = [code for code, _ in columns]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*(values for _, values in columns), strict=True)
    ]
