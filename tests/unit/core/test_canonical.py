"""Canonical form: the same record gives the same bytes, digest and id on every machine."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.core import canonical

KEY = bytes(range(40))
ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def hmac_by_the_book(key: bytes, data: bytes) -> str:
    """RFC 2104 written out, for keys of at most one block."""
    key = key.ljust(64, b"\0")
    inner = canonical.new_sm3(bytes(b ^ 0x36 for b in key) + data).digest()
    return canonical.sm3_hex(bytes(b ^ 0x5C for b in key) + inner)


@pytest.mark.parametrize("in_hashlib", [canonical._IN_HASHLIB, False])
def test_sm3_is_the_standards_with_either_implementation(in_hashlib: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(canonical, "_IN_HASHLIB", in_hashlib)
    monkeypatch.setattr(canonical, "_DIGESTMOD", "sm3" if in_hashlib else canonical._CryptographySM3)
    assert canonical.sm3_hex(b"abc") == ABC
    running = canonical.new_sm3(b"a")
    copy = running.copy()
    running.update(b"bc")
    assert running.hexdigest() == ABC
    assert copy.hexdigest() == canonical.sm3_hex(b"a")
    assert canonical.hmac_sm3_hex(KEY, b"abc") == hmac_by_the_book(KEY, b"abc")
    expected = [hmac_by_the_book(KEY, b"abc"), hmac_by_the_book(KEY, "中".encode()), hmac_by_the_book(KEY, b"")]
    assert canonical.hmac_sm3_many(KEY, ["abc", "中", ""]) == expected
    assert canonical.sm3_many([b"abc", b""]) == [ABC, canonical.sm3_hex(b"")]


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_canonical_json_is_what_the_interface_says(value: object):
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical.canonical_json(value) == expected.encode()


def test_keys_are_sorted_and_amounts_must_be_text():
    assert canonical.canonical_json({"b": "中", "a": None}) == '{"a":null,"b":"中"}'.encode()
    with pytest.raises(TypeError):
        canonical.canonical_json({"amount": Decimal("0.20")})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5, unique=True))
def test_opaque_ids_are_url_safe_and_distinct(rows: list[tuple[str, str]]):
    ids = [canonical.opaque_id(KEY, row) for row in rows]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)
    assert len(set(ids)) == len(rows)


def test_an_opaque_id_is_what_it_was_in_earlier_versions():
    """Another one would be another record: the published one would stay at the platforms for ever."""
    assert canonical.opaque_id(b"k" * 32, ["permit", "甲"]) == "a5472ae65c19b9325bd54796cbfe044f"


def test_an_opaque_id_depends_on_key_and_on_where_parts_end():
    assert canonical.opaque_id(KEY, ["ab", "c"]) != canonical.opaque_id(KEY, ["a", "bc"])
    assert canonical.opaque_id(KEY, ["a"]) != canonical.opaque_id(KEY[1:], ["a"])
    assert len(canonical.opaque_id(KEY, ["a"], 64)) == 64
    assert len(canonical.opaque_id(KEY, ["a"], 24)) == 24
    for length in (8, 23, 65):
        with pytest.raises(ValueError, match="characters"):
            canonical.opaque_id(KEY, ["a"], length)


@pytest.mark.parametrize("in_hashlib", [True, False])
@pytest.mark.parametrize("key", [b"", b"k" * 32, b"k" * 64, b"k" * 65, bytes(range(256))])
def test_macs_in_bulk_are_hmac(in_hashlib: bool, key: bytes, monkeypatch: pytest.MonkeyPatch):
    if in_hashlib and not canonical._IN_HASHLIB:
        pytest.skip("hashlib has no SM3 here")
    values = [b"", "福州".encode(), b"x" * 200]
    expected = [canonical.hmac_sm3_hex(key, value) for value in values]
    monkeypatch.setattr(canonical, "_IN_HASHLIB", in_hashlib)
    assert canonical.hmac_sm3_digests(key, [*values[:2], memoryview(values[2])]).hex() == "".join(expected)
    assert canonical.hmac_sm3_many(key, [value.decode() for value in values]) == expected
    assert canonical.hmac_sm3_many(key, []) == []
