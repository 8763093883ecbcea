"""One HTTP request with every limit that `requests` lacks: a total deadline, a size limit, no redirects, no repeats.

What is told apart here decides about sending twice: NotSent when the connection was never established (refused, no such
name, TLS failed), Lost for everything after that. Each request has its own connection: a kept one that died in the
meantime would turn a refusal into an unknown outcome.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from credit_exchange.config.platform import Platform
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects.base import Lost, NotSent, Reply
from credit_exchange.steps.session import Session

_PIECE = 65536
_EXPIRED, _NOT_YET, _OTHER_HOST = (10,), (9,), (62, 64)
"""What OpenSSL found wrong with a certificate (X509_V_ERR_*); of anything else the signer is not trusted."""


@dataclass
class Signs:
    """What a platform showed in passing: until when its certificate is good, how many seconds its clock is ahead of
    ours (behind it: negative); None: not seen."""

    certificate_ends: datetime | None = None
    clock_ahead: float | None = None


class _Guard:
    """The connection of one request: whether it was established, and its end when the total time is over."""

    def __init__(self, seconds: float) -> None:
        self.established = False
        self.expired = False
        self._sockets: list[socket.socket] = []
        self._copies: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def reached(self, sock: socket.socket) -> None:
        """Somebody answers, TLS is still to come: that takes the socket for itself, so a copy is kept here."""
        with self._lock:
            self._copies.append(sock.dup())
            self._cut()

    def opened(self, sock: socket.socket | None) -> None:
        with self._lock:
            self.established = True
            if sock is not None:
                self._sockets.append(sock)
            self._cut()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._cut()

    def _cut(self) -> None:
        # the copies first: what ends an encrypted socket takes its encryption away before, and somebody may be sending
        for sock in (*self._copies, *self._sockets) if self.expired else ():
            with contextlib.suppress(OSError):  # it may have ended by itself
                sock.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._timer.start()
        try:
            yield
        finally:
            self._timer.cancel()
            with self._lock:
                while self._copies:
                    self._copies.pop().close()


class _Adapter(HTTPAdapter):
    """Tells the guard of the request at hand when a connection, TLS included, stands; keeps no connection."""

    def __init__(self) -> None:
        self.guard = _Guard(0)
        self.signs = Signs()
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        adapter = self

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                adapter.guard.opened(self.sock)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                sock = super()._new_conn()
                adapter.guard.reached(sock)
                return sock

            def connect(self) -> None:
                super().connect()
                adapter.guard.opened(self.sock)
                adapter.signs.certificate_ends = _end_of(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

            def _put_conn(self, conn: Any) -> None:
                _ended(conn)
                super()._put_conn(conn)

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

            def _put_conn(self, conn: Any) -> None:
                _ended(conn)
                super()._put_conn(conn)

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _end_of(sock: Any) -> datetime | None:
    """Return until when the certificate of a connection, which was verified, is good."""
    ends = (sock.getpeercert() or {}).get("notAfter") if isinstance(sock, ssl.SSLSocket) else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) if ends else None


def _ended(connection: Any) -> None:
    """Close a connection before it goes back: the next request must not find out that it is dead."""
    if connection is not None:
        connection.close()


class Transport:
    """Sends requests to one platform. Certificates are always verified, against `ca_bundle` where one is given.

    `file`: the platform's, which is named where the bundle is wrong. Raises ConfigurationError for one that is of no
    use.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        read_timeout: float,
        total_timeout: float,
        max_reply_bytes: int,
        ca_bundle: str | None = None,
        file: str = "",
    ) -> None:
        why = unusable(ca_bundle) if ca_bundle else ""
        if why:
            raise ConfigurationError(f"{file}：ca_bundle：{why}")
        self._bundle, self._file = ca_bundle, file
        self._timeouts = (connect_timeout, read_timeout)
        self._total = total_timeout
        self._limit = max_reply_bytes
        self._verify: str | bool = ca_bundle or True
        self._adapter = _Adapter()
        self._session = Session()
        self._session.trust_env = False  # no proxy, no .netrc: credentials go to the configured host only
        self._session.headers.clear()
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, platform: Platform) -> Transport:
        """Return the transport with a platform's limits. Raises ConfigurationError for a bundle that is of no use."""
        return cls(
            connect_timeout=platform.connect_timeout,
            read_timeout=platform.read_timeout,
            total_timeout=platform.total_timeout,
            max_reply_bytes=platform.max_reply_bytes,
            ca_bundle=platform.ca_bundle,
            file=f"platforms/{platform.platform}.yml",
        )

    @property
    def signs(self) -> Signs:
        """What the platform showed last."""
        return self._adapter.signs

    @staticmethod
    def target(url: str) -> str:
        """Return the request target exactly as it will be sent."""
        return requests.Request("GET", url).prepare().path_url

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request and read the whole answer. Raises NotSent or Lost; never follows a redirect."""
        guard = _Guard(self._total)
        started = time.monotonic()
        with self._lock, guard.running():
            self._adapter.guard = guard
            self._session.cookies.clear()
            try:
                response = self._session.request(
                    method,
                    url,
                    data=body or None,
                    headers={"Accept-Encoding": "identity", "Connection": "close", **headers},
                    timeout=self._timeouts,
                    allow_redirects=False,
                    stream=True,
                    verify=self._verify,
                )
                with response:
                    return self._read(response, guard, started)
            # the last two: http.client, of a chunk whose size is negative
            except (requests.RequestException, OSError, ValueError, OverflowError) as error:
                # the text of the error may hold the URL with a person's document number: only its kind is kept
                kind = type(error).__name__
                if not guard.established and guard.expired:
                    raise NotSent(f"{self._total:g} 秒内没有与平台建立加密连接") from None
                if not guard.established:
                    wrong = _refused_certificate(error)
                    told = f"：平台的证书{self._remedy(wrong)}" if wrong is not None else f"（{kind}）"
                    raise NotSent(f"连接不上平台{told}") from None
                if guard.expired:
                    raise Lost(f"{self._total:g} 秒内没有收到完整的答复") from None
                raise Lost(f"连接中断（{kind}）") from None

    def _remedy(self, wrong: int) -> str:
        """Return what is wrong with the platform's certificate and what to do; verification is never switched off."""
        if wrong in _EXPIRED:
            return "已过期；请平台更换证书"
        if wrong in _NOT_YET:
            return "尚未生效；请核对本机的时钟，或请平台更换证书"
        if wrong in _OTHER_HOST:
            return "不是签发给连接中的主机名的；请更正连接的 host，或请平台更换证书"
        if self._bundle:
            return f"不是由 {self._bundle} 中的机构签发的；请向平台索取现在的 CA 证书，更正 {self._file} 的 ca_bundle"
        return f"不是由本机信任的机构签发的；私有 CA 的证书请在 {self._file} 的 ca_bundle 中写明"

    def _read(self, response: requests.Response, guard: _Guard, started: float) -> Reply:
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > self._limit:
                problem = f"平台的答复超过 {self._limit} 字节（max_reply_bytes）"
                raise Lost(problem, bytes(body[:_PIECE]), response.status_code)
            if guard.expired or time.monotonic() - started > self._total:
                raise Lost(f"{self._total:g} 秒内没有收到完整的答复", bytes(body), response.status_code)
        if guard.expired:
            # a body without a length ends where the connection ends: this end was ours
            raise Lost(f"{self._total:g} 秒内没有收到完整的答复", bytes(body), response.status_code)
        names = {name.lower(): value for name, value in response.headers.items()}
        with contextlib.suppress(ValueError, TypeError, OverflowError):  # in another form, or without a zone
            said = parsedate_to_datetime(names["date"]) if "date" in names else None
            self.signs.clock_ahead = (said - datetime.now(UTC)).total_seconds() if said else None
        return Reply(response.status_code, names, bytes(body))


def unusable(bundle: str) -> str:
    """Return why a CA bundle is of no use on this machine and what to do, "" when it is fine (or a directory)."""
    path = Path(bundle).absolute()
    try:
        if path.is_dir():
            return ""
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:  # which is an OSError too
        why = "不是 PEM 格式的证书"
    except OSError as error:
        why = os.strerror(error.errno or 0)
    else:
        return ""
    return f"{path} 不能用（{why}）；请在每台运行本系统的机器上放好平台 CA 的 PEM 证书，或更正路径（宜为绝对路径）"


def _refused_certificate(error: BaseException) -> int | None:
    """Return what OpenSSL found wrong with a certificate, which requests and urllib3 wrap; None: it was not that."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return int(inner.verify_code)
        held = (getattr(inner, "reason", None), *inner.args)
        inner = next((one for one in held if isinstance(one, BaseException)), None)
    return None
