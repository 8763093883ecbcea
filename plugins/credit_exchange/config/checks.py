"""The checks that a rule of the catalogue may name, and what each of them takes.

What they do is in `steps/validate/checks.py`, under the same names; here stands what a catalogue file is checked with
when it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reported = Literal["each", "first", "last"]


@dataclass(frozen=True)
class Takes:
    """What a check takes of its rule.

    least, most: how many fields the rule names; with none it speaks about every field it can. reported: to which of
    them its failures belong. types: those its fields may have, where it reads them. facet: what the catalogue must say
    of its fields. limit: whether the rule must have a `limit`, and what it is.
    """

    least: int = 1
    most: int | None = None
    reported: Reported = "each"
    types: tuple[str, ...] = ()
    facet: Literal["length", "values"] | None = None
    limit: Literal["text", "number", "date"] | None = None


MEANING = {
    "required": "something must stand in the fields; without fields: in those that the catalogue calls required",
    "blank": "nothing may stand in the fields",
    "together": "all of the fields are filled, or none",
    "identity": "the row says which record it is (agency, document number, subject); every data set needs it, once",
    "in_values": "the field's code list, or what stands behind its other_prefix",
    "not_equal": "not the word in limit",
    "max_length": "the field's length; without fields: of every field that has one",
    "characters": "no mojibake, no control characters; without fields: everywhere",
    "no_person_number": "no ID, mobile or bank card number in fields that leave as they are",
    "no_own_name": "not the name of the person whom the record is about",
    "not_a_penalty": "none of the words in limit, separated by |: the row belongs to another data set",
    "uscc": "a unified social credit code (18, GB 32100) and no ID card number; the placeholder codes pass",
    "agency_code": "such a code that begins with one of those in limit, separated by commas",
    "sole_trader_prefix": "kind and code agree about 92…; fields: kind, code",
    "id_card": "an ID card number (GB 11643); fields: document type and number, or the number alone",
    "is_date": "a date that exists, in the feed's date_formats",
    "not_after_business_date": "a date not after the business date",
    "not_before": "a date not before the one in limit (yyyy-mm-dd)",
    "date_order": "the second field's date is not before the first one's",
    "not_long_term": "not 2099-12-31",
    "amount": "a number not below 0, with the field's scale at most",
    "at_most": "an amount not above limit",
    "unique": "one content for each record in a delivery; every data set needs it, once",
}
"""What each of them asks, for the JSON Schema. Blank fields pass all but `required` and `identity`."""
CHECKS: dict[str, Takes] = {
    "required": Takes(least=0),
    "blank": Takes(),
    "together": Takes(least=2),
    "identity": Takes(reported="first"),
    "in_values": Takes(types=("enum",), facet="values"),
    "not_equal": Takes(limit="text"),
    "max_length": Takes(least=0, facet="length"),
    "characters": Takes(least=0),
    "no_person_number": Takes(),
    "no_own_name": Takes(types=("text",)),
    "not_a_penalty": Takes(limit="text"),
    "uscc": Takes(),
    "agency_code": Takes(limit="text"),
    "sole_trader_prefix": Takes(least=2, most=2, reported="first"),
    "id_card": Takes(most=2, reported="last"),
    "is_date": Takes(types=("date",)),
    "not_after_business_date": Takes(types=("date",)),
    "not_before": Takes(types=("date",), limit="date"),
    "date_order": Takes(least=2, most=2, reported="last", types=("date",)),
    "not_long_term": Takes(types=("date",)),
    "amount": Takes(types=("decimal",)),
    "at_most": Takes(types=("decimal",), limit="number"),
    "unique": Takes(),
}
"""By name."""
BATCH_CHECKS = frozenset({"unique"})
"""Checks of a whole batch, which no single chunk can answer."""
NEEDED = {
    "unique": "内容不同的重复行无从识别",
    "identity": "不成记录的行无从挑出",
}
"""The checks that every data set has a rule for, and why."""
