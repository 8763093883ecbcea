"""Landing: objects named by the SM3 of their plain bytes, sealed, on a local folder or any fsspec store.

What a department delivered is put here once and read from here ever after: the same bytes are one object, an object is
whole or not there at all, and every read proves the digest. Addresses in our tables are relative to the store, so the
same rows serve a laptop's folder and a bucket that several machines share.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from credit_exchange.core.canonical import new_sm3
from credit_exchange.core.crypto import Keys, iter_open_stream, open_sealed, seal, seal_stream
from credit_exchange.errors import ConfigurationError, ExchangeError, FatalError, LandingAway
from credit_exchange.stores import s3

_KIND = re.compile(r"[a-z][a-z0-9_]{0,30}", re.ASCII)
_URI = re.compile(r"([a-z][a-z0-9_]{0,30})/([0-9a-f]{2})/([0-9a-f]{64})", re.ASCII)
_COPY_BYTES = 1024 * 1024
_READ = "读取"
_READINGS = 3
"""How often an object is read that somebody replaces meanwhile: the same bytes, delivered twice at once."""


@dataclass(frozen=True)
class Stored:
    """An object of the store: `uri` relative to its root, SM3 and number of the plain bytes."""

    uri: str
    digest: str
    size: int


class _Hashing:
    """A reader that computes the SM3 of all that passes through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = new_sm3()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size) or b""
        self.digest.update(data)
        return data


class _Counting:
    """A reader that knows how much came, and whether that was all."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.bytes = 0
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size) or b""
        self.bytes += len(data)
        self.ended = len(data) < size
        return data


class ObjectStore:
    """Sealed objects by digest. `root` is a folder or an fsspec URL such as ``s3://bucket/landing``."""

    def __init__(self, root: str, keys: Keys) -> None:
        self._keys = keys
        try:
            is_s3 = root.partition("://")[0] in s3.PROTOCOLS
            fs, path = fsspec.core.url_to_fs(root, **(s3.options() if is_s3 else {}))
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"CREDIT_EXCHANGE_LANDING：无法打开所指的落地区（{type(error).__name__}）；"
                "请填写文件夹，或已安装驱动的 fsspec 地址，例如 s3://bucket/landing"
            ) from error
        self._fs: Any = fs
        self._root = str(path).rstrip("/")
        self._local = isinstance(fs, LocalFileSystem)
        self._is_s3 = is_s3
        if is_s3:
            s3.prepare(fs)

    def put_stream(self, kind: str, fileobj: IO[bytes]) -> Stored:
        """Seal and keep everything `fileobj` gives from its present position; the same bytes again change nothing.

        kind: the object's folder, e.g. ``raw``. Raises LandingAway when the store cannot be written.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError(f"kind {kind!r} must match {_KIND.pattern}")
        source = _Hashing(fileobj)
        with tempfile.TemporaryFile() as sealed:  # no name, mode 0600: nothing stays when the process is killed
            size = seal_stream(self._keys, source, sealed, context=kind.encode())  # type: ignore[arg-type]
            digest = source.digest.hexdigest()
            stored = Stored(f"{kind}/{digest[:2]}/{digest}", digest, size)
            length = sealed.tell()
            with self._trouble(stored.uri, "写入"):
                if self._length(stored.uri) != length or not self._is_sound(stored.uri):  # a damaged one is replaced
                    sealed.seek(0)
                    self._place(stored.uri, sealed)
        return stored

    def put_bytes(self, kind: str, data: bytes) -> Stored:
        """:meth:`put_stream` of bytes in memory."""
        return self.put_stream(kind, BytesIO(data))

    def get_bytes(self, uri: str) -> bytes:
        """Return an object's plain bytes. Raises as :meth:`open`."""
        with self.open(uri) as file:
            return file.read()

    @contextmanager
    def open(self, uri: str) -> Iterator[BinaryIO]:
        """Yield an object's plain bytes as a seekable file without a name, gone when the block ends.

        All of it is decrypted and its digest compared before the first byte is given out. Raises FatalError when the
        object is missing or damaged, LandingAway when the store cannot be reached or gave only a part of it.
        """
        found = _URI.fullmatch(uri)
        if not found:
            raise FatalError(f"落地区：{uri!r} 不是对象的地址，保存它的数据行被改动过；请从备份恢复")
        with tempfile.TemporaryFile() as plain:
            with self._trouble(uri, _READ):
                digest = self._fetch(uri, plain)
            if digest != found[3]:
                raise FatalError(f"落地区：{uri} 的内容与摘要不符；请从备份恢复")
            plain.seek(0)
            yield plain

    def exists(self, uri: str) -> bool:
        """Tell whether the object is there (not whether it is sound)."""
        with self._trouble(uri, "查找"):
            return self._length(uri) is not None

    def uris(self, kind: str) -> list[str]:
        """Return the addresses of all objects of a kind, in a fixed order."""
        with self._trouble(kind, "查找"):
            found = (str(path).removeprefix(f"{self._root}/") for path in self._fs.find(self._path(kind)))
            return sorted(uri for uri in found if _URI.fullmatch(uri))

    def note(self, name: str, data: bytes) -> None:
        """Keep something under a name, sealed, in place of what was kept there."""
        uri = f"notes/{name}"
        with BytesIO(seal(self._keys, data, uri.encode())) as sealed, self._trouble(uri, "写入"):
            self._place(uri, sealed)

    def noted(self, name: str) -> bytes | None:
        """Return what is kept under a name, None when nothing is. Raises as :meth:`open`."""
        uri = f"notes/{name}"
        with self._trouble(uri, _READ):
            try:
                sealed: bytes = self._fs.cat_file(self._path(uri))
            except FileNotFoundError as error:
                if _is_nowhere(error):
                    raise
                return None
            return open_sealed(self._keys, sealed, uri.encode())

    # -- inside

    def _path(self, uri: str) -> str:
        return f"{self._root}/{uri}"

    def _length(self, uri: str) -> int | None:
        try:
            return int(self._fs.info(self._path(uri))["size"])
        except FileNotFoundError as error:
            if _is_nowhere(error):
                raise
            return None

    def _fetch(self, uri: str, plain: IO[bytes]) -> str:
        """Write an object's plain bytes into a file and return their digest."""
        for more in reversed(range(_READINGS)):
            try:
                return self._opened(uri, plain)
            except Exception as error:
                if not more or not s3.is_replaced(error):
                    raise
            plain.seek(0)
            plain.truncate()
        raise AssertionError

    def _opened(self, uri: str, plain: IO[bytes]) -> str:
        digest = new_sm3()
        with self._fs.open(self._path(uri), "rb") as sealed:
            source = _Counting(sealed)
            context = uri.partition("/")[0].encode()
            try:
                for data in iter_open_stream(self._keys, source, context=context):  # type: ignore[arg-type]
                    digest.update(data)
                    plain.write(data)
            except FatalError:
                if self._is_s3 and source.ended and source.bytes < sealed.size:
                    raise LandingAway(
                        f"落地区：{uri} 只收到 {source.bytes} 字节，对象存储登记的是 {sealed.size} 字节；"
                        "请检查它和中间的网络、代理，然后重新运行"
                    ) from None
                raise
        return digest.hexdigest()

    def _is_sound(self, uri: str) -> bool:
        try:
            with self.open(uri):
                return True
        except FatalError:
            return False

    def _place(self, uri: str, sealed: IO[bytes]) -> None:
        """Write under a temporary name and move: nobody ever sees half an object. On S3 nobody does anyway, and a
        bucket that is not there must not be made anew, as the driver's way to a folder would."""
        final = self._path(uri)
        if self._is_s3:
            s3.upload(self._fs, final, iter(lambda: sealed.read(_COPY_BYTES), b""))
            return
        part = f"{final}.{secrets.token_hex(8)}.part"
        parent = final.rpartition("/")[0]
        self._fs.makedirs(parent, exist_ok=True)
        try:
            with self._fs.open(part, "wb") as target:
                if self._local:
                    Path(part).chmod(0o600)
                shutil.copyfileobj(sealed, target, _COPY_BYTES)
                if self._local:
                    target.flush()
                    os.fsync(target.fileno())
            if self._local:
                Path(part).replace(final)
                _sync_directory(parent)
            else:
                self._fs.mv(part, final)
        except BaseException:
            with suppress(Exception):  # the first error is the one to show
                self._fs.rm(part)
            raise

    @contextmanager
    def _trouble(self, uri: str, what: str) -> Iterator[None]:
        try:
            yield
        except ExchangeError:
            raise
        except Exception as error:  # the drivers of object stores raise errors of their own, which are no OSError
            if isinstance(error, FileNotFoundError) and what == _READ and not _is_nowhere(error):
                raise FatalError(f"落地区：没有 {uri}；请从备份恢复，或重新采集该报送") from None
            if self._local and not isinstance(error, OSError):
                raise
            word = _word(error)
            remedy = s3.remedy(word) or "请检查 CREDIT_EXCHANGE_LANDING 的空间、权限和网络"
            raise LandingAway(f"落地区：无法{what} {uri}（{word}）；{remedy}，然后重新运行") from None


