"""SM3, HMAC-SM3 and the canonical JSON that the platforms' digests are taken over (lower-case hex)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson

try:
    hashlib.new("sm3", b"")
    _NATIVE = True
except ValueError:  # a Python linked to an OpenSSL without SM3
    _NATIVE = False


def sm3(data: bytes) -> str:
    """SM3 (GB/T 32905-2016) of ``data`` as 64 lower-case hex digits."""
    return _digest(data).hex()


def _digest(data: bytes) -> bytes:
    if _NATIVE:
        return hashlib.new("sm3", data).digest()
    from cryptography.hazmat.primitives import hashes

    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


def hmac_sm3(secret: str, message: str) -> str:
    """HMAC (RFC 2104) with SM3, block size 64 bytes, over the UTF-8 of ``message``, as lower-case hex."""
    key = secret.encode()
    if len(key) > 64:
        key = _digest(key)
    key = key.ljust(64, b"\0")
    inner = _digest(bytes(b ^ 0x36 for b in key) + message.encode())
    return _digest(bytes(b ^ 0x5C for b in key) + inner).hex()


def equal(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def canonical(value: Any) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8, non-ASCII not escaped."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
