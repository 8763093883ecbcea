"""Packs the next shipments in a thread of its own while those before them are sent.

Packing is mostly waiting for the database and work that needs no lock of Python's, so that one drain keeps two cores
busy. To the database the thread is what a second drain of the same platform would be: the platform's lock and the
leases hold for both. At most one claim is ahead, so that what is packed stays new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Ahead(Generic[T]):
    """One piece of work that is done before it is asked for."""

    def __init__(self, work: Callable[[], T]) -> None:
        """`work` uses nothing that belongs to the thread which asks for it."""
        self._work = work
        self._pool = ThreadPoolExecutor(1, "pack")
        self._future: Future[T] | None = None

    @property
    def begun(self) -> bool:
        """Whether something is being done, or is done and was not taken yet."""
        return self._future is not None

    def begin(self) -> None:
        """Begin it, unless it has begun."""
        if self._future is None:
            self._future = self._pool.submit(self._work)

    def take(self) -> T:
        """Return what came of it, once; raises what it raised. Done here and now when it was not begun."""
        future, self._future = self._future, None
        return self._work() if future is None else future.result()

    def close(self) -> T | None:
        """Wait until nothing is being done any more; return what came of it and nobody took, None if it failed."""
        self._pool.shutdown(wait=True)
        future, self._future = self._future, None
        error = future.exception() if future is not None else None
        if error is not None:
            log.warning("提前装入的下一批没有成功，也不再需要：%s", type(error).__name__)
        return future.result() if future is not None and error is None else None
