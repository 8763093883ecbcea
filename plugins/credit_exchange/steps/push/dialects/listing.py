"""Reading what a platform shows, page by page. Source: platform-protocols, the lists of sections A and B; ADR 0006."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from credit_exchange.config.platform import RetryPolicy
from credit_exchange.core.canonical import hmac_sm3_hex
from credit_exchange.core.crypto import Keys
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.base import CallResult, Identity, Kind, Lost, NotSent, Refusal, Wire
from credit_exchange.steps.push.waiting import pause, retry_after

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload

_MOST_PAGES = 100_000
_NEWEST = 2**62
"""What no version of ours reaches, and a database still holds."""
_OURS = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Listed(NamedTuple):
    """One record that a platform shows. `place`: the data set or catalogue there. `digest`: of its content, where the
    platform tells one.
    """

    place: str
    record_id: str
    version: int
    digest: str | None = None


class NoList(Exception):
    """The platform did not give a page of its list, or what it has under a document."""

    def __init__(self, result: CallResult) -> None:
        super().__init__(result.problem or f"{result.words}（{result.code}）")
        self.result = result


@runtime_checkable
class Lists(Protocol):
    """A dialect whose platform tells what it shows. Others answer questions about single records only."""

    def listing(self, dataset: str, dates: Sequence[date], wire: Wire) -> Iterator[list[Listed]]:
        """Yield what is shown of a data set, page by page. `dates`: the decision dates it may lie under, where asked.

        Raises NoList, Lost or NotSent when a page did not come, though it was asked for a few times; and the stops of
        the wire.
        """

    def digest_of(self, payload: Payload) -> str | None:
        """Return the digest under which the platform lists this content; None where its list has none."""


class Lies(StrEnum):
    """What lies at a platform under the identity of a row that was sent, or revoked."""

    NOTHING = auto()
    SAME = auto()
    OTHER = auto()  # with another content


@runtime_checkable
class Answers(Protocol):
    """A dialect whose platform gives no list, and answers questions about single records."""

    def under(self, dataset: str, body: bytes, line_no: int) -> Sequence[Identity]:
        """Return under what a line of a shipment's bytes brought its row, or what it revoked."""

    def lies(self, dataset: str, body: bytes, line_no: int, wire: Wire) -> Lies:
        """Ask what lies where a line of a shipment's bytes brought its row, or removed one.

        Raises NoList, Lost or NotSent when that was not answered; and the stops of the wire.
        """


def again(policy: RetryPolicy) -> Retrying:
    """Return how to ask once more for what did not come: as often and after such pauses as the policy says."""
    return Retrying(
        retry=retry_if_exception(_may_come),
        stop=stop_after_attempt(policy.attempts),
        wait=lambda state: _pause(policy, state),
        reraise=True,
    )


def pages(policy: RetryPolicy, read: Callable[[int], tuple[int, list[Listed]]]) -> Iterator[list[Listed]]:
    """Yield the pages of a list. read: takes a page's number from 1, gives how many records there are and the page's.

    A page that did not come is asked for again, as often and after such pauses as the platform's policy says; and so is
    one without records before all are there, which is no end of a list.
    """
    seen = 0

    def whole(number: int) -> tuple[int, list[Listed]]:
        total, rows = read(number)
        if not rows and seen < total:
            problem = f"第 {number} 页没有记录，而平台称共有 {total} 条，只给出 {seen} 条"
            raise NoList(CallResult(Kind.UNKNOWN, problem=problem))
        return total, rows

    for number in range(1, _MOST_PAGES + 1):
        total, rows = again(policy)(whole, number)
        yield rows
        seen += len(rows)
        if seen >= total:
            return
    raise NoList(CallResult(Kind.UNKNOWN, problem=f"读了 {_MOST_PAGES} 页，平台的清单还没有完"))


def _may_come(error: BaseException) -> bool:
    if isinstance(error, NoList):
        return error.result.kind is Kind.UNKNOWN or error.result.refusal in (Refusal.BUSY, Refusal.SIGN_AGAIN)
    return isinstance(error, Lost | NotSent)


def _pause(policy: RetryPolicy, state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, NoList) and error.result.refusal is Refusal.BUSY:
        return min(retry_after(error.result.retry_after, policy), policy.max_seconds)
    return pause(policy, state.attempt_number)


def listed(place: str, items: Any, id_name: str, version_name: str, digest_name: str = "") -> list[Listed]:
    """Return the records of a page. Raises BadReply when it is not what the protocol says.

    digest_name: where the digest of a record's content stands, if the platform tells it.
    """
    if not isinstance(items, list):
        raise forms.BadReply("清单中缺少记录")
    rows = []
    for item in items:
        record_id = item.get(id_name) if isinstance(item, dict) else None
        if not isinstance(record_id, str) or not record_id:
            raise forms.BadReply("清单中某条没有记录编号")
        digest = item.get(digest_name) if digest_name else None
        if digest_name and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise forms.BadReply("清单中某条的内容摘要不符合约定")
        version = min(forms.whole(item.get(version_name)), _NEWEST)
        rows.append(Listed(place, record_id, version, digest))
    return rows


def fit_to_keep(record_id: str, keys: Keys) -> str:
    """Return the id as it is; what somebody else sent may have one that is a person's number, or no id at all: its
    keyed digest stands for it, since numbers are few enough to be tried.
    """
    if _OURS.fullmatch(record_id) or (_PLAIN.fullmatch(record_id) and scrub_text(record_id) == record_id):
        return record_id
    return f"sm3:{hmac_sm3_hex(keys.hmac, record_id.encode('utf-8', 'surrogatepass'))[:32]}"
