"""A data set, a platform or a part of the catalogue that goes away: nothing published is forgotten in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from merging import batch, query, row

from credit_exchange.config.loader import Configuration
from credit_exchange.errors import FatalError
from credit_exchange.steps import orders, watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.release import release

D1 = date(2026, 11, 20)
WAITING = "select platform, op from exchange.outbox where state = 'ready' order by platform"
NOTE = (
    "select v.content::json ->> 'BZ' as note from exchange.record as r join exchange.record_version as v "
    "on r.record_id = v.record_id and r.content_version = v.version"
)


@pytest.fixture
def published(exchange: Exchange) -> Exchange:
    """One permit that lies at all three platforms."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    release(exchange)
    arrive(exchange)
    return exchange


def arrive(exchange: Exchange) -> None:
    """Let everything that waits arrive in a shipment of its own."""
    query(
        exchange,
        "with s as (insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, "
        "body_sealed, body_digest, records, state, settled_at) select platform || outbox_id, platform, dataset, op, "
        "'b', 'k', '', '', 1, 'settled', now() from exchange.outbox where state = 'ready' "
        "returning shipment_id, shipment_no), l as (delete from exchange.lot) "
        "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
        "select r.outbox_id, r.outbox_id, s.shipment_id, 1 from exchange.release as r "
        "join s on s.shipment_no = r.platform || r.outbox_id returning 1",
    )


def without(config: Configuration, what: str) -> Configuration:
    """A configuration from which something was removed."""
    if what == "platform":
        return replace(config, platforms={n: p for n, p in config.platforms.items() if n != "fujian"})
    if what == "catalogue":
        return replace(config, datasets={n: d for n, d in config.datasets.items() if n != "permit"})
    fujian = config.platforms["fujian"]
    datasets = {name: route for name, route in fujian.datasets.items() if name != "permit"}
    return replace(config, platforms=config.platforms | {"fujian": fujian.model_copy(update={"datasets": datasets})})


def retired(config: Configuration) -> Configuration:
    """A configuration in which 信用福建 gets no more permits."""
    fujian = config.platforms["fujian"]
    routes = fujian.datasets | {"permit": fujian.datasets["permit"].model_copy(update={"retired": True})}
    return replace(config, platforms=config.platforms | {"fujian": fujian.model_copy(update={"datasets": routes})})


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("data set", "信用福建：行政许可仍有 1 条在公示，配置中已没有 platforms/fujian.yml 中的 permit"),
        ("platform", "平台 fujian：行政许可仍有 1 条在公示，配置中已没有 platforms/fujian.yml"),
        ("catalogue", "信用福建：数据集 permit仍有 1 条在公示，配置中已没有 catalog/permit.yml"),
    ],
)
def test_what_is_published_and_no_longer_configured_makes_every_night_red(
    published: Exchange, what: str, told: str
) -> None:
    config = published.config
    published.config = without(config, what)
    for _ in range(2):
        with pytest.raises(FatalError, match="retired: true") as raised:
            release(published)
        assert told in str(raised.value)
        assert told in " ".join(finding.subject for finding in watchdog.check(published))
    assert query(published, WAITING) == []  # a slip takes nothing down
    published.config = config
    assert release(published) == {}
    assert [f for f in watchdog.check(published) if f.incident_key.startswith("forgotten:")] == []


def test_the_other_platforms_are_decided_all_the_same(published: Exchange) -> None:
    record_id = query(published, "select record_id from exchange.record")[0]["record_id"]
    published.config = without(published.config, "data set")
    orders.order(published, record_id, "withdraw", "repair", "信用修复", "发改委令第36号", "tester")
    with pytest.raises(FatalError):
        release(published)
    assert query(published, WAITING) == [
        {"platform": "china", "op": "withdraw"},
        {"platform": "fuzhou", "op": "withdraw"},
    ]


