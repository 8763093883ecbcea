"""What the landing promises as a bucket: what is wrong with it is told, nothing half is there, every call ends."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator

import fsspec
import pytest

from bucket import SECRET, Bucket, Call, bucket
from credit_exchange.core.crypto import Keys
from credit_exchange.errors import ExchangeError, FatalError, RetriableError
from credit_exchange.stores import s3
from credit_exchange.stores.landing import ObjectStore

KEYS = Keys.derive("a" * 64, "b" * 64)


@pytest.fixture
def server() -> Iterator[Bucket]:
    with bucket() as serving:
        yield serving


@pytest.fixture
def store(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(s3, "_TRIES", 2)  # the driver waits for seconds before each
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": server.url})
    return ObjectStore("s3://landing/here", KEYS)


def impatient(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The same store, opened with a time-out that a test can wait for."""
    given = {"endpoint_url": server.url, "config_kwargs": {"read_timeout": 0.3}}
    monkeypatch.setitem(fsspec.config.conf, "s3", given)
    return ObjectStore("s3://landing/here", KEYS)


def whole(error: BaseException) -> str:
    """All that a log shows of an error, what it came from included."""
    return "".join(traceback.format_exception(error))


def test_what_is_put_is_found_again_and_nothing_else_is_there(store: ObjectStore, server: Bucket) -> None:
    large = bytes(range(256)) * 4096 * 20  # three parts
    stored = [store.put_bytes("raw", data) for data in (b"abc", b"", large)]
    assert [store.get_bytes(one.uri) for one in stored] == [b"abc", b"", large]
    assert store.put_bytes("raw", b"abc") == stored[0]
    assert store.uris("raw") == sorted(one.uri for one in stored)
    assert sorted(server.objects) == [f"here/{uri}" for uri in store.uris("raw")]
    store.note("newest", b"one")
    store.note("newest", b"two")
    assert store.noted("newest") == b"two"
    with pytest.raises(FatalError, match="落地区：没有 raw/00"):
        store.get_bytes("raw/00/" + "0" * 64)
    assert store.noted("nothing") is None


@pytest.mark.parametrize("protocol", ["s3", "s3a"])
def test_what_the_machine_says_of_its_store_is_heeded_under_either_name(
    server: Bucket, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """Most stores of one's own have no name for each bucket: without the path style nothing would be found."""
    monkeypatch.delitem(fsspec.config.conf, "s3")
    given = {"endpoint_url": server.url, "config_kwargs": {"s3": {"addressing_style": "path"}}}
    monkeypatch.setitem(fsspec.config.conf, protocol, given)
    store = ObjectStore(f"{protocol}://landing/here", KEYS)
    assert store.get_bytes(store.put_bytes("raw", b"abc").uri) == b"abc"
    assert store._fs.s3.meta.config.s3["addressing_style"] == "path"


def test_a_bucket_that_is_not_there_is_told_and_not_made_anew(store: ObjectStore, server: Bucket) -> None:
    """A misspelt name would begin a second landing in silence, and a lost bucket would be taken for lost objects."""
    uri = store.put_bytes("raw", b"abc").uri
    server.is_there = False
    for work in (
        lambda: store.put_bytes("raw", b"abd"),
        lambda: store.get_bytes(uri),
        lambda: store.exists(uri),
        lambda: store.uris("raw"),
        lambda: store.note("newest", b"one"),
        lambda: store.noted("newest"),
    ):
        with pytest.raises(RetriableError, match=r"NoSuchBucket.*所指的桶不存在"):
            work()
    assert not server.is_there


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "AccessDenied", "密钥"),
        (403, "InvalidAccessKeyId", "密钥"),
        (403, "SignatureDoesNotMatch", "密钥"),
        (400, "ExpiredToken", "密钥"),
        (403, "RequestTimeTooSkewed", "时钟"),
        (503, "SlowDown", "太忙"),
        (507, "XMinioStorageFull", "没有空间"),
        (418, "SomethingElse", "空间、权限和网络"),
    ],
)
def test_what_the_store_refuses_is_told_in_its_word_with_what_to_do(
    store: ObjectStore, server: Bucket, status: int, code: str, told: str
) -> None:
    """Its text is left out: it may quote the key, or whatever lies there."""
    server.fault = lambda _, call: call.command != "HEAD" and call.refuse(status, code)
    with pytest.raises(RetriableError, match=rf"无法写入 raw/.*（{code}）；.*{told}.*，然后重新运行") as raised:
        store.put_bytes("raw", b"abc")
    assert SECRET not in whole(raised.value)
    server.fault = lambda _, call: call.refuse(status, code)  # a HEAD is refused by its number alone
    with pytest.raises(RetriableError, match="无法查找"):
        store.exists("raw/00/" + "0" * 64)


