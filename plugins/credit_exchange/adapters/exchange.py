"""The exchange inside an Airflow process: opened with Airflow's connections, errors in Airflow's terms."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from credit_exchange.adapters.connections import resolve
from credit_exchange.errors import ExchangeError, RetriableError, without_values

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


class NotReady(AirflowException):
    """The outside was not ready; Airflow runs the task again."""


class StepFailed(AirflowException):
    """Something failed that nobody foresaw; told without values, since they may be a person's data."""


@contextmanager
def opened(*, whatever_the_files: bool = False) -> Iterator[Exchange]:
    """Open the exchange with Airflow's connections; its database connections are closed at the end."""
    from credit_exchange.steps.context import Exchange  # heavy: never when a DAG is parsed

    exchange = Exchange.open(resolve, whatever_the_files=whatever_the_files)
    try:
        yield exchange
    finally:
        exchange.engine.dispose()


def guarded(work: Callable[[], T]) -> T:
    """Run a step and raise its errors in Airflow's terms.

    RetriableError becomes an ordinary failure, which Airflow retries. FatalError, HoldForPerson and the like become
    AirflowFailException: only a person can mend them. Everything unforeseen is retried too, and told without its
    values: the texts of database drivers quote rows. Raised outside of the handlers, so that no log prints the
    original chain.
    """
    failure: AirflowException
    try:
        return work()
    except AirflowException:
        raise
    except RetriableError as error:
        failure = NotReady(str(error))
    except ExchangeError as error:
        failure = AirflowFailException(str(error))
    except Exception as error:  # noqa: BLE001 - told again below, without what may be personal data
        failure = StepFailed(without_values(error))
    raise failure


def die_with_parent() -> None:
    """Let the kernel kill this task when the process that supervises it dies (Linux only).

    Airflow starts the task again elsewhere; an orphan that goes on would push beside it. Lease and fence in our
    database are what makes that harmless; this makes it short.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
