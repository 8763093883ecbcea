"""JSON made by whole columns is, byte for byte, the canonical JSON of each row; so are digests and ids of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from credit_exchange.core import jsontext
from credit_exchange.core.canonical import canonical_json, hmac_sm3_hex, opaque_id, sm3_hex

KEY = b"k" * 32
ODD = [
    "",
    "福州市",
    'a"b',
    "a\\b",
    "a\\",
    "\n\r\t\b\f",
    "".join(map(chr, range(32))),
    "\x7f\x80\u2028\u2029\ufffd",
    "𠮷😀",
    "}{,:[]",
    "x" * 5000,
    None,
]


def column(values: list[str | None]) -> Any:
    """An Arrow column of text."""
    return pa.array(values, type=pa.large_string())


def rows() -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Three columns in which every odd value stands beside every other, and the same as dicts."""
    given = {"XK_B": ODD * len(ODD), "_a": [value for value in ODD for _ in ODD], "XK_A": ODD[::-1] * len(ODD)}
    dicts = [
        {code: value for code, value in zip(given, row, strict=True) if value is not None}
        for row in zip(*given.values(), strict=True)
    ]
    return {code: column(values) for code, values in given.items()}, dicts


def test_objects_are_canonical_json() -> None:
    columns, dicts = rows()
    made = jsontext.objects(jsontext.members(columns), len(dicts))
    assert made.to_pylist() == [canonical_json(one).decode() for one in dicts]


def test_a_part_of_a_column_is_read_where_it_lies() -> None:
    columns, dicts = rows()
    parts = {code: array.slice(3, 20) for code, array in columns.items()}
    made = jsontext.objects(jsontext.members(parts), 20)
    assert made.to_pylist() == [canonical_json(one).decode() for one in dicts[3:23]]
    some = made.slice(5, 7)
    assert jsontext.digests(KEY, some).to_pylist() == [hmac_sm3_hex(KEY, x.encode()) for x in some.to_pylist()]


def test_rows_without_columns_are_empty_objects() -> None:
    assert jsontext.objects({}, 2).to_pylist() == ["{}", "{}"]
    assert jsontext.objects(jsontext.members({"A": column([None])}), 1).to_pylist() == ["{}"]
    gaps = {"B": column([None, "x", None]), "A": column([None, None, "y"])}
    assert jsontext.objects(jsontext.members(gaps), 3).to_pylist() == ["{}", '{"B":"x"}', '{"A":"y"}']
    assert jsontext.objects({}, 0).to_pylist() == []


def test_ids_are_the_opaque_ids() -> None:
    there = [value for value in ODD if value is not None]
    made = jsontext.digests(KEY, jsontext.lists(["permit", column(there), column(there[::-1])]), 32)
    expected = [opaque_id(KEY, ["permit", *parts]) for parts in zip(there, there[::-1], strict=True)]
    assert made.to_pylist() == expected
    assert jsontext.lists([column(["a", None]), column(["b", "c"])]).to_pylist() == ['["a","b"]', None]


@pytest.mark.parametrize("length", [24, 32, 64])
def test_digests_are_cut_to_their_length(length: int) -> None:
    values = ["", "福州", "x" * 200]
    made = jsontext.digests(KEY, column(values), length)
    assert made.to_pylist() == [hmac_sm3_hex(KEY, value.encode())[:length] for value in values]
    assert jsontext.digests(KEY, column([]), length).to_pylist() == []


def test_what_was_written_is_read_again() -> None:
    columns, dicts = rows()
    reader = jsontext.Reader()
    texts = [canonical_json(one).decode() for one in dicts]
    for _ in range(2):  # the members are unknown, then known
        read = reader.columns(texts)
        assert {code: array.to_pylist() for code, array in read.items()} == {
            code: array.to_pylist() for code, array in columns.items()
        }
    assert reader.columns(['{"new":"2026-11-22T00:00:00"}', "{}"])["new"].to_pylist() == ["2026-11-22T00:00:00", None]
    assert reader.columns(["{}"]) == reader.columns([]) == {}


@pytest.mark.parametrize("text", ['{"a":5}', '{"a":["x"]}', "[]", '{"a":"x"} {"a":"y"}', '{"a"', "", '{"a":{"b":"c"}}'])
def test_what_is_no_object_of_texts_is_refused(text: str) -> None:
    reader = jsontext.Reader()
    for _ in range(2):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            reader.columns(['{"a":"x"}', text])


def test_digests_of_pieces_are_those_of_the_texts() -> None:
    there = [value for value in ODD if value is not None]
    assert jsontext.sm3_of(column(there).slice(2, 5)) == [sm3_hex(value.encode()) for value in there[2:7]]
