"""核对: does a platform show what was last delivered to it? Decided in ADR 0006.

Reads the platform's list, keeps what differs and tells people. Nothing is mended but by the order of a person
(`repair`), and then by the next release, as every decision is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from credit_exchange.config.labels import DIFFERENCE_WORDS, MENDED
from credit_exchange.config.platform import Platform
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.errors import RetriableError
from credit_exchange.steps import alerts, restored
from credit_exchange.steps.push.dialects.base import Context, Lost, NotSent, Reply, dialect_for
from credit_exchange.steps.push.dialects.listing import NoList, fit_to_keep
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.transport import Transport
from credit_exchange.steps.shown import Shown
from credit_exchange.stores import sql
from credit_exchange.stores.copy import copy_table
from credit_exchange.stores.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Row

    from credit_exchange.steps.context import Exchange

INCIDENT = "reconcile:"
_LISTED = pa.schema(
    {
        "reconciliation_id": pa.int64(),
        "place": pa.large_string(),
        "record_id": pa.large_string(),
        "version": pa.int64(),
        "digest": pa.large_string(),
    }
)


class Difference(NamedTuple):
    """One record that a platform shows otherwise than was last delivered. `place`: the data set or catalogue there."""

    place: str
    record_id: str
    kind: str
    our_version: int | None
    their_version: int | None


@dataclass(frozen=True)
class Reconciled:
    """What a comparison came to. `compared`: how many records should be shown there, without those not compared.

    `waiting`: on their way, or to be sent by the next release, and therefore not compared; `ordered`: those of them
    that differed when they were last compared. `asked`: about how many records a platform was asked that gives no list.
    """

    compared: int
    differences: tuple[Difference, ...]
    waiting: int = 0
    ordered: int = 0
    asked: int | None = None

    @property
    def scope(self) -> str:
        """How much was compared, in words."""
        should = f"应公示 {self.compared} 条"
        return should if self.asked is None else f"逐条查询 {self.asked} 条，其中{should}"

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind, in a fixed order."""
        found = Counter(one.kind for one in self.differences)
        return {kind: found[kind] for kind in DIFFERENCE_WORDS if found[kind]}

    @property
    def told(self) -> str:
        """What does not agree, or is not known to, in words; empty when all agrees."""
        told = ["，".join(f"{DIFFERENCE_WORDS[kind]} {count} 条" for kind, count in self.counts.items())]
        if self.waiting:
            before = f"，其中 {self.ordered} 条此前不一致" if self.ordered else ""
            told.append(f"{self.waiting} 条正在上报或等待发布，没有核对{before}")
        return "；".join(filter(None, told))

    def advice(self, platform_id: str) -> str:
        """What a person does about the differences, in words: the command for those that can be mended from here."""
        kinds = sorted((kind for kind in MENDED if kind in self.counts), key=lambda kind: kind != "shown")
        told = []
        if kinds:
            told.append(
                f"核实后运行 python -m credit_exchange reconcile --platform {platform_id} "
                f"--repair {' --repair '.join(kinds)} --reason …，下一次发布时撤下不应公示的，其余重新上报"
                "（平台上没有的先问清原因；加 --record 只更正一条）"
            )
        if "unknown" in self.counts:
            told.append("本系统没有记录的，请与平台联系")
        return "；".join(told)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs that was compared now, or was found before and is still to be mended."""
        return not self.differences and not self.ordered


class Repaired(NamedTuple):
    """What will be sent again or taken down, and what only a person can mend."""

    ordered: int
    left: int


class _Reading:
    """The wire for questions that no shipment is about: each call takes its turn in the platform's pace."""

    def __init__(self, exchange: Exchange, platform: Platform) -> None:
        self._gate = Gate(exchange.engine, platform)
        self._gate.prepare(at_once=False, try_again=False)
        self._transport = Transport.of(platform)

    def target(self, url: str) -> str:
        """Return the request target exactly as it will be sent."""
        return self._transport.target(url)

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", login: bool = False
    ) -> Reply:
        """Send one request when it is our turn. Raises NotSent, Lost, Stop."""
        self._gate.turn()
        self._gate.leave()
        return self._transport.call(method, url, headers or {}, body)


def reconcile(exchange: Exchange, platform_id: str, named: Collection[str] = ()) -> Reconciled | None:
    """Compare what a platform lists with what was last delivered to it, and tell people what differs.

    named: the records that a platform without a list is asked about first.

    None where the platform neither gives a list nor answers. Raises RetriableError when the list cannot be read whole,
    or a question is not answered; then the last comparison stands. Raises ConfigurationError for an unknown platform,
    dialect or connection; FatalError for a database that was restored, until that is stated: what was sent since the
    backup would count as wrong.
    """
    platform = exchange.config.platform(platform_id)
    dialect = dialect_for(Context(platform, exchange.config.datasets, exchange.connection(platform.connection)))
    restored.refuse(exchange)
    shown = Shown.of(exchange, platform, dialect, _Reading(exchange, platform), named)
    if shown is None:
        return None
    with transaction(exchange.engine) as connection:
        number = int(connection.execute(sql.load("reconcile/begin"), {"platform": platform_id}).scalar_one())
    try:
        done, kept = _read(exchange, shown, platform_id, number)
        if done.differences:  # while it was read, nights went on: what is wrong is there the second time too
            before = set(done.differences)
            done, kept = _read(exchange, shown, platform_id, number, {one.record_id for one in before})
            done = replace(done, differences=tuple(one for one in done.differences if one in before))
    except (NoList, Lost, NotSent, Stop) as error:
        what = "读完平台的清单" if shown.asked is None else "问完"
        raise RetriableError(f"{platform.name}：没有{what}，本次没有核对，稍后再试：{error}") from error
    finally:
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("reconcile/forget_listed"), {"reconciliation_id": number})
    _keep(exchange, platform_id, number, done, kept)
    _tell(exchange, platform, done)
    return done


