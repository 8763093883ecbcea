"""The departments' HTTP services: paged JSON behind a token, filtered by update time."""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from city import faults, home
from city.cells import AMOUNTS, extras, fields
from city.columns import columns
from city.days import delivery
from city.departments import FEEDS, FeedSpec

SHANGHAI = timezone(timedelta(hours=8))
MAX_PAGE = 500


def items(city: home.City, spec: FeedSpec, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The rows updated in [start, end), oldest first. Amounts are JSON numbers, blanks are null."""
    found = []
    for day in sorted(city.days):
        if start.date() - timedelta(days=1) <= day <= end.date():
            for row in delivery(city.seed, spec, day, city.volume):
                if start <= datetime.fromisoformat(row.updated) < end:
                    cells: dict[str, Any] = {columns(spec)[c]: v or None for c, v in fields(spec, row, day).items()}
                    for code in AMOUNTS & set(columns(spec)):
                        name = columns(spec)[code]
                        cells[name] = float(cells[name]) if cells[name] else None
                    found.append(cells | extras(spec, row))
    return found


def moment(text: str) -> datetime:
    """A time parameter as wall clock in Asia/Shanghai. Raises ValueError."""
    if text.isascii() and text.isdigit():
        return datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%Y%m%d")  # noqa: DTZ007 - wall clock
    # a "+" that was not escaped arrives as a space before the offset
    given = datetime.fromisoformat(
        text.replace(" 08:00", "+08:00") if text.endswith(" 08:00") and "T" in text else text
    )
    return given.astimezone(SHANGHAI).replace(tzinfo=None) if given.tzinfo else given


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the services of the city in `home`; `city.json` is read anew at each call."""

    home_dir: Path
    token: str
    faulty: bool
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """One page of one service, or an error in the same JSON shape."""
        url = urlsplit(self.path)
        if url.path == "/health":
            return self._answer(200, {"code": "0", "msg": "ok"})
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return self._answer(401, {"code": "401", "msg": "token 无效"})
        spec = next((s for s in FEEDS if s.form == "http" and s.path == url.path), None)
        if spec is None:
            return self._answer(404, {"code": "404", "msg": "没有这个服务"})
        if self.faulty and spec.feed == faults.UNAVAILABLE and home.read(self.home_dir).faulty:
            return self._answer(503, {"code": "503", "msg": "服务维护中"})
        try:
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            start, end = moment(query["updated_from"]), moment(query["updated_to"])
            page, size = int(query.get("page", "1")), int(query.get("size", "100"))
            if page < 1 or not 1 <= size <= MAX_PAGE:
                raise ValueError
        except (KeyError, ValueError):
            return self._answer(
                400, {"code": "400", "msg": "需要 updated_from、updated_to、page（从1起）、size（至多500）"}
            )
        found = items(home.read(self.home_dir), spec, start, end)
        part = found[(page - 1) * size : page * size]
        return self._answer(200, {"code": "0", "msg": "ok", "data": {"total": len(found), "page": page, "items": part}})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Stay silent: what callers ask for is in their own log."""


def server(home_dir: Path, port: int, token: str, faulty: bool = False) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 (port 0: any free one); the caller runs `serve_forever` and closes it."""
    if not token:
        raise home.CityError("neither --token nor CITY_TOKEN is given")
    handler = type("CityHandler", (Handler,), {"home_dir": home_dir, "token": token, "faulty": faulty})
    made = ThreadingHTTPServer(("127.0.0.1", port), handler)
    made.daemon_threads = True
    return made
