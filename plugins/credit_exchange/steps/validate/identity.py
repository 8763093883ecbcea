"""Who a row is about and which record it is (rule S16): from stable raw fields, by strong identifiers only.

A placeholder, a blank or a code with a wrong check digit never identifies anybody. ID numbers appear only as keyed
HMAC-SM3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from credit_exchange.config.catalog import Dataset
from credit_exchange.core import jsontext
from credit_exchange.core.crypto import Keys
from credit_exchange.core.identifiers import (
    id_card_valid,
    institution_no_valid,
    org_code_valid,
    reg_no_valid,
    tax_no_valid,
    uscc_embedded_org_valid,
    uscc_valid,
)
from credit_exchange.core.text import (
    BoolArray,
    as_arrow,
    as_mask,
    as_series,
    document_no_key,
    map_distinct,
    name_key,
)
from credit_exchange.steps.validate.normalise import ID_CARD

Texts = npt.NDArray[np.object_]
ID_LENGTH = 32
"""Characters of a record id: 128 bits, as `core.canonical.opaque_id` gives."""
_NOTHING = pa.scalar("", type=pa.large_string())
_REFERENCE_ORDER = ("org", "uscc", "reg", "tax", "inst", "assoc", "id")
_ASSOCIATION = r"^[0-9A-Z\x{4e00}-\x{9fff}-]{6,50}$"
_NUMBER = "[1-9]"
"""What any number has; words and zeros stand in its place for all who have none."""


@dataclass(frozen=True)
class Identities:
    """Per row. kind is NaN where the category is unknown; record_id is None where the identity is incomplete.

    codes: prefix -> "prefix:value" or NaN. by_name: the id it would have without valid codes.
    """

    kind: pd.Series[Any]
    agency_code: pd.Series[Any]
    document_no: pd.Series[Any]
    document_key: pd.Series[Any]
    name: pd.Series[Any]
    subject_code: pd.Series[Any]
    codes: dict[str, pd.Series[Any]]
    subject_ref: pd.Series[Any]
    identified: BoolArray
    record_id: Texts
    by_name: Texts

    @property
    def code(self) -> pd.Series[Any]:
        """The code that says who the subject is, with its prefix; NaN where only a name does."""
        named = as_mask(pc.starts_with(as_arrow(self.subject_ref), "name:"))
        return self.subject_ref.mask(named)


def kinds(dataset: Dataset, frame: pd.DataFrame) -> pd.Series[Any]:
    """The subject's kind (legal, person, sole_trader) from the category field; NaN for a category nobody knows.

    A data set without such a field is about legal persons.
    """
    category = dataset.identity.subject.kind
    if category is None:
        return pd.Series("legal", index=frame.index, dtype="str")
    meant = {value: kind for kind, values in dataset.kinds.items() for value in values}
    return map_distinct(frame[category], meant.get)


def identify(dataset: Dataset, keys: Keys, frame: pd.DataFrame, *, alternatives: bool = False) -> Identities:
    """Work out kind, codes, subject reference and record id of every row; with `alternatives` also `by_name`."""
    who = dataset.identity.subject
    nothing = pd.Series(np.nan, index=frame.index, dtype="str")

    def column(code: str | None) -> pd.Series[Any]:
        return nothing if code is None else frame[code]

    kind = kinds(dataset, frame)
    name = column(who.name)
    codes, uscc = _codes(dataset, keys, column, kind, nothing)
    reference = nothing
    for prefix in _REFERENCE_ORDER:
        reference = reference.fillna(codes[prefix])
    by_name = nothing
    asked = name if alternatives else name.where(reference.isna())
    if asked.notna().any():
        names = name_key(asked)
        by_name = _hmac(keys, names.where(names != ""), "name:")
        reference = reference.fillna(by_name)
    document = column(dataset.identity.document_no)
    document_key = document_no_key(document)
    document_key = document_key.where(document_key != "")
    agency = _agency(dataset, frame)
    identified = (agency.notna() & document_key.notna() & reference.notna()).to_numpy()
    record_id = _record_ids(dataset, keys, agency, document_key, reference, identified)
    other = identified & by_name.notna().to_numpy() & (reference != by_name).to_numpy()
    return Identities(
        kind=kind,
        agency_code=agency,
        document_no=document,
        document_key=document_key,
        name=name,
        subject_code=uscc,
        codes=codes,
        subject_ref=reference,
        identified=identified,
        record_id=record_id,
        by_name=_record_ids(dataset, keys, agency, document_key, by_name, other),
    )


def nowhere(dataset: Dataset, frame: pd.DataFrame, who: Identities, orders: BoolArray) -> BoolArray:
    """Orders that say by a name only who is meant, although no record goes by one: it would withdraw nothing.

    A record needs a code of its subject (S03, S04); where the placeholder says that there is none, it goes by name.
    """
    subject = dataset.identity.subject
    needed = {code for code in (subject.uscc, subject.id_number) if code}
    if not orders.any() or not any(
        rule.check == "required" and rule.on_failure == "reject" and needed & set(rule.fields) for rule in dataset.rules
    ):
        return np.zeros(len(orders), dtype=np.bool_)
    named: BoolArray = as_mask(pc.starts_with(as_arrow(who.subject_ref), "name:"))
    if subject.uscc:
        named &= ~frame[subject.uscc].isin(dataset.placeholder_codes).to_numpy()
    return orders & named


def _agency(dataset: Dataset, frame: pd.DataFrame) -> pd.Series[Any]:
    """The deciding agency's code; where only the placeholder stands, which many share, its name makes it one agency."""
    code, name = frame[dataset.identity.agency_code], frame[dataset.identity.agency_name]
    shared = code.isin(dataset.placeholder_codes) & name.notna()
    return code.mask(shared, code + "/" + name_key(name.where(shared))) if shared.any() else code


