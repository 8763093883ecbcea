"""Contents that were merged under an older version of a data set's table, in the codes of the current version.

A record stays as it was merged until its department delivers it again, which may be never. Rules, masks and platforms
know the current codes only: under its old one a name would leave as it is, and a record that a rule keeps back would be
released. So every content that is read is carried over by the crosswalk of the version that had its codes, and by its
words where those of a code list changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.config.catalog import Dataset, SchemaVersion
from credit_exchange.core import jsontext
from credit_exchange.core.text import as_arrow, map_distinct

Columns = Mapping[str, jsontext.Array]


def strange(dataset: Dataset, codes: Iterable[str]) -> list[str]:
    """Return those codes that the current version does not have; what begins with an underscore is ours."""
    known = dataset.fields
    return [code for code in codes if code not in known and not code.startswith("_")]


def old_codes(dataset: Dataset, code: str) -> list[str]:
    """Return the codes that a current field had before, as far as nothing else has them now."""
    return [old for old, new in renames(dataset).items() if code in new]


def gone_codes(dataset: Dataset) -> list[str]:
    """Return the codes of older versions that the current one does not have."""
    return sorted(set(strange(dataset, (field.code for v in dataset.versions[1:] for field in v.fields))))


def unplaced(dataset: Dataset, codes: Iterable[str]) -> list[str]:
    """Return those codes of which no version says what became of them."""
    told = {
        code
        for v in dataset.versions[1:]
        for code in (*v.crosswalk, *(old for olds in v.join.values() for old in olds))
    }
    return [code for code in strange(dataset, codes) if code not in told]


def what_waits(dataset: Dataset, codes: Iterable[str]) -> str:
    """Return why contents with such fields wait, and what to do."""
    return (
        f"{dataset.name}：库中有记录带着字段 {'、'.join(sorted(codes))}，目录里已没有，规则无从判断，这些记录没有发布；"
        f"请在 catalog/{dataset.dataset}.yml 的 versions 中保留旧版本，并在其 crosswalk 写明各字段改成了什么"
        "（不再要的写 ''）"
    )


def carried(dataset: Dataset, columns: Columns) -> dict[str, jsontext.Array]:
    """Return these columns under current codes; what the current version has no place for is left out."""
    left_over = strange(dataset, columns)
    made = {code: column for code, column in columns.items() if code not in left_over}
    for code, meant in _old_words(dataset):
        if code in made:
            made[code] = _translated(made[code], meant, dataset.fields[code].separator)
    for version in dataset.versions[1:] if left_over else ():
        for new, olds in _moves(version):
            there = [columns[old] for old in olds if old in left_over]
            if there and new in dataset.fields:
                column = there[0] if len(there) == 1 else _joined(there)
                meant = version.values.get(new, {})
                column = _translated(column, meant, dataset.fields[new].separator)
                made[new] = pc.coalesce(made[new], column) if new in made else column
    return made


def carried_content(dataset: Dataset, content: dict[str, str]) -> dict[str, str]:
    """Return one content under current codes."""
    words = [(code, meant) for code, meant in _old_words(dataset) if code in content]
    if not strange(dataset, content) and not any(old in content[code] for code, meant in words for old in meant):
        return content
    columns = {code: pa.array([value], pa.large_string()) for code, value in content.items()}
    found = {code: column[0].as_py() for code, column in carried(dataset, columns).items()}
    return {code: value for code, value in found.items() if value is not None}


def renames(dataset: Dataset | None) -> dict[str, list[str]]:
    """Return old code -> current codes: what a decision said of the one it says of the others."""
    found: dict[str, list[str]] = {}
    for version in dataset.versions[1:] if dataset else ():
        for new, olds in _moves(version):
            for old in olds:
                if dataset and old not in dataset.fields:
                    found.setdefault(old, []).append(new)
    return found


def _moves(version: SchemaVersion) -> Iterator[tuple[str, list[str]]]:
    yield from ((new, [old]) for old, new in version.crosswalk.items() if new)
    yield from version.join.items()


def _old_words(dataset: Dataset) -> list[tuple[str, dict[str, str]]]:
    """Return what became of the words that are no longer in a code list, of fields that kept their code."""
    found = []
    fields = dataset.fields
    for version in dataset.versions[1:]:
        for code, meant in version.values.items():
            if version.crosswalk.get(code) == code and fields[code].values:
                gone = {old: new for old, new in meant.items() if old not in fields[code].values}
                found += [(code, gone)] if gone else []
    return found


def _translated(column: jsontext.Array, meant: Mapping[str, str], separator: str | None) -> jsontext.Array:
    """Return a column in other words, each of several in a field by itself; a word that means nothing leaves none."""

    def told(value: str) -> str:
        words = value.split(separator) if separator else [value]
        return (separator or "").join(filter(None, (meant.get(word, word) for word in words)))

    if not meant or not any(old in value for value in column.unique().drop_null().to_pylist() for old in meant):
        return column
    made = as_arrow(map_distinct(pd.Series(pd.array(column, dtype="str")), told))
    return pc.if_else(pc.equal(made, ""), pa.scalar(None, pa.large_string()), made)


def _joined(columns: list[jsontext.Array]) -> jsontext.Array:
    nothing, separator = pa.scalar("", pa.large_string()), pa.scalar(";", pa.large_string())
    empty = reduce(pc.and_, map(pc.is_null, columns))
    # Arrow's join leaves out a row of nulls only, and all after it would move up: to other records
    first = pc.if_else(empty, nothing, columns[0])
    made = pc.binary_join_element_wise(first, *columns[1:], separator, null_handling="skip")
    return pc.if_else(pc.equal(made, nothing), pa.scalar(None, pa.large_string()), made)
