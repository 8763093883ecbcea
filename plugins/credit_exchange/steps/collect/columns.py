"""Which delivered column is which field: the header of a delivery against the feed's contract (reliability C9, C15)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from credit_exchange.config.catalog import CatalogField, Dataset, SchemaVersion
from credit_exchange.config.feed import Feed, TableSource
from credit_exchange.core.unseen import column_name
from credit_exchange.errors import FatalError, HoldForPerson

_NAMES_A_COLUMN = re.compile(
    r"(?=\w*_)(?!\w*\d{6})[A-Za-z][A-Za-z0-9_]{0,39}|"
    r"[\u4e00-\u9fff]{0,30}(?:名称|编号|号码|文号|序号|代码|日期|时间|期限|类别|类型|种类|状态|方式|范围|"
    r"机关|单位|部门|地址|电话|金额|备注|说明|内容|事由|原因|依据|结果|标识|标志)"
)
"""What may be shown of a header that nobody agreed to: a code, or a word for what stands in a column. Anything else may
be a person: 张三, 填报人：张三."""
_OF_A_TABLE = re.compile(r"(?!\w*\d{6})[A-Za-z][A-Za-z0-9_]{0,39}")
_WORDS = ("_operation", "_reason")
_SAID_BY = {"_operation": "operation.column", "_reason": "operation.reason_column", "_sequence": "sequence"}
"""The key of a feed's file that names a column which is no field."""


class Layout:
    """The columns a feed delivers and the columns the reader gives.

    `columns`: field codes of the feed's schema version, then `_operation`, `_reason`, `_sequence` where declared.
    `identifiers`: fields in which a numeric cell is a problem. `dates`: fields that become dates; `texts`: all that are
    neither dates nor amounts, `_sequence` among them. `where`: department and feed, for messages. `approved`: a person
    takes the delivery as it is; its new columns are noted and not used.
    """

    def __init__(self, feed_id: str, feed: Feed, dataset: Dataset, *, approved: bool = False) -> None:
        self._freeze = feed.contract.new_columns == "freeze" and not approved
        self.feed_id = feed_id
        self.feed = feed
        self.where = f"{feed.department.name}（{feed_id}）"
        self._names: dict[str, list[str]] = dict(feed.aliases())
        self._mandatory = _mandatory(feed, dataset)
        operation = feed.operation
        extras = (
            ("_operation", operation.column if operation else None),
            ("_reason", operation.reason_column if operation else None),
            ("_sequence", feed.sequence),
        )
        for column, delivered in extras:
            if delivered:
                self._names[column] = feed.aliases().get(delivered, [delivered])
                if column != "_reason":  # without them a withdrawal would look like a record
                    self._mandatory.add(column)
        self.columns = list(self._names)
        self._targets: dict[str, list[str]] = {}
        for column, names in self._names.items():
            for name in dict.fromkeys(map(column_name, names)):  # names that differ in case or width are one column
                self._targets.setdefault(name, []).append(column)
        self._ignored = {column_name(name) for name in feed.ignore}
        if isinstance(feed.source, TableSource):
            self._ignored.add(column_name(feed.source.updated_at))
        self.identifiers = _identifiers(feed, dataset) & set(self.columns)
        self.dates = _delivered(feed, dataset, lambda one: one.type == "date") & set(self.columns)
        measured = self.dates | _delivered(feed, dataset, lambda one: one.type == "decimal")
        self.texts = [column for column in self.columns if column not in measured and column not in _WORDS]
        self.new_columns: list[str] = []
        self.missing_columns: list[str] = []

    def targets(self, name: str) -> list[str]:
        """Return the columns that a delivered column fills; none for an unknown or ignored one."""
        return self._targets.get(column_name(name), [])

    def known(self, name: str) -> bool:
        """Tell whether the contract knows this column, used or ignored."""
        return column_name(name) in self._targets or column_name(name) in self._ignored

    def names(self, column: str) -> list[str]:
        """Return the names under which a column may be delivered."""
        return self._names[column]

    def matches(self, header: Sequence[str]) -> int:
        """Return how many names of a row are columns of this feed; used to find the header."""
        return sum(bool(name and column_name(name) in self._targets) for name in header)

    def check(self, header: Sequence[str], place: str) -> list[list[str]]:
        """Check a whole header and return, per delivered column, the columns that it fills.

        Raises FatalError for a missing mandatory column or one that stands twice, HoldForPerson for an unknown one when
        the contract says `freeze`. Delivered text is shown only once the header is surely a header.
        """
        filled = [self.targets(name) if name else [] for name in header]
        counted = Counter(column for columns in filled for column in columns)
        self.missing(set(counted), place)
        for position, name in enumerate(header, start=1):
            again = next((column for column in filled[position - 1] if counted[column] > 1), None)
            if again:
                raise FatalError(
                    f"{self.where}{place}：第 {position} 列是 {again} 的 {counted[again]} 个列之一；"
                    "每个字段只能报送一列，请部门更正后重新报送"
                )
            if name and not self.known(name):
                self.unknown(name, position, place)
        return filled

    def missing(self, found: set[str], place: str, error: type[FatalError] | type[HoldForPerson] = FatalError) -> None:
        """Note which columns are absent; raises `error` when a mandatory one is."""
        absent = [column for column in self.columns if column not in found]
        mandatory = [column for column in absent if column in self._mandatory]
        if mandatory:
            wanted = "、".join(
                f"{_SAID_BY.get(column, column)}（{' / '.join(self._names[column])}）" for column in mandatory
            )
            keys = sorted({_SAID_BY.get(column, "columns") for column in mandatory})
            raise error(
                f"{self.where}{place}：缺少列：{wanted}；请部门补上（核对表头、编码和分隔符），"
                f"或按现在的列名更正 feeds/{self.feed_id}.yml 的 {'、'.join(keys)}"
            )
        self.missing_columns = absent

    def unknown(self, name: str, position: int, place: str) -> None:
        """Deal with a column that nobody agreed to: HoldForPerson under `freeze`, a note under `quarantine`, or when a
        person has approved the delivery."""
        is_name = _NAMES_A_COLUMN.fullmatch(name) or (
            isinstance(self.feed.source, TableSource) and _OF_A_TABLE.fullmatch(name)
        )
        shown = name if is_name else f"第 {position} 列"
        if self._freeze:
            told = f"{name!r}（第 {position} 列）" if is_name else f"（第 {position} 列）"
            raise HoldForPerson(
                f"{self.where}{place}：出现新列 {told}，约定为不接受新列（freeze）；"
                f"请在 feeds/{self.feed_id}.yml 的 columns 中对应或列入 ignore，然后重新运行；"
                "批准本批次则不用新列，照收其余各列"
            )
        if shown not in self.new_columns:
            self.new_columns.append(shown)


