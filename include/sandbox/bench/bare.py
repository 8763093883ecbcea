"""One receiver that costs next to nothing: it counts records and answers rightly, and neither checks nor stores them.

The strict sandbox platforms parse, check and store every record, which costs about as much as sending it; they decide
what is right. This one lets the time of the senders be seen: no signature is verified, every record is accepted. It
speaks the three protocols as far as a night without faults needs, over ``python -m bench.bare --kind china``; standard
input and output are those of ``bench.receiver``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import orjson

_BASE = {"fuzhou": "/xyfz", "fujian": "/xyfj", "china": "/xyzg"}
_RECORD = re.compile(rb'"record_id":\s*"([^"]*)"')
_VERSION = re.compile(rb'"version":\s*(\d+)')
_BATCH = re.compile(rb'"batch_no":\s*"([^"]*)"')
_LINES = re.compile(rb'"line_count":\s*(\d+)')
_XML = b"<RESULT><CODE>00</CODE><LINE></LINE><MSG></MSG></RESULT>"


class Bare:
    """What was counted, and the answers."""

    def __init__(self, kind: str) -> None:
        """Begin with nothing."""
        self._answer = {"fuzhou": self._fuzhou, "fujian": self._fujian, "china": self._china}[kind]
        self._lock = threading.Lock()
        self._tasks: dict[str, int] = {}
        self.shown = 0
        self.counters: Counter[str] = Counter()

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        """Count a call and answer it."""
        with self._lock:
            return self._answer(method, path, body)

    def _fuzhou(self, method: str, path: str, body: bytes) -> bytes:
        if method != "POST":
            raise ValueError("only batches are taken here")
        ids, versions = _RECORD.findall(body), _VERSION.findall(body)
        batch = _BATCH.search(body)
        if not ids or len(ids) != len(versions) or batch is None:
            raise ValueError("not a batch")
        self.shown += len(ids)
        self.counters["records 200 0000"] += 1
        results = b",".join(
            b'{"record_id":"%b","version":%b,"status":"accepted","code":"","field":"","message":""}' % pair
            for pair in zip(ids, versions, strict=True)
        )
        head = b'{"code":"0000","batch_no":"%b","receipt_no":"FZ%d","received_at":"","results":[' % (
            batch[1],
            self.counters["records 200 0000"],
        )
        return head + results + b"]}"

    def _fujian(self, method: str, path: str, body: bytes) -> bytes:
        if path.endswith("/oauth/token"):
            self.counters["token 200 0"] += 1
            data: dict[str, object] = {"access_token": "bare", "expires_in": 1800}
        elif method == "POST":
            found = _LINES.search(body)
            if found is None:
                raise ValueError("not an upload")
            self.counters["upload 200 0"] += 1
            task = f"FJ{self.counters['upload 200 0']}"
            self._tasks[task] = int(found[1])
            self.shown += int(found[1])
            data = {"task_id": task}
        else:
            task = urlsplit(path).path.rpartition("/")[2] or dict(parse_qsl(urlsplit(path).query)).get("task_key", "")
            self.counters["task 200 0"] += 1
            data = {"state": "DONE", "accepted": self._tasks[task], "rejected": [], "receipt_no": f"R{task}"}
        return orjson.dumps({"code": "0", "msg": "", "data": data})

    def _china(self, method: str, path: str, body: bytes) -> bytes:
        rows = body.count(b"%3CROW%3E") + body.count(b"<ROW>")
        if method != "POST" or not rows:
            raise ValueError("only imports are taken here")
        self.shown += rows
        self.counters["import_permission 200 00"] += 1
        return _XML


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120.0
    wbufsize = -1
    disable_nagle_algorithm = True
    bare: Bare

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer; what is not understood is 400, which stops either side at once."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, answer = 200, self.bare.answer(self.command, self.path, body)
        except (ValueError, KeyError) as error:
            status, answer = 400, orjson.dumps({"code": "400", "message": str(error)})
        self.send_response(status)
        self.send_header("Content-Type", "application/xml" if answer[:1] == b"<" else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    do_POST = do_GET


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("--kind", choices=sorted(_BASE), required=True)
    parser.add_argument("--credentials", help="taken and not looked at")
    arguments = parser.parse_args()
    bare = Bare(arguments.kind)
    handler = type("Handler", (_Handler,), {"bare": bare})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_address[1]}{_BASE[arguments.kind]}", flush=True)
        for _line in sys.stdin:
            told = {"shown": bare.shown, "cpu": time.process_time(), "counters": dict(bare.counters)}
            print(json.dumps(told), flush=True)
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