def test_a_word_that_is_none_is_not_told(store: ObjectStore, server: Bucket) -> None:
    """A proxy may answer in the store's place with whatever it was asked about."""
    server.fault = lambda _, call: call.command != "HEAD" and call.refuse(418, f"of {SECRET}")
    with pytest.raises(RetriableError, match=r"无法写入 raw/.*空间、权限和网络") as raised:
        store.put_bytes("raw", b"abc")
    assert SECRET not in whole(raised.value)


def test_a_store_that_is_too_busy_for_a_moment_is_waited_for(store: ObjectStore, server: Bucket) -> None:
    busy = iter(range(1))
    server.fault = lambda _, call: next(busy, None) is not None and call.refuse(503, "SlowDown")
    uri = store.put_bytes("raw", b"abc").uri
    busy = iter(range(1))
    assert store.get_bytes(uri) == b"abc"


def test_half_an_answer_is_not_told_as_a_damaged_object(store: ObjectStore, server: Bucket) -> None:
    """Whoever reads of damage fetches a backup, or has a department deliver again."""
    uri = store.put_bytes("raw", b"abc").uri

    def half(_: Bucket, call: Call) -> bool:
        if call.command != "GET" or "list-type" in call.asked:
            return False
        found = call.found()
        call.answer(206, found[: len(found) // 2], {"ETag": '"e"'})
        return True

    server.fault = half
    with pytest.raises(RetriableError, match=r"只收到 \d+ 字节，对象存储登记的是 \d+ 字节"):
        store.get_bytes(uri)
    server.fault = None
    server.objects[f"here/{uri}"] = server.objects[f"here/{uri}"][:-1]
    with pytest.raises(FatalError, match="已损坏"):
        store.get_bytes(uri)


def test_a_large_object_that_is_damaged_at_its_beginning_is_told_as_damaged(store: ObjectStore, server: Bucket) -> None:
    """The rest of it is not read any more, though it would have come: waiting for a better network mends nothing."""
    uri = store.put_bytes("raw", bytes(12 * 1024 * 1024)).uri
    sealed = bytearray(server.objects[f"here/{uri}"])
    sealed[100] ^= 1
    server.objects[f"here/{uri}"] = bytes(sealed)
    with pytest.raises(FatalError, match="已损坏"):
        store.get_bytes(uri)


def test_an_upload_that_breaks_off_leaves_nothing(store: ObjectStore, server: Bucket) -> None:
    data = bytes(256) * 4096 * 20
    for place in ("partNumber=2", "uploadId=u"):
        server.fault = lambda _, call, place=place: (
            place in call.path and call.command in ("PUT", "POST") and call.refuse(403, "AccessDenied")
        )
        with pytest.raises(RetriableError, match="无法写入"):
            store.put_bytes("raw", data)
        assert (server.objects, server.uploads) == ({}, {})
    server.fault = None

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError

    with pytest.raises(OSError):
        s3.upload(store._fs, "landing/here/raw/x", iter(lambda: Broken().read(), b""))
    assert server.objects == {}


def test_a_write_needs_no_right_to_delete(store: ObjectStore, server: Bucket) -> None:
    """What must be kept as evidence is often protected from everybody."""
    server.fault = lambda _, call: "delete" in call.asked and call.refuse(403, "AccessDenied")
    store.note("newest", store.put_bytes("raw", b"abc").uri.encode())


def test_an_answer_that_is_lost_after_the_object_was_kept_changes_nothing(store: ObjectStore, server: Bucket) -> None:
    lost = iter(range(2))

    def keep_and_fail(_: Bucket, call: Call) -> bool:
        if call.command != "PUT" or (number := next(lost, None)) is None:
            return False
        call.server.objects[call.key] = call.body
        if number:
            return call.refuse(500, "InternalError")
        call.close_connection = True
        return True

    server.fault = keep_and_fail
    uri = store.put_bytes("raw", b"abc").uri
    assert store.get_bytes(uri) == b"abc"
    assert list(server.objects) == [f"here/{uri}"]


def test_a_store_that_takes_calls_and_says_nothing_is_given_up(
    store: ObjectStore, server: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takedowns wait for what is noted here: an hour of patience is a night without them."""
    uri = store.put_bytes("raw", b"abc").uri
    store = impatient(server, monkeypatch)
    server.fault = lambda held, _: held.closing.wait(60)
    for work in (lambda: store.get_bytes(uri), lambda: store.noted("newest"), lambda: store.put_bytes("raw", b"b")):
        server.calls.clear()
        with pytest.raises(ExchangeError, match="空间、权限和网络"):
            work()
        assert len(server.calls) <= 4


def test_an_answer_that_never_comes_to_its_end_is_given_up(
    store: ObjectStore, server: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then keeps every time-out between two bytes content."""
    uri = store.put_bytes("raw", b"abc").uri
    monkeypatch.setattr(s3, "_CALL_SECONDS", 0.5)
    store._fs.clear_instance_cache()
    store = ObjectStore("s3://landing/here", KEYS)

    def drip(held: Bucket, call: Call) -> bool:
        if call.command != "GET":
            return False
        call.send_response(206)
        call.send_header("Content-Length", str(len(call.found())))
        call.end_headers()
        for byte in call.found():
            if held.closing.wait(0.1):
                break
            call.wfile.write(bytes([byte]))
        return True

    server.fault = drip
    with pytest.raises(RetriableError, match="无法读取"):
        store.get_bytes(uri)


def test_what_another_process_took_away_is_not_remembered_as_there(store: ObjectStore, server: Bucket) -> None:
    uri = store.put_bytes("orders", b"abc").uri
    assert store.uris("orders") == [uri]
    server.objects.clear()
    assert not store.exists(uri)
    with pytest.raises(FatalError, match="落地区：没有"):
        store.get_bytes(uri)


def test_an_object_that_is_written_again_while_it_is_read_is_read_again(store: ObjectStore, server: Bucket) -> None:
    """Two workers land the same bytes, each sealed in its own way, and a third reads them."""
    uri = store.put_bytes("raw", b"abc").uri
    replaced = iter(range(2))
    server.fault = lambda _, call: (
        "If-Match" in call.headers and next(replaced, None) is not None and call.refuse(412, "PreconditionFailed")
    )
    assert store.get_bytes(uri) == b"abc"
    server.fault = lambda _, call: "If-Match" in call.headers and call.refuse(412, "PreconditionFailed")
    with pytest.raises(RetriableError, match="无法读取"):
        store.get_bytes(uri)


def test_what_was_read_of_an_object_before_it_was_written_again_is_not_kept_twice(
    store: ObjectStore, server: Bucket
) -> None:
    data = bytes(range(256)) * 4096 * 12
    uri = store.put_bytes("raw", data).uri
    later = iter(range(1))
    server.fault = lambda _, call: (
        not call.headers.get("Range", "bytes=0-").startswith("bytes=0-")
        and next(later, None) is not None
        and call.refuse(412, "PreconditionFailed")
    )
    assert store.get_bytes(uri) == data
    assert next(later, None) is None, "it was read to its middle"