def _mandatory(feed: Feed, dataset: Dataset) -> set[str]:
    """The declared columns without which no row could be accepted, unless a constant stands for them."""
    version = _version(feed, dataset)
    if version.fields:
        required = {field.code for field in version.fields if field.required}
    else:
        required = {old for old, new in version.crosswalk.items() if new and dataset.fields[new].required}
    given = set(feed.constants) | {old for old, new in version.crosswalk.items() if new in feed.constants}
    return (required & set(feed.columns)) - given


def _identifiers(feed: Feed, dataset: Dataset) -> set[str]:
    """The fields that are identifiers: codes, document number, ID numbers; in the codes of the feed's version."""
    named = {dataset.identity.document_no, dataset.identity.agency_code}
    return _delivered(
        feed, dataset, lambda one: one.type == "code" or one.personal == "id_number" or one.code in named
    ) | {field.code for field in _version(feed, dataset).fields if field.personal == "id_number"}


def _delivered(feed: Feed, dataset: Dataset, wanted: Callable[[CatalogField], bool]) -> set[str]:
    """The columns of the feed's version that become one of the wanted current fields."""
    current = {code for code, field in dataset.fields.items() if wanted(field)}
    version = _version(feed, dataset)
    if version is dataset.current:
        return current
    old = {code for code, new in version.crosswalk.items() if new in current}
    old |= {code for new, codes in version.join.items() if new in current for code in codes}
    return old | (current - set(version.crosswalk))


def _version(feed: Feed, dataset: Dataset) -> SchemaVersion:
    version = dataset.version(feed.schema_version) if feed.schema_version else dataset.current
    assert version is not None  # checked when the configuration was loaded
    return version
