"""What collect promises of HTTP services: pages as received, and never a part of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
import tenacity.nap

from credit_exchange.config.connections import Connection
from credit_exchange.errors import FatalError, HoldForPerson, RetriableError
from credit_exchange.steps.collect import collect, pages, read
from credit_exchange.steps.collect.batches import by_id
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.deadline import Deadline

DAY = date(2026, 1, 5)
OPEN = Callable[..., Exchange]


def rows(exchange: Exchange, batch_id: int) -> list[dict[str, str]]:
    return [row for chunk in read(exchange, batch_id) for row in chunk.frame.to_dict("records")]


FLOOD = 64 * 1024 * 1024
"""Bytes, many times what sockets hold."""
HTTP = {"form": "http", "connection": "service", "path": "/api/x", "page_size": 2, "code": "code", "overlap_hours": 0}


class Service:
    """A paged service; `script` maps the number of a call to what goes wrong in it."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = [
            {"name": f"公司{n}", "wsh": f"文{n}", "decided": "2026-01-05", "uscc": None} for n in range(5)
        ]
        self.total: int | None = None
        self.script: dict[int, str] = {}
        self.always = ""
        self.elsewhere = "http://127.0.0.1:1/elsewhere"
        self.calls: list[dict[str, str]] = []
        self.flooded = 0
        self.stopped = threading.Event()
        self.dripped: Callable[[], None] = lambda: None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                service.calls.append(query)
                fault = service.script.get(len(service.calls), service.always)
                status, body = 200, service.page(query)
                if self.headers["Authorization"] != "Bearer tok":
                    status = 401
                elif fault[:3].isdigit():
                    status = int(fault[:3])
                elif fault == "html":
                    body = b"<html>login</html>"
                elif fault.startswith("code"):
                    body = json.dumps({"code": fault[5:] or "500"}).encode()
                elif fault == "gbk":
                    body = service.page(query).decode().encode("gbk")
                elif fault.startswith("none"):
                    body = json.dumps({"code": "0", "data": {"total": int(fault[5:]), "items": None}}).encode()
                elif fault == "short":
                    body = json.dumps({"code": "0", "data": {"total": 5, "items": []}}).encode()
                elif fault.startswith("shuffled"):  # no fixed order: each page is cut from another one
                    service.items.insert(0, service.items.pop(int(fault[-1])))
                    body = service.page(query)
                elif fault == "same":
                    body = service.page(query | {"page": "1"})
                if fault.startswith("drip"):
                    self.drip(fault, body)
                    return
                if fault == "302 flood":
                    self.flood()
                    return
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", service.elsewhere)
                if fault.startswith("429 "):
                    self.send_header("Retry-After", fault[4:])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def flood(self) -> None:
                """Send a redirect with a body without a length, until nobody wants more of it."""
                self.wfile.write(b"HTTP/1.0 302 Found\r\nLocation: /elsewhere\r\n\r\n")
                with suppress(OSError):
                    while service.flooded < FLOOD:
                        service.flooded += self.wfile.write(b"x" * 65_536)

            def drip(self, where: str, body: bytes) -> None:
                """Send a byte now and then, of a header or of the body, and never come to an end."""
                if where == "drip header":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
                elif where == "drip open":
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
                else:
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n" + body)
                service.dripped()
                with suppress(OSError):
                    while not service.stopped.wait(0.1):
                        self.wfile.write(b" ")
                        self.wfile.flush()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, query: dict[str, str]) -> bytes:
        page, size = int(query["page"]), int(query["size"])
        part = self.items[(page - 1) * size : page * size]
        data: dict[str, Any] = {"items": part}
        if self.total != -1:
            data["total"] = len(self.items) if self.total is None else self.total
        return json.dumps({"code": "0", "data": data}, ensure_ascii=False).encode()

    @property
    def connection(self) -> Connection:
        return Connection("service", host=f"http://127.0.0.1:{self.server.server_port}", password="tok")


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stopped.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two calls, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def test_all_pages_are_landed_as_received(exchange_of: OPEN, service: Service) -> None:
    service.script = {2: "503", 4: "code"}  # passing troubles
    exchange = exchange_of(HTTP, service.connection)
    batch_id = collect(exchange, "t", DAY)
    asked = len(service.calls)
    assert [row["XK_WSH"] for row in rows(exchange, batch_id)] == [f"文{n}" for n in range(5)]
    assert len(service.calls) == asked
    assert service.calls[0]["updated_from"] == "2026-01-05T00:00:00"
    assert service.calls[0]["updated_to"] == "2026-01-06T00:00:00"
    again = collect(exchange, "t", DAY, recollect=True)
    assert by_id(exchange.engine, again).digest == by_id(exchange.engine, batch_id).digest


def test_a_service_without_total_is_read_to_its_empty_page(exchange_of: OPEN, service: Service) -> None:
    service.total = -1
    exchange = exchange_of(HTTP | {"total": None}, service.connection)
    assert len(rows(exchange, collect(exchange, "t", DAY))) == 5
    assert len(service.calls) == 4


def test_a_redirect_to_what_is_no_address_is_told_in_the_batch(exchange_of: OPEN, service: Service) -> None:
    """The library would read it although it shall not follow, and fail with an error that is none of its own."""
    service.always, service.elsewhere = "302", "http://[a"
    exchange = exchange_of(HTTP, service.connection)
    with pytest.raises(FatalError, match="HTTP 302"):
        collect(exchange, "t", DAY)
    with exchange.engine.connect() as connection:
        assert "HTTP 302" in connection.exec_driver_sql("select problem from exchange.batch").scalar_one()


