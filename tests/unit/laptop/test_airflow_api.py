"""Airflow's API while it starts or restarts: an error that passes is told apart from one that does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from credit_exchange.errors import ExchangeError, FatalError, RetriableError
from credit_exchange.laptop.airflow_api import AirflowApi


class Answering(HTTPServer):
    """Answers every request with one status."""

    status = 200


class Handler(BaseHTTPRequestHandler):
    """One answer."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Answering)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def airflow() -> Iterator[Answering]:
    with Answering(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(401, FatalError, "拒绝用户 operator 登录"), (500, RetriableError, "500"), (503, RetriableError, "503")],
)
def test_a_login_is_refused_for_good_only_by_who_was_asked(
    airflow: Answering, status: int, error: type[ExchangeError], words: str
) -> None:
    airflow.status = status
    api = AirflowApi(f"http://127.0.0.1:{airflow.server_port}", "operator", "a password")
    with pytest.raises(error, match=words):
        api.unpause("nightly_exchange")
