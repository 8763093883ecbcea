"""Accepted rows: their content, digests and the two Parquet objects that the merge reads."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from credit_exchange.config.catalog import Dataset
from credit_exchange.core import jsontext
from credit_exchange.core.crypto import Keys, seal_text
from credit_exchange.core.identifiers import id_card_valid, uscc_valid
from credit_exchange.core.names_in_text import hide_numbers
from credit_exchange.core.numbers_in_text import scrub_free_text
from credit_exchange.core.text import BoolArray, as_arrow
from credit_exchange.steps.accepted_rows import IDENTITIES, SCHEMA
from credit_exchange.steps.validate.identity import ID_LENGTH, Identities, code_lists, person_in_shared_code
from credit_exchange.steps.validate.normalise import Sheet
from credit_exchange.steps.windows import SEVERITY, Windows

Rows = npt.NDArray[np.int64]
_ADULT = 180_000  # eighteen years in the arithmetic of YYYYMMDD numbers
_TEXT = pa.string()
# where few values repeat; trying it for ids and contents, of which no two are equal, costs more than it saves
_FEW_VALUES = ["agency_code", "subject_kind", "decided_on", "publish_until", "operation", "reason"]
_PARQUET: dict[str, Any] = {"compression": "zstd", "use_dictionary": _FEW_VALUES}


class Contents:
    """Makes accepted rows of one data set."""

    def __init__(self, dataset: Dataset, keys: Keys) -> None:
        self._dataset, self._keys = dataset, keys
        self._windows = Windows(dataset) if dataset.publication else None
        self._sealed = [f.code for f in dataset.fields.values() if f.personal == "id_number"]
        names = dataset.identity
        as_they_are = {names.document_no, names.agency_name, names.subject.name, names.subject.representative}
        self._texts = [
            f.code
            for f in dataset.fields.values()
            if (f.type == "text" or f.other_prefix) and not f.internal and f.code not in as_they_are
        ]

    def table(self, sheet: Sheet, who: Identities, line_no: npt.NDArray[Any], rows: Rows) -> pa.Table:
        """The rows at these positions with exactly the columns that the merge expects."""
        frame = sheet.frame.take(rows)
        for code, wrong in sheet.unreadable.items():  # only withdrawals get this far with one: it says nothing
            if wrong[rows].any():
                frame = frame.assign(**{code: frame[code].mask(wrong[rows])})
        kind = self._kind(who, rows, frame.index)
        frame, reason = self._without_numbers(frame, sheet.reason.take(rows), kind)
        decided = frame[self._dataset.identity.decided_on]
        operation = sheet.operation.take(rows)
        derived: dict[str, pd.Series[Any]] = {"_subject_kind": kind, "_decided_on": decided}
        minor = self._minor(frame, kind, decided)
        if minor is not None:
            derived["_minor"] = minor
        until = pd.Series(np.nan, index=frame.index, dtype="str")
        if self._windows:
            severity, until = self._windows.columns(frame, operation)
            derived |= {} if severity is None else {SEVERITY: severity}
            frame = frame.assign(**{self._windows.end_field: until})
        content, digest = self._content(frame, derived, operation)

        def text(column: pd.Series[Any]) -> pa.Array:
            return as_arrow(column).cast(_TEXT)

        return pa.Table.from_arrays(
            [
                pa.array(line_no[rows], type=pa.int32()),
                pa.array(who.record_id[rows], type=_TEXT),
                text(who.agency_code.take(rows)),
                text(who.document_no.take(rows)),
                text(who.document_key.take(rows)),
                text(who.subject_ref.take(rows)),
                code_lists(who.codes, rows),
                text(kind),
                text(who.subject_code.take(rows)),
                text(who.name.take(rows).fillna("")),
                text(decided),
                text(until),
                text(operation),
                text(scrub_free_text(reason)),
                text(sheet.sequence.take(rows)),
                content.cast(_TEXT),
                digest.cast(_TEXT),
            ],
            schema=SCHEMA,
        )

    def _kind(self, who: Identities, rows: Rows, index: pd.Index) -> pd.Series[Any]:
        """Withdrawals may lack a category: an ID number alone means a natural person."""
        kind = who.kind.take(rows)
        unknown = kind.isna()
        if unknown.any():
            codes = pd.Series(False, index=index)
            for prefix, column in who.codes.items():
                codes |= column.take(rows).notna() if prefix != "id" else False
            person = unknown & who.codes["id"].take(rows).notna() & ~codes
            kind = kind.mask(person, "person").fillna("legal")
        return kind

    def _without_numbers(
        self, frame: pd.DataFrame, reason: pd.Series[Any], kind: pd.Series[Any]
    ) -> tuple[pd.DataFrame, pd.Series[Any]]:
        """The rows, their texts and reasons without the numbers of documents that stand in the rows' own fields.

        An identity card's number is found wherever it stands, when a text leaves. A passport's is known by its own
        field only, which is sealed from here on: what a text says of it in clear could not be found any more.
        """
        for code in self._sealed:
            number = frame[code]
            others = self._secret(code, number, kind) & ~id_card_valid(number)
            if not others.any():
                continue
            hidden = number[others]
            shown = {text: frame[text].mask(others, hide_numbers(frame[text][others], hidden)) for text in self._texts}
            frame = frame.assign(**{text: column for text, column in shown.items() if column.notna().any()})
            reason = reason.mask(others, hide_numbers(reason[others], hidden))
        return frame, reason

    def _minor(self, frame: pd.DataFrame, kind: Any, decided: Any) -> pd.Series[Any] | None:
        """ "1" for a natural person under eighteen on the day of the decision, "0" otherwise; NaN where unknown."""
        who = self._dataset.identity.subject
        if who.id_number is None:
            return None
        number = frame[who.id_number]
        known = (kind == "person").to_numpy() & decided.notna().to_numpy() & id_card_valid(number)
        if not known.any():
            return None
        born = number[known].str.slice(6, 14).astype("int64")
        day = decided[known].str.replace("-", "", regex=False).astype("int64")
        result = pd.Series(np.nan, index=frame.index, dtype="str")
        result[known] = np.where(day - born < _ADULT, "1", "0")
        return result

    def _content(
        self, frame: pd.DataFrame, derived: dict[str, pd.Series[Any]], operation: pd.Series[Any]
    ) -> tuple[Any, Any]:
        """Canonical JSON of what is there, ID numbers sealed, and the digest of the same with them in plain.

        An order (withdraw, reinstate) has its operation in the digest: it is never equal to a record.
        """
        rows = len(frame)
        there = {str(c): s for c, s in [*frame.items(), *derived.items()] if s.notna().any()}
        parts = jsontext.members({code: as_arrow(column) for code, column in there.items()})
        content = plain = jsontext.objects(parts, rows)
        orders = operation.where(operation != "upsert")
        if orders.notna().any():
            plain = jsontext.objects(parts | jsontext.members({"_operation": as_arrow(orders)}), rows)
        kind = derived["_subject_kind"]
        personal = {code: self._secret(code, there[code], kind) for code in self._sealed if code in there}
        if personal:
            some = np.logical_or.reduce(list(personal.values()))
            mask = pa.array(some)
            parts = {
                code: part.filter(mask)
                if code not in personal
                else self._seal(code, there[code][some], personal[code][some])
                for code, part in parts.items()
            }
            content = pc.replace_with_mask(content, mask, jsontext.objects(parts, int(some.sum())))
        del parts  # as large as the contents themselves
        digest = jsontext.digests(self._keys.hmac, plain)
        return content, digest

    def _secret(self, code: str, column: pd.Series[Any], kind: pd.Series[Any]) -> BoolArray:
        """Where a value has to be sealed: everywhere, but for organisations' codes in a field that holds both."""
        there = column.notna().to_numpy()
        if code != self._dataset.shared_code:
            return there
        public = uscc_valid(column) & ~person_in_shared_code(kind, column)
        return there & ~(public | column.isin(self._dataset.placeholder_codes).to_numpy())

    def _seal(self, code: str, column: pd.Series[Any], secret: BoolArray) -> Any:
        values = [
            seal_text(self._keys, value) if sealed else value
            for value, sealed in zip(as_arrow(column).to_pylist(), secret.tolist(), strict=True)
        ]
        return jsontext.members({code: pa.array(values, type=pa.large_string())})[code]


