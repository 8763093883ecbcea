"""Canonical form of records and the digests, MACs and opaque ids made from it.

Canonical JSON: keys sorted by code point, no white space, UTF-8, non-ASCII characters not escaped. Digest SM3
(GB/T 32905-2016), MAC HMAC-SM3, both lower-case hex.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import orjson
from cryptography.hazmat.primitives import hashes


class Digest(Protocol):
    """What :func:`new_sm3` gives: the part of hashlib's objects that is used here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """32 bytes."""

    def hexdigest(self) -> str:
        """64 lower-case hex characters."""

    def copy(self) -> Digest:
        """An independent copy of the state."""


class _CryptographySM3:
    """SM3 of the `cryptography` package in the shape of hashlib, where hashlib's OpenSSL was built without SM3."""

    name = "sm3"
    digest_size = 32
    block_size = 64

    def __init__(self, data: bytes = b"", *, state: hashes.Hash | None = None) -> None:
        self._state = state or hashes.Hash(hashes.SM3())
        self._state.update(data)

    def update(self, data: bytes | memoryview, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return self._state.copy().finalize()

    def hexdigest(self) -> str:
        return self.digest().hex()

    def copy(self) -> _CryptographySM3:
        return _CryptographySM3(state=self._state.copy())


_IN_HASHLIB = "sm3" in hashlib.algorithms_available
_DIGESTMOD: Any = "sm3" if _IN_HASHLIB else _CryptographySM3
_HMAC_BLOCK = 64  # bytes of a block of SM3
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def new_sm3(data: bytes = b"") -> Digest:
    """A running SM3, for streams: ``update``, ``hexdigest``, ``copy``."""
    if _IN_HASHLIB:
        return hashlib.new("sm3", data)
    return _CryptographySM3(data)


def sm3_hex(data: bytes) -> str:
    """SM3 of `data` as 64 lower-case hex characters (GB/T 32905-2016)."""
    return new_sm3(data).hexdigest()


def sm3_many(documents: Iterable[bytes | memoryview]) -> list[str]:
    """SM3 of each document, in order, as :func:`sm3_hex` gives it; copying an empty state costs less than making it."""
    empty = new_sm3()
    answers: list[str] = []
    for document in documents:
        one = empty.copy()
        one.update(document)
        answers.append(one.hexdigest())
    return answers


def canonical_json(obj: Any) -> bytes:
    """`obj` as canonical JSON, the bytes every digest is made of.

    Give text, integers of 64 bits, booleans, None, lists and dicts with text keys. Raises TypeError for anything else
    (decimals are carried as text, so that 0.20 and 0.2 cannot differ by machine) and for text with lone surrogates.
    """
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


def hmac_sm3_hex(key: bytes, data: bytes) -> str:
    """HMAC-SM3 of `data` under `key` as 64 lower-case hex characters."""
    return hmac.new(key, data, _DIGESTMOD).hexdigest()


def hmac_sm3_digests(key: bytes, values: Iterable[bytes | memoryview]) -> bytes:
    """HMAC-SM3 of each value, in order: 32 bytes each, one after the other.

    RFC 2104 by hand, since copying two prepared states costs less than copying hashlib's HMAC, and a batch needs
    millions of them.
    """
    key = (key if len(key) <= _HMAC_BLOCK else new_sm3(key).digest()).ljust(_HMAC_BLOCK, b"\0")
    inner, outer = (new_sm3(key.translate(pad)).copy for pad in (_INNER_PAD, _OUTER_PAD))
    answers: list[bytes] = []
    for value in values:
        one, two = inner(), outer()
        one.update(value)
        two.update(one.digest())
        answers.append(two.digest())
    return b"".join(answers)


def hmac_sm3_many(key: bytes, values: Sequence[str]) -> list[str]:
    """HMAC-SM3 of each text (UTF-8), in order, as 64 lower-case hex characters."""
    text = hmac_sm3_digests(key, (value.encode() for value in values)).hex()
    return [text[start : start + 64] for start in range(0, len(text), 64)]


def opaque_id(key: bytes, parts: Sequence[str], length: int = 32) -> str:
    """An id of hex digits that says nothing about `parts` to anyone without the key.

    HMAC-SM3 over the canonical JSON of the list in hex, cut to `length` (32 characters = 128 bits): no sign that a
    command line or a spreadsheet would take for an option or a formula. JSON keeps the parts apart: ("ab", "c") and
    ("a", "bc") give different ids.
    """
    # 64 characters are all that 32 bytes give; below 24 (96 bits) two records might meet by chance.
    if not 24 <= length <= 64:
        raise ValueError(f"an opaque id has 24 to 64 characters, not {length}")
    return hmac_sm3_hex(key, canonical_json(list(parts)))[:length]
