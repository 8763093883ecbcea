"""What a platform says of records, without the names of the people whom they are about.

A platform knows people by itself: "the number belongs to 张三" answers a record that was sent with the name masked. Its
words are kept, shown and told to people; the reply itself is kept sealed.
"""

from __future__ import annotations

from dataclasses import replace

from credit_exchange.steps import people
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.dialects.answers import said
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Shipment
from credit_exchange.stores.database import transaction


def discreet(exchange: Exchange, shipment: Shipment, result: CallResult) -> CallResult:
    """Return a result whose messages name nobody, with why the platform refused the whole shipment as `said`."""
    why = said(result.reply) if result.kind is Kind.REFUSED else ""
    spoken = {number for number, verdict in result.verdicts.items() if verdict.message}
    about = {line.line_no: line.record_id for line in shipment.lines if why or line.line_no in spoken}
    if not about:
        return result
    with transaction(exchange.engine) as connection:
        names = people.names(exchange, connection, about.values())
    verdicts = {
        number: replace(verdict, message=people.without(verdict.message, names.get(about[number], ())))
        if number in spoken and number in about
        else verdict
        for number, verdict in result.verdicts.items()
    }
    return replace(
        result, verdicts=verdicts, said=people.without(why, {name for some in names.values() for name in some})
    )
