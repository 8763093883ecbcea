"""The record of every alert: one row an incident in exchange.alert, told to people once.

Airflow only carries the message. An incident that comes back after it was cleared is a new one. Many at once, as when
the inbox is not mounted, are told in one message. Texts hold names of departments, data sets and platforms, counts and
links, never personal data.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from credit_exchange.core import business_time
from credit_exchange.errors import ExchangeError, without_values
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

log = logging.getLogger(__name__)
LONGEST = 120.0
"""Seconds after which a call tells no further incident: the task that tells has other work, and an end of its time."""
MANY = 10
"""Incidents of one severity that are told each by itself. More are told in one message: a group's robot takes twenty a
minute, and nobody reads three hundred mails."""
NAMED = 8
"""How many of them it names."""
Severity = Literal["info", "warning", "critical"]


class ChannelAbsent(ExchangeError):
    """The channel's connection is not defined: nobody is told on it, and the alert says so."""


class ChannelFailed(ExchangeError):
    """The channel did not take the message; it is tried again the next time alerts are told."""


class ChannelSilent(ChannelFailed):
    """Nobody answers on the channel: until the next time nothing else is tried on it either."""


@dataclass(frozen=True)
class Alert:
    """One incident as it is told. `link` is a path of the UI or None; `times` counts how often it was seen."""

    incident_key: str
    severity: Severity
    subject: str
    detail: str
    link: str | None
    raised_at: datetime
    times: int


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now; `is_new` when no open incident said so before."""

    incident_key: str
    severity: Severity
    subject: str
    detail: str
    link: str
    is_new: bool = False


class Channel(Protocol):
    """A way to people: mail, a group chat's webhook."""

    name: str

    def send(self, alert: Alert) -> None:
        """Tell an alert. Raises ChannelAbsent when it is not configured, ChannelFailed when it was not taken."""


def raise_alert(
    exchange: Exchange, incident_key: str, severity: Severity, subject: str, detail: str = "", link: str | None = None
) -> bool:
    """Record an incident and return True when it is new (or came back after it was cleared)."""
    with transaction(exchange.engine) as connection:
        given = {
            "incident_key": incident_key,
            "severity": severity,
            "subject": subject,
            "detail": detail,
            "link": link,
            "now": business_time.now(),
        }
        return bool(connection.execute(sql.load("alerts/raise"), given).scalar_one())


def clear_others(exchange: Exchange, prefix: str, keep: Sequence[str]) -> list[str]:
    """State that every open incident whose key begins with `prefix` is over, except `keep`; return their keys."""
    with transaction(exchange.engine) as connection:
        given = {"prefix": prefix, "keep": list(keep), "now": business_time.now()}
        return list(connection.execute(sql.load("alerts/clear_others"), given).scalars())


def open_incidents(exchange: Exchange, prefix: str) -> list[str]:
    """Return the keys of the open incidents below a prefix, oldest first."""
    with transaction(exchange.engine) as connection:
        return list(connection.execute(sql.load("alerts/open_incidents"), {"prefix": prefix}).scalars())


def close_mended(exchange: Exchange) -> list[str]:
    """State that what a part of a night did not finish is over where it was mended without a new verdict of that night.

    So by a command, by the next night, which sends what waits at a platform, or by a delivery that is not waited for
    any more. One whose rows do not add up stays, as does one of which a run still says why it failed; so the verdict
    says that before it raises the incident. Returns the keys of the incidents.
    """
    with transaction(exchange.engine) as connection:
        connection.execute(sql.load("alerts/hold_parts"))
        found = connection.execute(sql.load("alerts/mended_parts")).all()
        wrong = {
            (day, f"feed {feed}")
            for day in {row.business_date for row in found}
            for feed in connection.execute(sql.load("ui/unbalanced"), {"business_date": day}).scalars()
        }
        keys = [row.incident_key for row in found if (row.business_date, row.part) not in wrong]
        if keys:
            connection.execute(sql.load("alerts/clear"), {"keys": keys, "now": business_time.now()})
    return keys


def notify(exchange: Exchange, channels: Sequence[Channel], limit: int = 100) -> int:
    """Tell every incident that nobody was told of yet, and return how many were told now.

    Any number of workers may do so at once: the rows are locked while their message is under way, and committed with
    what became of it, so each incident is told once on each channel. A channel that failed is tried again next time,
    the others are not; what was never tried goes first. More than MANY alike go in one message. At most `limit`
    messages a call, and none after LONGEST.
    """
    end = time.monotonic() + LONGEST
    silent: set[str] = set()
    told = 0
    tried: list[str] = []
    nobody = False
    for _ in range(limit):
        with transaction(exchange.engine) as connection:
            # where others have locked all that are alike, the oldest of the rest
            looks = (connection.execute(sql.load("alerts/pending"), {"tried": tried, "many": n}) for n in (MANY, None))
            rows = next(filter(None, (found.mappings().all() for found in looks)), [])
            if not rows:
                break
            tried += [str(row["incident_key"]) for row in rows]
            alert = _together([Alert(**{name: row[name] for name in Alert.__dataclass_fields__}) for row in rows])
            outcome = dict(entry.rsplit(":", 1) for entry in rows[0]["channels"])
            for channel in channels:
                if channel.name in silent and outcome.get(channel.name) != "sent":
                    outcome[channel.name] = "failed"
                elif outcome.get(channel.name) != "sent":
                    outcome[channel.name] = send(channel, alert, silent)
            complete = "sent" in outcome.values() and "failed" not in outcome.values()
            given = {
                "incident_keys": [str(row["incident_key"]) for row in rows],
                "channels": [f"{name}:{state}" for name, state in sorted(outcome.items())],
                "notified_at": business_time.now() if complete else None,
            }
            connection.execute(sql.load("alerts/mark"), given)
            told += len(rows) * complete
            nobody = set(outcome.values()) == {"skipped"}
        if time.monotonic() > end:
            break
    if nobody:
        log.warning(
            "告警没有通知到任何人：没有可用的通知方式；请配置连接 credit_smtp（extra 的 to 写收件人）或 credit_webhook"
        )
    return told


def _together(some: list[Alert]) -> Alert:
    """Return incidents as one message: the only one as it is, of several the number, and what the first ones are."""
    first = some[0]
    if len(some) == 1:
        return first
    named = [f"{place}. {one.subject}" for place, one in enumerate(some[:NAMED], start=1)]
    more = [f"……另有 {len(some) - NAMED} 项；全部见页面「信用交换」"] if len(some) > NAMED else []
    return Alert(
        f"{first.incident_key} 等",
        first.severity,
        f"{len(some)} 项告警，可能同出一因",
        "\n".join([*named, *more, f"第 1 项：{first.detail}"]),
        first.link if {one.link for one in some} == {first.link} else "/exchange/night",
        first.raised_at,
        1,
    )


def send(channel: Channel, alert: Alert, silent: set[str]) -> str:
    """Tell an alert on a channel and return what became of it: sent, skipped or failed; raises nothing.

    A channel on which nobody answers is added to `silent`.
    """
    try:
        channel.send(alert)
    except ChannelAbsent:
        return "skipped"
    except ChannelFailed as error:
        if isinstance(error, ChannelSilent):
            silent.add(channel.name)
        log.warning("%s 没有通知到：%s", alert.incident_key, error)
        return "failed"
    except Exception as error:  # noqa: BLE001 - one that is set up wrongly must keep nothing else from being told
        log.warning("%s 没有经 %s 通知到：%s", alert.incident_key, channel.name, without_values(error))
        return "failed"
    return "sent"
