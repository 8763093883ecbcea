"""From a department's columns to the current table of the data set: vectorised, and without judging.

Older schema versions go through their crosswalk; values are looked up, blanks found, dates become ISO text, amounts
canonical decimals in 万元. What cannot be read stays as it was delivered and is marked, so that the rules can say so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from credit_exchange.config.catalog import CatalogField, Dataset, SchemaVersion
from credit_exchange.config.feed import Feed
from credit_exchange.core.identifiers import id_card_15_to_18
from credit_exchange.core.publication import DEFAULT_SEPARATORS
from credit_exchange.core.text import (
    BoolArray,
    as_arrow,
    as_mask,
    blank,
    clean,
    clean_code,
    map_distinct,
    name_key,
    parse_dates,
    parse_decimals,
    without_text_marker,
)
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.validate.newness import sequence_key

Column = pd.Series  # of pandas' str dtype; absent = NaN
ID_CARD = "身份证"
STATUTORY_TYPE = "STATUTORY_TYPE"
SOLE_TRADER_PREFIX = "92"
_PER_WAN = {"wan_yuan": Decimal(1), "yuan": Decimal(10) ** -4, "fen": Decimal(10) ** -6}
_LONGEST_BLANK = 24  # bytes; no blank word is longer, so long texts need not be normalised to be seen
_WEAK = ("、", ",", "，")
_OTHER = re.compile(r"其他\s*[-—–－:：(（]+\s*(.*?)\s*[)）]?", re.DOTALL)
_LONGEST_REASON = 512


@dataclass(frozen=True)
class Sheet:
    """One chunk in the current table. Positions are those of the delivered chunk (RangeIndex).

    frame: every field of the catalogue, absent = NaN. unreadable: for dates and amounts, where a value stands that is
    none. operation: upsert, withdraw or reinstate. sequence: comparable as text, "" for none. strange: where the
    operation is a word that means none of these; unordered: where the sequence puts nothing in an order; wordy: where
    the reason is longer than anybody takes.
    """

    frame: pd.DataFrame
    unreadable: dict[str, BoolArray]
    operation: Column[Any]
    reason: Column[Any]
    sequence: Column[Any]
    strange: BoolArray
    unordered: BoolArray
    wordy: BoolArray


class Normaliser:
    """Brings the chunks of one feed and schema version into the current table."""

    def __init__(self, dataset: Dataset, feed: Feed, version: SchemaVersion) -> None:
        self._dataset, self._feed, self._version = dataset, feed, version
        self._fields = dataset.fields
        # dates that are dates, in a cell or a table, are written by the collect step, whatever the department's form
        rendered = ("%Y-%m-%d",) if feed.source.form in ("xlsx", "table") else ()
        self._date_formats = tuple(dict.fromkeys([*feed.date_formats, *rendered]))

    def sheet(self, raw: pd.DataFrame) -> Sheet:
        """Normalise one delivered chunk; raises ConfigurationError for a wrong date format of the feed."""
        index = pd.RangeIndex(len(raw))
        nothing = pd.Series(np.nan, index=index, dtype="str")
        given = {c: raw[c].set_axis(index) for c in raw.columns if not c.startswith("_")}
        given = {c: _look_up(_plain(s), self._feed.values.get(c, {})) for c, s in given.items()}
        columns = self._crosswalk(given)
        for code, column in columns.items():
            if code not in given:
                column = _look_up(column, self._feed.values.get(code, {}))
            field = self._fields[code]
            if field.separator is None:
                column = _look_up(column, self._version.values.get(code, {}))
            columns[code] = without_blanks(column)
        self._constants(columns, nothing)
        unreadable: dict[str, BoolArray] = {}
        frame = {code: columns.get(code, nothing) for code in self._fields}
        for code, field in self._fields.items():
            if code in columns:
                frame[code] = self._typed(field, frame[code], unreadable)
        self._tidy_codes(frame)
        self._derive_kind(frame, set(given))
        return Sheet(pd.DataFrame(frame, index=index), unreadable, *self._envelope(raw, index, nothing))

    # -- structure

    def _crosswalk(self, given: dict[str, Column[Any]]) -> dict[str, Column[Any]]:
        version = self._version
        if version is self._dataset.current:
            return {code: column for code, column in given.items() if code in self._fields}
        columns = {new: given[old] for old, new in version.crosswalk.items() if new and old in given}
        internal = (c for c in given if c in self._fields and c not in version.crosswalk and c not in columns)
        columns.update({code: given[code] for code in internal})
        for new, olds in version.join.items():
            parts = [without_blanks(given[old]) for old in olds if old in given]
            if parts:
                joined = parts[0]
                for part in parts[1:]:
                    both = joined.notna() & part.notna()
                    joined = (joined + ";" + part).where(both, joined.fillna(part))
                columns[new] = joined
        return columns

    def _constants(self, columns: dict[str, Column[Any]], nothing: Column[Any]) -> None:
        """Constants of the feed, then of the schema version, only where nothing stands."""
        for code, value in (
            self._feed.constants | {c: v for c, v in self._version.constants.items() if c not in self._feed.constants}
        ).items():
            columns[code] = columns.get(code, nothing).fillna(value)
        for code, cases in self._version.constants_when.items():
            column = columns.get(code, nothing)
            for other, value in cases.items():
                if other in columns:
                    column = column.mask(column.isna() & columns[other].notna(), value)
            columns[code] = column
        for code, other in self._version.stand_ins.items():
            if other in columns:
                columns[code] = columns.get(code, nothing).fillna(columns[other])

    def _derive_kind(self, frame: dict[str, Column[Any]], given: set[str]) -> None:
        """Where the old table had no category, a unified code beginning with 92 says 个体工商户 (rule S05)."""
        subject = self._dataset.identity.subject
        sole = self._dataset.kinds.get("sole_trader")
        derived = subject.kind in self._version.constants_when and subject.kind not in given
        if subject.kind and subject.uscc and sole and derived:
            prefix = as_mask(pc.starts_with(as_arrow(frame[subject.uscc]), SOLE_TRADER_PREFIX))
            frame[subject.kind] = frame[subject.kind].mask(prefix, sole[0])

    # -- values

    def _typed(self, field: CatalogField, column: Column[Any], unreadable: dict[str, BoolArray]) -> Column[Any]:
        if field.type == "code":
            return clean_code(column)
        if field.type == "enum":
            return map_distinct(column, self._enum(field))
        if field.type == "date":
            read = parse_dates(clean_code(column), self._date_formats, excel_serial=self._feed.source.form == "xlsx")
        elif field.type == "decimal":
            read = parse_decimals(clean_code(column))
            factor = _PER_WAN[self._feed.units.get(field.code, "wan_yuan")]
            if field.unit == "wan_yuan" and factor != 1:
                read = parse_decimals(map_distinct(read, lambda value: format(Decimal(value) * factor, "f")))
        else:
            return column
        unreadable[field.code] = (read.isna() & column.notna()).to_numpy()
        return read.fillna(column)

    def _enum(self, field: CatalogField) -> Callable[[str], str]:
        known = frozenset(field.values)
        publication = self._dataset.publication
        marks = publication.separators if publication and field.code == publication.type_field else DEFAULT_SEPARATORS
        synonyms = self._version.values.get(field.code, {})

        def one(value: str) -> str:
            plain = unicodedata.normalize("NFKC", value).strip()
            if plain.upper() in known:
                return plain.upper()
            if field.other_prefix and (match := _OTHER.fullmatch(value)):
                return field.other_prefix + match[1] if match[1] else field.other_prefix.rstrip("-")
            return synonyms.get(value, value) if field.separator else value

        if field.separator is None:
            return one

        def several(value: str) -> str:
            found: list[str] = []
            for part in _types_in(value, marks):
                meant = one(part)
                if meant not in known and field.other_prefix and not meant.startswith(field.other_prefix):
                    meant = field.other_prefix + meant
                found.append(meant)
            return (field.separator or ";").join(dict.fromkeys(found)) or value

        return several

    def _tidy_codes(self, frame: dict[str, Column[Any]]) -> None:
        subject = self._dataset.identity.subject
        if subject.organisation:
            frame[subject.organisation] = frame[subject.organisation].str.replace("-", "", regex=False)
        for number, kind in (
            (subject.id_number, subject.id_type),
            (subject.representative_id_number, subject.representative_id_type),
        ):
            if number and kind:
                old = (frame[kind] == ID_CARD).to_numpy() & (frame[number].str.len() == 15).to_numpy()
                if old.any():
                    column = frame[number].copy()
                    column[old] = map_distinct(column[old], lambda value: id_card_15_to_18(value) or value)
                    frame[number] = column
        publication = self._dataset.publication
        if publication and publication.type_field and STATUTORY_TYPE in self._fields:
            types = frame[publication.type_field]
            prefix = self._fields[publication.type_field].other_prefix or "其他-"
            marks = publication.separators

            def statutory(value: str) -> str | None:
                parts = _types_in(value, marks)
                if not any(part.startswith(prefix) for part in parts):
                    return None
                return ";".join(part.removeprefix(prefix) for part in parts)

            frame[STATUTORY_TYPE] = frame[STATUTORY_TYPE].fillna(map_distinct(types, statutory))

    # -- envelope

    def _envelope(self, raw: pd.DataFrame, index: pd.RangeIndex, nothing: Column[Any]) -> tuple[Any, ...]:
        def extra(name: str) -> Column[Any]:
            return without_blanks(_plain(raw[name].set_axis(index))) if name in raw.columns else nothing

        declared = self._feed.operation
        delivered = extra("_operation")
        operation = pd.Series("upsert", index=index, dtype="str")
        strange = np.zeros(len(index), dtype=np.bool_)
        if declared is not None:
            written = name_key(delivered)  # a withdrawal in another width or case would be taken for a record
            strange = written.notna().to_numpy() & (written != "").to_numpy()
            meanings = {"withdraw": declared.withdraw, "reinstate": declared.reinstate, "upsert": declared.upsert}
            for meant, words in meanings.items():
                here = written.isin(name_key(pd.Series(words, dtype="str"))).to_numpy()
                operation = operation.mask(here, meant)
                strange &= ~here
        reason, sequence = extra("_reason"), extra("_sequence")
        wordy = as_mask(pc.greater(pc.utf8_length(as_arrow(reason)), _LONGEST_REASON))
        keys = sequence_key(sequence)
        return operation, reason, keys.fillna(""), strange, (keys.isna() & sequence.notna()).to_numpy(), wordy


def _types_in(value: str, marks: list[str] | tuple[str, ...]) -> list[str]:
    """The types in one value, in order, without repeats. Commas inside the note of a 其他- type separate nothing."""
    strong = [mark for mark in marks if mark not in _WEAK]
    weak = [mark for mark in marks if mark in _WEAK]
    parts: list[str] = []
    for piece in _split(value, strong):
        parts += [piece] if piece.startswith("其他") else _split(piece, weak)
    return list(dict.fromkeys(parts))


def _split(value: str, marks: list[str]) -> list[str]:
    found = re.split("|".join(re.escape(mark) for mark in marks), value) if marks else [value]
    return [part.strip() for part in found if part.strip()]


def without_blanks(column: Column[Any]) -> Column[Any]:
    """The column with everything that says nothing (空白、无、/、-、null … rule S01) as NaN."""
    array = as_arrow(column)
    short = as_mask(pc.less_equal(pc.binary_length(array), _LONGEST_BLANK))
    if not short.any():
        return column
    empty = np.zeros(len(column), dtype=np.bool_)
    empty[short] = blank(column[short])
    return column.mask(empty) if empty.any() else column


def _plain(column: Column[Any]) -> Column[Any]:
    return without_text_marker(clean(column))


def _look_up(column: Column[Any], values: dict[str, str]) -> Column[Any]:
    if not values:
        return column
    return map_distinct(column, lambda value: values.get(value, value))


def version_of(dataset: Dataset, version_id: str | None) -> SchemaVersion:
    """The schema version of a batch. Raises ConfigurationError when the catalogue no longer has it."""
    version = dataset.version(version_id) if version_id else dataset.current
    if version is None:
        raise ConfigurationError(
            f"include/catalog/{dataset.dataset}.yml 没有标准版本 {version_id!r}，请恢复该版本；现有："
            + ", ".join(v.id for v in dataset.versions)
        )
    return version
