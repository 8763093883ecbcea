"""What the landing promises: the same bytes are one object, sealed, whole or absent, proved on every read."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from credit_exchange.core.crypto import Keys
from credit_exchange.errors import ConfigurationError, FatalError, RetriableError
from credit_exchange.laptop.ports import free_port
from credit_exchange.stores import s3
from credit_exchange.stores.landing import ObjectStore, open_store

KEYS = Keys.derive("a" * 64, "b" * 64)
ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}/landing", KEYS)


def test_an_object_is_named_by_the_sm3_of_its_plain_bytes(store: ObjectStore) -> None:
    stored = store.put_bytes("raw", b"abc")
    assert (stored.uri, stored.digest, stored.size) == (f"raw/66/{ABC}", ABC, 3)
    assert store.put_stream("raw", io.BytesIO(b"abc")) == stored
    assert store.get_bytes(stored.uri) == b"abc"
    with store.open(stored.uri) as file:
        file.seek(1)
        assert file.read() == b"bc"
    assert store.exists(stored.uri)
    assert not store.exists(stored.uri.replace("raw", "other"))


def test_large_and_empty_objects(store: ObjectStore) -> None:
    for data in (b"", b"x" * 1024 * 1024, b"y" * 2_500_000):
        assert store.get_bytes(store.put_bytes("raw", data).uri) == data


def test_nothing_is_readable_on_the_store_and_no_part_stays(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path), KEYS)
    store.put_bytes("raw", "张三".encode())
    (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert "张三".encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_a_missing_damaged_moved_or_foreign_object_is_refused(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path), KEYS)
    stored = store.put_bytes("raw", b"abc")
    other = store.put_bytes("raw", b"abd")
    with pytest.raises(FatalError, match="落地区：没有 raw/00"):
        store.get_bytes("raw/00/" + "0" * 64)
    with pytest.raises(FatalError, match="不是对象的地址"):
        store.get_bytes("../../etc/passwd")
    with pytest.raises(FatalError, match="已损坏或密钥不符"):
        ObjectStore(str(tmp_path), Keys.derive("c" * 64, "b" * 64)).get_bytes(stored.uri)
    (tmp_path / stored.uri).write_bytes((tmp_path / other.uri).read_bytes())
    with pytest.raises(FatalError, match="内容与摘要不符"):
        store.get_bytes(stored.uri)
    (tmp_path / stored.uri).write_bytes((tmp_path / other.uri).read_bytes()[:-5])
    with pytest.raises(FatalError, match="已损坏"):
        store.get_bytes(stored.uri)
    assert store.put_bytes("raw", b"abc") == stored  # what is cut off is put right by the next put
    assert store.get_bytes(stored.uri) == b"abc"


def test_a_damaged_object_is_mended_by_the_same_bytes_delivered_again(tmp_path: Path) -> None:
    """Whatever happened to it: a disk that turns one bit leaves its length."""
    store = ObjectStore(str(tmp_path), KEYS)
    stored = store.put_bytes("raw", b"abc")
    path = tmp_path / stored.uri
    for damaged in (path.read_bytes()[:-1], path.read_bytes()[:-1] + b"?", b""):
        path.write_bytes(damaged)
        with pytest.raises(FatalError):
            store.get_bytes(stored.uri)
        assert store.put_bytes("raw", b"abc") == stored
        assert store.get_bytes(stored.uri) == b"abc"
    kept = path.stat().st_ino
    store.put_bytes("raw", b"abc")
    assert path.stat().st_ino == kept


def test_why_a_store_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """A file in the place of a folder stands for a disk that is full or read-only."""
    (tmp_path / "raw").touch()
    with pytest.raises(RetriableError, match=r"无法写入 raw/\S+（(Not a directory|File exists)）；请检查"):
        ObjectStore(str(tmp_path), KEYS).put_bytes("raw", b"abc")


def test_the_store_is_where_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_HOME", str(tmp_path))
    open_store(KEYS).put_bytes("raw", b"abc")
    assert (tmp_path / "landing" / "raw" / "66" / ABC).is_file()
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", "nosuch://bucket")
    with pytest.raises(ConfigurationError, match="CREDIT_EXCHANGE_LANDING"):
        open_store(KEYS)


def test_an_object_store_that_does_not_answer_is_told_as_such_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its driver raises is no OSError: nobody would be told what to look at, and the batch would say nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    monkeypatch.setattr(s3, "_TRIES", 1)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": f"http://127.0.0.1:{free_port()}"})
    store = ObjectStore("s3://landing", KEYS)
    uri = f"raw/66/{ABC}"
    for work in (lambda: store.put_bytes("raw", b"abc"), lambda: store.get_bytes(uri), lambda: store.exists(uri)):
        with pytest.raises(RetriableError, match="请检查 CREDIT_EXCHANGE_LANDING 的空间、权限和网络"):
            work()


def test_a_store_that_cannot_be_made_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place stands for a disk that is read-only or may not be written to."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "file"))
    with pytest.raises(RetriableError, match=r"落地区：.*/file 不能使用（File exists）；请检查 "):
        open_store(KEYS)


def test_a_store_that_is_not_there_when_written_to_is_not_told_as_a_lost_object(tmp_path: Path) -> None:
    (tmp_path / "raw").symlink_to(tmp_path / "nowhere" / "at_all")
    with pytest.raises(RetriableError, match="无法写入"):
        ObjectStore(str(tmp_path), KEYS).put_bytes("raw", b"abc")


def test_what_is_noted_is_sealed_replaced_and_found_again(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path), KEYS)
    assert store.noted("newest") is None
    store.note("newest", b"one")
    store.note("newest", b"two")
    assert store.noted("newest") == b"two"
    [file] = (tmp_path / "notes").iterdir()
    assert b"two" not in file.read_bytes()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FatalError):
        store.noted("newest")


def test_all_objects_of_a_kind_are_found_and_nothing_else(tmp_path: Path) -> None:
    store = ObjectStore(str(tmp_path), KEYS)
    assert store.uris("orders") == []
    uris = {store.put_bytes("orders", data).uri for data in (b"a", b"b")}
    store.put_bytes("raw", b"c")
    (tmp_path / "orders" / "half.part").touch()
    assert store.uris("orders") == sorted(uris)
