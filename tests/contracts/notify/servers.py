"""A mail server, a group robot and a server that says nothing, as tests of notifications need them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox:
    """Keeps what a real SMTP server was handed."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.unknown: set[str] = set()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


class Robot(ThreadingHTTPServer):
    """A group robot that answers HTTP 200 whatever it thinks, as WeCom does."""

    errcode = 0
    flood = 0
    """How many bytes of a redirect without a length to send instead, as far as somebody wants them."""
    instead = ""
    """`drips`: a byte now and then for twenty seconds; `cut`: fewer bytes than were announced."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Robot

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.flood:
            self.wfile.write(b"HTTP/1.0 302 Found\r\nLocation: /elsewhere\r\n\r\n")
            with suppress(OSError):
                while self.server.flood > 0:
                    self.server.flood -= self.wfile.write(b"x" * 65_536)
            return
        if self.server.instead == "cut":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{")
            return
        if self.server.instead == "drips":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
            with suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    time.sleep(0.2)
            return
        answer = json.dumps({"errcode": self.server.errcode, "errmsg": "x"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


def through_airflow() -> list[Any]:
    """The channels as Airflow's tasks have them."""
    from credit_exchange.adapters.connections import resolve
    from credit_exchange.adapters.notifiers import channels

    return list(channels(resolve))
