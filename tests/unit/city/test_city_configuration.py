"""The shipped feeds describe what the city delivers, and the shipped sharing rules are those that the key names."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from city import serve
from city.columns import columns, extra_columns
from city.days import night
from city.departments import BY_ID, FEEDS
from credit_exchange.config.loader import load
from credit_exchange.core.masking import mask_person_name
from credit_exchange.core.numbers_in_text import scrub_text

CITY = Path(serve.__file__).parent


@pytest.fixture(scope="module")
def configuration():
    return load()


def test_every_city_feed_is_described(configuration):
    assert set(BY_ID) <= set(configuration.feeds)


@pytest.mark.parametrize("spec", FEEDS, ids=lambda spec: spec.feed)
def test_the_description_fits_the_delivery(configuration, spec):
    feed = configuration.feed(spec.feed)
    aliases = feed.aliases()
    for code, name in columns(spec).items():
        assert name.casefold() in {alias.casefold() for alias in aliases[code]}
    extra = {feed.sequence, *(feed.ignore)} | (
        {feed.operation.column, feed.operation.reason_column} if feed.operation else set()
    )
    assert set(extra_columns(spec)) <= extra
    assert (feed.department.code, feed.department.name, feed.department.uscc) == (
        spec.department, spec.agency.name, spec.agency.uscc,
    )  # fmt: skip
    assert feed.dataset == spec.dataset
    where = feed.source.table if spec.form == "table" else feed.source.path
    assert where == spec.path
    if not spec.windowed:
        assert (feed.source.manifest is not None) is (spec.manifest is not None)
        assert feed.source.manifest or feed.source.settle_seconds == 0


def test_sharing_rules_named_by_the_key_exist(configuration):
    named = {n for path in CITY.glob("*.py") for n in re.findall(r"SH-\d\d-[A-Z-]+", path.read_text(encoding="utf-8"))}
    assert named
    assert named <= {rule.id for rule in configuration.sharing}


def test_rules_named_by_the_key_exist_in_the_catalogue(configuration):
    known = {rule.id for dataset in configuration.datasets.values() for rule in dataset.rules}
    text = (CITY / "defects.py").read_text(encoding="utf-8")
    named = set(re.findall(r'"(S\d\d(?:-[a-z]+)?)"', text))
    assert named
    assert named <= known


def test_the_key_masks_and_hides_as_the_exchange_does():
    rows = [row for spec in FEEDS for row in night(7, spec, date(2026, 11, 22), 1.0, frozenset())]
    masked = [(row.values[code], told) for row in rows for code, told in row.masked.items()]
    assert list(mask_person_name(pd.Series([name for name, _ in masked], dtype="str"))) == [told for _, told in masked]
    texts = [row for row in rows if row.defect == "personal_text"]
    assert texts
    for row in texts:
        shown = scrub_text(row.get("SY")) + scrub_text(row.get("NR"))
        assert not [secret for secret in row.secrets if secret in shown]


def test_natural_persons_penalties_are_only_kept_back_by_a_fallback(configuration):
    rule = next(rule for rule in configuration.sharing if rule.id == "SH-90-PERSON-PENALTY")
    assert rule.fallback
    releases = [r for r in configuration.sharing if r.effect == "release" and "penalty" in r.datasets]
    assert all(c.value != "person" for r in releases for c in r.match)
