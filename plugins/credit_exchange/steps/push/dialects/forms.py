"""How values are written on the wires: dates, amounts, names of fields; and strict reading of replies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
from lxml import etree

from credit_exchange.config.catalog import CatalogField
from credit_exchange.config.platform import Route
from credit_exchange.core.numbers_in_text import scrub_text

_XML_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_UNKEPT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON may say and our database cannot hold, a terminal obeys (`explain` shows it there) or a reader is misled by:
controls, and marks that turn the direction of a text."""
_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)
_IN_A_HEADER = re.compile(r"[!-~]+")
_SECONDS = re.compile(r"[0-9]{1,9}")


def _form_table() -> npt.NDArray[np.uint32]:
    plain = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
    written = [bytes([b]) if b in plain else b"+" if b == 0x20 else b"%%%02X" % b for b in range(256)]
    return np.frombuffer(b"".join(text.ljust(4, b"\0") for text in written), dtype=np.uint32)


_FORM_TABLE = _form_table()


class BadReply(ValueError):
    """A reply that is not what the protocol says: nothing may be concluded from it."""


class BadValue(ValueError):
    """A value that this wire cannot carry; the message names the field, never the value."""

    code = "FORM"
    """What the record is rejected with."""


class TooLong(BadValue):
    """A text that is longer than this wire can carry."""

    code = "LEN"


def renamed(route: Route, code: str) -> str:
    """Return the platform's name of one of our fields."""
    return route.fields.get(code, code)


def date_of(value: str, field: CatalogField, separator: str) -> str:
    """Return an ISO date with another separator ("" for yyyyMMdd). Raises BadValue when it is not an ISO date."""
    if not _ISO.fullmatch(value):
        raise BadValue(f"{field.code}：不是日期；请更正后重新报送")
    return value.replace("-", separator)


def amount_of(value: str, field: CatalogField, *, factor: int, places: int) -> str:
    """Return an amount in 万元 times `factor` with exactly `places` decimals.

    Raises BadValue when it is not a number or has more decimals than the platform takes: amounts are never rounded.
    """
    try:
        number = Decimal(value) * factor
        written = number.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        raise BadValue(f"{field.code}：不是金额；请更正后重新报送") from None
    if written != number:  # NaN is unequal to itself
        raise BadValue(f"{field.code}：小数位数多于平台允许的位数；请更正后重新报送")
    return f"{written:f}"


def xml_safe(value: str) -> str:
    """Return the value without the characters that XML 1.0 forbids (section 2.2)."""
    return _XML_FORBIDDEN.sub("", value)


def form_encoded(data: bytes) -> bytes:
    """Return UTF-8 bytes as a form's value (application/x-www-form-urlencoded), like urllib's quote_plus.

    By a table of four bytes for each one, of which the unused are dropped again: a bulk night encodes gigabytes.
    """
    return _FORM_TABLE.take(np.frombuffer(data, dtype=np.uint8)).tobytes().translate(None, b"\0")


def said(message: object) -> str:
    """Return a platform's message without numbers of persons; what else is hidden in it, and how short it is then kept,
    `discreet` knows."""
    return scrub_text(_UNKEPT.sub("\ufffd", message))[:2000] if isinstance(message, str) and message else ""


def code_of(value: object) -> str:
    """Return a platform's code as we may keep it. Raises BadReply when it is no short token or a person's number."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or scrub_text(value) != value:
        raise BadReply("答复中缺少代码，或代码格式不符")
    return value


def refused_by(value: object) -> tuple[str, str]:
    """Return the code of a record that a platform says it refused, and what of it belongs to the message.

    That it was refused is clear whatever the code looks like: one that we may not keep as it is, is NOCODE and told.
    """
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    try:
        return code_of(written), ""
    except BadReply:
        return "NOCODE", said(written)


def _no_constant(_name: str) -> Any:
    raise BadReply("答复中有 NaN 或 Infinity")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadReply("答复中有重复的键")
    return found


def read_json(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises BadReply for anything else: HTML, cut, NaN, a key twice, a byte order mark."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise BadReply("答复不是 UTF-8 编码的 JSON") from error
    if not isinstance(value, dict):
        raise BadReply("答复不是 JSON 对象")
    return value


def read_xml(body: bytes, root: str) -> etree._Element:
    """Return the root element, which must have this name. Raises BadReply; entities, DTDs and the network are off."""
    if b"<!DOCTYPE" in body.upper():
        raise BadReply("答复含有 DTD 或是 HTML 页面")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        element = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadReply("答复不是 XML") from error
    if element.tag != root:
        raise BadReply(f"答复的根元素不是 {root}")
    return element


def whole(value: object) -> int:
    """Return a JSON integer that is not a boolean. Raises BadReply."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadReply("答复中缺少应有的数字")
    return value


def text(data: Mapping[str, Any], key: str) -> str:
    """Return a text that is not empty, not longer than 200 characters and can be kept. Raises BadReply."""
    value = data.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or _UNKEPT.search(value):
        raise BadReply(f"答复中缺少 {key}")
    return value


def credential(data: Mapping[str, Any], key: str) -> str:
    """Return what goes into a header and is kept nowhere, so it may be as long as a signed token. Raises BadReply."""
    value = data.get(key)
    if not isinstance(value, str) or not _IN_A_HEADER.fullmatch(value):
        raise BadReply(f"答复中缺少 {key}")
    return value


def seconds(value: object) -> int:
    """Return a number of whole seconds, which some gateways write as text. Raises BadReply."""
    return int(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else whole(value)
