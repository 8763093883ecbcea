"""One platform, listening: what tests and the laptop start."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from .china import China
from .faults import FaultScript
from .fujian import Fujian
from .fujian_task import DATASET_OF
from .fuzhou import Fuzhou
from .ledger import Ledger
from .server import Server
from .wire import Answer, json_answer

Kind = Literal["fuzhou", "fujian", "china"]
_NEEDED = {"fuzhou": ("app_key", "app_secret"), "fujian": ("client_id", "client_secret"), "china": ("token",)}


class Sandbox:
    """A strict stand-in for one platform on 127.0.0.1.

    ``store`` is a SQLite file that outlives restarts, or ":memory:". ``delay_seconds`` is waited before every answer,
    ``task_seconds`` is how long a task of 信用福建 takes, ``fast`` keeps counters instead of the ledger's rows (for
    benchmarks; everything is still parsed and verified). ``subjects`` (信用福州): registered names by USCC.
    Raises ValueError for an unknown kind or missing credentials.
    """

    def __init__(
        self,
        kind: Kind | str,
        port: int = 0,
        store: str = ":memory:",
        credentials: dict[str, str] | None = None,
        rate_limit: bool = True,
        delay_seconds: float = 0.0,
        task_seconds: float = 0.5,
        token_seconds: int = 1800,
        fast: bool = False,
        subjects: dict[str, str] | None = None,
    ) -> None:
        given = credentials or {}
        if kind not in _NEEDED:
            raise ValueError(f"no platform {kind!r}: choose one of {', '.join(_NEEDED)}")
        missing = [name for name in _NEEDED[kind] if not given.get(name)]
        if missing:
            raise ValueError(f"credentials of {kind} lack {', '.join(missing)}")
        self.kind = kind
        self.delay_seconds = delay_seconds
        self.errors: list[str] = []
        """Tracebacks of the sandbox's own bugs; tests assert that there is none."""
        self.platform: Fuzhou | Fujian | China
        if kind == "fuzhou":
            self.platform = Fuzhou(str(store), given, fast=fast, subjects=subjects)
        elif kind == "fujian":
            self.platform = Fujian(str(store), given, fast=fast, task_seconds=task_seconds, token_seconds=token_seconds)
        else:
            self.platform = China(str(store), given, fast=fast, rate_limit=rate_limit)
        self.faults = FaultScript(kind, self.platform.endpoints)
        self.ledger = Ledger(self.platform.store, fast=fast, current=self.current, settle=self.platform.settle)
        self.ledger.anomalies = self.platform.anomalies
        self._port = port
        self._server: Server | None = None
        self._kept: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._down_until = 0.0

    # --- running ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen; after a stop, again on the same port. Raises OSError when the port is taken."""
        if self._server is None:
            self._let_go()
            self._server = Server(("127.0.0.1", self._port), self)
            self._port = self._server.server_address[1]
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name=f"sandbox-{self.kind}",
                daemon=True,
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Refuse connections from now on and drop the open ones; what is stored stays and can be read.

        The port stays ours: nobody listens there, and nobody else is given it.
        """
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind(("127.0.0.1", self._port))
            self._server.drop_connections()
            self._thread.join(timeout=5)
            self._server = self._thread = None

    def close(self) -> None:
        """Stop and close the store; a ":memory:" store is gone then."""
        self.stop()
        self._let_go()
        self.platform.store.close()

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port; 0 before the first start when none was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL with its path, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}{self.platform.base}"

    @property
    def control_url(self) -> str:
        """Where other processes steer this sandbox: …/_sandbox."""
        return f"http://127.0.0.1:{self._port}/_sandbox"

    # --- misbehaving -----------------------------------------------------------------------------------------------

    def down(self, seconds: float | None = None) -> None:
        """Close every connection without a byte for ``seconds``, or until ``up``. ``stop`` refuses them instead."""
        self._down_until = float("inf") if seconds is None else time.monotonic() + seconds

    def up(self) -> None:
        """End ``down``."""
        self._down_until = 0.0

    def is_down(self) -> bool:
        """Whether connections are closed without a byte now."""
        return time.monotonic() < self._down_until

    def forget(self, *key: str) -> int:
        """Lose one record behind the sender's back: (dataset, record_id), (catalog, id), (kind, wsh, jgdm, subject)."""
        return self.platform.forget(list(key))

    # --- looking ---------------------------------------------------------------------------------------------------

    def current(self) -> dict[Any, Any]:
        """What is visible now.

        A: {(dataset, record_id): (version, digest of fields)}. B the same with the data set's name (digest of the row);
        a record shown in two catalogs counts with its higher version: ``platform.current()`` tells them apart, and
        ``ledger.anomalies`` says that it happened.
        C: {(kind, wsh, jgdm, subject): row}.
        """
        if not isinstance(self.platform, Fujian):
            return dict(self.platform.current())
        merged: dict[tuple[str, str], tuple[int, str]] = {}
        for (catalog, record_id), shown in self.platform.current().items():
            key = (DATASET_OF[catalog], record_id)
            merged[key] = max(shown, merged.get(key, shown))
        return merged

    def state(self) -> dict[str, Any]:
        """For GET /_sandbox/state: how it stands, what is shown (by the platform's own keys), what is scripted."""
        shown = [{"key": list(key), "value": value} for key, value in self.platform.current().items()]
        return {
            "kind": self.kind,
            "url": self.url,
            "down": self.is_down(),
            "counters": dict(self.ledger.counters),
            "faults": self.faults.as_json(),
            "errors": self.errors,
            "shown": len(shown),
            "current": shown,
        }

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request below /_sandbox: faults (POST, DELETE, GET), ledger, state, down, up, forget."""
        try:
            given = orjson.loads(body) if body else {}
            match method, path.removeprefix("/_sandbox/"):
                case "POST", "faults":
                    self.faults.load(given if isinstance(given, list) else [given])
                    return json_answer(200, self.faults.as_json(), "")
                case "GET", "faults":
                    return json_answer(200, self.faults.as_json(), "")
                case "DELETE", "faults":
                    self.faults.clear()
                    return json_answer(200, [], "")
                case "GET", "ledger":
                    return json_answer(200, self.ledger.as_json(), "")
                case "GET", "state":
                    return json_answer(200, self.state(), "")
                case "POST", "down":
                    self.down(None if given.get("until_up") else float(given["seconds"]))
                    return json_answer(200, {"down": True}, "")
                case "POST", "up":
                    self.up()
                    return json_answer(200, {"down": False}, "")
                case "POST", "forget":
                    return json_answer(200, {"forgotten": self.forget(*given["key"])}, "")
        except (ValueError, TypeError, KeyError) as error:
            return json_answer(400, {"error": f"{type(error).__name__}: {error}"}, "")
        return json_answer(404, {"error": "known: faults, ledger, state, down, up, forget"}, "")
