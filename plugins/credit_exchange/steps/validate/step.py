"""校验: a landed batch becomes accepted rows and quarantine, with counts and a page about them.

Everything happens in one transaction and every object is written before it commits: a killed run leaves nothing behind
that the next one would see, and running it again on a validated batch changes nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from credit_exchange.config.catalog import Dataset
from credit_exchange.core.text import as_arrow
from credit_exchange.errors import ExchangeError, FatalError, HoldForPerson
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.faultpoint import faultpoint
from credit_exchange.steps.validate import docs, volume
from credit_exchange.steps.validate.accepted import Contents, Writer, rewrite
from credit_exchange.steps.validate.checks import Case
from credit_exchange.steps.validate.fill import Fill, objection_to_gaps
from credit_exchange.steps.validate.identity import Identities, identify, nowhere
from credit_exchange.steps.validate.normalise import Normaliser, Sheet, version_of
from credit_exchange.steps.validate.plan import message_of
from credit_exchange.steps.validate.quarantine import Quarantine, Reason, good_records
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

if TYPE_CHECKING:
    from credit_exchange.steps.validate.expectations import Judge

CHUNK_ROWS = 20_000
CONTENT_ROWS = 10_000
"""Rows whose contents are made at a time, and of a row group of the accepted rows."""
REPEATS = "repeats"
_GOOD = ["record_id", "operation", "agency_code", "document_key"]
_ENVELOPE = {
    "strange": (
        "OP01",
        "操作类型不是约定的词，无法判断是记录还是撤销；请更正，或请管理员在报送源文件的 operation 中补上",
    ),
    "wordy": ("OP02", "操作原因超过512个字符；请压缩后重新报送"),
    "unordered": (
        "SEQ01",
        "更新时间或序号过长，或不是能比较先后的数字、时间；请按YYYY-MM-DD hh:mm:ss或整数填写后重新报送",
    ),
}
"""Rule and message of a row whose operation, reason or sequence nobody can use, by what the sheet calls it."""
_NOT_DONE = ("OP03", "本行是撤销或恢复操作，因上述问题没有执行；请更正后仍按该操作重新报送")
"""Said of every order in quarantine, beside what is wrong with it: contents in good order do not settle it."""
_COUNTS = ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_unchanged", "rows_held")


class Chunk(Protocol):
    """What the collect step reads: a part of a delivery. Line numbers are those a person would look at."""

    frame: pd.DataFrame
    line_no: npt.NDArray[Any]
    row_problems: list[tuple[int, str, str, str]]


Reader = Callable[[Exchange, int, int], Iterator[Any]]


@dataclass
class _Work:
    """What one validation carries from chunk to chunk."""

    batch: dict[str, Any]
    dataset: Dataset
    normaliser: Normaliser
    judge: Judge
    contents: Contents
    quarantine: Quarantine
    writer: Writer
    delivered: int = 0
    positions: list[npt.NDArray[np.int64]] = field(default_factory=list)
    reader_checks: dict[tuple[str, str, str], int] = field(default_factory=dict)
    alternatives: list[pa.Table] = field(default_factory=list)
    wants_alternatives: bool = False
    fill: Fill = field(default_factory=Fill)


def validate(
    exchange: Exchange, batch_id: int, *, reader: Reader | None = None, chunk_rows: int = CHUNK_ROWS
) -> dict[str, int]:
    """Validate a collected batch; return its counts (rows_accepted here: rows handed to the merge).

    reader: where the chunks come from, `steps.collect.read` by default. Raises HoldForPerson when the batch as a whole
    waits for a person (its size or quality, or its header), FatalError when it cannot be validated at all; both are
    written to the batch. A batch that is validated or merged is left as it is, and so is one that is waived meanwhile.
    """
    try:
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("validate/lock"), {"batch_id": batch_id})
            head = connection.execute(sql.load("validate/lock_batch"), {"batch_id": batch_id}).mappings().one_or_none()
            if head is None:
                raise FatalError(f"校验：没有报送批次 {batch_id}")
            batch = dict(head)
            if batch["stage"] in ("validated", "merged"):
                repeats = int(batch["source_detail"].get(REPEATS, 0))
                return {key: int(batch[key]) for key in _COUNTS} | {REPEATS: repeats}
            if batch["stage"] != "collected":
                raise FatalError(f"校验：{batch['feed']} 的报送批次 {batch_id} 处于 {batch['stage']}；请先采集")
            counts = _validate(exchange, connection, batch, reader or _collected, chunk_rows)
            faultpoint("validate.before_commit")
        return counts
    except _Waived:
        return validate(exchange, batch_id)
    except _Held as held:
        _put_aside(exchange, batch_id, held)
        raise HoldForPerson(f"{held.feed} 的报送批次 {batch_id} 等待人工确认：{held.problem}") from None
    except HoldForPerson as header:
        problem = str(header)
        with transaction(exchange.engine) as connection:
            there = volume.rows_there(exchange, batch_id, chunk_rows) if reader is None else None
            if there is not None and (size := volume.objection_to_size(exchange, connection, batch, there)):
                problem += f"。另外，{size}"  # who approves it approves this as well
            parameters = {"batch_id": batch_id, "problem": problem, "delivered": there or 0, "docs_uri": None}
            connection.execute(sql.load("validate/hold_batch"), parameters)
        raise HoldForPerson(problem) from None
    except ExchangeError as problem:
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("validate/fail_batch"), {"batch_id": batch_id, "problem": str(problem)})
        raise


class _Waived(Exception):
    """A person gave the batch up while it was read, and was told that nothing of it is taken: so it is."""


class _Held(Exception):
    """Carries what must outlive the transaction that is rolled back."""

    def __init__(self, feed: str, problem: str, delivered: int, docs_uri: str, checks: list[dict[str, Any]]) -> None:
        super().__init__(problem)
        self.feed, self.problem, self.delivered, self.docs_uri, self.checks = feed, problem, delivered, docs_uri, checks


def _collected(exchange: Exchange, batch_id: int, chunk_rows: int) -> Iterator[Any]:
    from credit_exchange.steps.collect import read

    return read(exchange, batch_id, chunk_rows)


def _validate(
    exchange: Exchange, connection: Connection, batch: dict[str, Any], reader: Reader, chunk_rows: int
) -> dict[str, int]:
    from credit_exchange.steps.collect.run import APPROVED_UNSEEN
    from credit_exchange.steps.validate.expectations import Judge  # Great Expectations takes seconds to import

    feed = exchange.config.feed(batch["feed"])
    dataset = exchange.config.datasets[batch["dataset"]]
    version = version_of(dataset, batch["schema_version"])
    batch_id = int(batch["batch_id"])
    with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second, tempfile.TemporaryFile() as ids:
        work = _Work(
            batch=batch,
            dataset=dataset,
            normaliser=Normaliser(dataset, feed, version),
            judge=Judge(dataset, version, feed=feed),
            contents=Contents(dataset, exchange.keys),
            quarantine=Quarantine(connection, exchange.keys, batch["feed"], batch_id),
            writer=Writer(first),
            wants_alternatives=bool(connection.execute(sql.load("validate/open_quarantine"), batch).scalar_one()),
        )
        with work.writer as writer:
            for chunk in reader(exchange, batch_id, chunk_rows):
                _chunk(exchange, work, chunk)
            work.judge.finish()
            handed = writer.rows
            repeats, conflicts = writer.close()
        keep = ~(repeats | conflicts)
        if conflicts.any():
            _conflicts(exchange, work, reader(exchange, batch_id, chunk_rows), conflicts)
        accepted = int(keep.sum())
        numbers = (accepted, work.quarantine.rejected, work.quarantine.held, int(repeats.sum()))
        _adds_up(work, handed, numbers)
        checks = _checks(work, handed, int(conflicts.sum()))
        usual = volume.history(connection, batch)
        shares = work.fill.shares(feed, usual.filled)
        page = docs.batch_page(batch, dataset, (work.delivered, *numbers), checks, shares)
        docs_uri = exchange.landing.put_bytes("docs", page).uri
        size = volume.objection(feed, work.delivered, work.quarantine.rejected, usual)
        objection = "。另外，".join(filter(None, (size, objection_to_gaps(dataset, shares))))
        if objection and (not batch["approved_by"] or batch["source_detail"].get(APPROVED_UNSEEN)):
            raise _Held(batch["feed"], objection, work.delivered, docs_uri, checks)
        first.seek(0)
        rewrite(first, None if keep.all() else second, keep, ids)
        source = first if keep.all() else second
        source.seek(0)
        ids.seek(0)
        stored = exchange.landing.put_stream("accepted", source)
        identities = exchange.landing.put_stream("identities", ids)
        work.quarantine.store()
        if work.wants_alternatives:
            source.seek(0)
            parquet = pq.ParquetFile(source)
            groups = (parquet.read_row_group(group, columns=_GOOD) for group in range(parquet.num_row_groups))
            good = (good_records(*(group[name] for name in _GOOD)) for group in groups)
            work.quarantine.correct(chain(good, _kept(work.alternatives, keep)))
    _store_checks(connection, batch_id, checks)
    finished = {
        "batch_id": batch_id,
        "delivered": work.delivered,
        "quarantined": numbers[1],
        "held": numbers[2],
        "repeats": numbers[3],
        "filled": json.dumps(work.fill.counts),
        "accepted_uri": stored.uri,
        "accepted_digest": stored.digest,
        "identities_uri": identities.uri,
        "docs_uri": docs_uri,
    }
    if not connection.execute(sql.load("validate/finish_batch"), finished).rowcount:
        raise _Waived
    counts = (work.delivered, accepted, numbers[1], numbers[3], numbers[2])
    return dict(zip(_COUNTS, counts, strict=True)) | {REPEATS: numbers[3]}


def _chunk(exchange: Exchange, work: _Work, chunk: Chunk) -> None:
    raw = chunk.frame
    rows = len(raw)
    line_no = np.asarray(chunk.line_no)
    sheet = work.normaliser.sheet(raw)
    who = identify(work.dataset, exchange.keys, sheet.frame, alternatives=work.wants_alternatives)
    case = Case(
        dataset=work.dataset,
        version=version_of(work.dataset, work.batch["schema_version"]),
        sheet=sheet,
        kind=who.kind,
        code=who.code,
        identified=who.identified & ~nowhere(work.dataset, sheet.frame, who, (sheet.operation != "upsert").to_numpy()),
        business_date=work.batch["business_date"],
    )
    work.fill.add(sheet.frame, who.kind, sheet.operation)
    failures = work.judge.judge(case)
    reasons = [
        Reason(int(position), item.rule.id, item.field, item.message, item.effect == "hold")
        for item in work.judge.planned
        if item.effect != "warn" and item.column in failures
        for position in failures[item.column].tolist()
    ]
    strange = [
        (int(position), rule_id, "", message)
        for name, (rule_id, message) in _ENVELOPE.items()
        for position in np.flatnonzero(getattr(sheet, name))
    ]
    seen: set[tuple[int, str, str]] = set()
    for position, rule_id, code, message in (*chunk.row_problems, *strange):
        reasons.append(Reason(int(position), rule_id, code or "", message))
        if (position, rule_id, code) not in seen:
            seen.add((position, rule_id, code))
            key = (rule_id, code or "", message)
            work.reader_checks[key] = work.reader_checks.get(key, 0) + 1
    reasons += _not_done(sheet, reasons)
    taken = work.quarantine.add(raw, line_no, who.record_id, reasons)
    good = np.flatnonzero(~taken)
    del case, raw  # making contents takes several times the memory of its rows
    for start in range(0, len(good), CONTENT_ROWS):
        work.writer.add(work.contents.table(sheet, who, line_no, good[start : start + CONTENT_ROWS]))
    work.positions.append(good + work.delivered)
    if work.wants_alternatives:
        work.alternatives.append(_alternatives(who, sheet.operation, good))
    work.delivered += rows


def _not_done(sheet: Sheet, reasons: list[Reason]) -> list[Reason]:
    """Say it of the orders among rows that are not taken; what becomes of the row the other reasons decide."""
    orders = (sheet.operation != "upsert").to_numpy()
    places = sorted({reason.position for reason in reasons})
    return [Reason(place, _NOT_DONE[0], "", _NOT_DONE[1], hold=True) for place in places if orders[place]]


def _alternatives(who: Identities, operation: pd.Series[Any], rows: npt.NDArray[np.int64]) -> pa.Table:
    """The ids under which rows of these records lie in quarantine when their codes were unusable: by name, or None."""
    columns = (as_arrow(column.take(rows)) for column in (operation, who.agency_code, who.document_key))
    return good_records(pa.array(who.by_name[rows], type=pa.string()), *columns)


def _kept(alternatives: list[pa.Table], keep: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
    """Give what accepted rows bring: those that turned out to contradict one another bring nothing in good order."""
    ends = np.cumsum([table.num_rows for table in alternatives])
    for table, here in zip(alternatives, np.split(keep, ends), strict=False):
        yield table.filter(pa.array(here)).drop_null()


def _conflicts(exchange: Exchange, work: _Work, chunks: Iterator[Chunk], conflicts: npt.NDArray[np.bool_]) -> None:
    """Quarantine the rows of identities that came with different content: read again, since only few need it."""
    rule = next((r for r in work.dataset.rules if r.check == "unique"), None)
    if rule is None:
        raise FatalError(
            f"include/catalog/{work.dataset.dataset}.yml 没有 check 为 unique 的规则，"
            "而本批次有同一记录内容不同的多行；请补上规则 S13"
        )
    code = rule.fields[0] if rule.fields else ""
    version = version_of(work.dataset, work.batch["schema_version"])
    message = message_of(work.dataset, version, rule, code)
    places = np.concatenate(work.positions)[conflicts]
    start = 0
    for chunk in chunks:
        here = places[(places >= start) & (places < start + len(chunk.frame))] - start
        start += len(chunk.frame)
        if len(here):
            sheet = work.normaliser.sheet(chunk.frame)
            who = identify(work.dataset, exchange.keys, sheet.frame)
            reasons = [Reason(int(p), rule.id, code, message, rule.on_failure == "hold") for p in here]
            reasons += _not_done(sheet, reasons)
            work.quarantine.add(chunk.frame, np.asarray(chunk.line_no), who.record_id, reasons)


def _adds_up(work: _Work, handed: int, numbers: tuple[int, int, int, int]) -> None:
    """Promise 1: delivered = accepted + quarantined + held + repeats."""
    if work.delivered != sum(numbers):
        accepted, rejected, held, repeats = numbers
        raise FatalError(
            f"校验：{work.batch['feed']} 的报送批次 {work.batch['batch_id']} 行数不符：收到 {work.delivered} 行，"
            f"交出 {handed} 行，但采纳 {accepted}、问题 {rejected}、待确认 {held}、重复 {repeats} 行；"
            "未写入任何数据，请附上本行报告"
        )


def _checks(work: _Work, handed: int, conflicting: int) -> list[dict[str, Any]]:
    """The score of every rule and field; several expectations of one rule on one field never fail for the same row."""
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def add(rule_id: str, code: str, effect: str, message: str, failed: int, checked: int) -> None:
        line = found.setdefault(
            (rule_id, code),
            {"rule_id": rule_id, "field": code, "severity": effect, "failed": 0, "checked": 0, "message": message},
        )
        if failed and not line["failed"]:
            line["message"] = message
        line["failed"] += failed
        line["checked"] = max(line["checked"], checked, line["failed"])

    for item in work.judge.planned:
        if item.rule.check == "unique":
            add(item.rule.id, item.field, item.effect, item.message, conflicting, handed)
        else:
            tally = work.judge.tallies[item.column]
            add(item.rule.id, item.field, item.effect, item.message, tally.failed, tally.checked)
    for (rule_id, code, message), failed in work.reader_checks.items():
        add(rule_id, code, "reject", message, failed, work.delivered)
    return list(found.values())


def _store_checks(connection: Connection, batch_id: int, checks: list[dict[str, Any]]) -> None:
    connection.execute(sql.load("validate/delete_checks"), {"batch_id": batch_id})
    rows = [{k: v for k, v in c.items() if k != "message"} | {"batch_id": batch_id} for c in checks]
    if rows:
        connection.execute(sql.load("validate/insert_check"), rows)


def _put_aside(exchange: Exchange, batch_id: int, held: _Held) -> None:
    with transaction(exchange.engine) as connection:
        _store_checks(connection, batch_id, held.checks)
        parameters = {"problem": held.problem, "delivered": held.delivered, "docs_uri": held.docs_uri}
        connection.execute(sql.load("validate/hold_batch"), {"batch_id": batch_id, **parameters})
