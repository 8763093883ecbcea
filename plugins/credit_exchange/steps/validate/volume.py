"""The breaker: is this delivery of a size and quality that may go on without a person looking at it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from credit_exchange.config.feed import Feed
from credit_exchange.errors import ExchangeError
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.validate.fill import Filled
from credit_exchange.stores import sql


@dataclass(frozen=True)
class History:
    """The seven deliveries of a feed that are nearest by date, merged and not empty: how many there are, the median of
    their rows, and what was filled in those of which it is known, the nearest first."""

    batches: int
    rows: float
    filled: list[Filled]


def history(connection: Connection, batch: dict[str, Any]) -> History:
    """What is usual for the feed of this batch."""
    found = connection.execute(sql.load("validate/usual"), batch).mappings().one()
    filled = [one for one in found["filled"] or [] if one]
    return History(int(found["batches"]), float(found["usual"] or 0), filled)


def objection(feed: Feed, delivered: int, rejected: int, usual: History) -> str | None:
    """Why a person must look at this delivery first (Chinese), or None.

    delivered, rejected: rows. usual: as :func:`history` gives it. An empty delivery that the contract accepts is
    judged by its size only where the feed delivers everything each time.
    """
    contract, bounds = feed.contract, feed.contract.volume
    if delivered == 0:
        if contract.empty == "fail":
            return "本次报送没有任何数据，约定不接受空报送；请与部门核实后重新报送，或批准本批次"
        if feed.transfer == "incremental" and bounds.min_rows == 0:
            return None
    if delivered < bounds.min_rows:
        return f"本次报送{delivered}条，少于约定的下限{bounds.min_rows}条；请与部门核实后重新报送，或批准本批次"
    if delivered > bounds.max_rows:
        return f"本次报送{delivered}条，超过约定的上限{bounds.max_rows}条；请与部门核实后重新报送，或批准本批次"
    if usual.batches >= bounds.baseline_after and usual.rows >= bounds.baseline_min_rows:
        if delivered < usual.rows * bounds.hold_below:
            return f"本次报送{delivered}条，明显少于平常的{usual.rows:.0f}条；请与部门核实是否报送不全，或批准本批次"
        if delivered > usual.rows * bounds.hold_above:
            return f"本次报送{delivered}条，明显多于平常的{usual.rows:.0f}条；请与部门核实，或批准本批次"
    if delivered and rejected > delivered * contract.bad_rows_max_share:
        share = f"{contract.bad_rows_max_share:.0%}"
        return f"本次报送{delivered}条中{rejected}条有问题，超过约定的{share}；请与部门核实后重新报送，或批准本批次"
    return None


def objection_to_size(exchange: Exchange, connection: Connection, batch: dict[str, Any], delivered: int) -> str | None:
    """Why a person must look at the size of a delivery that is held for its header and has not been judged yet."""
    feed = exchange.config.feed(batch["feed"])
    return objection(feed, delivered, 0, history(connection, batch))


def rows_there(exchange: Exchange, batch_id: int, chunk_rows: int) -> int | None:
    """How many rows a delivery has that is held for its header: they wait, and are counted as waiting. None when it
    cannot be read for another reason either; the one that held it is raised and stored."""
    from credit_exchange.steps.collect import read

    try:
        return sum(len(chunk.frame) for chunk in read(exchange, batch_id, chunk_rows, approved=True))
    except ExchangeError:
        return None
