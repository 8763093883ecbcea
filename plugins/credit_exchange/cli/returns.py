"""退回文件: a department's quarantined rows, whole, with reasons, as XLSX that spreadsheets cannot misread.

Holds personal data of the department's own rows: the file is written with mode 0600 and goes back to that department.
"""

from __future__ import annotations

import os
import re
import tempfile
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from openpyxl import Workbook

from credit_exchange.core.crypto import open_sealed
from credit_exchange.errors import FatalError
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

_FIRST = ["报送源", "业务日期", "行号", "问题与处理办法"]
_TITLE = 31
"""Characters of a sheet's name that a workbook can hold."""
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\r"}
_PICTURES |= dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")


def make_return_file(exchange: Exchange, department: str, since: date, until: date, target: Path, taken_by: str) -> int:
    """Write the open quarantined rows of a department to an XLSX file, a sheet for each feed; return how many.

    taken_by: who asked for it; that is kept.

    Raises FatalError when there are none and no feed is of such a department: a slip must not read as "all is well",
    and when the file's directory does not exist or the file is none.
    """
    if not target.parent.is_dir():
        raise FatalError(f"目录 {target.parent} 不存在；请先建好，或换一个 --out")
    if target.exists() and not target.is_file():
        raise FatalError(f"{target} 不是普通文件；请换一个 --out")
    parameters = {"department": department, "since": since, "until": until}
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("summary/returns"), parameters).mappings().all()
    known = sorted({feed.department.code for feed in exchange.config.feeds.values()})
    if not rows and department not in known:
        raise FatalError(f"没有部门 {department!r}；现有：{'、'.join(known)}")
    if rows:
        taken = {"kind": "return-file", "about": department, "rows": len(rows), "taken_by": taken_by}
        with transaction(exchange.engine) as connection:
            connection.execute(sql.load("explain/hand_out"), taken)
    book = Workbook(write_only=True)
    for feed, some in groupby(rows, key=lambda row: str(row["feed"])):
        _write_sheet(exchange, book.create_sheet(feed[:_TITLE]), feed, list(some))
    if not rows:
        book.create_sheet("问题数据").append(_FIRST)
    # a new file, mode 0600, that takes the other's place: who owns that one, or has it open, sees nothing of this one
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            book.save(file)
        Path(part).replace(target)
    except BaseException:
        Path(part).unlink()
        raise
    return len(rows)


def _write_sheet(exchange: Exchange, sheet: Any, feed: str, rows: list[Any]) -> None:
    """Write the rows of one feed, with the columns as its department calls them."""
    contents = [orjson.loads(open_sealed(exchange.keys, bytes(row["row_sealed"]))) for row in rows]
    names = _names(exchange, feed, rows[0]["dataset"])
    there = {key for content in contents for key in content}
    columns = [*(code for code in names if code in there), *sorted(there - names.keys())]
    sheet.append([*_FIRST, *(_text(names.get(column, column)) for column in columns)])
    for row, content in zip(rows, contents, strict=True):
        # one column of an older table may stand for two fields: what is wrong with it is said once
        reasons = dict.fromkeys(_CODE.sub(lambda code: names.get(code[0], code[0]), said) for said in row["reasons"])
        values = [_source(exchange, row), str(row["business_date"]), str(row["line_no"]), "；".join(reasons)]
        sheet.append([*map(_text, values), *(_text(content.get(column)) for column in columns)])


def _names(exchange: Exchange, feed_id: str, dataset_id: str) -> dict[str, str]:
    """Return field -> what the department calls it, in its own order; then what the catalogue calls the others.

    Reasons speak of today's fields: where the feed delivers an older table they have the names of that one's columns.
    """
    feed, dataset = exchange.config.feeds.get(feed_id), exchange.config.datasets.get(dataset_id)
    names = {code: aliases[0] for code, aliases in feed.aliases().items()} if feed else {}
    operation = feed.operation if feed else None
    own = {
        "_operation": operation.column if operation else None,
        "_reason": operation.reason_column if operation else None,
        "_sequence": feed.sequence if feed else None,
    }
    fields = {code: field.name for code, field in dataset.fields.items()} if dataset else {}
    told = names | {key: column for key, column in own.items() if column}
    version = dataset.version(feed.schema_version) if feed and dataset and feed.schema_version else None
    for code in fields:
        columns = [names[old] for old in (version.origins(code) if version else ()) if old in names]
        if columns and code not in told:
            told[code] = "、".join(columns)
    return told | {code: name for code, name in fields.items() if code not in told}


def _source(exchange: Exchange, row: Any) -> str:
    """Return what the department calls it: the data set and, where there was one, the file that it delivered."""
    dataset = exchange.config.datasets.get(row["dataset"])
    told = f"{dataset.name if dataset else row['dataset']}（{row['feed']}）"
    return f"{told}，文件 {row['source_file']}" if row["source_file"] else told


def _text(value: object) -> str:
    """Return text that a spreadsheet takes as text.

    A leading formula sign is preceded by an apostrophe. Characters that a workbook cannot hold are often why the row
    is here: each is shown by its picture (␀ ␋ …), so that the department finds it.
    """
    text = ("" if value is None else str(value)).translate(_PICTURES)
    return "'" + text if text.lstrip().startswith(("=", "+", "-", "@", "＝", "\t", "\r")) else text