def _is_nowhere(error: Exception) -> bool:
    """Tell whether it is the bucket that is not there: of what lies in it nothing is known then."""
    return s3.code_of(error) == "NoSuchBucket"


def _word(error: Exception) -> str:
    """Return the store's or the system's word for an error, else its kind: the text of a driver may hold anything."""
    if code := s3.code_of(error):
        return code
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if isinstance(number, int) else type(error).__name__


def _sync_directory(path: str) -> None:
    """Make a rename last through a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def home() -> Path:
    """Return CREDIT_EXCHANGE_HOME: where this machine keeps its data; `.run` of this clone by default."""
    given = os.environ.get("CREDIT_EXCHANGE_HOME", "").strip()
    return Path(given).expanduser().absolute() if given else Path(__file__).resolve().parents[3] / ".run"


def open_store(keys: Keys) -> ObjectStore:
    """Open the store that CREDIT_EXCHANGE_LANDING names: a folder or an fsspec URL; `$CREDIT_EXCHANGE_HOME/landing` by
    default. Raises ConfigurationError when it names no usable store, LandingAway when its folder cannot be made."""
    given = os.environ.get("CREDIT_EXCHANGE_LANDING", "").strip()
    if not given:
        given = str(home() / "landing")
    if "://" not in given:
        folder = Path(given).expanduser().absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LandingAway(
                f"落地区：{folder} 不能使用（{os.strerror(error.errno or 0)}）；"
                "请检查 CREDIT_EXCHANGE_LANDING 的空间、权限和挂载，然后重新运行"
            ) from None
        given = str(folder)
    return ObjectStore(given, keys)