def test_a_redirect_without_end_fills_no_memory(
    exchange_of: OPEN, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would read all of it, to no purpose and past every limit, to see where it leads."""
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 65_536)
    service.always = "302 flood"
    with pytest.raises(FatalError, match="超过 65536 字节"):
        collect(exchange_of(HTTP, service.connection), "t", DAY)
    assert service.flooded < FLOOD


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("short", RetriableError, "服务称有 5 行，实际给出 0 行"),
        ("same", RetriableError, "第 2 页：与前面某一页的内容相同"),
        ("none 5", RetriableError, "data.items 处没有列表"),
        ("gbk", RetriableError, "答复不是 UTF-8 编码"),
        ("code 40101", RetriableError, "code 是 40101，不是 '0'；请按部门的接口文档核对"),
        ("code 350102199001010012", RetriableError, "code 是 别的内容，不是 '0'"),
        ("401", FatalError, "令牌不被接受（HTTP 401）"),
        ("404", FatalError, "HTTP 404"),
        ("302", FatalError, "HTTP 302"),
    ],
)
def test_partial_pages_are_never_taken(
    exchange_of: OPEN, service: Service, inbox: Path, slept: list[float], fault: str, error: type[Exception], says: str
) -> None:
    service.always = fault
    with pytest.raises(error, match=says) as caught:
        collect(exchange_of(HTTP, service.connection), "t", DAY)
    assert "tok" not in str(caught.value)
    assert not [p for p in (inbox.parent / "landing").rglob("*") if p.is_file()]


def test_a_service_of_few_calls_a_minute_is_waited_for_as_long_as_it_says(
    exchange_of: OPEN, service: Service, slept: list[float]
) -> None:
    exchange = exchange_of(HTTP, service.connection)
    service.script = dict.fromkeys((2, 4), "429 40")
    assert len(rows(exchange, collect(exchange, "t", DAY))) == 5
    assert slept == [40, 40]


def test_but_not_longer_than_there_is_time_for_all_pages(
    exchange_of: OPEN, service: Service, slept: list[float]
) -> None:
    exchange = exchange_of(HTTP | {"total_timeout": 30}, service.connection)
    service.script = dict.fromkeys((2, 3, 4, 5, 6), "429 40")
    with pytest.raises(RetriableError, match=r"第 2 页：服务暂不可用（HTTP 429），要求等待 40 秒；已尝试 1 次"):
        collect(exchange, "t", DAY)
    assert slept == []


@pytest.mark.parametrize("fault", ["drip header", "drip body", "drip open"])
def test_a_service_that_drips_is_left_when_its_time_is_over(
    exchange_of: OPEN, service: Service, inbox: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    class OverWhenItDrips(Deadline):
        """Its end comes then, however long the machine needed for the first page."""

        def __enter__(self) -> Self:
            service.dripped = self._end
            return super().__enter__()

    monkeypatch.setattr(pages, "Deadline", OverWhenItDrips)
    service.script = {2: fault, 3: fault}
    with pytest.raises(RetriableError, match=r"第 2 页：服务在 90\.5 秒（total_timeout）内没有给完数据"):
        collect(exchange_of(HTTP | {"total_timeout": 90.5}, service.connection), "t", DAY)
    assert not [p for p in (inbox.parent / "landing").rglob("*") if p.is_file()]


def test_pages_without_a_fixed_order_are_read_again_and_never_lose_a_row(exchange_of: OPEN, service: Service) -> None:
    exchange = exchange_of(HTTP, service.connection)
    service.script = {2: "shuffled4"}  # one row comes twice, another not at all
    found = [row["XK_WSH"] for row in rows(exchange, collect(exchange, "t", DAY))]
    assert sorted(found) == [f"文{n}" for n in range(5)]
    service.script = {n: "shuffled3" for n in range(7, 99) if n % 3 == 2}
    with pytest.raises(RetriableError, match="固定的排序"):
        collect(exchange, "t", DAY, recollect=True)


def test_a_row_that_a_service_holds_twice_is_delivered_twice(exchange_of: OPEN, service: Service) -> None:
    service.items.append(service.items[0])
    exchange = exchange_of(HTTP, service.connection)
    assert len(rows(exchange, collect(exchange, "t", DAY))) == 6


def test_a_list_of_nothing_may_be_written_as_null(exchange_of: OPEN, service: Service) -> None:
    service.always = "none 0"
    exchange = exchange_of(HTTP, service.connection)
    assert rows(exchange, collect(exchange, "t", DAY)) == []


def test_a_certificate_that_nobody_trusts_is_told_as_such(
    exchange_of: OPEN, service: Service, slept: list[float]
) -> None:
    plain = service.connection.host.replace("http:", "https:")  # no TLS there at all fails in the same way
    with pytest.raises(RetriableError, match="TLS 证书没有通过验证，或不能加密连接；请部门更换证书"):
        collect(exchange_of(HTTP, Connection("service", host=plain, password="tok")), "t", DAY)


def test_a_number_as_identifier_and_a_new_key(exchange_of: OPEN, service: Service) -> None:
    service.items = [{"name": "甲", "wsh": 20260001, "decided": "2026-01-05", "is_fresh": 1}]
    exchange = exchange_of(HTTP, service.connection)
    batch_id = collect(exchange, "t", DAY)
    with pytest.raises(HoldForPerson, match="新列 'is_fresh'"):
        rows(exchange, batch_id)
    exchange = exchange_of(HTTP, service.connection, contract={"new_columns": "quarantine"})
    batch_id = collect(exchange, "t", DAY)
    (chunk,) = read(exchange, batch_id)
    assert [problem[:3] for problem in chunk.row_problems] == [(0, "NUM01", "XK_WSH")]
    assert by_id(exchange.engine, batch_id).source_detail["new_columns"] == ["is_fresh"]