class Writer:
    """Writes accepted rows row group by row group and remembers what whole-batch uniqueness needs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, **_PARQUET)
        self._ids: list[bytes] = []
        self._digests: list[bytes] = []
        self._orders: list[pa.Table] = []
        self.rows = 0  # written so far

    def add(self, table: pa.Table) -> None:
        """Write one chunk."""
        if not table.num_rows:
            return
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._ids.append(_unhex(table["record_id"], ID_LENGTH))
        self._digests.append(_unhex(table["content_digest"], jsontext.DIGEST_HEX))
        order = pc.not_equal(table["operation"], "upsert")
        if pc.any(order).as_py():
            places = pa.array(np.arange(self.rows, self.rows + table.num_rows))
            said = {name: table[name] for name in ("sequence", "operation")}
            self._orders.append(pa.table({"place": places, **said}).filter(order))
        self.rows += table.num_rows

    def __enter__(self) -> Writer:
        """The writer itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the file, also when the batch could not be read to its end."""
        self._writer.close()

    def close(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Finish the file; return (repeats, conflicts) over all rows written, in order.

        A repeat is an equal row after the first of its identity. Conflicts are all rows of an identity that came with
        different content (rule S13). A record and an order about it are different things, and so are orders that the
        source itself puts in an order of time. What an order says is its operation: what else stands there, nothing.
        """
        self._writer.close()
        repeats = np.zeros(self.rows, dtype=np.bool_)
        conflicts = np.zeros(self.rows, dtype=np.bool_)
        ids = _words(self._ids, ID_LENGTH)
        same = np.flatnonzero(pd.Series(ids[:, 0]).duplicated(keep=False).to_numpy())  # or nearly: half an id agrees
        if len(same):
            some = pd.DataFrame({"id": [one.tobytes() for one in ids[same]], "what": "upsert"})
            some["content"] = [one.tobytes() for one in _words(self._digests, jsontext.DIGEST_HEX)[same]]
            for orders in self._orders:
                here, there = np.isin(same, orders["place"]), np.isin(orders["place"], same)
                some.loc[here, "what"] = "order " + orders["sequence"].to_pandas()[there].to_numpy()
                some.loc[here, "content"] = orders["operation"].to_pandas()[there].to_numpy()
            kinds = some.groupby(["id", "what"], sort=False)["content"].transform("nunique")
            differ = (kinds > 1).to_numpy()
            conflicts[same[differ]] = True
            repeats[same[~differ & some.duplicated(["id", "what"]).to_numpy()]] = True
        self._ids, self._digests, self._orders = [], [], []
        return repeats, conflicts


