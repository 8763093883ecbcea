"""A request as it came and an answer as it will go, apart from sockets, and what a platform promises the server."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Any, Protocol
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import orjson

from .digests import sm3
from .faults import Fault
from .storage import Store

SHANGHAI = ZoneInfo("Asia/Shanghai")


def shanghai_now() -> datetime:
    """The real time in Asia/Shanghai: signatures, tokens and receipts never follow business time."""
    return datetime.fromtimestamp(time.time(), SHANGHAI)


@dataclass(slots=True)
class Request:
    """One request: ``target`` as sent, ``path`` without the base and query, ``oversized`` when the body was dropped."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes
    oversized: bool = False
    endpoint: str | None = None
    _sm3: str = ""

    @property
    def body_sm3(self) -> str:
        """SM3 of the body as sent, taken once."""
        if not self._sm3:
            self._sm3 = sm3(self.body)
        return self._sm3


@dataclass(slots=True)
class Answer:
    """One answer; ``code`` is what the ledger shows: the platform's own code inside the body."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Platform(Protocol):
    """What the server needs of a platform."""

    @property
    def base(self) -> str:
        """The path of the base URL."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the endpoints."""

    @property
    def max_body(self) -> int:
        """The largest body as sent, in bytes."""

    @property
    def store(self) -> Store:
        """What it stored."""

    def classify(self, method: str, path: str) -> str | None:
        """The endpoint's name for a method and a path below the base, or None."""

    def answer(self, request: Request, fault: Fault | None) -> Answer:
        """Do what the protocol says; ``fault`` is one played inside the platform."""

    def substitute(self, fault: Fault) -> Answer:
        """The answer of a fault in this platform's own words: 401, busy, nonce_refused."""

    def current(self) -> dict[Any, Any]:
        """What is visible now."""

    def settle(self) -> None:
        """Do what has become due (tasks)."""

    def forget(self, key: list[str]) -> int:
        """Lose one record behind the sender's back; the number of rows lost."""


class Malformed(ValueError):
    """A body that is not what the protocol asks for."""


class TooLarge(ValueError):
    """A body beyond a limit."""


def json_answer(status: int, value: Any, code: str) -> Answer:
    """An answer in JSON."""
    return Answer(status, orjson.dumps(value), code=code)


def html_answer(status: int, title: str) -> Answer:
    """The kind of page a gateway in front of a platform answers."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, page.encode(), "text/html; charset=utf-8", code="html")


def read_form(request: Request) -> dict[str, str]:
    """The fields of an application/x-www-form-urlencoded body in UTF-8; each name once.

    Raises Malformed for another content type, bad UTF-8 or a field given twice.
    """
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Malformed("a form (application/x-www-form-urlencoded) is expected")
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=20,
        )
    except ValueError as error:
        raise Malformed("the form cannot be read") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Malformed("a form field is given twice")
    return form


def gunzip(data: bytes, limit: int) -> bytes:
    """Decompress exactly one gzip stream of at most ``limit`` bytes; Malformed or TooLarge otherwise."""
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise Malformed("not gzip") from error
    if len(plain) > limit:
        raise TooLarge(f"more than {limit} bytes when decompressed")
    if not stream.eof or stream.unused_data:
        raise Malformed("the gzip stream is cut or has something behind it")
    return plain
