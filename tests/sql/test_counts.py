"""The summary counts by itself, over all that was ever decided: it says what the reporting views say."""

from __future__ import annotations

from merging import query

from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql

DECIDED = {
    # record: the effects of its versions, oldest first
    "withheld now": ["send", "withhold"],
    "withheld once": ["withhold", "send"],
    "held now": ["hold"],
    "held now too": ["hold"],
    "held once": ["hold", "withhold", "send"],
    "withheld, then withdrawn": ["withhold", "withdraw"],
    "always sent": ["send", "send"],
}


def test_a_record_is_withheld_where_its_newest_version_is(exchange: Exchange) -> None:
    effects = {"send": "release", "withhold": "withhold", "hold": "hold"}
    for effect in effects.values():
        query(
            exchange,
            "insert into exchange.decision (digest, effect, deciding_rule, legal_basis, rules) "
            "values (:effect, :effect, 'R', 'x', '{}') returning 1",
            effect=effect,
        )
    for record_id, versions in DECIDED.items():
        for version, effect in enumerate(versions, start=1):
            query(
                exchange,
                "insert into exchange.release (platform, record_id, version, dataset, effect, decision_id) select "
                "'fujian', :record_id, :version, 'permit', :effect, "
                "(select d.decision_id from exchange.decision as d where d.digest = :digest) returning 1",
                record_id=record_id,
                version=version,
                effect=effect,
                digest=effects.get(effect),
            )
    (told,) = query(exchange, sql.source("summary/platforms"))
    withheld = query(exchange, "select record_id from report.withheld order by record_id")
    assert [row["record_id"] for row in withheld] == ["held now", "held now too", "withheld now"]
    assert told["withheld"] == 3
