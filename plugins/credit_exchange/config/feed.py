"""A department's feed (报送源). Files `include/feeds/<department>_<dataset>.yml`; the stem is the feed's id."""

from __future__ import annotations

import unicodedata
from datetime import date
from itertools import combinations
from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from credit_exchange.config.base import Model
from credit_exchange.core.dates import date_pattern
from credit_exchange.core.unseen import column_name
from credit_exchange.errors import ConfigurationError

_PLACEHOLDERS = ("date", "iso")
_TABLE_NAME = r"^[A-Za-z_\u4e00-\u9fff][A-Za-z0-9_$\u4e00-\u9fff]{0,62}$"


def _below_the_inbox(path: str) -> str:
    try:
        parts = list(Formatter().parse(path))
    except ValueError as error:
        raise ValueError(f"{path!r} 不能作为带 {{date}} 或 {{iso}} 的路径读取（{error}）；请更正") from None
    if any(name is not None and (name not in _PLACEHOLDERS or spec or how) for _, name, spec, how in parts):
        raise ValueError(f"{path!r} 的花括号中只能写 {{date}} 或 {{iso}}；请更正")
    written = PurePosixPath(path)
    if written.is_absolute() or ".." in written.parts or not written.parts or not path.isprintable():
        raise ValueError(f"{path!r} 应位于投放目录之下：不以 / 开头，不含 ..，且有文件名；请更正")
    return path


def _readable_date(form: str) -> str:
    try:
        date_pattern(form)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return form


class Department(Model):
    """Who delivers."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    name: str
    uscc: str | None = None


class Manifest(Model):
    """The small file that says a delivery is complete: JSON or key=value lines with rows, bytes, sm3 or sha256."""

    suffix: str = Field(default=".ok", pattern=r"^\.[^/\\\s]+$", description="an ending, with its dot")
    required: bool = True


class _File(Model):
    path: Annotated[str, AfterValidator(_below_the_inbox)] = Field(
        description="below the inbox; {date} = yyyyMMdd, {iso} = yyyy-MM-dd of the business date"
    )
    manifest: Manifest | None = None
    settle_seconds: float = Field(
        default=60, ge=0, description="without a manifest: the file must have been unchanged for this long"
    )
    max_bytes: int = Field(default=2 * 1024**3, ge=1)

    def name_for(self, business_date: date) -> str:
        """Return the path below the inbox of a business date's file."""
        return self.path.format(date=business_date.strftime("%Y%m%d"), iso=business_date.isoformat())

    @property
    def is_dated(self) -> bool:
        """Whether each business date has a file of its own."""
        return "{" in self.path


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n' or not text.isascii():
        raise ValueError(f"{text!r} 应为一个 ASCII 字符，不能是引号或换行，例如 '|'")
    return text


# whitespace is not stripped here: a tab is one
Separator = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_one_character)]


class CsvSource(_File):
    """CSV or TSV text."""

    form: Literal["csv"]
    encoding: Literal["utf-8", "gb18030", "auto"] = "auto"
    delimiter: Separator = ","


class XlsxSource(_File):
    """An Excel workbook: the header is found by its names, note rows are skipped."""

    form: Literal["xlsx"]
    sheet: str | None = None
    header_search_rows: int = Field(default=20, ge=1)
    note_prefixes: list[str] = Field(
        default_factory=lambda: ["表格说明", "填表说明", "注：", "注:", "说明：", "备注："]
    )


class RowdataZipSource(_File):
    """ROWDATA XML files inside a zip."""

    form: Literal["rowdata_zip"]
    member_pattern: str = "*.xml"


class TableSource(Model):
    """A front database table, by any SQLAlchemy URL."""

    form: Literal["table"]
    connection: str
    table: str = Field(pattern=_TABLE_NAME)
    schema_name: str | None = Field(default=None, pattern=_TABLE_NAME)
    updated_at: str = Field(description="column of the last change, wall clock Asia/Shanghai")
    overlap_hours: float = Field(default=24, ge=0)
    statement_timeout_seconds: float = Field(default=600, gt=0)


class HttpSource(Model):
    """A paged JSON service with a token."""

    form: Literal["http"]
    connection: str
    path: str
    token_header: str = "Authorization"  # noqa: S105 - a header name
    token_prefix: str = "Bearer "  # noqa: S105 - a prefix
    page_parameter: str = "page"
    size_parameter: str = "size"
    page_size: int = Field(default=200, ge=1, le=10000)
    from_parameter: str = "updated_from"
    to_parameter: str = "updated_to"
    items: str = Field(default="data.items", description="dotted path of the list in the answer")
    total: str | None = Field(default="data.total", description="dotted path of the number of all rows")
    code: str | None = Field(default=None, description="dotted path of a result code inside an HTTP 200")
    code_ok: str = "0"
    overlap_hours: float = Field(default=24, ge=0)
    max_pages: int = Field(default=10_000, ge=1)
    connect_timeout: float = Field(default=5, gt=0)
    read_timeout: float = Field(default=60, gt=0, description="seconds without a byte")
    total_timeout: float = Field(default=3600, gt=0, description="seconds for all pages of a delivery together")


FileSource = CsvSource | XlsxSource | RowdataZipSource
Source = Annotated[CsvSource | XlsxSource | RowdataZipSource | TableSource | HttpSource, Field(discriminator="form")]


def _alike(word: str) -> str:
    """Return an operation as it is compared: width, blanks and case say nothing."""
    return "".join(unicodedata.normalize("NFKC", word).split()).upper()


