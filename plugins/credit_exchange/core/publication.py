"""How long a penalty is shown: its class (轻微 / 一般 / 严重) and the window of publication by its decision date.

The periods themselves are data of the catalogue, never constants here: the rules changed on 2019-07-01
(发改办财金〔2019〕527号), 2023-05-01 (发改委令58号) and 2026-04-01 (发改委令第36号《信用修复管理办法》), and will
change again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from credit_exchange.errors import ConfigurationError

Severity = Literal["minor", "general", "serious"]

SEVERITIES: tuple[Severity, ...] = ("minor", "general", "serious")
"""From mild to strict; 轻微, 一般, 严重 of 发改委令第36号."""

DEFAULT_SEPARATORS: tuple[str, ...] = (";", "；", "&", "、", ",", "，")
_OTHER = re.compile(r"^其他\s*[-—－:：]+\s*")
_LAST_DAY = date(9999, 12, 31)


@dataclass(frozen=True)
class Period:
    """The months of publication for decisions from `since` to `until` (None: until the next period begins).

    Each class has (months at least, months at most); `basis` is the rule they are taken from.
    """

    since: date
    basis: str
    minor: tuple[int, int]
    general: tuple[int, int]
    serious: tuple[int, int]
    until: date | None = None

    def months(self, severity: Severity) -> tuple[int, int]:
        """Months at least and at most for one class."""
        return {"minor": self.minor, "general": self.general, "serious": self.serious}[severity]


class Window(NamedTuple):
    """When publication may end at the earliest, ends by the rule at the latest, and does end. A restriction that lasts
    longer than the rule's maximum moves `end` behind `max_end`."""

    min_end: date
    max_end: date
    end: date


def _field(row: Any, key: str) -> Any:
    return row.get(key) if isinstance(row, Mapping) else getattr(row, key, None)


def periods_from(rows: Iterable[Any]) -> tuple[Period, ...]:
    """Periods from catalogue rows, ascending: mappings or objects with since (or from), basis, minor, general, serious
    and until (or to). Raises ConfigurationError for a row that lacks one, for periods that begin on one day, and for
    min > max."""
    periods: list[Period] = []
    for row in rows:
        if isinstance(row, Period):
            periods.append(row)
            continue
        values = {key: _field(row, key) for key in ("since", "from", "until", "to", "basis", *SEVERITIES)}
        since = values["since"] or values["from"]
        missing = "since" if since is None else next((name for name in SEVERITIES if values[name] is None), None)
        if missing:
            raise ConfigurationError(f"自 {since} 起的公示期缺少 {missing}；请在资源目录中补上")
        minor, general, serious = ((int(values[name][0]), int(values[name][1])) for name in SEVERITIES)
        until = values["until"] or values["to"]
        periods.append(Period(since, str(values["basis"] or ""), minor, general, serious, until))
    periods.sort(key=lambda period: period.since)
    for period in periods:
        if any(not 0 <= period.months(name)[0] <= period.months(name)[1] for name in SEVERITIES):
            raise ConfigurationError(f"自 {period.since} 起的公示期：月数应写作 [最短, 最长]；请在资源目录中更正")
    if len({period.since for period in periods}) != len(periods):
        raise ConfigurationError("有两段公示期自同一天起；请在资源目录中删去一段")
    return tuple(periods)


def period_of(decision_date: date, periods: Sequence[Period]) -> Period | None:
    """The period a decision falls in (`periods` ascending by `since`), or None."""
    place = bisect_right([period.since for period in periods], decision_date) - 1
    if place < 0:
        return None
    period = periods[place]
    return None if period.until is not None and decision_date > period.until else period


