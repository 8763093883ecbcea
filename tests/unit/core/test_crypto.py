"""Encryption at rest: what is opened is what was sealed, or nothing is opened."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.core import crypto
from credit_exchange.core.canonical import sm3_hex
from credit_exchange.errors import ConfigurationError, FatalError

KEYS = crypto.Keys.derive("00" * 31 + "01", "a secret of the exchange")
OTHER = crypto.Keys.derive("00" * 31 + "02", "a secret of the exchange")
HEADER = 40


def sealed_stream(data: bytes, chunk: int = 16, context: bytes = b"") -> bytes:
    target = io.BytesIO()
    assert crypto.seal_stream(KEYS, io.BytesIO(data), target, chunk=chunk, context=context) == len(data)
    return target.getvalue()


def opened(blob: bytes, keys: crypto.Keys = KEYS, context: bytes = b"") -> bytes:
    return b"".join(crypto.iter_open_stream(keys, io.BytesIO(blob), context))


NEW = crypto.Keys.derive("00" * 31 + "03", "a secret of the exchange", ["00" * 31 + "02", "00" * 31 + "01"])


def test_what_earlier_keys_sealed_is_opened_and_what_is_sealed_is_sealed_with_the_newest():
    assert crypto.open_sealed(NEW, crypto.seal(KEYS, b"abc", b"here"), b"here") == b"abc"
    assert crypto.open_text(NEW, crypto.seal_text(OTHER, "福州")) == "福州"
    whole = os.urandom(100)
    assert opened(sealed_stream(whole), NEW) == whole
    for earlier in (KEYS, OTHER):
        with pytest.raises(FatalError):
            crypto.open_sealed(earlier, crypto.seal(NEW, b"abc"))
    target = io.BytesIO()
    crypto.seal_stream(NEW, io.BytesIO(whole), target)
    with pytest.raises(FatalError):
        opened(target.getvalue(), KEYS)


def test_keys_are_derived_and_never_shown():
    assert KEYS.encryption == bytes(31) + b"\x01"
    assert KEYS.hmac.hex() == sm3_hex(b"a secret of the exchange")
    assert repr(KEYS) == "Keys()"
    for wrong in ("", "short", "x" * 15):
        with pytest.raises(ConfigurationError, match="credit_keys") as error:
            crypto.Keys.derive("00" * 32, wrong)
        assert not wrong or wrong not in str(error.value)
    assert crypto.Keys.derive("00" * 32, "x" * 16).hmac.hex() == sm3_hex(b"x" * 16)
    # as people write and files hold them: another reading would be another key, and nothing would open any more
    assert crypto.Keys.derive(f" {'aB' * 32}\n", "x" * 16 + "\n") == crypto.Keys.derive("ab" * 32, "x" * 16)
    assert crypto.Keys.derive("00" * 33, "x" * 16).encryption.hex() == sm3_hex(b"00" * 33)
    assert repr(NEW) == "Keys()"
    with pytest.raises(ConfigurationError, match="以前的加密密钥"):
        crypto.Keys.derive("00" * 32, "x" * 16, ["too short"])
    with pytest.raises(ConfigurationError):
        crypto.Keys(b"1" * 32, b"2" * 32, (b"3" * 31,))
    for encryption, hmac in ((16, 32), (31, 32), (33, 32), (32, 31)):
        with pytest.raises(ConfigurationError):
            crypto.Keys(b"1" * encryption, b"2" * hmac)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=10))
def test_a_sealed_value_opens_in_its_own_context_only(data: bytes, context: bytes):
    blob = crypto.seal(KEYS, data, context)
    assert crypto.open_sealed(KEYS, blob, context) == data
    assert blob != crypto.seal(KEYS, data, context)
    for keys, sealed, where in ((OTHER, blob, context), (KEYS, blob, context + b"x"), (KEYS, blob[:-1], context)):
        with pytest.raises(FatalError, match="加密数据已损坏或密钥不符"):
            crypto.open_sealed(keys, sealed, where)


def test_every_altered_byte_of_a_value_is_found():
    blob = crypto.seal(KEYS, b"abc")
    for place in range(len(blob)):
        with pytest.raises(FatalError):
            crypto.open_sealed(KEYS, blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])
    with pytest.raises(FatalError):
        crypto.open_sealed(KEYS, b"")
    with pytest.raises(FatalError, match="不是第 1 或第 2 版"):
        crypto.open_sealed(KEYS, b"\x03" + blob[1:])


def test_what_repeats_itself_is_packed_before_it_is_sealed():
    rows = b"<ROW><XK_XDR_MC>...</XK_XDR_MC></ROW>" * 1000
    assert len(crypto.seal(KEYS, rows)) < len(rows) // 20
    assert crypto.open_sealed(KEYS, crypto.seal(KEYS, rows, b"here"), b"here") == rows
    noise = os.urandom(5000)
    assert crypto.open_sealed(KEYS, crypto.seal(KEYS, noise)) == noise
    sealed = crypto.seal(KEYS, rows)
    with pytest.raises(FatalError, match="完整性校验未通过"):
        crypto.open_sealed(KEYS, b"\x01" + sealed[1:])


def test_text_is_sealed_as_text():
    sealed = crypto.seal_text(KEYS, "榕环罚〔2026〕1号", b"record")
    assert sealed.startswith("enc:v1:")
    assert sealed.isascii()
    assert crypto.open_text(KEYS, sealed, b"record") == "榕环罚〔2026〕1号"
    altered = (sealed[:-4], sealed.replace("v1", "v2"), f"{sealed[:20]}!{sealed[20:]}")
    for wrong in ("plain", "enc:v1:", "enc:v1:!!!", "enc:v1:ÿ", "enc:v1:张三", *altered):
        with pytest.raises(FatalError) as error:
            crypto.open_text(KEYS, wrong, b"record")
        assert wrong == "enc:v1:" or wrong not in str(error.value)


NONCE = "000102030405060708090a0b"
STREAM = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1ff6"
SEALED_BEFORE = [
    ("01" + NONCE + "42beeea184da4b7ac8af0c15852377d0d8414a", "甲".encode()),
    (
        "02"
        + NONCE
        + "a52a548d2e4d7676d06cc54035cd64145811b29da45c99b448ee593c94359029ec34b59ccdfc2e88f526201cc1fb9cd0"
        "da4525ce85a1",
        b"0123456789abcdef" * 128,
    ),
]
STREAMED_BEFORE = [
    "4345530100000001" + STREAM + "de90a48f8d722d926d7c27eefdd776b37dc815219afa7185c196871c9e9536179e7a5da65da97cfd"
    "ad92b66e100ae4f244e1",
    "4345530100000002" + STREAM + "5c012c9e45df3f7e728b472d82dcc128c590ca2c2d15672f1246ea7fe76034c34927",
]


def test_what_was_sealed_by_earlier_versions_still_opens():
    """Deliveries, quarantined rows and contents lie there for years: another form needs another first byte."""
    for sealed, plain in SEALED_BEFORE:
        assert crypto.open_sealed(KEYS, bytes.fromhex(sealed), b"here") == plain
    text = "enc:v1:AQABAgMEBQYHCAkKC0OMyWqIV742Ko9CEQf91hKKoxSYdOUZXif1ZaK+RTYAvhw9X8SKAw=="
    assert crypto.open_text(KEYS, text, b"record") == "榕环罚〔2026〕1号"
    for streamed in STREAMED_BEFORE:
        assert opened(bytes.fromhex(streamed), context=b"batch") == b"abc"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 160])
def test_a_stream_of_any_length_opens_to_itself(size: int):
    data = bytes(i % 251 for i in range(size))
    blob = sealed_stream(data, context=b"batch")
    assert opened(blob, context=b"batch") == data
    assert len(data) < 15 or data[:15] not in blob
    with pytest.raises(FatalError):
        opened(blob, context=b"other")
    with pytest.raises(FatalError):
        opened(blob, keys=OTHER, context=b"batch")


@pytest.mark.parametrize("size", [0, 16, 32, 40])
def test_a_stream_cut_off_or_lengthened_anywhere_is_found(size: int):
    blob = sealed_stream(bytes(size))
    for length in range(len(blob)):
        with pytest.raises(FatalError):
            opened(blob[:length])
    with pytest.raises(FatalError):
        opened(blob + b"\0")


def test_chunks_that_are_moved_repeated_altered_or_foreign_are_found():
    blob = sealed_stream(bytes(range(48)))
    head, chunks = blob[:HEADER], [blob[HEADER + i * 32 : HEADER + (i + 1) * 32] for i in range(3)]
    assert opened(head + b"".join(chunks)) == bytes(range(48))
    foreign = sealed_stream(bytes(range(48)))[HEADER : HEADER + 32]
    for order in (
        [chunks[1], chunks[0], chunks[2]],
        [chunks[0], chunks[0], chunks[1], chunks[2]],
        [chunks[0], chunks[2]],
        [foreign, chunks[1], chunks[2]],
    ):
        with pytest.raises(FatalError):
            opened(head + b"".join(order))
    for place in range(len(blob)):
        with pytest.raises(FatalError):
            opened(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])


class Dribble(io.RawIOBase):
    """A source that gives three bytes at most at a time, as sockets and raw files may."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 3))


def test_sources_that_give_little_at_a_time_are_read_whole():
    target = io.BytesIO()
    crypto.seal_stream(KEYS, Dribble(bytes(100)), target, chunk=16)
    assert b"".join(crypto.iter_open_stream(KEYS, Dribble(target.getvalue()))) == bytes(100)


def test_chunk_sizes_are_bounded():
    with pytest.raises(ValueError, match="chunk"):
        crypto.seal_stream(KEYS, io.BytesIO(), io.BytesIO(), chunk=0)
