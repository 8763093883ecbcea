"""The departments' front database: tables as two of them keep them, with the update time of every row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, create_engine, delete, insert

from city.cells import AMOUNTS, DATES, fields
from city.columns import columns
from city.days import delivery
from city.departments import FEEDS, FeedSpec
from city.home import City


def tables(metadata: MetaData) -> dict[str, Table]:
    """Feed → its front table."""
    return {spec.feed: _table(metadata, spec) for spec in FEEDS if spec.form == "table"}


def _table(metadata: MetaData, spec: FeedSpec) -> Table:
    kinds: dict[str, Column[object]] = {}
    for code, name in columns(spec).items():
        kind = Date() if code in DATES else Numeric(18, 6) if code in AMOUNTS else Text()
        kinds[code] = Column(name, kind)
    return Table(
        spec.path, metadata, Column("id", Integer, primary_key=True, autoincrement=False), *kinds.values(),
        Column("update_time", DateTime, nullable=False, index=True),
    )  # fmt: skip


def load(url: str, city: City) -> dict[str, int]:
    """Make the front tables and fill them with all days of the city; returns rows per table. Can be repeated."""
    engine = create_engine(url)
    metadata = MetaData()
    made = tables(metadata)
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            counts = {}
            for spec in (s for s in FEEDS if s.feed in made):
                rows = [r for day in sorted(city.days) for r in _rows(city, spec, day)]
                connection.execute(delete(made[spec.feed]))
                connection.execute(insert(made[spec.feed]), rows)
                counts[spec.path] = len(rows)
        return counts
    finally:
        engine.dispose()


def _rows(city: City, spec: FeedSpec, day: date) -> list[dict[str, object]]:
    out = []
    for place, row in enumerate(delivery(city.seed, spec, day, city.volume)):
        values: dict[str, object] = {}
        for code, value in fields(spec, row, day).items():
            name = columns(spec)[code]
            if not value:
                values[name] = None
            elif code in DATES:
                values[name] = date.fromisoformat(row.values[code])
            else:
                values[name] = Decimal(value) if code in AMOUNTS else value
        # rising with time and the same whenever the day is made: nights since 2000 times the most rows of a night
        values["id"] = (day - date(2000, 1, 1)).days * 10_000 + place
        values["update_time"] = datetime.fromisoformat(row.updated)
        out.append(values)
    return out
