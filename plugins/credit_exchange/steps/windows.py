"""Class and end of publication, by the periods of the catalogue: of delivered rows by column, and of one content that
several departments speak about.

A data set without periods has no classes, and its records are shown to the end that they say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from credit_exchange.config.catalog import Dataset
from credit_exchange.core.publication import (
    class_map,
    periods_from,
    severities,
    severity_of,
    split_types,
    window,
    windows,
)

SEVERITY = "_severity"


class Windows:
    """Works out class and end of publication by a data set's catalogue."""

    def __init__(self, dataset: Dataset) -> None:
        """Take a data set that says how long its records are shown."""
        publication = dataset.publication
        assert publication is not None
        self.end_field = publication.end_field
        self._types, self._procedure, self._ban = (
            publication.type_field or "",
            publication.procedure_field or "",
            publication.ban_end_field or "",
        )
        self._decided = dataset.identity.decided_on
        self._separators = publication.separators
        self._classes = class_map(
            publication.minor, publication.general, publication.serious, publication.simple_procedure
        )
        # a decision older than the first period is shown by the first
        self._periods = tuple(
            period if place else replace(period, since=date(1, 1, 1))
            for place, period in enumerate(periods_from(publication.periods))
        )

    def columns(self, frame: pd.DataFrame, operation: pd.Series[Any]) -> tuple[pd.Series[Any] | None, pd.Series[Any]]:
        """Return class and end of delivered rows; an order that names no types has no class."""
        if not self._periods:
            return None, frame[self.end_field]
        types, given = frame[self._types], frame[self.end_field]
        severity = severities(types, frame.get(self._procedure), self._classes, self._separators)
        severity = severity.where((operation == "upsert") | types.notna())
        end = windows(frame[self._decided], severity, given, frame.get(self._ban), self._periods)["end"]
        return severity, end.fillna(given)

    def completed(self, content: dict[str, str]) -> dict[str, str]:
        """Return a content with class and end as they follow from all that stands in it; without a day of decision the
        end stays as given."""
        if not self._periods:
            return content
        types = split_types(content.get(self._types, ""), self._separators)
        severity = severity_of(types, content.get(self._procedure), self._classes)
        if self._decided not in content:
            return content | {SEVERITY: severity}
        given, ban = (
            date.fromisoformat(day) if day else None for day in (content.get(self.end_field), content.get(self._ban))
        )
        end = window(date.fromisoformat(content[self._decided]), severity, given, ban, self._periods).end
        return content | {SEVERITY: severity, self.end_field: end.isoformat()}

    def said(self, content: dict[str, str]) -> dict[str, str]:
        """Return a content without an end that only follows from the rest: its department may have said none."""
        if not self._periods:
            return content
        rest = {code: value for code, value in content.items() if code != self.end_field}
        return rest if self.completed(rest).get(self.end_field) == content.get(self.end_field) else content
