"""The HTTP server in front of one platform: reads a request, plays its fault, sends or fails to send the answer."""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
import traceback
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl

from .faults import Fault, FaultScript
from .ledger import Ledger
from .wire import Answer, Platform, Request, html_answer

_DISCARD = 256 * 1024 * 1024


class Host(Protocol):
    """What the server needs of the sandbox that runs it."""

    delay_seconds: float
    errors: list[str]
    faults: FaultScript
    ledger: Ledger

    @property
    def platform(self) -> Platform:
        """The platform behind this server."""

    def is_down(self) -> bool:
        """Whether every connection is to be closed without a byte."""

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request below /_sandbox."""


class Server(ThreadingHTTPServer):
    """One listening socket; knows its open connections, so that stopping leaves none behind."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], host: Host) -> None:
        self.host = host
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._to_reset: set[socket.socket] = set()
        self._idle = threading.Condition()
        self._active = 0
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service who we are (HTTPServer does, and may wait for it)."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        """Note a connection."""
        with self._idle:
            self._open.add(connection)
            self._active += 1

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._idle:
            self._open.discard(connection)
            self._active -= 1
            self._idle.notify_all()

    def reset_at_end(self, connection: socket.socket) -> None:
        """Have ``connection`` end with RST instead of FIN."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._idle:
            self._to_reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that is to be reset must not say good-bye first."""
        with self._idle:
            reset = request in self._to_reset
            self._to_reset.discard(request)
        if reset:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def drop_connections(self, seconds: float = 3.0) -> None:
        """Close every connection and wait, ``seconds`` at most, until their threads have ended."""
        self.closing.set()
        with self._idle:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the other side was quicker
            self._idle.wait_for(lambda: self._active == 0, timeout=seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are everyday life; anything else is an error of the sandbox and is kept and shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            self.host.errors.append(traceback.format_exc())
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout: ClassVar[float] = 120.0
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Register the connection."""
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        """Unregister the connection."""
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the ledger is the log."""

    def do_GET(self) -> None:
        """Serve a GET."""
        self._serve()

    do_POST = do_DELETE = do_PUT = do_GET

    def _serve(self) -> None:
        host = self.server.host
        path, _, query = self.path.partition("?")
        if not path.startswith("/_sandbox") and host.is_down():
            self._drop()
            return
        body, oversized = self._read_body(host.platform.max_body)
        if path.startswith("/_sandbox"):
            self._send(host.control(self.command, path, body))
            return
        platform = host.platform
        below = path.removeprefix(platform.base) if path.startswith(platform.base + "/") else ""
        values = dict(parse_qsl(query, keep_blank_values=True))
        request = Request(self.command, self.path, below, values, self.headers, body, oversized)
        request.endpoint = platform.classify(self.command, below) if below else None
        if request.endpoint is None:
            host.ledger.saw(request, html_answer(404, "404 Not Found"), "")
            self._send(html_answer(404, "404 Not Found"))
            return
        self._play(request, host.faults.take(request.endpoint))

    def _play(self, request: Request, fault: Fault | None) -> None:
        host = self.server.host
        if host.delay_seconds:
            self.server.closing.wait(host.delay_seconds)
        name = fault.name if fault else ""
        seconds = float(fault.option("seconds", 1.0)) if fault else 0.0
        if fault and name == "slow" and fault.option("when", "before") == "before":
            self.server.closing.wait(seconds)
        answer: Answer | None = None
        if fault is None or fault.works:
            try:
                answer = host.platform.answer(request, fault)
            except Exception:  # noqa: BLE001 - a bug of the sandbox: show it as a server would, and keep it for the tests
                host.errors.append(traceback.format_exc())
                traceback.print_exc()
                answer = html_answer(500, "500 Internal Server Error")
        if fault is not None:
            answer = _spoil(fault, host.platform, answer)
        host.ledger.saw(request, answer, name)
        if fault and name == "slow" and fault.option("when", "before") != "before":
            self.server.closing.wait(seconds)
        if fault and name == "hang":
            self.server.closing.wait(float(fault.option("seconds", 3600.0)))
        if answer is None:
            self._drop(reset=bool(fault and fault.option("reset", False)))
        elif fault and name == "truncate":
            self._send_part(answer, int(fault.option("bytes", 20)), honest=bool(fault.option("honest_length", False)))
        elif fault and name == "dribble":
            self._dribble(answer, seconds, int(fault.option("bytes", 1)))
        else:
            self._send(answer)

    def _read_body(self, limit: int) -> tuple[bytes, bool]:
        """The body, or nothing and True when it is larger than ``limit`` bytes."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True  # not understood here; the body is empty and no signature will fit
            return b"", False
        announced = self.headers.get("Content-Length") or "0"
        if not (announced.isascii() and announced.isdigit()):
            raise ConnectionError("Content-Length is no number: nobody can tell where the request ends")
        length = int(announced)
        if length <= limit:
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the client went away within its body")
            return body, False
        self.close_connection = True
        left = min(length, _DISCARD)
        while left > 0 and (chunk := self.rfile.read(min(left, 1 << 20))):
            left -= len(chunk)
        return b"", True

    def _head(self, answer: Answer, length: int) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, answer: Answer) -> None:
        self._head(answer, len(answer.body))
        self.wfile.write(answer.body)
        self.wfile.flush()

    def _send_part(self, answer: Answer, size: int, *, honest: bool) -> None:
        """Send only ``size`` bytes of the body; ``honest`` also announces only so many."""
        self.close_connection = True
        part = answer.body[:size]
        self._head(answer, len(part) if honest else len(answer.body))
        self.wfile.write(part)
        self.wfile.flush()

    def _dribble(self, answer: Answer, seconds: float, size: int) -> None:
        """Send the head, then ``size`` bytes every ``seconds``."""
        self._head(answer, len(answer.body))
        self.wfile.flush()
        for start in range(0, len(answer.body), max(size, 1)):
            if self.server.closing.wait(seconds):
                self._drop()
                return
            self.wfile.write(answer.body[start : start + max(size, 1)])
            self.wfile.flush()

    def _drop(self, *, reset: bool = False) -> None:
        """Close without a byte; ``reset`` with RST instead of FIN."""
        self.close_connection = True
        if reset:
            self.server.reset_at_end(self.connection)
            return
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # already gone


