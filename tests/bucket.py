"""An S3 bucket on a loopback socket, as much of the protocol as the landing speaks, that fails as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

SECRET = "a-secret-of-the-tests"
Fault = Callable[["Bucket", "Call"], bool]


class Bucket(ThreadingHTTPServer):
    """Objects by key, begun uploads, and what was asked. `fault` takes a call over by returning True."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.calls: list[str] = []
        self.is_there = True
        self.fault: Fault | None = None
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that gave up."""


class Call(BaseHTTPRequestHandler):
    """One call."""

    protocol_version = "HTTP/1.1"
    server: Bucket

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def refuse(self, status: int, code: str) -> bool:
        """Answer as S3 refuses; a HEAD has no body and so no word."""
        text = f"<Error><Code>{code}</Code><Message>no {SECRET}</Message></Error>".encode()
        self.answer(status, b"" if self.command == "HEAD" else text)
        return True

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Answer whole."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def found(self) -> bytes:
        """What is asked for: of the object that the path names, the range that the header does."""
        whole = self.server.objects[self.key]
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return whole[int(start) : int(end) + 1 if end else None]

    def _call(self) -> None:
        split = urlsplit(self.path)
        self.asked = parse_qs(split.query, keep_blank_values=True)
        bucket, _, self.key = unquote(split.path).lstrip("/").partition("/")
        self.body = self._received()
        self.server.calls.append(f"{self.command} {self.key}")
        if self.server.fault is not None and self.server.fault(self.server, self):
            return
        if self.command == "PUT" and not self.key:
            self.server.is_there = True
            self.answer(200)
        elif not self.server.is_there or bucket != self.server.name:
            self.refuse(404, "NoSuchBucket")
        else:
            getattr(self, f"_{self.command.lower()}")()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _call

    def _received(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def _head(self) -> None:
        if not self.key:
            self.answer(200)
        elif self.key in self.server.objects:
            self.answer(200, b"", {"Content-Length": str(len(self.server.objects[self.key])), "ETag": '"e"'})
        else:
            self.answer(404)

    def _get(self) -> None:
        if "list-type" in self.asked:
            prefix = self.asked.get("prefix", [""])[0]
            keys = sorted(key for key in self.server.objects if key.startswith(prefix))
            rows = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in keys)
            text = f"<ListBucketResult><KeyCount>{len(keys)}</KeyCount>{rows}</ListBucketResult>"
            self.answer(200, text.encode())
        elif self.key in self.server.objects:
            self.answer(206 if "Range" in self.headers else 200, self.found(), {"ETag": '"e"'})
        else:
            self.refuse(404, "NoSuchKey")

    def _put(self) -> None:
        if "partNumber" in self.asked:
            self.server.uploads[self.asked["uploadId"][0]][int(self.asked["partNumber"][0])] = self.body
            self.answer(200, b"", {"ETag": '"e"'})
        elif source := self.headers.get("x-amz-copy-source"):
            self.server.objects[self.key] = self.server.objects[unquote(source).lstrip("/").partition("/")[2]]
            self.answer(200, b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")
        else:
            self.server.objects[self.key] = self.body
            self.answer(200, b"", {"ETag": '"e"'})

    def _post(self) -> None:
        if "uploads" in self.asked:
            number = f"u{len(self.server.calls)}"
            self.server.uploads[number] = {}
            self.answer(200, f"<R><UploadId>{number}</UploadId></R>".encode())
        elif "uploadId" in self.asked:
            parts = self.server.uploads.pop(self.asked["uploadId"][0])
            self.server.objects[self.key] = b"".join(part for _, part in sorted(parts.items()))
            self.answer(200, b"<R><ETag>e</ETag></R>")
        else:  # the driver deletes by lists
            for key in [key for key in self.server.objects if f"<Key>{escape(key)}</Key>" in self.body.decode()]:
                del self.server.objects[key]
            self.answer(200, b"<DeleteResult></DeleteResult>")

    def _delete(self) -> None:
        self.server.uploads.pop(self.asked.get("uploadId", [""])[0], None)
        self.answer(204)


@contextmanager
def bucket(name: str = "landing") -> Iterator[Bucket]:
    """Serve a bucket while the block runs."""
    server = Bucket(name)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
