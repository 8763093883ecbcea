"""Every request ends in time and within its size, follows no redirect, and tells what was surely not sent."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from credit_exchange.steps.push.dialects.base import Lost, NotSent
from credit_exchange.steps.push.transport import Transport, _Guard

Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server on a socket whose one connection is handled by a function."""
    closing: list[Callable[[], None]] = []

    def start(handle: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))

        def work() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.recv(65536)
                    handle(connection)
                except OSError:
                    return  # the client went away, which is what some tests want

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        closing.extend((lambda: thread.join(5), listener.close))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    yield start
    for close in closing:
        close()


def transport(**settings: float) -> Transport:
    given = {"connect_timeout": 10, "read_timeout": 20, "total_timeout": 30, "max_reply_bytes": 100_000} | settings
    return Transport(**given)  # type: ignore[arg-type]


def dribbled(connection: socket.socket, sent: list[bytes]) -> None:
    """A byte now and then, for twenty seconds or until the client leaves."""
    for _ in range(100):
        connection.sendall(b"x")
        sent.append(b"x")
        time.sleep(0.2)


def test_a_refused_connection_was_surely_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent):
        transport().call("POST", f"http://127.0.0.1:{port}/", {}, b"x")


def test_an_unknown_name_was_surely_not_sent() -> None:
    with pytest.raises(NotSent):
        transport().call("POST", "http://does-not-exist.invalid/", {}, b"x")


def test_a_failed_tls_handshake_was_surely_not_sent(serve: Serve) -> None:
    url = serve(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")).replace("http:", "https:")
    with pytest.raises(NotSent):
        transport().call("POST", url, {}, b"x")
    assert ssl.HAS_TLSv1_2


def test_a_dribbling_body_is_cut_by_the_total_time(serve: Serve) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        dribbled(connection, sent)

    sent: list[bytes] = []
    with pytest.raises(Lost):
        transport(total_timeout=1).call("GET", serve(dribble), {}, b"")
    assert len(sent) < 100


def test_dribbling_headers_are_cut_by_the_total_time(serve: Serve) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        dribbled(connection, sent)

    sent: list[bytes] = []
    with pytest.raises(Lost):
        transport(total_timeout=1).call("GET", serve(dribble), {}, b"")
    assert len(sent) < 100


def test_a_dribbling_tls_handshake_is_cut_by_the_total_time_and_was_surely_not_sent(serve: Serve) -> None:
    """Each byte of it comes in time: only the whole is too slow."""

    def dribble(connection: socket.socket) -> None:
        connection.sendall(bytes.fromhex("1603034000"))  # a handshake record of 16,384 bytes begins
        dribbled(connection, sent)

    sent: list[bytes] = []
    with pytest.raises(NotSent, match="1 秒内没有与平台建立加密连接"):
        transport(total_timeout=1).call("POST", serve(dribble).replace("http:", "https:"), {}, b"x")
    assert len(sent) < 100


def test_an_answer_without_length_that_outlives_the_total_time_is_not_believed(serve: Serve) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")
        time.sleep(3)

    with pytest.raises(Lost):
        transport(total_timeout=1).call("GET", serve(dribble), {}, b"")


def test_a_connection_that_stands_only_when_the_total_time_is_over_is_cut_at_once() -> None:
    """As where the machine stood still meanwhile: nothing else would end an answer that dribbles."""
    ours, platform = socket.socketpair()
    with ours, platform:
        guard = _Guard(60)
        guard._expire()
        guard.opened(ours)
        platform.settimeout(10)
        assert platform.recv(1) == b""


def test_what_is_sent_while_a_tls_connection_is_cut_does_not_leave_in_the_clear() -> None:
    """Python's own takes the encryption away first, and then ends the connection: a write in between goes as it is."""

    class Cut(socket.socket):
        def shutdown(self, how: int) -> None:
            with pytest.raises(OSError, match="Broken pipe"):
                self.sendall(b"secret")  # another thread, in the middle of a request
            super().shutdown(how)

    ours, theirs = socket.socketpair()
    guard = _Guard(60)
    guard.reached(ours)
    with theirs, Cut(fileno=ours.detach()) as encrypted, guard.running():
        guard.opened(encrypted)
        guard._expire()
        assert theirs.recv(100) == b""


def test_an_oversized_answer_is_lost_and_not_kept_in_memory(serve: Serve) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)

    with pytest.raises(Lost, match="答复超过") as lost:
        transport().call("GET", serve(flood), {}, b"")
    assert len(lost.value.reply) <= 65_536


def test_what_stands_between_the_headers_of_an_answer_is_in_no_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(connection: socket.socket) -> None:
        connection.sendall("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n陈榕生 13805910000\r\nX-A: b\r\n\r\n{}".encode())

    assert transport().call("GET", serve(handle), {}, b"").status == 200
    assert not [record.name for record in caplog.records if record.levelname != "DEBUG"]


def test_a_redirect_is_an_answer_and_not_followed(serve: Serve) -> None:
    url = serve(
        lambda connection: connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        )
    )
    assert transport().call("POST", url, {}, b"x").status == 302


@pytest.mark.parametrize("address", [b"http://[", b"/\xff\xfe", b"http://a:99999999/"])
def test_a_redirect_to_no_address_is_an_answer_too(serve: Serve, address: bytes) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: " + address + b"\r\nContent-Length: 0\r\n\r\n"
    assert transport().call("POST", serve(lambda connection: connection.sendall(head)), {}, b"x").status == 302


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-ffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 150 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip",
    ],
)
def test_what_is_no_http_is_lost(serve: Serve, answer: bytes) -> None:
    with pytest.raises(Lost):
        transport().call("POST", serve(lambda connection: connection.sendall(answer)), {}, b"x")


@pytest.mark.parametrize(
    ("said", "ahead"),
    [
        (lambda now: format_datetime(now + timedelta(seconds=90), usegmt=True), 90),
        (lambda now: format_datetime(now - timedelta(hours=1)), -3600),
        (lambda _now: "yesterday", None),
        (lambda now: f"{now:%a, %d %b %Y %H:%M:%S}", None),
        (lambda _now: "", None),
    ],
)
def test_the_clock_of_a_platform_is_seen_in_passing(
    serve: Serve, said: Callable[[datetime], str], ahead: float | None
) -> None:
    def answer(connection: socket.socket) -> None:
        date = said(datetime.now(UTC)).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nDate: " + date + b"\r\nContent-Length: 2\r\n\r\n{}")

    one = transport()
    assert one.call("POST", serve(answer), {}, b"x").status == 200
    assert one.signs.clock_ahead == (None if ahead is None else pytest.approx(ahead, abs=20))


def test_a_closed_connection_without_a_byte_is_lost(serve: Serve) -> None:
    with pytest.raises(Lost):
        transport().call("POST", serve(lambda _connection: None), {}, b"x")


def test_a_proxy_of_the_machine_is_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and personal data go to the host of the connection and to nobody else."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    url = serve(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    assert transport().call("POST", url, {}, b"x").body == b"ok"
