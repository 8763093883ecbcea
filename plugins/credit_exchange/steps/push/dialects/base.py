"""What the exchange has to know of a platform's wire. A dialect is one class, registered by name; nothing else changes.

A dialect turns payloads into pieces, pieces into the immutable bytes of a shipment, and the platform's answers into
outcomes. It never touches the database, the clock of retries, or the decision to send again: those are the drain's.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.connections import Connection
from credit_exchange.config.files import Place
from credit_exchange.config.labels import CALL_WORDS, REFUSAL_WORDS
from credit_exchange.config.platform import Platform
from credit_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload, Sheet

Identity = dict[str, str]
"""Under what a record lies at a platform without record ids: kind, wsh, jgdm, xdr."""


class Outcome(StrEnum):
    """What became of one record of a shipment."""

    DELIVERED = "delivered"  # it is there: accepted, duplicate, or a settled withdrawal
    REJECTED = "rejected"  # the department has to correct it
    AGAIN = "again"  # the platform failed on this record: afresh in a new shipment, bounded
    REST = "rest"  # the call stopped before this record: afresh in a new shipment
    RECONCILE = "reconcile"  # a newer version is there: held for reconciliation
    HELD = "held"  # a person has to look


class Kind(StrEnum):
    """What a call came to, for the shipment as a whole."""

    STORED = "stored"  # the platform judged the records; see the outcomes
    PENDING = "pending"  # a task was taken and is not finished
    REFUSED = "refused"  # surely nothing stored; see the refusal
    ABSENT = "absent"  # asked: that shipment never arrived
    UNKNOWN = "unknown"  # it may or may not be stored


class Refusal(StrEnum):
    """Why nothing was stored."""

    CREDENTIALS = "credentials"
    NOT_ALLOWED = "not_allowed"  # known to the platform, and not allowed to do this
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    BUSY = "busy"
    SIGN_AGAIN = "sign_again"
    UNREACHABLE = "unreachable"
    FAILED = "failed"  # the platform took it, worked on it, and gave all of it up


@dataclass(frozen=True)
class Verdict:
    """An outcome of one record: `code` is the platform's own, `message` holds no personal data."""

    outcome: Outcome
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class CallResult:
    """The answer to a send, an ask or a poll. `verdicts` by line number (from 1), complete when STORED.

    said: why the platform refused the whole, in its own words as we may keep them.
    further: a look of many calls was cut short, and the next one goes on where it stopped.
    """

    kind: Kind
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    refusal: Refusal | None = None
    code: str = ""
    http_status: int | None = None
    receipt_no: str | None = None
    task_id: str | None = None
    retry_after: str | float | None = None
    credentials_refused: bool = False
    reply: bytes = field(default=b"", repr=False)
    problem: str = ""
    said: str = ""
    further: bool = False

    @property
    def words(self) -> str:
        """What the call came to in the words of the pages, e.g. 未收下：平台繁忙."""
        said = CALL_WORDS[self.kind]
        return f"{said}：{REFUSAL_WORDS[self.refusal]}" if self.refusal else said

    def alike(self) -> Verdict | None:
        """Return the verdict of all records, where they share one; a good answer is that."""
        first = next(iter(self.verdicts.values()), None)
        return first if len(set(map(id, self.verdicts.values()))) == 1 else None


class Piece(NamedTuple):
    """One record in the form of the wire. Pieces of one lane travel together; `alone` ones by themselves."""

    lane: str
    data: bytes
    alone: bool = False


class Pieces(NamedTuple):
    """The pieces of a whole sheet, row by row; the lane is None where a row needs care: it is encoded by itself."""

    lanes: Sequence[str | None]
    data: Sequence[bytes]


@dataclass(frozen=True)
class Label:
    """What stands on a shipment, made once before it is first sent."""

    shipment_no: str
    batch_no: str
    idem_key: str
    dataset: str
    lane: str
    op: str
    created_at: datetime


class Line(NamedTuple):
    """One record of a shipment, by its place in it (from 1)."""

    line_no: int
    outbox_id: int
    record_id: str
    version: int


@dataclass(frozen=True)
class Shipment:
    """A stored shipment as it is sent: the label, the very bytes, its lines, and the task the platform gave it."""

    label: Label
    body: bytes = field(repr=False)
    lines: Sequence[Line]
    fence: int
    task_id: str | None = None
    shipment_id: int = 0
    body_digest: str = ""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, whole and within the size limit; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class NotSent(Exception):
    """Not one byte of the request left: connection refused, no such name, TLS failed, or a login before it failed."""


class Lost(Exception):
    """The request may have arrived and its answer did not: time-out, closed connection, cut or oversized reply."""

    def __init__(self, message: str, reply: bytes = b"", status: int | None = None) -> None:
        super().__init__(message)
        self.reply = reply
        self.status = status


