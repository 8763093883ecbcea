"""Encryption at rest: AES-256-GCM for values and texts, a chunked form of it for files.

Landing, quarantine and shipments hold personal data and are stored sealed (个人信息保护法 art. 51). A sealed value
starts with a version byte, so that the algorithm can change and old data stays readable.

Sealed stream: ``CES`` · version 1 · chunk size (4 bytes) · salt (32 bytes), then chunks of ciphertext each with its
tag. Every stream has its own key (HKDF of the key and the salt); a chunk's nonce is its number and whether it is the
last. So a chunk that is missing, repeated, moved, cut off or from another stream is found.
"""

from __future__ import annotations

import base64
import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from credit_exchange.core.canonical import new_sm3
from credit_exchange.errors import ConfigurationError, FatalError

TEXT_PREFIX = "enc:v1:"
MIB = 1024 * 1024

_VERSION = b"\x01"
_PACKED = b"\x02"
"""Version 1 of what was packed before: the length of the plaintext (4 bytes) and its Zstandard form (RFC 8878)."""
_PACK_FROM = 1024
_LENGTH = struct.Struct(">I")
_NONCE = 12
_TAG = 16
_STREAM_MAGIC = b"CES\x01"
_HEADER = struct.Struct(">4sI32s")
_LARGEST_CHUNK = 64 * MIB
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_SHORTEST_SECRET = 16
_DAMAGED = (
    "加密数据已损坏或密钥不符：{what}；请核对连接 credit_keys 的加密密钥与写入时是否相同"
    "（以前的密钥填在 extra 的 earlier_encryption_keys），再从备份恢复或重新采集"
)


@dataclass(frozen=True)
class Keys:
    """The keys of the exchange (Airflow Connection ``credit_keys``). Never shown in repr, logs or errors.

    `encryption` is 32 bytes for AES-256, and what is sealed from now on is sealed with it; `earlier` are those that it
    replaced, which only open. `hmac`: at least 32 bytes for record ids and joins, and never rotated in place.
    """

    encryption: bytes = field(repr=False)
    hmac: bytes = field(repr=False)
    earlier: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raise ConfigurationError for keys of the wrong length."""
        if any(len(key) != 32 for key in self.opening) or len(self.hmac) < 32:
            raise ConfigurationError(
                "连接 credit_keys：加密密钥应为 32 字节，HMAC 密钥至少 32 字节；请各填写 64 位十六进制字符"
            )

    @property
    def opening(self) -> tuple[bytes, ...]:
        """The keys that open what is sealed, the one in use first."""
        return (self.encryption, *self.earlier)

    @classmethod
    def derive(cls, secret_enc: str, secret_hmac: str, earlier: Iterable[str] = ()) -> Keys:
        """Keys from secrets: 64 hex characters are the key itself, any other text of at least 16 characters gives its
        SM3. Raises ConfigurationError for a shorter secret."""
        before = tuple(_key("以前的加密密钥", secret) for secret in earlier)
        return cls(_key("加密密钥", secret_enc), _key("HMAC 密钥", secret_hmac), before)


def _key(label: str, secret: str) -> bytes:
    secret = secret.strip()
    if _HEX_KEY.fullmatch(secret):
        return bytes.fromhex(secret)
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigurationError(
            f"连接 credit_keys：{label}没有填写或不足 {_SHORTEST_SECRET} 个字符；"
            "请填写 64 位十六进制字符（例如由 openssl rand -hex 32 生成）"
        )
    return new_sm3(secret.encode()).digest()


# --- values -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    """The cipher of a key, made once: setting it up costs more than sealing a short value."""
    return AESGCM(key)


@lru_cache(maxsize=1)
def _zstd() -> Any:
    import pyarrow as pa  # only here: the DAG files come by this module, and parsing them must stay quick

    return pa.Codec("zstd", compression_level=1)


def seal(keys: Keys, plaintext: bytes, context: bytes = b"") -> bytes:
    """Encrypt and authenticate `plaintext`: version byte · random nonce · AES-256-GCM ciphertext and tag.

    From 1 KiB on it is packed before (version 2) where that makes it shorter: records repeat themselves, and once
    sealed nobody can pack them any more. `context` (for example a table and record id) is not stored; the same must be
    given to open, which keeps a sealed value from being moved to another place.
    """
    version = _VERSION
    if len(plaintext) >= _PACK_FROM:
        packed = _LENGTH.pack(len(plaintext)) + _zstd().compress(plaintext, asbytes=True)
        if len(packed) < len(plaintext):
            version, plaintext = _PACKED, packed
    nonce = os.urandom(_NONCE)
    return version + nonce + _cipher(keys.encryption).encrypt(nonce, plaintext, version + context)


def open_sealed(keys: Keys, blob: bytes, context: bytes = b"") -> bytes:
    """The plaintext of :func:`seal`. Raises FatalError when it was altered, sealed with another key or in another
    context."""
    version = blob[:1]
    if len(blob) < 1 + _NONCE + _TAG or version not in (_VERSION, _PACKED):
        raise FatalError(_DAMAGED.format(what="不是第 1 或第 2 版的加密值"))
    plain = _opened(map(_cipher, keys.opening), blob[1 : 1 + _NONCE], blob[1 + _NONCE :], version + context)
    if plain is None:
        raise FatalError(_DAMAGED.format(what="完整性校验未通过"))
    if version == _VERSION:
        return plain
    (length,) = _LENGTH.unpack_from(plain)
    unpacked: bytes = _zstd().decompress(plain[_LENGTH.size :], length, asbytes=True)
    return unpacked


def _opened(ciphers: Iterable[AESGCM], nonce: bytes, sealed: bytes, context: bytes) -> bytes | None:
    """The plaintext by the first cipher that opens it, None when none does."""
    for cipher in ciphers:
        with suppress(InvalidTag, ValueError):  # ValueError: shorter than a tag
            return cipher.decrypt(nonce, sealed, context)
    return None


def seal_text(keys: Keys, text: str, context: bytes = b"") -> str:
    """:func:`seal` for text, as ``enc:v1:`` and base64, for text columns and JSON."""
    return TEXT_PREFIX + base64.b64encode(seal(keys, text.encode(), context)).decode("ascii")


def open_text(keys: Keys, sealed: str, context: bytes = b"") -> str:
    """The text of :func:`seal_text`. Raises FatalError when it is damaged, was sealed elsewhere, or is no sealed
    text."""
    if not sealed.startswith(TEXT_PREFIX):
        raise FatalError(_DAMAGED.format(what=f"文本不以 {TEXT_PREFIX} 开头"))
    try:
        blob = base64.b64decode(sealed[len(TEXT_PREFIX) :], validate=True)
    except ValueError:  # binascii.Error is one; so is what non-ASCII text raises
        raise FatalError(_DAMAGED.format(what="不是 base64")) from None
    return open_sealed(keys, blob, context).decode()


# --- streams ----------------------------------------------------------------------------------------------------------


def _stream_cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, b"credit-exchange stream v1").derive(key))


def _stream_nonce(number: int, last: bool) -> bytes:
    return struct.pack(">IQ", 1 if last else 0, number)


def _read_full(source: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end (raw files and sockets may give fewer at a time)."""
    data = source.read(size) or b""
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (more := source.read(missing)):
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)