def _spoil(fault: Fault, platform: Platform, answer: Answer | None) -> Answer | None:
    """The answer that goes out under ``fault``; None closes the connection."""
    name = fault.name
    if name in ("commit_then_close", "close_before_commit", "hang"):
        return None
    if name in ("500", "502", "503", "504"):
        return html_answer(int(name), f"{name} gateway")
    if name in ("401", "busy", "nonce_refused"):
        return platform.substitute(fault)
    if name == "html_200":
        return html_answer(200, "用户登录")
    if name == "unlisted_status":
        return html_answer(int(fault.option("status", 418)), "unlisted")
    if name == "redirect":
        moved = html_answer(int(fault.option("status", 302)), "moved")
        moved.headers["Location"] = str(fault.option("location", "http://127.0.0.1:9/elsewhere"))
        return moved
    if name == "429":
        slow_down = html_answer(429, "429 Too Many Requests")
        wanted = fault.option("retry_after", 1)
        if wanted is not None:
            date = formatdate(time() + float(fault.option("seconds", 1.0)), usegmt=True)
            slow_down.headers["Retry-After"] = date if wanted == "date" else str(wanted)
        return slow_down
    if name in ("results_short", "results_extra") and answer is not None:
        return _bend_results(answer, extra=name == "results_extra")
    return answer


def _bend_results(answer: Answer, *, extra: bool) -> Answer:
    """A receipt with one result less, or one more for a record nobody sent; what is stored stays right."""
    import orjson

    receipt = orjson.loads(answer.body)
    if extra:
        alien = {"record_id": "nobody-sent-this", "version": 1, "status": "accepted", "code": "", "field": "",
                 "message": ""}  # fmt: skip
        receipt.get("results", []).append(alien)
    else:
        receipt["results"] = receipt.get("results", [])[:-1]
    return Answer(answer.status, orjson.dumps(receipt), answer.content_type, answer.code, answer.headers)
