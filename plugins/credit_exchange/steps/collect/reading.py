"""Reads the landed bytes of a batch, and nothing else, as chunks of text columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from credit_exchange.config.feed import CsvSource, Feed, HttpSource, RowdataZipSource, XlsxSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect import batches
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.delimited import read_delimited
from credit_exchange.steps.collect.pages import read_pages
from credit_exchange.steps.collect.rowdata import read_rowdata
from credit_exchange.steps.collect.rows import RawChunk, report_ruined_numbers
from credit_exchange.steps.collect.workbook import read_workbook
from credit_exchange.steps.context import Exchange


def read(exchange: Exchange, batch_id: int, chunk_rows: int = 50_000, *, approved: bool = False) -> Iterator[RawChunk]:
    """Yield the rows of a collected batch in the order of the delivery, at most `chunk_rows` at a time.

    That the delivery as a whole is sound (rows promised, not cut off, few broken rows) is known only at the end:
    whoever acts on the rows must have taken all of them. A batch without rows yields nothing.

    Raises FatalError for a broken delivery, HoldForPerson for an unknown column under the contract `freeze`, unless the
    batch is approved or to be read as if it were (`approved`).
    """
    batch = batches.by_id(exchange.engine, batch_id)
    feed = exchange.config.feed(batch.feed)
    approved = approved or bool(batch.approved_by)
    layout = Layout(batch.feed, feed, exchange.config.dataset_of(batch.feed), approved=approved)
    if batch.landed_uri is None:
        raise FatalError(f"{layout.where}：报送批次 {batch_id} 没有落地的数据（状态 {batch.state}）；请先采集")
    rows = 0
    with exchange.landing.open(batch.landed_uri) as file:
        for chunk in _chunks(file, feed, layout, chunk_rows):
            if not len(chunk.frame):
                continue  # blank rows and nothing else
            rows += len(chunk.frame)
            report_ruined_numbers(chunk, layout.texts)
            yield chunk
    _promised(batch, feed, layout, rows)
    found: dict[str, Any] = {"rows_read": rows}
    if layout.new_columns:
        found["new_columns"] = layout.new_columns
    if layout.missing_columns:
        found["missing_columns"] = layout.missing_columns
    if any(batch.source_detail.get(key) != value for key, value in found.items()):
        batches.remember(exchange.engine, batch_id, found)


def _chunks(file: IO[bytes], feed: Feed, layout: Layout, chunk_rows: int) -> Iterator[RawChunk]:
    source = feed.source
    if isinstance(source, CsvSource):
        return read_delimited(file, layout, source.delimiter, source.encoding, chunk_rows)
    if isinstance(source, XlsxSource):
        return read_workbook(file, layout, source, chunk_rows)
    if isinstance(source, RowdataZipSource):
        return read_rowdata(file, layout, source, chunk_rows)
    if isinstance(source, HttpSource):
        return read_pages(file, layout, source, chunk_rows)
    return read_delimited(file, layout, ",", "utf-8", chunk_rows, number_rows=True)


def _promised(batch: batches.Batch, feed: Feed, layout: Layout, rows: int) -> None:
    """Compare the rows read with what the manifest or the source said, and with the contract."""
    detail = batch.source_detail
    promised = detail.get("rows", detail.get("manifest", {}).get("rows"))
    if promised is not None and promised == rows + 1 and isinstance(feed.source, CsvSource | XlsxSource):
        raise FatalError(
            f"{layout.where}：清单写明 {promised} 行，实有 {rows} 行数据，恰好少一行；清单很可能把表头行也算在内，"
            "也可能丢了最后一行；rows 只计数据行，请部门核对后连同清单重新报送"
        )
    if promised is not None and promised != rows:
        raise FatalError(f"{layout.where}：应有 {promised} 行，实有 {rows} 行；请部门重新报送")
    if rows == 0 and feed.contract.empty == "fail":
        raise FatalError(f"{layout.where}：本次报送没有任何数据行，约定不接受空报送（empty: fail）；请与部门核实")
