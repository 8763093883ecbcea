"""What stands on the wire of dialect C: the row of a record, its identity there, and a shipment's bytes read again.

A row lies at the platform under document number, deciding agency's code and subject. A shipment is kept as the very XML
that is imported, or, where something is revoked, as a JSON list of rows: the identities that are revoked. What was
packed before a changed identity had a takedown of its own says there as well which row is imported then, and its
identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.config.catalog import CatalogField, Dataset
from credit_exchange.config.files import Place
from credit_exchange.config.platform import Platform, Route
from credit_exchange.core.text import as_mask
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects import by_column, forms
from credit_exchange.steps.push.dialects.base import Identity

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload, Sheet

_ROWDATA = ("<ROWDATA>", "</ROWDATA>")
_TAG = re.compile(r"[^\W\d][\w.-]*")
_APART = "\x1f"  # no value that XML allows holds it


class _Column(NamedTuple):
    """One column of a data set on this wire; `plain`: its texts are written as they are."""

    code: str
    field: CatalogField
    plain: bool
    begin: str
    end: str


class Sent(NamedTuple):
    """One row of a shipment: its XML (None: nothing is imported), where it will lie, and what is revoked before it."""

    xml: str | None
    identity: Identity | None
    revoke: Sequence[Identity]
    reason: str


def needs(platform: Platform, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Place, str]]:
    """Yield what of a platform's file does not do: a service and a kind of its own for each data set, tags that are
    XML names, and everything in the row that a record is found by."""
    kinds: dict[str, str] = {}
    for name, route in platform.datasets.items():
        place: Place = ("datasets", name)
        for key, example in (("endpoint", "importPermissionXml"), ("kind", "permission")):
            if not getattr(route, key):
                yield (*place, key), f"china_xml 需要 endpoint 和 kind；请补上 {key}，例如 {example}"
        if route.kind and route.kind in kinds:
            yield (*place, "kind"), f"{kinds[route.kind]} 的 kind 已经是 {route.kind!r}；请各用各的"
        kinds.setdefault(route.kind or "", name)
        for code, tag in route.fields.items():
            if not _TAG.fullmatch(tag):
                yield (*place, "fields", code), f"{tag!r} 不能作 XML 元素名；请更正"
        dataset = datasets.get(name)
        if dataset is not None:
            names = dataset.identity
            found_by = (names.document_no, names.agency_code, names.subject.name, names.subject.uscc)
            for number, code in enumerate(route.omit):
                if code in found_by:
                    yield (*place, "omit", number), f"平台以 {code} 识别记录，不能略去；请从 omit 中删去"


class ChinaRows:
    """Writes and reads the rows of one platform."""

    def __init__(self, platform: Platform, datasets: Mapping[str, Dataset]) -> None:
        """Take the platform's routes and the catalogue."""
        self._platform = platform
        self._datasets = datasets
        self._columns: dict[str, list[_Column]] = {}

    def route(self, name: str) -> tuple[Route, Dataset]:
        """Return how a data set travels, and the data set. Raises ConfigurationError."""
        route, dataset = self._platform.datasets.get(name), self._datasets.get(name)
        if route is None or dataset is None:
            raise ConfigurationError(
                f"platforms/{self._platform.platform}.yml：datasets.{name}：该数据集应同时列于此处和资源目录；"
                f"请补上，并新增 catalog/{name}.yml"
            )
        return route, dataset

    def _columns_of(self, name: str) -> list[_Column]:
        """Return the standard's columns in its order, as this platform names them."""
        if name not in self._columns:
            route, dataset = self.route(name)
            columns = []
            for code, field in dataset.fields.items():
                if not field.internal and code not in route.omit:
                    tag = forms.renamed(route, code)
                    plain = field.type != "date" and not (field.type == "decimal" and field.unit == "wan_yuan")
                    columns.append(_Column(code, field, plain, f"<{tag}>", f"</{tag}>"))
            self._columns[name] = columns
        return self._columns[name]

    # --- one row

    def row(self, payload: Payload) -> str:
        """Return the row of one record. Raises BadValue."""
        cells = []
        for column in self._columns_of(payload.dataset):
            # a bare carriage return would be read back as a line feed (XML 1.0, 2.11)
            value = escape(_written(payload.fields.get(column.code, ""), column.field), {chr(13): "&#13;"})
            cells.append(column.begin + value + column.end)
        return f"<ROW>{''.join(cells)}</ROW>"

    def identity(self, name: str, fields: Mapping[str, str]) -> Identity | None:
        """Return kind, document number, agency's code and subject as they stand there; None when one is absent."""
        route, dataset = self.route(name)
        names = dataset.identity
        code = fields.get(names.subject.uscc or "", "")
        if not code or code in dataset.placeholder_codes:
            code = fields.get(names.subject.name, "")
        parts = (fields.get(names.document_no, ""), fields.get(names.agency_code, ""), code)
        wsh, jgdm, xdr = map(forms.xml_safe, parts)
        if not (wsh and jgdm and xdr):
            return None
        return {"kind": route.kind or "", "wsh": wsh, "jgdm": jgdm, "xdr": xdr}

    # --- a sheet

    def sheet(self, sheet: Sheet) -> tuple[list[bytes], list[bool]]:
        """Return the row of each record of a sheet, and where one needs care: only :meth:`row` may say what it is."""
        parts: list[Any] = ["<ROW>"]
        care = self._nameless(sheet)
        for column in self._columns_of(sheet.dataset):
            text: Any = ""
            if column.code in sheet.columns:
                text = sheet.columns[column.code]
                if not column.plain:
                    text, wrong = by_column.written(text, partial(_written, field=column.field))
                    care |= wrong
                text, wrong = by_column.xml(text)
                care |= wrong
            parts += [column.begin, text, column.end]
        # one column at least: a record without an identity needs care, and its row is not used
        made = by_column.joined(*parts, "</ROW>", pa.array([""] * len(care), pa.large_string()))
        return by_column.taken(made), care.tolist()

    def _nameless(self, sheet: Sheet) -> by_column.Mask:
        keys = self.keys(sheet)
        return np.fromiter((key is None for key in keys), np.bool_, len(keys))

    def keys(self, sheet: Sheet) -> list[str | None]:
        """Return a text for the identity of each row, None where it has none."""
        route, dataset = self.route(sheet.dataset)
        names = dataset.identity
        rows = len(sheet.outbox_ids)
        nothing = pa.nulls(rows, pa.large_string())

        def column(code: str | None) -> Any:
            return by_column.filled(sheet.columns.get(code or "", nothing))

        code = column(names.subject.uscc)
        placeholder = pc.is_in(code, value_set=pa.array(["", *dataset.placeholder_codes], pa.large_string()))
        parts = [
            column(names.document_no),
            column(names.agency_code),
            pc.if_else(placeholder, column(names.subject.name), code),
        ]
        parts = [by_column.without(part, by_column.XML_FORBIDS) for part in parts]
        made = by_column.joined(f"{route.kind}{_APART}", parts[0], _APART, parts[1], _APART, parts[2])
        absent = np.zeros(rows, dtype=np.bool_)
        for part in parts:
            absent |= as_mask(pc.equal(pc.binary_length(part), 0))
        return pc.if_else(pa.array(absent), pa.scalar(None, pa.large_string()), made).to_pylist()

    @staticmethod
    def key(identity: Identity) -> str:
        """Return the text of one identity."""
        return _APART.join(identity[part] for part in ("kind", "wsh", "jgdm", "xdr"))

    # --- a shipment

    @staticmethod
    def assemble(pieces: Sequence[bytes]) -> bytes:
        """Return the bytes of a shipment."""
        if pieces[0].startswith(b"<"):
            return b"".join([_ROWDATA[0].encode(), *pieces, _ROWDATA[1].encode()])
        return b'{"rows":[' + b",".join(pieces) + b"]}"

    @staticmethod
    def imported(body: bytes) -> str:
        """Return the XML that a shipment imports."""
        if body.startswith(b"<"):
            return body.decode()
        return "".join([_ROWDATA[0], *(row["xml"] for row in orjson.loads(body)["rows"]), _ROWDATA[1]])

    def sent(self, name: str, body: bytes) -> list[Sent]:
        """Return the rows of a shipment's bytes."""
        if not body.startswith(b"<"):
            return [
                Sent(row.get("xml"), row.get("identity"), row.get("revoke", []), str(row.get("reason", "")))
                for row in orjson.loads(body)["rows"]
            ]
        route, dataset = self.route(name)
        codes = {forms.renamed(route, code): code for code in dataset.fields}
        rows = []
        for element, xml in zip(forms.read_xml(body, "ROWDATA"), _rows_of(body.decode()), strict=True):
            fields = {codes[str(cell.tag)]: cell.text or "" for cell in element if str(cell.tag) in codes}
            rows.append(Sent(xml, self.identity(name, fields), (), ""))
        return rows


def cells(xml: str) -> dict[str, str]:
    """Return the columns of one row."""
    return {str(cell.tag): cell.text or "" for cell in forms.read_xml(xml.encode(), "ROW")}


def _rows_of(xml: str) -> list[str]:
    inner = xml.removeprefix(_ROWDATA[0]).removesuffix(_ROWDATA[1])
    return [row + "</ROW>" for row in inner.split("</ROW>")[:-1]]


def _written(value: str, field: CatalogField) -> str:
    """Return a value as C writes it: yyyy/MM/dd, 万元 with six decimals. Raises BadValue."""
    if not value:
        return ""
    if field.type == "date":
        return forms.date_of(value, field, "/")
    if field.type == "decimal" and field.unit == "wan_yuan":
        return forms.amount_of(value, field, factor=1, places=6)
    return forms.xml_safe(value)