class Operation(Model):
    """Which rows are withdrawals or reinstatements instead of records.

    Nothing means a record, and so does what stands under `upsert`; a word that stands nowhere is not guessed at: a
    withdrawal that was misspelt must not be published as a record.
    """

    column: str
    withdraw: list[str] = Field(default_factory=list)
    reinstate: list[str] = Field(default_factory=list)
    upsert: list[str] = Field(default_factory=list, description="words that mean a record, besides nothing at all")
    reason_column: str | None = None
    unknown_days: int = Field(
        default=7, ge=1, description="a withdrawal that has waited so many days for a record nobody delivered is told"
    )

    @model_validator(mode="after")
    def _means_one_thing(self) -> Operation:
        meanings = {"withdraw": self.withdraw, "reinstate": self.reinstate, "upsert": self.upsert}
        for (one, words), (other, others) in combinations(meanings.items(), 2):
            elsewhere = {_alike(word) for word in others}
            both = [word for word in words if _alike(word) in elsewhere]
            if both:
                raise ValueError(f"{both[0]!r} 不能既是 {one} 又是 {other}；请只留一处")
        return self


class Volume(Model):
    """Bounds of one delivery. Outside of them the whole batch is held for a person."""

    min_rows: int = Field(default=0, ge=0)
    max_rows: int = Field(default=5_000_000, ge=1)
    hold_below: float = Field(
        default=0.5, ge=0, le=1, description="share of the usual size (median of 7, nearest by date)"
    )
    hold_above: float = Field(default=5.0, gt=1)
    hold_filled_below: float = Field(
        default=0.5, ge=0, le=1, description="share of the usual rows in which a field stands that most rows have"
    )
    baseline_after: int = Field(default=3, ge=1, description="complete batches needed before the share is judged")
    baseline_min_rows: int = Field(default=20, ge=0, description="below this usual size the shares are not judged")

    @model_validator(mode="after")
    def _some_size_is_right(self) -> Volume:
        if self.min_rows > self.max_rows:
            raise ValueError("min_rows 大于 max_rows，每次交付都会被暂存；请更正其一")
        return self


class Contract(Model):
    """What may change without anybody agreeing to it."""

    new_columns: Literal["freeze", "quarantine"] = Field(
        default="freeze",
        description="an unknown column: freeze = hold the delivery, quarantine = go on without it and say so",
    )
    missing: Literal["fail", "fail_on_workdays", "accept"] = Field(
        default="fail",
        description="nothing delivered for a business date; fail_on_workdays accepts it on days that are not worked",
    )
    empty: Literal["fail", "accept"] = Field(default="accept", description="a delivery without a single row")
    bad_rows_max_share: float = Field(
        default=1.0, gt=0, le=1, description="more quarantined rows than this hold the batch"
    )
    volume: Volume = Volume()


class Feed(Model):
    """One department's way of delivering one data set."""

    department: Department
    dataset: str
    schema_version: str | None = Field(
        default=None, description="schema version of the data set; the current one by default"
    )
    owner: str = Field(description="who answers for the data")
    contact: str
    transfer: Literal["full", "incremental"] = "incremental"
    source: Source
    columns: dict[str, str | list[str]] = Field(
        description="field code of the schema version -> the name(s) the department uses for it"
    )
    ignore: list[str] = Field(default_factory=list, description="columns that are delivered and deliberately not used")
    constants: dict[str, str] = Field(default_factory=dict, description="current field code -> value for every row")
    values: dict[str, dict[str, str]] = Field(default_factory=dict, description="field code -> {delivered: meant}")
    units: dict[str, Literal["wan_yuan", "yuan", "fen"]] = Field(default_factory=dict)
    date_formats: list[Annotated[str, AfterValidator(_readable_date)]] = Field(
        default_factory=lambda: ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"], min_length=1
    )
    sequence: str | None = Field(default=None, description="column with the source's own order, e.g. its update time")
    operation: Operation | None = None
    contract: Contract = Contract()
    valid_from: date | None = Field(
        default=None, description="first business date that is delivered this way; nights of earlier ones pass it over"
    )
    valid_to: date | None = Field(default=None, description="last such business date")

    @model_validator(mode="after")
    def _delivers_at_all(self) -> Feed:
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to 早于 valid_from，永不采集；请更正其一")
        return self

    @model_validator(mode="after")
    def _aliases_are_unambiguous(self) -> Feed:
        seen: dict[str, str] = {}
        for code, names in self.aliases().items():
            for name in names:
                other = seen.setdefault(column_name(name), code)
                if other != code:
                    raise ValueError(f"列名 {name!r} 同时对应 {other} 和 {code}（不分大小写和全半角）；请只留一处")
        return self

    def delivers_on(self, business_date: date) -> bool:
        """Whether a business date is delivered this way."""
        return (self.valid_from or date.min) <= business_date <= (self.valid_to or date.max)

    def overlaps(self, other: Feed) -> bool:
        """Whether there are business dates that are delivered both this way and the other."""
        begin = max(feed.valid_from or date.min for feed in (self, other))
        return begin <= min(feed.valid_to or date.max for feed in (self, other))

    def aliases(self) -> dict[str, list[str]]:
        """Return field code -> delivered names, the code itself included."""
        return {
            code: list(dict.fromkeys([*([names] if isinstance(names, str) else names), code]))
            for code, names in self.columns.items()
        }