class Wire(Protocol):
    """How a dialect calls out. Every call waits for its turn in the platform's pace and checks the lease first."""

    def target(self, url: str) -> str:
        """Return the request target (path and query) exactly as it will be sent."""

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", login: bool = False
    ) -> Reply:
        """Send one request. `login`: it carries no records. Raises NotSent, Lost, or the drain's own stops."""


@dataclass(frozen=True)
class Context:
    """What a dialect is made with."""

    platform: Platform
    datasets: Mapping[str, Dataset]
    connection: Connection


class Dialect(Protocol):
    """The wire of one kind of platform."""

    by_identity: ClassVar[bool]
    """The platform has no record ids: a record lies there under an identity made of its content."""

    def __init__(self, context: Context) -> None: ...

    def encode(self, payload: Payload, there: Sequence[Identity]) -> Piece | Verdict:
        """Return the record's piece, or a verdict when it need not or must not be sent. `there`: where it lies now."""

    def encode_sheet(self, sheet: Sheet) -> Pieces | None:
        """Return what :meth:`encode` gives for each row that lies nowhere yet, by column; None: encode each by itself.

        Only a quicker way for the many rows that need no care: it never says anything else than `encode`.
        """

    def overhead(self) -> tuple[int, int]:
        """Return (bytes of an empty shipment, bytes between two pieces), for the byte limit."""

    def assemble(self, label: Label, pieces: Sequence[bytes]) -> bytes:
        """Return the immutable bytes of a shipment. Secrets and signatures are added when it is sent."""

    def send(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Send it. May raise NotSent and Lost."""

    def ask(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Find out what became of an unknown shipment: STORED, PENDING, ABSENT, or not known yet. Reads only."""

    def poll(self, shipment: Shipment, wire: Wire) -> CallResult:
        """Look at a task that the platform has taken: STORED, PENDING, ABSENT, or not known yet. Reads only."""

    def identity_of(self, payload: Payload) -> Identity | None:
        """Return under what an upsert would lie there (by_identity only)."""

    def identity_keys(self, sheet: Sheet) -> Sequence[str | None]:
        """Return a text for the identity of each row, None where it has none (by_identity only)."""

    def identity_key(self, identity: Identity) -> str:
        """Return the text that :meth:`identity_keys` gives for this identity (by_identity only)."""

    def identities(self, dataset: str, body: bytes) -> Mapping[int, Identity]:
        """Return the identity of each line of a shipment's bytes (by_identity only)."""


Needs = Callable[[Platform, Mapping[str, Dataset]], Iterator[tuple[Place, str]]]
"""What of a platform's file does not do for a dialect: places in it, each with what is wrong and what to do."""
_REGISTRY: dict[str, type[Dialect]] = {}
_NEEDS: dict[str, Needs] = {}


def register(name: str, needs: Needs | None = None) -> Callable[[type], type]:
    """Class decorator: make a dialect known under the name that platform files use.

    `needs`: what it needs of a platform's file, where not every file will do.
    """

    def add(cls: type) -> type:
        _REGISTRY[name] = cls
        if needs is not None:
            _NEEDS[name] = needs
        return cls

    return add


def known() -> list[str]:
    """Return the names of all dialects; every module of this folder is looked at."""
    package = importlib.import_module(__package__ or "credit_exchange.steps.push.dialects")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return sorted(_REGISTRY)


def problems_of(platform: Platform, datasets: Mapping[str, Dataset]) -> list[tuple[Place, str]]:
    """Return what its dialect cannot do with a platform's file: place, and what is wrong and what to do."""
    names = known()
    if platform.dialect not in names:
        new = "新的方言是 steps/push/dialects 下的一个类"
        return [(("dialect",), f"没有接口方言 {platform.dialect!r}；现有：{'、'.join(names)}；{new}")]
    return list(_NEEDS[platform.dialect](platform, datasets)) if platform.dialect in _NEEDS else []


def elsewhere(where: str) -> Verdict:
    """Return what becomes of a row while its record lies elsewhere at the platform; where: `在平台的目录 … 中`."""
    return Verdict(
        Outcome.HELD,
        "PLACE",
        f"该记录仍{where}公示，撤下还没有成功，因此暂不报送；撤下每夜自动再试，成功后自动报送，请与平台核对原因；"
        "没有要撤下的，请先撤下、后恢复该记录",
    )


def at_rest(platform: Platform, datasets: Mapping[str, Dataset]) -> Dialect | None:
    """Return the dialect of a platform for what needs no call; None where its file does not do for it."""
    if problems_of(platform, datasets):
        return None
    nowhere = Connection(platform.connection, host="https://platform.invalid")
    return _REGISTRY[platform.dialect](Context(platform, datasets, nowhere))


def dialect_for(context: Context) -> Dialect:
    """Return the dialect of a platform. Raises ConfigurationError when its file does not do for it."""
    wrong = problems_of(context.platform, context.datasets)
    if wrong:
        raise ConfigurationError(
            "\n".join(
                f"platforms/{context.platform.platform}.yml: {'.'.join(map(str, place))}: {what}"
                for place, what in wrong
            )
        )
    return _REGISTRY[context.platform.dialect](context)
