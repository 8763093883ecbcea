"""Takes a delivered file out of the inbox: whole, unchanged, as its manifest says, or not at all (reliability C1-C3).

A half-written, replaced or empty file is never taken for a good one.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from credit_exchange.config.feed import FileSource
from credit_exchange.core.canonical import new_sm3
from credit_exchange.errors import ConfigurationError, FatalError, NotDelivered, RetriableError
from credit_exchange.stores.landing import home

_BLOCK = 1024 * 1024
_MANIFEST_BYTES = 64 * 1024
_SECOND_LOOK = 0.3
"""Seconds between the two looks at a file that has no manifest."""


class Absent(NotDelivered):
    """There is no delivery at all (as against one that is being written)."""


@dataclass(frozen=True)
class Promise:
    """What a manifest says of its delivery; None where it says nothing."""

    rows: int | None = None
    bytes: int | None = None
    sm3: str | None = None
    sha256: str | None = None


def inbox() -> Path:
    """Return CREDIT_EXCHANGE_INBOX, where departments' files are dropped; `$CREDIT_EXCHANGE_HOME/inbox` by default."""
    given = os.environ.get("CREDIT_EXCHANGE_INBOX", "").strip()
    return Path(given).expanduser().absolute() if given else home() / "inbox"


def path_of(source: FileSource, business_date: date, where: str) -> Path:
    """Return the path of a business date's file. Raises ConfigurationError when a link leads it out of the inbox."""
    relative = source.name_for(business_date)
    try:
        root = inbox().resolve()
        path = (root / relative).resolve()
    except RuntimeError:  # Python 3.13 only finds out when the file is opened
        raise FatalError(f"{where}：{relative} 是指向自己的链接；不接受链接，请部门报送文件") from None
    if not path.is_relative_to(root) or path == root:
        raise ConfigurationError(f"{where}：source.path 指向投放目录之外；请填写投放目录下的路径")
    return root / relative


def take(source: FileSource, business_date: date, where: str, target: IO[bytes]) -> dict[str, Any]:
    """Copy the delivery to `target` and return what to remember of it (path, mtime, manifest's promises).

    Raises Absent when nothing is there, NotDelivered when it is being written or was replaced while it was read,
    FatalError when it is empty, too large or not what its manifest says, RetriableError when the inbox itself is not
    there or cannot be read: nobody can say then that a department did not deliver.
    """
    try:
        return _taken(source, business_date, where, target)
    except OSError as error:  # a share that is gone in the middle, a folder or manifest that may not be read
        raise RetriableError(
            f"{where}：读取 {source.name_for(business_date)} 时出错（{os.strerror(error.errno or 0)}）；"
            f"请检查投放目录 {inbox()} 的挂载和权限、临时目录的空间，然后重新运行"
        ) from None


def _taken(source: FileSource, business_date: date, where: str, target: IO[bytes]) -> dict[str, Any]:
    path = path_of(source, business_date, where)
    name = source.name_for(business_date)
    if not inbox().is_dir():
        raise RetriableError(
            f"{where}：投放目录 {inbox()} 不存在，无法判断部门是否报送；"
            "请检查 CREDIT_EXCHANGE_INBOX 和挂载，然后重新运行"
        )
    promise = _promise(source, path, name, where)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if promise:
            raise NotDelivered(f"{where}：{name} 的清单已到，文件还没有到；请联系部门，收到后重新运行") from None
        raise Absent(f"{where}：没有收到 {name}；请联系部门报送（投放目录 {inbox()}）") from None
    except OSError as error:
        raise FatalError(f"{where}：{name} 打不开（{type(error).__name__}）；请检查文件权限，不接受链接") from None
    with _regular(handle, source, name, where) as file:
        before = os.fstat(file.fileno())
        if promise is None:
            _settled(file.fileno(), before, source, name, where)
        elif promise.bytes is not None and before.st_size < promise.bytes:
            raise NotDelivered(
                f"{where}：{name} 应为 {promise.bytes} 字节，现有 {before.st_size} 字节，还没有写完；请稍后重新运行"
            )
        size, sm3, sha256 = _copy(file, target, source.max_bytes, promise or Promise())
        after = os.fstat(file.fileno())
        if _mark(before) != _mark(after) or size != after.st_size or not _same_file(path, after):
            raise NotDelivered(f"{where}：{name} 在读取时发生变化；请待部门写完后重新运行")
    if promise:
        _kept(promise, size, sm3, sha256, name, where)
    remembered: dict[str, Any] = {"file": name, "modified": int(after.st_mtime)}
    if promise:
        remembered["manifest"] = {k: v for k, v in vars(promise).items() if v is not None}
    return remembered


