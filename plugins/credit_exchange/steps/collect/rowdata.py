"""Reads ROWDATA XML in a zip: `<ROWDATA><ROW><列>值</列>…</ROW>…</ROWDATA>` (reliability C11, C12).

No entity is resolved, no DTD loaded, no network used, and a DOCTYPE refuses the file. Memory stays with one row.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

from credit_exchange.config.feed import RowdataZipSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect.archive import checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.rows import BROKEN_ROW, ChunkBuilder, RawChunk


def read_rowdata(file: IO[bytes], layout: Layout, source: RowdataZipSource, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows of all members that match the pattern, by name; line_no is the number of the row."""
    builder = ChunkBuilder(layout.columns, chunk_rows)
    found: set[str] = set()
    with checked_zip(file, layout.where, source.max_bytes) as archive:
        members = sorted(
            name
            for name in archive.namelist()
            if fnmatch.fnmatch(name.rpartition("/")[2].lower(), source.member_pattern.lower()) and name[-1] != "/"
        )
        if not members:
            raise FatalError(
                f"{layout.where}：zip 内没有 {source.member_pattern} 文件；请部门将 XML 放入 zip 后重新报送"
            )
        for number, name in enumerate(members, start=1):
            place = f"第 {number} 个文件"
            with archive.open(name) as member:
                for values, problems in _rows(member, layout, place, found):
                    chunk = builder.add(builder.rows + 1, values, problems)
                    if chunk:
                        yield chunk
    if builder.rows:
        layout.missing(found, "ROWDATA")
    yield from builder.rest()


def _rows(
    member: IO[bytes], layout: Layout, place: str, found: set[str]
) -> Iterator[tuple[list[str], list[tuple[str, str, str]]]]:
    position = {column: index for index, column in enumerate(layout.columns)}
    root: Any = None  # an element, once there is one
    try:
        events: Any = etree.iterparse(
            member, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        for event, element in events:
            if root is None:
                root = element
                _check_root(root, layout, place)
            if element.getparent() is not root:
                continue
            if element.tag != "ROW":  # passed over, its rows would be lost
                raise FatalError(
                    f"{layout.where}{place}第 {element.sourceline} 行：ROWDATA 之下只能有 ROW 元素"
                    "（大写，不带命名空间）；请部门按此格式重新报送"
                )
            if event == "start":
                continue
            values = [""] * len(position)
            problems: list[tuple[str, str, str]] = []
            seen: set[str] = set()
            for number, child in enumerate(element, start=1):
                if not isinstance(child.tag, str):
                    continue  # a comment or processing instruction
                name = etree.QName(child).localname
                if len(child):
                    problems.append((BROKEN_ROW, "", f"第{number}个元素内有嵌套元素，应为纯文本"))
                again = name in seen
                if again:
                    problems.append((BROKEN_ROW, "", f"第{number}个元素与前面的元素同名，每列只能出现一次"))
                seen.add(name)
                targets = layout.targets(name)
                if not targets and not layout.known(name):
                    layout.unknown(name, number, place)
                text = "".join(child.itertext())
                for column in targets:
                    found.add(column)
                    if values[position[column]] and text and not again:
                        problems.append((BROKEN_ROW, column, "同一字段以两个列名出现，只能报送一个"))
                    values[position[column]] = text or values[position[column]]
            yield values, problems
            element.clear()
            while (earlier := element.getprevious()) is not None:  # rows that were read go away
                root.remove(earlier)
    except etree.XMLSyntaxError as error:
        # the parser's own text could quote the delivery
        line = error.position[0] if error.position else "?"
        raise FatalError(
            f"{layout.where}{place}第 {line} 行：不是格式正确的 XML（错误 {error.code}），可能没有写完或没有转义；"
            "请部门重新报送"
        ) from None
    if root is None:
        raise FatalError(f"{layout.where}{place}：没有 XML 元素；请部门重新报送")


def _check_root(root: Any, layout: Layout, place: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise FatalError(f"{layout.where}{place}：XML 中有 DOCTYPE，不予读取；请部门去掉后重新报送")
    if root.tag != "ROWDATA":
        raise FatalError(f"{layout.where}{place}：根元素应为 ROWDATA，内含 ROW 元素；请部门按此格式重新报送")
