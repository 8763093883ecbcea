"""The breaker for columns: a field that is usually filled and now stands empty would be emptied at every platform too.

Counted by kind of subject: a day of natural persons leaves empty what companies fill. Source: reliability findings
C20 and 4.8 (a source that shrinks must not replace the good data).
"""

from __future__ import annotations

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

    def objection(self, feed: Feed, dataset: Dataset, history: list[Filled]) -> str | None:
        """Why a person must look at this delivery first (Chinese), or None.

        history: what was filled in the batches of :func:`volume.history`, newest first. Where the newest of them was
        already as empty as this one, a person has approved it, and need not do so every night.
        """
        bounds = feed.contract.volume
        told = []
        for kind, now in self.counts.items():
            alike = [one[kind] for one in history if kind in one and one[kind]["rows"] >= bounds.baseline_min_rows]
            if now["rows"] < max(bounds.baseline_min_rows, 1) or len(alike) < bounds.baseline_after:
                continue
            for code, count in now["filled"].items():
                before = [one["filled"].get(code, 0) / max(one["rows"], 1) for one in alike]
                usual, share = median(before), count / now["rows"]
                if usual >= USUALLY and share < bounds.hold_filled_below * min(usual, before[0]):
                    who = f"{SUBJECT_WORDS[kind]}的" if kind else ""
                    told.append(f"{who}{dataset.fields[code].name}平常{usual:.0%}有值、本次{share:.0%}")
        if not told:
            return None
        more = f"等{len(told)}处" if len(told) > _NAMED else ""
        return (
            f"本次报送有字段明显空缺（{'，'.join(told[:_NAMED])}{more}）；"
            "请与部门核实是否漏列或漏填后重新报送，或批准本批次"
        )
