"""What a platform says of records, without the names and numbers of the people whom they are about.

A platform knows people by itself: "the number belongs to 张三" answers a record that was sent with the name masked. Its
words are kept, shown and told to people; the reply itself is kept sealed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from credit_exchange.steps import people
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.push.dialects.answers import said
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Shipment
from credit_exchange.stores.database import transaction

_LONGEST = 200


def discreet(exchange: Exchange, shipment: Shipment, result: CallResult) -> CallResult:
    """Return a result whose messages name nobody, with why the platform refused the whole shipment as `said`.

    They are cut short only then: of a name that the cut goes through nobody would know that it is one.
    """
    why = said(result.reply) if result.kind is Kind.REFUSED else ""
    spoken = {number for number, verdict in result.verdicts.items() if verdict.message}
    about = {line.line_no: line.record_id for line in shipment.lines if why or line.line_no in spoken}
    if not about:
        return result
    with transaction(exchange.engine) as connection:
        names = people.names(exchange.config.datasets.values(), connection, about.values())
        numbers = people.numbers(exchange, connection, about.values())

    def kept(words: str, record_ids: Collection[str]) -> str:
        words = people.without_numbers(words, {number for one in record_ids for number in numbers.get(one, ())})
        return people.without(words, {name for one in record_ids for name in names.get(one, ())})[:_LONGEST]

    verdicts = {
        number: replace(verdict, message=kept(verdict.message, [about[number]]))
        if number in spoken and number in about
        else verdict
        for number, verdict in result.verdicts.items()
    }
    return replace(result, verdicts=verdicts, said=kept(why, set(about.values())) if why else why)
