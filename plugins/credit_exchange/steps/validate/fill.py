"""The breaker for columns: a field that is usually filled and now stands empty would be emptied at every platform too.

Counted by kind of subject: a day of natural persons leaves empty what companies fill. Source: reliability findings
C20 and 4.8 (a source that shrinks must not replace the good data).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.feed import Feed
from credit_exchange.config.labels import SUBJECT_WORDS

Filled = dict[str, dict[str, Any]]
"""Kind of subject -> {"rows": rows, "filled": {field code: rows in which it stands}}; contents only, no orders."""
USUALLY = 0.8
"""A field that fewer rows have than this share is left empty now and then, and a small delivery proves nothing."""
_NAMED = 5


@dataclass(frozen=True)
class Share:
    """One field of one kind of subject: the rows in which it stands, all rows, the share that is usual (None: too few
    deliveries to know), and whether that is so much more that a person has to look."""

    kind: str
    code: str
    filled: int
    rows: int
    usual: float | None
    low: bool

    @property
    def share(self) -> float:
        """In what share of the rows it stands."""
        return self.filled / self.rows if self.rows else 0.0


class Fill:
    """What is filled in one delivery, counted chunk by chunk."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.counts: Filled = {}

    def add(self, frame: pd.DataFrame, kind: pd.Series[Any], operation: pd.Series[Any]) -> None:
        """Count one chunk in the current table: absent = NaN; kind as :func:`identity.kinds` gives it."""
        there = frame.notna().to_numpy()
        content = (operation == "upsert").to_numpy()
        kinds = kind.astype(object).where(kind.notna(), "")
        for name in kinds.unique():
            rows = content & (kinds == name).to_numpy()
            known = self.counts.setdefault(str(name), {"rows": 0, "filled": dict.fromkeys(frame.columns, 0)})
            known["rows"] += int(rows.sum())
            for code, count in zip(frame.columns, there[rows].sum(axis=0).tolist(), strict=True):
                known["filled"][code] += count

    def shares(self, feed: Feed, history: list[Filled]) -> list[Share]:
        """In what share of its rows each field stands, and usually does.

        history: what was filled in the batches of :func:`volume.history`, nearest first. Where the nearest of them was
        already as empty as this one, a person has approved it, and need not do so every night.
        """
        bounds = feed.contract.volume
        found = []
        for kind, now in self.counts.items():
            alike = [one[kind] for one in history if kind in one and one[kind]["rows"] >= bounds.baseline_min_rows]
            known = len(alike) >= bounds.baseline_after
            for code, count in now["filled"].items():
                before = [one["filled"].get(code, 0) / max(one["rows"], 1) for one in alike]
                usual = median(before) if known else None
                low = (
                    usual is not None
                    and usual >= USUALLY
                    and now["rows"] >= bounds.baseline_min_rows
                    and count < now["rows"] * bounds.hold_filled_below * min(usual, before[0])
                )
                found.append(Share(kind, code, count, now["rows"], usual, low))
        return found


def objection_to_gaps(dataset: Dataset, shares: Sequence[Share]) -> str | None:
    """Why a person must look at a delivery with fields that have fallen empty first (Chinese), or None."""
    low = [share for share in shares if share.low]
    if not low:
        return None
    told = [
        f"{_who(one)}{dataset.fields[one.code].name}平常{one.usual:.0%}有值、本次{one.share:.0%}"
        for one in low[:_NAMED]
    ]
    more = f"等{len(low)}处" if len(low) > _NAMED else ""
    return f"本次报送有字段明显空缺（{'，'.join(told)}{more}）；请与部门核实是否漏列或漏填后重新报送，或批准本批次"


def _who(share: Share) -> str:
    """Whose field it is, as people read it; "" where the data set knows no kinds."""
    return f"{SUBJECT_WORDS[share.kind]}的" if share.kind else ""