def _codes(
    dataset: Dataset, keys: Keys, column: Any, kind: pd.Series[Any], nothing: pd.Series[Any]
) -> tuple[dict[str, pd.Series[Any]], pd.Series[Any]]:
    who = dataset.identity.subject
    uscc = column(who.uscc)
    if dataset.shared_code:
        uscc = uscc.mask(person_in_shared_code(kind, uscc))
    valid = _passing(uscc_valid, uscc) & ~uscc.isin(dataset.placeholder_codes).to_numpy()
    uscc = uscc.where(valid)
    # the organisation code inside a valid unified code is the same body's older code, and more certain than a typed one
    embedded = uscc.str.slice(8, 17).where(_passing(uscc_embedded_org_valid, uscc))
    organisation = column(who.organisation)
    tax = column(who.tax)
    good_tax = _passing(tax_no_valid, tax) & (tax.str.len() == 15).to_numpy()
    from_tax = tax.str.slice(6, 15).where(good_tax)
    org = embedded.fillna(organisation.where(_passing(org_code_valid, organisation) & ~valid)).fillna(
        from_tax.where(~valid)
    )
    registration = column(who.registration)
    reg = registration.where(_passing(reg_no_valid, registration) & (registration.str.len() == 15).to_numpy())
    institution = column(who.institution)
    association = column(who.association)
    assoc = association.where(_passing(_association_no_valid, association))
    number, number_type = column(who.id_number), column(who.id_type)
    # where no field says what the number is, one that passes as an identity card is one
    card = (number_type == ID_CARD).to_numpy() if who.id_type else _passing(id_card_valid, number)
    # an ID number identifies a natural person; for others it is not theirs
    person = ~kind.isin(["legal", "sole_trader"]).to_numpy()
    number = number.where(person & np.where(card, _passing(id_card_valid, number), _numbered(number)))
    # under a word that the list does not have (S04) it is no document's number, and would be another one when corrected
    if who.id_type and dataset.fields[who.id_type].values:
        number = number.where(number_type.isin(dataset.fields[who.id_type].values))
    number = number.where(card, number_type.fillna("") + ":" + number)
    plain = {
        "org": org,
        "uscc": uscc,
        "reg": reg,
        "tax": tax.where(good_tax & org.isna().to_numpy()),
        "inst": institution.where(_passing(institution_no_valid, institution)),
        "assoc": assoc,
    }
    codes = {prefix: prefix + ":" + values if values.notna().any() else nothing for prefix, values in plain.items()}
    codes["id"] = _hmac(keys, number, "id:")
    return codes, uscc


def person_in_shared_code(kind: pd.Series[Any], column: pd.Series[Any]) -> BoolArray:
    """Where a field for both holds a person's number. One identity card in 31 passes as an organisation's code too."""
    person: BoolArray = (kind == "person").to_numpy() | id_card_valid(column)
    return person


def _passing(check: Callable[[pd.Series[Any]], BoolArray], column: pd.Series[Any]) -> BoolArray:
    """Where a column passes a check; most departments leave most of the old codes out altogether."""
    return check(column) if column.notna().any() else np.zeros(len(column), dtype=np.bool_)


def _association_no_valid(column: pd.Series[Any]) -> BoolArray:
    return as_mask(pc.match_substring_regex(as_arrow(column), pattern=_ASSOCIATION)) & _numbered(column)


def _numbered(column: pd.Series[Any]) -> BoolArray:
    return as_mask(pc.match_substring_regex(as_arrow(column), pattern=_NUMBER))


def _hmac(keys: Keys, values: pd.Series[Any], prefix: str) -> pd.Series[Any]:
    places = values.notna().to_numpy()
    if not places.any():
        return pd.Series(np.nan, index=values.index, dtype="str")
    digests = jsontext.digests(keys.hmac, as_arrow(prefix + values[places]))
    result = pa.nulls(len(values), type=pa.large_string())
    return as_series(
        pc.replace_with_mask(
            result,
            pa.array(places),
            pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), digests, _NOTHING),
        ),
        values,
    )


def _record_ids(dataset: Dataset, keys: Keys, agency: Any, document: Any, reference: Any, places: BoolArray) -> Texts:
    """:func:`core.canonical.opaque_id` of each row at `places`, None elsewhere."""
    result: Texts = np.full(len(places), None, dtype=object)
    if places.any():
        columns = [as_arrow(s[places]) for s in (agency, document, reference)]
        made = jsontext.digests(keys.hmac, jsontext.lists([dataset.dataset, *columns]), ID_LENGTH)
        result[places] = made.to_numpy(zero_copy_only=False)
    return result


def code_lists(codes: dict[str, pd.Series[Any]], rows: npt.NDArray[np.int64]) -> pa.Array:
    """The codes of each chosen row as an Arrow list of text, blanks left out."""
    order = ("uscc", "org", "reg", "tax", "inst", "assoc", "id")
    columns = [codes[prefix].to_numpy(dtype=object)[rows] for prefix in order]
    matrix = np.stack(columns, axis=1) if len(rows) else np.empty((0, len(columns)), dtype=object)
    there = ~pd.isna(matrix)
    offsets = np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(matrix[there], type=pa.string()))
