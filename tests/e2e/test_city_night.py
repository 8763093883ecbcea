"""The sandbox city against its answer key, row by row, and the platforms against the reporting views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from town import Town, town

from credit_exchange.laptop.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def city(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """Three nights in order, run once for all tests of this module."""
    pg_server.create_database("city_nights", template=migrated_template)
    directory: Path = tmp_path_factory.mktemp("city")
    with town(directory, pg_server.url("city_nights"), days=3) as made:
        for day in made.days:
            result = made.night(day)
            assert result.good, result.failed
        yield made


def test_every_row_became_what_the_answer_key_says(city: Town) -> None:
    """Quarantined rows with exactly their rules; accepted and unchanged in the right numbers, feed by feed."""
    problems = []
    for day in city.days:
        for feed in city.exchange.config.feeds:
            key = city.key(feed, day)
            told = Counter(line["outcome"] for line in key)
            (batch,) = city.query(
                "select * from report.batch where feed = :feed and business_date = :day", feed=feed, day=day
            )
            counts = {outcome: batch[f"rows_{outcome}"] for outcome in ("accepted", "unchanged", "quarantined", "held")}
            if counts != {outcome: told.get(outcome, 0) for outcome in counts}:
                problems.append(f"{feed} {day}: {counts} instead of {dict(told)}")
            rows = city.query(
                "select line_no, array_agg(distinct rule_id) as rules from report.quarantine "
                "where batch_id = :b group by 1",
                b=batch["batch_id"],
            )
            found = {row["line_no"]: sorted(row["rules"]) for row in rows}
            expected = {line["line_no"]: sorted(line["rules"]) for line in key if line["outcome"] == "quarantined"}
            for line_no in sorted(found.keys() | expected.keys()):
                if found.get(line_no) != expected.get(line_no):
                    defect = next((x["defect"] for x in key if x["line_no"] == line_no), None)
                    problems.append(
                        f"{feed} {day} line {line_no} ({defect}): {found.get(line_no)} not {expected.get(line_no)}"
                    )
    assert not problems, "\n".join(problems[:60])


def test_nothing_is_lost(city: Town) -> None:
    off = city.query(
        "select * from report.batch "
        "where rows_delivered <> rows_accepted + rows_quarantined + rows_unchanged + rows_held"
    )
    assert off == []


def test_every_record_ends_as_the_answer_key_says(city: Town) -> None:
    records = city.query("select * from report.record")
    by_document = {}
    for record in records:
        by_document.setdefault((record["dataset"], record["document_no"]), []).append(record)
    published = city.query(
        "select record_id, array_agg(platform order by platform) as p from report.published group by 1"
    )
    shown = {row["record_id"]: row["p"] for row in published}
    problems = []
    for line in city.final():
        candidates = by_document.get((line["dataset"], line["document_no"]), [])
        if line.get("subject_code"):
            candidates = [c for c in candidates if c["subject_code"] in (line["subject_code"], None)] or candidates
        fits = [
            c
            for c in candidates
            if c["status"] == line["status"] and sorted(shown.get(c["record_id"], [])) == sorted(line["platforms"])
        ]
        if not fits:
            seen = [(c["status"], shown.get(c["record_id"], [])) for c in candidates]
            problems.append(
                f"{line['dataset']} {line['document_no']}: {seen} not {(line['status'], line['platforms'])}"
            )
    assert not problems, "\n".join(problems[:60])
    assert len(records) == len(city.final())


def test_the_views_agree_with_what_the_platforms_hold(city: Town) -> None:
    for platform in ("fuzhou", "fujian"):
        there = {key[1]: value for key, value in city.platforms[platform].current().items()}
        ours = {
            row["record_id"]: row
            for row in city.query("select * from report.published where platform = :p", p=platform)
        }
        assert there.keys() == ours.keys()
        for record_id, value in there.items():
            assert ours[record_id]["version"] == value[0]
            if platform == "fuzhou":
                assert ours[record_id]["content_digest"] == value[1]
    china = city.query("select count(*) as n from report.published where platform = 'china'")[0]["n"]
    assert len(city.platforms["china"].current()) == china


def test_nothing_twice_and_never_backwards(city: Town) -> None:
    for platform in city.platforms.values():
        assert not platform.ledger.repeated()
        assert not platform.ledger.backwards()


def test_the_same_night_again_is_quiet(city: Town) -> None:
    tables = ("record", "record_version", "claim", "release", "lot", "shipment", "shipment_run", "quarantine")

    def rows() -> dict[str, int]:
        return {
            t: city.query(f"select count(*) as n, max(xmin::text::bigint) as x from exchange.{t}")[0] for t in tables
        }

    before, requests = rows(), {k: len(p.ledger.applies()) for k, p in city.platforms.items()}
    result = city.night(city.days[-1])
    assert result.good, result.failed
    assert rows() == before
    assert {k: len(p.ledger.applies()) for k, p in city.platforms.items()} == requests


def test_no_id_number_left_the_house(city: Town) -> None:
    """Nothing that looks like an ID number with a valid check digit is visible at a platform or in a reporting view."""
    import re

    from credit_exchange.core.numbers_in_text import scrub_text

    texts = [str(value) for platform in city.platforms.values() for value in platform.state().values()]
    views = ("batch", "quarantine", "record", "delivery", "withheld", "published", "alert")
    texts += [str(row) for view in views for row in city.query(f"select * from report.{view}")]
    for found in (m.group(0) for t in texts for m in re.finditer(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", t)):
        assert scrub_text(found) == found, "an ID number is visible"