def _read(
    exchange: Exchange, shown: Shown, platform_id: str, number: int, once_more: Collection[str] = ()
) -> tuple[Reconciled, Sequence[Difference]]:
    """Return what a reading comes to, and what was found before of that which is not compared.

    once_more: which records matter when it is read a second time; of others nothing that it says counts.
    """
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("reconcile/forget_listed"), {"reconciliation_id": number})
    for whole in shown.pages(once_more):
        page = [one._replace(record_id=fit_to_keep(one.record_id, exchange.keys)) for one in whole]
        columns = [[number] * len(page), *zip(*page, strict=True)] if page else [()] * len(_LISTED.names)
        with transaction(exchange.engine) as connection:
            copy_table(connection, "reconcile/copy_listed", pa.table(list(map(list, columns)), schema=_LISTED))
    scope = {"platform": platform_id, "datasets": shown.datasets, "reconciliation_id": number, "asked": shown.asked}
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("reconcile/differences"), scope).all()
        alike = shown.alike(connection, [row for row in rows if row.kind == "content" and row.is_fresh])
    fresh = tuple(_difference(row) for row in rows if row.is_fresh and row.outbox_id not in alike)
    kept = tuple(_difference(row) for row in rows if row.is_fresh is False)
    asked = None if shown.asked is None else len(shown.asked)
    return Reconciled(rows[0].compared, fresh, rows[0].waiting, len(kept), asked), kept


def _difference(row: Row[Any]) -> Difference:
    return Difference(*row[: len(Difference._fields)])


def _keep(exchange: Exchange, platform_id: str, number: int, done: Reconciled, kept: Sequence[Difference]) -> None:
    given: dict[str, Any] = {"platform": platform_id, "reconciliation_id": number, "compared": done.compared}
    given["asked"] = done.asked
    columns = zip(*done.differences, strict=True) if done.differences else [()] * len(Difference._fields)
    names = ("places", "record_ids", "kinds", "our_versions", "their_versions")
    given |= dict(zip(names, map(list, columns), strict=True)) | {"differences": len(done.differences) + len(kept)}
    given |= {"kept_places": [one.place for one in kept], "kept_ids": [one.record_id for one in kept]}
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("reconcile/keep"), given)
        connection.execute(sql.load("reconcile/finish"), given)


def _tell(exchange: Exchange, platform: Platform, done: Reconciled) -> None:
    key = f"{INCIDENT}{platform.platform}:"  # whole, so that no other platform's begins with it
    if done.agrees:
        alerts.clear_others(exchange, key, [])
    if not done.differences:  # an older finding is told already
        return
    alerts.raise_alert(
        exchange,
        key,
        "critical" if "shown" in done.counts else "warning",
        f"{platform.name}：平台公示的与本系统登记的不一致",
        f"{done.scope}；{done.told}。逐条见「上报平台」页和 report.difference；{done.advice(platform.platform)}",
        "/exchange/platforms",
    )


def repair(
    exchange: Exchange,
    platform_id: str,
    kinds: Collection[str],
    reason: str,
    ordered_by: str,
    *,
    only: Collection[str] = (),
) -> Repaired:
    """Let the next release send again, or take down, what the last comparison of a platform found to differ.

    kinds: of which differences (MENDED). only: of which records, if not of all. What is missing there may have been
    taken down by whoever had a reason to.
    Raises FatalError for a database that was restored from a backup, until that is stated: it knows too little.
    """
    restored.refuse(exchange)
    given: dict[str, Any] = {"platform": platform_id, "reason": scrub_text(reason), "repaired_by": ordered_by}
    given |= {"kinds": sorted(set(kinds) & set(MENDED)), "chosen": sorted(only) or None}
    name = exchange.config.platform(platform_id).name
    given["note"] = f"{name}的清单与登记的不一致，重新上报或撤下：{given['reason']}"
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("merge/lock"))
        for part in (0, 1):
            connection.execute(sql.load("release/lock"), {"part": part})
        connection.execute(sql.load("push/lock"), {"platform": platform_id})
        connection.execute(sql.load("reconcile/lies_there"), given)
        ordered = set(connection.execute(sql.load("reconcile/repair"), given).scalars())
        left = set(connection.execute(sql.load("reconcile/found"), given).scalars()) - ordered
        connection.execute(sql.load("reconcile/repaired"), given | {"record_ids": sorted(ordered)})
    return Repaired(len(ordered), len(left))