def seal_stream(keys: Keys, source: BinaryIO, target: BinaryIO, chunk: int = MIB, context: bytes = b"") -> int:
    """Seal everything `source` gives into `target`, holding two chunks in memory; returns the number of plaintext
    bytes.

    `context` as in :func:`seal`.
    """
    if not 1 <= chunk <= _LARGEST_CHUNK:
        raise ValueError(f"chunk must be between 1 byte and {_LARGEST_CHUNK} bytes")
    salt = os.urandom(32)
    header = _HEADER.pack(_STREAM_MAGIC, chunk, salt)
    cipher = _stream_cipher(keys.encryption, salt)
    target.write(header)
    number = total = 0
    current = _read_full(source, chunk)
    while True:
        following = _read_full(source, chunk) if len(current) == chunk else b""
        target.write(cipher.encrypt(_stream_nonce(number, not following), current, header + context))
        total += len(current)
        if not following:
            return total
        current, number = following, number + 1


def iter_open_stream(keys: Keys, source: BinaryIO, context: bytes = b"") -> Iterator[bytes]:
    """The plaintext of :func:`seal_stream`, chunk by chunk, each checked before it is given out.

    Raises FatalError at the first chunk that is wrong. That the stream was cut off shows only at its end: whoever acts
    on the data must have taken all of it.
    """
    header = _read_full(source, _HEADER.size)
    if len(header) != _HEADER.size:
        raise FatalError(_DAMAGED.format(what="数据流的头部不完整"))
    magic, chunk, salt = _HEADER.unpack(header)
    if magic != _STREAM_MAGIC or not 1 <= chunk <= _LARGEST_CHUNK:
        raise FatalError(_DAMAGED.format(what="不是第 1 版的加密数据流"))
    ciphers = [_stream_cipher(key, salt) for key in keys.opening]
    size = chunk + _TAG
    number = 0
    current = _read_full(source, size)
    while True:
        following = _read_full(source, size) if len(current) == size else b""
        plain = _opened(ciphers, _stream_nonce(number, not following), current, header + context)
        if plain is None:
            raise FatalError(_DAMAGED.format(what=f"数据流第 {number} 块校验未通过"))
        if plain:
            yield plain
        if not following:
            return
        current, number = following, number + 1
