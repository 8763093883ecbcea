"""The sharing rules in force towards a platform, and whether what waits for it was let out by them.

What is decided stays decided until the release step runs again. Files change and days pass meanwhile: what was let out
by rules that are no longer those in force is not sent (promise 4).
"""

from __future__ import annotations

from datetime import date

from credit_exchange.config.sharing import SharingRule
from credit_exchange.config.sharing_engine import RuleSet
from credit_exchange.core.business_time import today
from credit_exchange.core.canonical import canonical_json, sm3_hex
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction


def in_force(exchange: Exchange, platform: str) -> dict[str, RuleSet]:
    """Return the rules in force today towards a platform, by data set that its file names."""
    day = today()
    return {
        name: RuleSet(_rules_of(exchange, platform, name), exchange.config.datasets[name], platform, day)
        for name in exchange.config.platform(platform).datasets
        if name in exchange.config.datasets
    }


def digest_of(rule_sets: dict[str, RuleSet]) -> str:
    """Return the SM3 of a platform's rules in force and of how they are carried out."""
    return sm3_hex(canonical_json({name: rule_set.digest() for name, rule_set in rule_sets.items()}))


def is_stale(exchange: Exchange, platform: str) -> bool:
    """Tell whether what waits for a platform may not leave as it was decided.

    So where other rules are in force than those by which it was, and where a publication has ended since.
    """
    with transaction(exchange.engine) as connection:
        applied = {row.platform: row.ruleset_digest for row in connection.execute(sql.load("release/ruleset_applied"))}
        ended = bool(connection.execute(sql.load("release/ended"), {"today": today()}).scalar_one())
    return platform in applied and (ended or applied[platform] != digest_of(in_force(exchange, platform)))


def _rules_of(exchange: Exchange, platform: str, dataset: str) -> tuple[SharingRule, ...]:
    """Return the sharing rules; of a retired data set the one that keeps everything from the platform."""
    if not exchange.config.platform(platform).datasets[dataset].retired:
        return exchange.config.sharing
    return (
        SharingRule(
            id="RETIRED",
            name="停止报送",
            legal_basis=f"平台配置已停止报送该数据集（platforms/{platform}.yml，retired）",
            datasets=[dataset],
            platforms=[platform],
            effect="withhold",
            valid_from=date.min,
        ),
    )
