"""Ahead: one piece of work is done before it is asked for, and never lost, repeated or left running."""

from __future__ import annotations

import threading

import pytest

from credit_exchange.config.loader import load
from credit_exchange.steps.push.ahead import Ahead
from credit_exchange.steps.push.streams import Stopped, Stream


class Work:
    """Gives 1, 2, 3 … and remembers in which threads it was asked to; waits for `free` when that is not set."""

    def __init__(self) -> None:
        self.done = 0
        self.threads: list[str] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self) -> int:
        self.free.wait(10)
        self.threads.append(threading.current_thread().name)
        self.done += 1
        return self.done


def test_what_was_begun_is_done_beside_and_taken_once() -> None:
    work = Work()
    ahead = Ahead(work)
    ahead.begin()
    ahead.begin()  # one at a time
    assert ahead.begun
    assert ahead.take() == 1
    assert not ahead.begun
    assert ahead.take() == 2
    assert work.threads[0].startswith("pack")
    assert work.threads[1] == threading.current_thread().name
    ahead.close()


def test_closing_waits_for_what_is_being_done() -> None:
    work = Work()
    work.free.clear()
    ahead = Ahead(work)
    ahead.begin()
    threading.Timer(0.05, work.free.set).start()
    assert ahead.close() == 1
    assert work.done == 1
    assert ahead.close() is None  # told once


def test_what_failed_and_nobody_waited_for_is_logged_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> int:
        raise ValueError("林样例")

    ahead = Ahead(broken)
    ahead.begin()
    assert ahead.close() is None
    assert "ValueError" in caplog.text
    assert "林样例" not in caplog.text


def test_what_it_raises_is_raised_where_it_is_taken() -> None:
    def broken() -> int:
        raise ValueError("no")

    ahead = Ahead(broken)
    ahead.begin()
    with pytest.raises(ValueError, match="no"):
        ahead.take()
    assert not ahead.begun
    ahead.close()


def test_a_stream_that_is_stopped_while_the_next_is_being_packed_does_no_harm() -> None:
    class Beside(Stopped):
        def _is_left(self, stream: Stream) -> bool:
            self.add(Stream("penalty", "penalty", "upsert"))  # by the drain, while this asks in its own thread
            return super()._is_left(stream)

    stopped = Beside(load().platforms["fuzhou"])
    stopped.add(Stream("permit", "permit", "upsert"))
    assert stopped.unpacked() == ["permit upsert"]
    assert stopped.unpacked() == ["penalty upsert", "permit upsert"]
