"""An exchange with one feed and an office that delivers rows to it, on a real PostgreSQL and a real object store."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sqlalchemy import text

from credit_exchange.steps.context import Exchange
from credit_exchange.steps.validate import validate
from credit_exchange.stores.database import transaction
from samples import PERMIT

FEED = "fz_test_permit"
GOOD = PERMIT | {"XK_JDRQ": "2026/08/20", "XK_YXQZ": "2026/08/20", "XK_YXQZI": "2031/08/19"}
WRONG = {"XK_XDR_SHXYM": "9135010026017703XA"}


@dataclass
class Part:
    """A chunk as the collect step reads it."""

    frame: pd.DataFrame
    line_no: Any
    row_problems: list[tuple[int, str, str, str]] = field(default_factory=list)


class Office:
    """An exchange with one feed, and a way to deliver rows to it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.chunk = 100

    def deliver(self, rows: list[dict[str, str]], day: int = 1, problems: Any = (), generation: int = 1) -> int:
        """A collected batch of these changes to a good row (document numbers 1, 2, … unless given)."""
        self.problems = list(problems)
        whole = [GOOD | {"XK_WSH": f"榕市监许〔2026〕{n}号"} | row for n, row in enumerate(rows, 1)]
        self.frame = pd.DataFrame(whole, columns=None if whole else list(GOOD), dtype="str")
        with transaction(self.exchange.engine) as connection:
            return int(
                connection.execute(
                    text(
                        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, "
                        "business_date, generation, stage, state, digest, landed_uri) values (:feed, 'fz_test', "
                        "'测试局', 'permit', 'v2019_790', :day, :generation, 'collected', 'failed', 'd', 'raw/x') "
                        "returning batch_id"
                    ),
                    {"feed": FEED, "day": date(2026, 9, day), "generation": generation},
                ).scalar_one()
            )

    def read(self, _exchange: Exchange, _batch_id: int, _rows: int) -> Iterator[Part]:
        for start in range(0, len(self.frame), self.chunk):
            part = self.frame.iloc[start : start + self.chunk].reset_index(drop=True)
            lines = np.arange(start, start + len(part)) + 2
            here = [(p - start, *rest) for p, *rest in self.problems if start <= p < start + self.chunk]
            yield Part(part, lines, here)

    def validate(self, batch_id: int) -> dict[str, int]:
        return validate(self.exchange, batch_id, reader=self.read)

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        with transaction(self.exchange.engine) as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def batch(self, batch_id: int) -> dict[str, Any]:
        return self.rows("select * from exchange.batch where batch_id = :id", id=batch_id)[0]

    def accepted(self, batch_id: int) -> list[dict[str, Any]]:
        found = self.exchange.landing.get_bytes(self.batch(batch_id)["accepted_uri"])
        return list(pq.read_table(io.BytesIO(found)).to_pylist())

    def quarantined(self, batch_id: int) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for row in self.rows(
            "select line_no, rule_id from exchange.quarantine join exchange.quarantine_reason using (quarantine_id) "
            "where batch_id = :id",
            id=batch_id,
        ):
            found.setdefault(row["line_no"], set()).add(row["rule_id"])
        return found