def add_months(day: date, months: int) -> date:
    """The same day `months` later; the last day of the month where that day does not exist (01-31 + 1 month =
    02-28/29). Never later than 9999-12-31."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > 9999:
        return _LAST_DAY
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))


def window(
    decision_date: date,
    severity: Severity,
    given_end: date | None,
    ban_end: date | None,
    periods: Sequence[Any],
    more_favourable_on: date | None = None,
) -> Window:
    """The window of publication of one penalty.

    It starts on the decision date. `given_end` (公示截止期 as reported) is kept within [min_end, max_end]; without it
    publication ends at max_end. A restriction lasting beyond max_end (`ban_end`, a ban of N years) is shown to its end
    (市场监管总局令45号 art. 13). With `more_favourable_on` (a business date) a decision made under an older period is
    shown by the period in force on that date if that ends earlier and the older one was still running when it came
    into force; the transitional rule is not settled, hence a switch. Raises ConfigurationError when no period covers
    the decision.
    """
    rows = periods_from(periods)
    period = period_of(decision_date, rows)
    if period is None:
        raise ConfigurationError(
            f"没有一个公示期规定适用于 {decision_date} 的决定；请在数据集目录文件的 publication.periods 中补上"
        )
    return _window(decision_date, severity, given_end, ban_end, period, rows, more_favourable_on)


def _window(
    decision_date: date,
    severity: Severity,
    given_end: date | None,
    ban_end: date | None,
    period: Period,
    periods: Sequence[Period],
    more_favourable_on: date | None,
) -> Window:
    least, most = (add_months(decision_date, months) for months in period.months(severity))
    if more_favourable_on is not None:
        newer = period_of(more_favourable_on, periods)
        if newer is not None and newer.since > period.since and most >= newer.since:
            new_least, new_most = (add_months(decision_date, months) for months in newer.months(severity))
            if new_most < most:
                least, most = new_least, new_most
    end = most if given_end is None else min(max(given_end, least), most)
    if ban_end is not None and ban_end > most:
        end = ban_end
    return Window(least, most, end)


def windows(
    decision_date: pd.Series[Any],
    severity: pd.Series[Any],
    given_end: pd.Series[Any] | None,
    ban_end: pd.Series[Any] | None,
    periods: Sequence[Any],
    more_favourable_on: date | None = None,
) -> pd.DataFrame:
    """:func:`window` for columns of ISO dates (NaN or "" = absent); the answer has min_end, max_end, end as ISO text.

    NaN in all three where the decision date or class is absent or no period covers it: what is not known is not
    guessed, the caller holds such rows. Raises ValueError for text that is no ISO date (parse first).
    """
    rows = periods_from(periods)
    index = decision_date.index
    nothing = pd.Series(np.nan, index=index, dtype="str")
    columns = [
        decision_date,
        severity,
        nothing if given_end is None else given_end,
        nothing if ban_end is None else ban_end,
    ]
    keys = pd.MultiIndex.from_arrays([column.fillna("").to_numpy(dtype=object) for column in columns])
    codes, distinct = pd.factorize(keys)
    answers: list[tuple[str | None, str | None, str | None]] = []
    for decided, name, given, ban in distinct:
        period = period_of(date.fromisoformat(decided), rows) if decided and name in SEVERITIES else None
        if period is None:
            answers.append((None, None, None))
            continue
        low, high, end = _window(
            date.fromisoformat(decided),
            name,
            date.fromisoformat(given) if given else None,
            date.fromisoformat(ban) if ban else None,
            period,
            rows,
            more_favourable_on,
        )
        answers.append((low.isoformat(), high.isoformat(), end.isoformat()))
    table = np.array(answers, dtype=object).reshape(-1, 3)[codes]
    return pd.DataFrame(
        {name: pd.Series(table[:, i], index=index, dtype="str") for i, name in enumerate(Window._fields)}, index=index
    )


# --- class of a penalty -----------------------------------------------------------------------------------------------


def split_types(text: str, separators: Sequence[str] = DEFAULT_SEPARATORS) -> list[str]:
    """The types in one value of 处罚类别, in order and without repeats ("警告&警告&罚款" is 警告, 罚款)."""
    parts = re.split("|".join(re.escape(mark) for mark in separators), text) if separators else [text]
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def class_map(
    minor: Iterable[str], general: Iterable[str], serious: Iterable[str], simple_procedure: Iterable[str] = ()
) -> dict[str, Severity]:
    """The map for :func:`severity_of` from the catalogue's lists; `simple_procedure` are the words of the procedure
    column."""
    result: dict[str, Severity] = dict.fromkeys([*minor, *simple_procedure], "minor")
    result.update(dict.fromkeys(general, "general"))
    result.update(dict.fromkeys(serious, "serious"))
    return result


def _class_of_type(name: str, classes: Mapping[str, Severity]) -> Severity:
    """Class of one type: as named, else without "其他-", else the strictest of those it names ("警告并处罚款"), else
    "其他" or general."""
    bare = _OTHER.sub("", name)
    for candidate in (name, bare):
        if candidate in classes:
            return classes[candidate]
    named = [classes[key] for key in classes if key and key != "其他" and key in bare]
    return max(named, key=SEVERITIES.index) if named else classes.get("其他", "general")


def severity_of(penalty_types: Sequence[str], procedure: str | None, class_map: Mapping[str, Severity]) -> Severity:
    """The class of one decision: of several types the strictest, as the longest window applies.

    The simple procedure (its word standing in `class_map`) makes a decision minor, unless one of its types is serious:
    the two exclude each other, and then the strict reading holds. A type the map does not know, or none, counts as
    general.
    """
    found = [_class_of_type(name, class_map) for name in penalty_types] or [class_map.get("其他", "general")]
    strictest = max(found, key=SEVERITIES.index)
    if procedure and procedure.strip() in class_map and strictest != "serious":
        return class_map[procedure.strip()]
    return strictest


def severities(
    types: pd.Series[Any],
    procedure: pd.Series[Any] | None,
    class_map: Mapping[str, Severity],
    separators: Sequence[str] = DEFAULT_SEPARATORS,
) -> pd.Series[Any]:
    """:func:`severity_of` for columns: `types` as reported (several in one value), `procedure` or None."""
    empty = pd.Series("", index=types.index, dtype="str")
    keys = pd.MultiIndex.from_arrays(
        [column.fillna("").to_numpy(dtype=object) for column in (types, empty if procedure is None else procedure)]
    )
    codes, distinct = pd.factorize(keys)
    answers = np.array([severity_of(split_types(t, separators), p, class_map) for t, p in distinct], dtype=object)
    return pd.Series(answers[codes] if len(codes) else [], index=types.index, dtype="str")