def _unhex(texts: pa.ChunkedArray, length: int) -> bytes:
    """Half the bytes, since something is kept of every row of a batch; null counts as a value of its own."""
    return bytes.fromhex("".join(pc.fill_null(texts, "0" * length).to_pylist()))


def _words(parts: list[bytes], length: int) -> npt.NDArray[np.uint64]:
    """Hex texts of `length` characters as rows of 64-bit words."""
    return np.frombuffer(b"".join(parts), dtype=np.uint64).reshape(-1, length // 16)


def rewrite(source: IO[bytes], target: IO[bytes] | None, keep: npt.NDArray[np.bool_], identities: IO[bytes]) -> None:
    """Copy the kept rows of `source` to `target` (None: all are kept, nothing to copy) and the identities of them.

    Identities are of contents only: an order says nothing about what a record holds.
    """
    parquet = pq.ParquetFile(source)
    small = pa.schema([SCHEMA.field(name) for name in IDENTITIES])
    place = 0
    with pq.ParquetWriter(identities, small, compression="zstd", use_dictionary=False) as ids:
        writer = pq.ParquetWriter(target, SCHEMA, **_PARQUET) if target is not None else None
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=[*IDENTITIES, "operation"] if writer is None else None)
            mask = keep[place : place + table.num_rows]
            place += table.num_rows
            table = table.filter(pa.array(mask))
            ids.write_table(table.filter(pc.equal(table["operation"], "upsert")).select(IDENTITIES))
            if writer is not None and table.num_rows:
                writer.write_table(table)
        if writer is not None:
            writer.close()
