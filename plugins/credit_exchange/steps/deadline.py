"""An end for everything that goes over a session: `requests` only knows how long it waits for the next byte.

A service that sends one now and then would hold a task for ever, in a body, a header or a TLS handshake.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter


class Deadline:
    """Ends the connection of a session after so many seconds; a context that ends before ends it as well."""

    def __init__(self, session: requests.Session, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._end_at = math.inf
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._end)
        self._timer.daemon = True
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self))

    @property
    def left(self) -> float:
        """How many seconds there are until then."""
        return self._end_at - time.monotonic()

    def watch(self, sock: socket.socket) -> None:
        """Keep a handle of the connection: of the socket itself nothing is left once TLS has it.

        Requests go one after the other, so a new connection means that the one before is not in use any more.
        """
        self._let_go()
        with self._lock:
            self._handle = sock.dup()
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        with self._lock, contextlib.suppress(OSError):  # it may have ended by itself
            if self._handle is not None:
                self._handle.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = None

    def __enter__(self) -> Self:
        """Begin."""
        self._end_at = time.monotonic() + self.seconds
        self._timer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Call it off and give the handle back."""
        self._timer.cancel()
        self._let_go()


class _Adapter(HTTPAdapter):
    """Shows every new connection to the deadline, through a proxy as well."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        plain, deadline = pool.ConnectionCls, self._deadline
        if not hasattr(plain, "watched"):

            def connected(connection: Any) -> socket.socket:
                made: socket.socket = plain._new_conn(connection)
                deadline.watch(made)
                return made

            pool.ConnectionCls = type(plain.__name__, (plain,), {"watched": True, "_new_conn": connected})
        return pool