def test_a_retired_data_set_is_withdrawn_and_may_go_then(published: Exchange) -> None:
    config = published.config
    published.config = retired(config)
    assert release(published)["fujian.withdraw"] == 1
    assert query(published, WAITING) == [{"platform": "fujian", "op": "withdraw"}]
    assert query(published, "select platform, rule_id from report.withheld") == [
        {"platform": "fujian", "rule_id": "RETIRED"}
    ]
    merge(published, batch(published, [row(published, "2号")], D1, feed="fz_b_permit"))
    assert "fujian.upsert" not in release(published)
    arrive(published)
    assert release(published) == {}
    published.config = without(config, "data set")
    assert release(published) == {}
    published.config = config
    assert release(published)["fujian.upsert"] == 2


def test_what_was_revoked_and_then_refused_may_go_as_well(published: Exchange) -> None:
    merge(published, batch(published, [row(published, "1号", fields={"XK_NR": "更正后的内容"})], date(2026, 11, 21)))
    release(published)
    arrive(published)
    query(
        published,
        "update exchange.release set state = 'rejected', outcome_code = 'REVOKED' "
        "where platform = 'fujian' and version = 2 returning 1",
    )
    assert len(query(published, "select 1 from report.published")) == 2
    published.config = without(published.config, "data set")
    assert release(published) == {}
    assert [f for f in watchdog.check(published) if f.incident_key.startswith("forgotten:")] == []


def test_what_was_never_published_may_go_at_once(exchange: Exchange) -> None:
    merge(exchange, batch(exchange, [row(exchange, "1号")], D1))
    exchange.config = without(exchange.config, "platform")
    assert release(exchange) == {"china.upsert": 1, "fuzhou.upsert": 1}


@pytest.mark.parametrize(
    ("feed", "department", "left"),
    [("fz_zjj_permit", "fz_zjj", None), ("fz_zjj_permit", "fz_other", "误填"), ("not_configured", "fz_zjj", "误填")],
)
def test_what_a_removed_feed_said_yields_to_what_its_department_says_by_another(
    exchange: Exchange, feed: str, department: str, left: str | None
) -> None:
    """A feed's file that gets another name is another feed: its corrections must come through, emptied fields too."""
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"BZ": "误填"})], D1, feed="old", department="fz_zjj"))
    merge(exchange, batch(exchange, [row(exchange, "1号")], date(2026, 11, 21), feed=feed, department=department))
    (found,) = query(exchange, NOTE)
    assert found["note"] == left


@pytest.mark.parametrize(("valid_to", "left"), [(D1, None), (date(2026, 11, 21), "误填")])
def test_what_a_feed_said_yields_after_its_last_date_to_what_its_department_says_by_another(
    exchange: Exchange, valid_to: date, left: str | None
) -> None:
    """A department that changes its form keeps the old file, for dates that are taken in later."""
    old = exchange.config.feeds["fz_gulou_permit"].model_copy(update={"valid_to": valid_to})
    exchange.config = replace(exchange.config, feeds=exchange.config.feeds | {"fz_gulou_permit": old})
    told = {"old": ("fz_gulou_permit", D1, {"BZ": "误填"}), "new": ("fz_zjj_permit", date(2026, 11, 21), {})}
    for feed, day, fields in told.values():
        merge(exchange, batch(exchange, [row(exchange, "1号", fields=fields)], day, feed=feed, department="fz_zjj"))
    (found,) = query(exchange, NOTE)
    assert found["note"] == left


def test_what_a_feed_said_of_an_earlier_date_yields_also_when_it_is_taken_in_later(exchange: Exchange) -> None:
    old = exchange.config.feeds["fz_gulou_permit"].model_copy(update={"valid_to": D1})
    exchange.config = replace(exchange.config, feeds=exchange.config.feeds | {"fz_gulou_permit": old})
    new = batch(exchange, [row(exchange, "1号")], date(2026, 11, 21), feed="fz_zjj_permit", department="fz_zjj")
    merge(exchange, new)
    late = [row(exchange, "1号", fields={"BZ": "误填"})]
    merge(exchange, batch(exchange, late, D1, feed="fz_gulou_permit", department="fz_zjj"))
    (found,) = query(exchange, NOTE)
    assert found["note"] is None
