"""What platforms show in passing that will stop the reporting one day: a certificate that ends, a clock unlike ours.

Both are seen by whoever sends, and told by the watchdog, before they become refusals (reliability.md, B10 and D8).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.steps.alerts import Finding
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

CERTIFICATE, APART = "certificate:", "apart:"
TOLD_AT = (1, 7, 14, 30)
"""Days before a certificate's end: at each of them it is an incident of its own, and so told anew."""
SERIOUS = 7
MOST_APART = 60.0
"""Seconds: the timestamp of a signed request is refused when it is some minutes away."""


def certificates(exchange: Exchange) -> Iterable[Finding]:
    """Find certificates of platforms that end soon; from then on nothing can be sent."""
    for row in _shown(exchange):
        bound = next((days for days in TOLD_AT if row["days_left"] is not None and row["days_left"] <= days), None)
        if bound is not None:
            left = max(int(row["days_left"]), 0)
            yield Finding(
                f"{CERTIFICATE}{row['platform']}:{bound}",
                "critical" if bound <= SERIOUS else "warning",
                f"{row['name']}的证书 {row['certificate_ends'].astimezone(SHANGHAI):%Y-%m-%d} 到期，还有 {left} 天",
                "到期后一条也报不上去，撤下也不行；请平台及时更换证书。私有 CA 签发的，"
                f"同时索取新的 CA 证书，放到 platforms/{row['platform']}.yml 的 ca_bundle 所指的位置",
                f"/exchange/platforms?platform={row['platform']}",
            )


def clocks(exchange: Exchange) -> Iterable[Finding]:
    """Find platforms whose clock and ours are apart: signed requests are refused before anybody looks at a clock."""
    for row in _shown(exchange):
        ahead = row["clock_ahead"]
        if ahead is not None and abs(ahead) > MOST_APART:
            yield Finding(
                f"{APART}{row['platform']}",
                "warning",
                f"{row['name']}的时钟比上报的机器{'快' if ahead > 0 else '慢'} {abs(ahead):.0f} 秒",
                "签名里的时间再差一些，平台就会拒收；请校准运行上报的机器的时钟（NTP），已经准的请告知平台",
                f"/exchange/platforms?platform={row['platform']}",
            )


def _shown(exchange: Exchange) -> list[dict[str, Any]]:
    """Return what the configured platforms showed last, with their names."""
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("alerts/platform_signs")).mappings().all()
    known = exchange.config.platforms
    return [{**row, "name": known[row["platform"]].name} for row in rows if row["platform"] in known]
