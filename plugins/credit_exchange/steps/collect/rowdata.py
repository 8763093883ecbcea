"""Reads ROWDATA XML in a zip: `<ROWDATA><ROW><列>值</列>…</ROW>…</ROWDATA>` (reliability C11, C12).

No entity is resolved, no DTD loaded, no network used, and a DOCTYPE refuses the file. Memory stays with one row.
"""

from __future__ import annotations

import codecs
import fnmatch
import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

from credit_exchange.config.feed import RowdataZipSource
from credit_exchange.errors import FatalError
from credit_exchange.steps.collect.archive import checked_zip, data_members
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.encoding import BLOCK, is_utf8
from credit_exchange.steps.collect.rows import BROKEN_ROW, ChunkBuilder, RawChunk

_HEAD = 200
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_CHINESE = {b"gb2312", b"gb_2312-80", b"gbk", b"cp936", b"ms936", b"windows-936", b"x-gbk", b"euc-cn", b"gb18030"}
_COUNTING = {"num", "id", "no", "row", "rowid", "rownum", "index", "seq"}
_ENCODING_ERRORS = {
    etree.ErrorTypes.ERR_INVALID_ENCODING,
    etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
    etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
}
_ENCODING = "文字与 XML 声明的编码不符（或没有声明，或声明的编码不能识别）；请部门按声明的编码重新导出后报送"


def read_rowdata(file: IO[bytes], layout: Layout, source: RowdataZipSource, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows of all members that match the pattern, by name; line_no is the number of the row."""
    builder = ChunkBuilder(layout.columns, chunk_rows)
    found: set[str] = set()
    with checked_zip(file, layout.where, source.max_bytes) as archive:
        pattern = source.member_pattern.lower()
        members = [
            name
            for name in data_members(archive)
            if fnmatch.fnmatch(name.replace("\\", "/").rpartition("/")[2].lower(), pattern)
        ]
        if not members:
            raise FatalError(
                f"{layout.where}：zip 内没有 {source.member_pattern} 文件；请部门将 XML 放入 zip 后重新报送"
            )
        for number, name in enumerate(members, start=1):
            place = f"第 {number} 个文件"
            with archive.open(name) as member, tempfile.TemporaryFile() as recoded:
                text, codec = _readable(member, recoded, f"{layout.where}{place}")
                for values, problems in _rows(text, codec, layout, place, found):
                    chunk = builder.add(builder.rows + 1, values, problems)
                    if chunk:
                        yield chunk
    if builder.rows:
        layout.missing(found, "ROWDATA")
    yield from builder.rest()


def _readable(member: IO[bytes], recoded: IO[bytes], where: str) -> tuple[IO[bytes], str | None]:
    """Return the file to parse and its encoding, None for what it says itself.

    What calls itself GB2312 or GBK is read as GB18030, which holds both: names hold characters that they lack, and a
    parser that keeps to the word would refuse the file.
    """
    head = member.read(_HEAD)
    member.seek(0)
    declared = _DECLARED.match(head)
    if declared is None or declared[1].lower() not in _CHINESE:
        return member, None
    if is_utf8(member):
        raise FatalError(
            f"{where}：声明的编码是 {declared[1].decode()}，内容却是 UTF-8；请部门更正声明或重新导出后报送"
        )
    member.seek(0)
    decoder = codecs.getincrementaldecoder("gb18030")("strict")
    line = 1
    try:
        while block := member.read(BLOCK):
            recoded.write(decoder.decode(block).encode())
            line += block.count(b"\n")
        recoded.write(decoder.decode(b"", True).encode())
    except UnicodeDecodeError as error:
        line += bytes(error.object).count(b"\n", 0, error.start)
        raise FatalError(f"{where}第 {line} 行：{_ENCODING}") from None
    recoded.seek(0)
    return recoded, "utf-8"


def _rows(
    member: IO[bytes], codec: str | None, layout: Layout, place: str, found: set[str]
) -> Iterator[tuple[list[str], list[tuple[str, str, str]]]]:
    position = {column: index for index, column in enumerate(layout.columns)}
    root: Any = None  # an element, once there is one
    try:
        events: Any = etree.iterparse(
            member,
            events=("start", "end"),
            encoding=codec,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        for event, element in events:
            if root is None:
                root = element
                _check_root(root, layout, place)
            if element is root and event == "end":
                _no_text_beside(root, layout, place)
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
            _attributes(element, layout, place, problems)
            if _says(element.text) or any(_says(child.tail) for child in element):
                problems.append((BROKEN_ROW, "", "ROW 内有不在任何列元素中的文字，请放入列元素"))
            for number, child in enumerate(element, start=1):
                if not isinstance(child.tag, str):
                    continue  # a comment or processing instruction
                name = etree.QName(child).localname
                if any(isinstance(inner.tag, str) for inner in child):  # comments say nothing
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
            element.clear(keep_tail=True)
            while (earlier := element.getprevious()) is not None:  # rows that were read go away
                _no_text_beside(earlier, layout, place)
                root.remove(earlier)
    except etree.XMLSyntaxError as error:
        # the parser's own text could quote the delivery
        line = error.position[0] if error.position else "?"
        if error.code in _ENCODING_ERRORS:
            raise FatalError(f"{layout.where}{place}第 {line} 行：{_ENCODING}") from None
        raise FatalError(
            f"{layout.where}{place}第 {line} 行：不是格式正确的 XML（错误 {error.code}），可能没有写完或没有转义；"
            "请部门重新报送"
        ) from None
    if root is None:
        raise FatalError(f"{layout.where}{place}：没有 XML 元素；请部门重新报送")


def _says(text: str | None) -> bool:
    return bool(text and text.strip())


def _no_text_beside(element: Any, layout: Layout, place: str) -> None:
    """Refuse text between rows: nobody would ever see it."""
    is_root = element.getparent() is None
    if any(_says(child.tail) for child in element) or _says(element.text) if is_root else _says(element.tail):
        raise FatalError(
            f"{layout.where}{place}第 {element.sourceline} 行之后：ROW 之外有文字；请部门放入 ROW 的列元素中重新报送"
        )


def _attributes(row: Any, layout: Layout, place: str, problems: list[tuple[str, str, str]]) -> None:
    """An attribute of a row that counts it says nothing; any other would be passed over, a withdrawal among them."""
    for number, name in enumerate(map(str, row.keys()), start=1):
        local = etree.QName(name).localname
        targets = layout.targets(local)
        if targets:
            problems.append((BROKEN_ROW, targets[0], "写成了 ROW 的属性，不会读取；请改为列元素"))
        elif local.lower() not in _COUNTING and not layout.known(local) and not name.startswith("{"):
            layout.unknown(local, number, f"{place}的 ROW 属性")


def _check_root(root: Any, layout: Layout, place: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise FatalError(f"{layout.where}{place}：XML 中有 DOCTYPE，不予读取；请部门去掉后重新报送")
    if root.tag != "ROWDATA":
        raise FatalError(f"{layout.where}{place}：根元素应为 ROWDATA，内含 ROW 元素；请部门按此格式重新报送")
