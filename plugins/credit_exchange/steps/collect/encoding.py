"""Which encoding a delivered text is in, decided strictly: nothing is replaced or left out (reliability C4, C5)."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

BLOCK = 1024 * 1024
_BOM = codecs.BOM_UTF8
_TELLING = 3


@dataclass(frozen=True)
class Encoding:
    """`codec` for Python, bytes of the byte order mark, and whether every byte of the file can be decoded."""

    codec: str
    bom: int
    sound: bool


def detect(file: IO[bytes], declared: str, is_header: Callable[[str], bool]) -> Encoding:
    """Return the encoding of a text: the declared one, or for `auto` UTF-8, else GB18030 (not GBK: it lacks characters
    that stand in names). Where neither fits, the one in which the first line is a header.
    """
    file.seek(0)
    head = file.read(BLOCK)
    bom = len(_BOM) if head.startswith(_BOM) else 0
    if bom:  # the mark says more than the feed's file
        return Encoding("utf-8", bom, _decodes(file, "utf-8", bom))
    if declared != "auto":
        return Encoding(declared, 0, _decodes(file, declared, 0))
    utf8 = _decodes(file, "utf-8", 0)
    if utf8:
        return Encoding("utf-8", 0, True)
    first = head.replace(b"\r", b"\n").split(b"\n", 1)[0]
    try:
        header_is_utf8 = is_header(first.decode("utf-8")) and not first.isascii()
    except UnicodeDecodeError:
        header_is_utf8 = False
    if header_is_utf8:  # an UTF-8 file with some damaged rows; most of its bytes would pass as GB18030 nonsense
        return Encoding("utf-8", 0, False)
    gb18030 = _decodes(file, "gb18030", 0)
    if not gb18030 and _mostly_utf8(file):  # damaged, below a header that says nothing of it
        return Encoding("utf-8", 0, False)
    return Encoding("gb18030", 0, gb18030)


def _mostly_utf8(file: IO[bytes]) -> bool:
    """Tell whether more lines of a damaged text are UTF-8 than are not."""
    balance = 0
    file.seek(0)
    for line in iter(lambda: file.readline(BLOCK), b""):
        if not line.isascii():
            try:
                line.decode("utf-8")
                balance += 1
            except UnicodeDecodeError:
                balance -= 1
    return balance > 0


def _decodes(file: IO[bytes], codec: str, start: int) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    file.seek(start)
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def line_in_utf8(file: IO[bytes]) -> int | None:
    """Return the number of the first line of a GB18030 text that is UTF-8: half of such lines would pass as nonsense.

    Three characters tell: text in GB18030 that happens to be UTF-8 as well is shorter.
    """
    file.seek(0)
    for number, line in enumerate(iter(lambda: file.readline(BLOCK), b""), start=1):
        if line.isascii():
            continue
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if sum(char > "\u07ff" for char in text) >= _TELLING:
            return number
    return None


def is_utf8(file: IO[bytes]) -> bool:
    """Tell whether a text that is said to be Chinese is all UTF-8, with enough characters to tell."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    telling = 0
    file.seek(0)
    try:
        while block := file.read(BLOCK):
            text = decoder.decode(block)
            if telling < _TELLING and not text.isascii():
                telling += sum(char > "\u07ff" for char in text)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return telling >= _TELLING


def recode(file: IO[bytes], encoding: Encoding, target: IO[bytes]) -> None:
    """Write the text to `target` as UTF-8 without a byte order mark. Only for sound text."""
    decoder = codecs.getincrementaldecoder(encoding.codec)("strict")
    file.seek(encoding.bom)
    while block := file.read(BLOCK):
        target.write(decoder.decode(block).encode())
    target.write(decoder.decode(b"", True).encode())
