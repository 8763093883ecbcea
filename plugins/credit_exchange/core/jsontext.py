"""Canonical JSON of whole columns, written and read by Arrow: what `core.canonical.canonical_json` gives for each row.

Columns are `pyarrow.LargeStringArray`; null = not there. All functions give arrays of as many rows as they get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from credit_exchange.core.canonical import hmac_sm3_digests, sm3_many
from credit_exchange.core.text import bytes_of

Array = Any  # pyarrow.LargeStringArray; pyarrow has no types to check against
_TEXT = pa.large_string()
_ESCAPED = '["\\\\\\x00-\\x1f]'
DIGEST_HEX = 64


def _scalar(value: str) -> Any:
    return pa.scalar(value, type=_TEXT)


_COMMA, _QUOTE, _NOTHING = _scalar(","), _scalar('"'), _scalar("")


def escaped(array: Array) -> Array:
    """Each value as it stands between the quotes of a JSON text."""
    data = bytes_of(array)
    if not ((data < 0x20) | (data == 0x22) | (data == 0x5C)).any():
        return array
    odd = pc.fill_null(pc.match_substring_regex(array, pattern=_ESCAPED), False)
    values = [orjson.dumps(value).decode()[1:-1] for value in array.filter(odd).to_pylist()]
    return pc.replace_with_mask(array, odd, pa.array(values, type=_TEXT))


def members(columns: Mapping[str, Array]) -> dict[str, Array]:
    """`"code":"value"` of each column, by code; null where there is no value."""
    return {
        code: pc.binary_join_element_wise(_scalar(orjson.dumps(code).decode() + ':"'), escaped(array), _QUOTE, _NOTHING)
        for code, array in columns.items()
    }


def objects(parts: Mapping[str, Array], rows: int) -> Array:
    """The JSON object of each of `rows` rows, from what :func:`members` gave: those that are there, sorted by code."""
    if not rows:
        return pa.array([], type=_TEXT)
    if not any(part.null_count == 0 for part in parts.values()):
        some = np.zeros(rows, dtype=np.bool_)
        for part in parts.values():
            some |= part.is_valid().to_numpy(zero_copy_only=False)
        if not some.all():  # Arrow's join leaves rows without any value out
            made = pa.array(["{}"] * rows, type=_TEXT)
            if some.any():
                mask = pa.array(some)
                filled = objects({code: part.filter(mask) for code, part in parts.items()}, int(some.sum()))
                made = pc.replace_with_mask(made, mask, filled)
            return made
    inner = pc.binary_join_element_wise(*(parts[code] for code in sorted(parts)), _COMMA, null_handling="skip")
    return pc.binary_join_element_wise(_scalar("{"), inner, _scalar("}"), _NOTHING)


def lists(columns: Sequence[Array | str]) -> Array:
    """The JSON list of texts of each row; null where one of them is. A text stands for a column of it."""
    parts = [_scalar(orjson.dumps(c).decode()[1:-1]) if isinstance(c, str) else escaped(c) for c in columns]
    inner = pc.binary_join_element_wise(*parts, _scalar('","'))
    return pc.binary_join_element_wise(_scalar('["'), inner, _scalar('"]'), _NOTHING)


def digests(key: bytes, array: Array, length: int = DIGEST_HEX) -> Array:
    """HMAC-SM3 of each value (there must be no null) in lower-case hex, cut to `length` characters."""
    made = np.frombuffer(hmac_sm3_digests(key, pieces(array)), dtype=np.uint8)
    cut = np.ascontiguousarray(made.reshape(-1, DIGEST_HEX // 2)[:, : length // 2])
    offsets = np.arange(0, (len(array) + 1) * length, length, dtype=np.int64)
    data = pa.py_buffer(cut.tobytes().hex().encode("ascii"))
    return pa.LargeStringArray.from_buffers(len(array), pa.py_buffer(offsets), data)


def sm3_of(array: Array) -> list[str]:
    """SM3 of each value (there must be no null) in lower-case hex."""
    return sm3_many(pieces(array))


def pieces(array: Array) -> Iterator[memoryview]:
    """The bytes of each value (there must be no null), without copying them."""
    if not len(array):
        return
    data = bytes_of(array).data
    ends = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    ends = (ends - ends[0]).tolist()
    for start, end in pairwise(ends):
        yield data[start:end]


class Reader:
    """Reads JSON objects whose members are all texts into columns; remembers which members it has met."""

    def __init__(self) -> None:
        """Know of no member yet."""
        self._schema = pa.schema([])

    def columns(self, texts: Sequence[str]) -> dict[str, Array]:
        """Each member of these objects as a column, by name; null where an object lacks it.

        Raises ValueError or TypeError for anything else than objects of texts.
        """
        if not texts:
            return {}
        try:
            table = self._read(texts)
        except pa.ArrowInvalid:  # most likely a member that was not met before
            objects = [orjson.loads(text) for text in texts]
            names = {*self._schema.names, *(name for one in objects for name in one)}
            self._schema = pa.schema([(name, pa.string()) for name in sorted(names)])
            table = pa.table({name: pa.array([one.get(name) for one in objects], pa.string()) for name in names})
        return {
            name: pa.concat_arrays(column.chunks).cast(_TEXT)
            for name, column in zip(table.column_names, table.columns, strict=True)
            if column.null_count < len(texts)
        }

    def _read(self, texts: Sequence[str]) -> pa.Table:
        data = "\n".join(texts).encode()
        table = pa_json.read_json(
            pa.py_buffer(data),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pa_json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="error"),
        )
        if len(table) != len(texts):
            raise pa.ArrowInvalid("not one object in each text")
        return table