def _promise(source: FileSource, path: Path, name: str, where: str) -> Promise | None:
    if source.manifest is None:
        return None
    beside = path.with_name(path.name + source.manifest.suffix)
    if not beside.is_file() or beside.is_symlink():
        # the habit of replacing the ending: permit_20260101.ok beside permit_20260101.csv
        beside = path.with_suffix(source.manifest.suffix)
    if not beside.is_file() or beside.is_symlink():
        if source.manifest.required and path.exists():
            raise NotDelivered(f"{where}：{name} 还没有 {source.manifest.suffix} 清单，不予采集；请联系部门补送")
        return None
    with beside.open("rb") as file:
        raw = file.read(_MANIFEST_BYTES + 1)
    label = f"{where}：{name} 的清单"
    if not raw.strip():
        raise NotDelivered(f"{label}是空的，可能还没有写完；请稍后重新运行，或请部门补写")
    return parse_manifest(raw, label)


def parse_manifest(raw: bytes, label: str) -> Promise:
    """Read a manifest: a JSON object or lines `key=value` with rows, bytes, sm3, sha256. Raises FatalError."""
    wrong = FatalError(
        f"{label}无法读取；应为 JSON 或每行一个 key=value，写明 rows、bytes 和 sm3 或 sha256；请部门更正"
    )
    if len(raw) > _MANIFEST_BYTES:
        raise wrong
    try:
        text = raw.decode("utf-8-sig").strip()
        if text.startswith("{"):
            given = {str(key).strip().lower(): str(value).strip() for key, value in json.loads(text).items()}
        else:
            pairs = (line.replace(":", "=", 1).split("=", 1) for line in text.splitlines() if line.strip())
            given = {key.strip().lower(): value.strip() for key, value in pairs}
        rows, size = given.get("rows"), given.get("bytes") or given.get("size")
        digests = {name: given[name].lower() for name in ("sm3", "sha256") if given.get(name)}
        if any(len(digest) != 64 or set(digest) - set("0123456789abcdef") for digest in digests.values()):
            raise wrong
        promise = Promise(int(rows) if rows else None, int(size) if size else None, **digests)
    except (ValueError, AttributeError, RecursionError):
        raise wrong from None
    if promise.bytes is None and not digests:
        raise FatalError(f"{label}既没有 bytes 也没有摘要（sm3 或 sha256），无法核对文件；请部门补上")
    return promise


def _regular(handle: int, source: FileSource, name: str, where: str) -> IO[bytes]:
    """Return the file of a handle. A directory has none: what it is must be asked before."""
    try:
        _acceptable(os.fstat(handle), source, name, where)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _acceptable(status: os.stat_result, source: FileSource, name: str, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FatalError(f"{where}：{name} 不是普通文件；请部门报送文件")
    if status.st_size > source.max_bytes:
        raise FatalError(
            f"{where}：{name} 有 {status.st_size} 字节，超过报送源的 max_bytes = {source.max_bytes}；请与部门核实"
        )


def _settled(handle: int, before: os.stat_result, source: FileSource, name: str, where: str) -> None:
    """Without a manifest only time tells: unchanged for settle_seconds, and between two looks."""
    if not source.settle_seconds:
        return
    age = time.time() - before.st_mtime
    if age < source.settle_seconds:
        raise NotDelivered(
            f"{where}：{name} 在 {max(age, 0):.0f} 秒前还有变化，可能没有写完；"
            f"静止满 {source.settle_seconds:.0f} 秒后才采集，请稍后重新运行"
        )
    time.sleep(_SECOND_LOOK)
    if _mark(os.fstat(handle)) != _mark(before):
        raise NotDelivered(f"{where}：{name} 还没有写完；请待写完后重新运行")


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _same_file(path: Path, status: os.stat_result) -> bool:
    try:
        return _mark(path.lstat()) == _mark(status)
    except OSError:
        return False


def _copy(file: IO[bytes], target: IO[bytes], max_bytes: int, promise: Promise) -> tuple[int, str | None, str | None]:
    """Copy; return the size and the digests, those that are promised (the landing makes its own)."""
    sm3 = new_sm3() if promise.sm3 else None
    sha256 = hashlib.sha256() if promise.sha256 else None
    size = 0
    while (block := file.read(_BLOCK)) and size <= max_bytes:
        for digest in (sm3, sha256):
            if digest is not None:
                digest.update(block)
        target.write(block)
        size += len(block)
    return size, sm3.hexdigest() if sm3 else None, sha256.hexdigest() if sha256 else None


def _kept(promise: Promise, size: int, sm3: str | None, sha256: str | None, name: str, where: str) -> None:
    broken = [
        what
        for what, promised, found in (
            ("bytes", promise.bytes, size),
            ("sm3", promise.sm3, sm3),
            ("sha256", promise.sha256, sha256),
        )
        if promised is not None and promised != found
    ]
    if broken:
        raise FatalError(f"{where}：{name} 与清单不符（{'、'.join(broken)} 不同）；请部门将文件和清单一并重新报送")
