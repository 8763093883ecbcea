"""What closes a row in quarantine, and what does not: a correction, an order, a person; in whatever order they come."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from office import WRONG, Office
from sqlalchemy import text

from credit_exchange.errors import FatalError
from credit_exchange.steps import orders
from credit_exchange.steps.merge import merge
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction
from credit_exchange.ui.pages import Pages
from samples import PERSON


def test_a_row_that_comes_again_keeps_its_first_day_and_a_good_one_corrects_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.validate(office.deliver([WRONG, {}, {}], day=1))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-09-11T02:00:00")
    office.validate(office.deliver([WRONG, {}, {}], day=2))
    seen = office.rows("select first_seen_at, state from exchange.quarantine order by batch_id")
    assert seen[0] == seen[1]
    office.validate(last := office.deliver([{}, {}, {}], day=3))
    for day, generation in ((1, 2), (3, 2), (4, 1)):  # once more: what came before it, and after it
        office.validate(office.deliver([WRONG, {}, {}], day=day, generation=generation))
    rows = office.rows("select state, corrected_by_batch, settled_at from exchange.quarantine order by batch_id")
    told = [(r["state"], r["corrected_by_batch"], r["settled_at"] is None) for r in rows]
    assert told == [("corrected", last, False)] * 3 + [("open", None, True)] * 2


def test_a_row_that_is_dismissed_stays_dismissed_however_often_it_is_delivered(office: Office) -> None:
    wrong, other = WRONG | {"XK_WSH": "榕市监许〔2026〕1号"}, {"XK_NR": "", "XK_WSH": "榕市监许〔2026〕2号"}
    numbers = []
    for day, rows in enumerate(([wrong, other, {}], [other, wrong, {}]), 1):
        numbers.append(office.deliver(rows, day=day))
        office.validate(numbers[-1])
    orders.dismiss(office.exchange, numbers[0], 2, "部门确认不再更正", "tester")
    office.validate(office.deliver([wrong, other, {}], day=3))
    found = office.rows(
        "select line_no, state, settled_by, settled_at from exchange.quarantine order by batch_id, line_no"
    )
    gone, waits = ("dismissed", "tester", False), ("open", None, True)
    assert [(r["state"], r["settled_by"], r["settled_at"] is None) for r in found] == [
        *(gone, waits),
        *(waits, gone),  # what is in that line of another delivery is another row
        *(gone, waits),
    ]
    shown = Pages(office.exchange.engine).quarantine("", "", None)
    assert shown["open_rows"] == 1, "delivered three times, it waits once"
    assert [(row["business_date"].day, row["line_no"]) for row in shown["rows"]] == [(3, 3)]
    with pytest.raises(FatalError, match="没有待更正的问题数据"):
        orders.dismiss(office.exchange, numbers[1], 3, "再次", "tester")


def test_what_was_settled_before_a_row_is_dismissed_keeps_who_settled_it(office: Office) -> None:
    numbers = [office.deliver([WRONG, {}, {}], day=day) for day in (1, 2)]  # twice the same
    for number in numbers:
        office.validate(number)
    settled = "update exchange.quarantine set state = 'corrected', settled_by = 'first' where batch_id = :n returning 1"
    with transaction(office.exchange.engine) as connection:
        connection.execute(text(settled), {"n": numbers[0]})
    with pytest.raises(FatalError, match="没有待更正的问题数据"):
        orders.dismiss(office.exchange, numbers[0], 2, "部门确认不再更正", "tester")
    orders.dismiss(office.exchange, numbers[1], 2, "不再更正11010519491231002X", "tester")
    found = office.rows("select state, settled_by, settled_reason from exchange.quarantine order by batch_id")
    assert [tuple(r.values()) for r in found] == [
        ("corrected", "first", None),
        ("dismissed", "tester", f"不再更正{'*' * 18}"),
    ]


def test_neither_an_older_day_nor_rows_that_contradict_one_another_correct_a_row(office: Office) -> None:
    office.validate(office.deliver([WRONG, {"XK_NR": ""}, {}], day=5))
    office.validate(office.deliver([{}, {}, {}], day=4))
    same = {"XK_WSH": "榕市监许〔2026〕1号"}
    office.validate(office.deliver([same, same | {"XK_NR": "准予经营（变更）"}, {}], day=6))
    assert [r["state"] for r in office.rows("select state from exchange.quarantine")] == ["open"] * 4


def test_only_open_rows_of_the_department_and_of_no_later_delivery_are_corrected(office: Office) -> None:
    """Asked for those that are corrected, the statement must leave all others of the record alone."""
    other_feed, other_department = "feed = 'fz_another_permit'", "department = 'fz_other'"
    rows = [
        (5, 1, "open", "", "corrected"),
        (4, 9, "open", "", "corrected"),
        (5, 2, "open", "", "corrected"),
        (5, 3, "open", other_feed, "corrected"),
        (4, 2, "open", other_department, "open"),
        (4, 3, "dismissed", "", "dismissed"),
        (6, 1, "open", "", "open"),
        (5, 4, "open", "", "open"),
    ]
    again = (
        "insert into exchange.quarantine (batch_id, line_no, disposition, record_id, row_key, row_sealed, "
        "first_seen_at, state) select :n, line_no, disposition, record_id, row_key || :n, row_sealed, "
        "first_seen_at, :state from exchange.quarantine order by batch_id limit 1"
    )
    for day, generation, state, changed, _ in rows:
        number = office.deliver([WRONG, {}, {}], day, generation=generation)
        if (day, generation) == (5, 1):
            office.validate(number)
            continue
        with transaction(office.exchange.engine) as connection:
            connection.execute(text(again), {"n": number, "state": state})
            if changed:
                connection.execute(text(f"update exchange.batch set {changed} where batch_id = :n"), {"n": number})
    own = WRONG | {"XK_WSH": "榕市监许〔2026〕1号", "XK_NR": "同一次"}
    office.validate(office.deliver([{}, {}, {}, own], day=5, generation=3))
    found = office.rows("select state from exchange.quarantine order by batch_id")
    assert [row["state"] for row in found] == [told for *_, told in rows] + ["open"]


def test_whether_a_delivery_may_correct_anything_is_asked_of_its_department_and_of_no_later_one(office: Office) -> None:
    office.validate(number := office.deliver([WRONG, {}, {}], day=5, generation=2))
    about = {"dataset": "permit", "department": "fz_test", "batch_id": number + 1, "business_date": date(2026, 9, 5)}
    asked: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"generation": 2}, True),
        ({"generation": 1}, False),
        ({"business_date": date(2026, 9, 6), "generation": 1}, True),
        ({"business_date": date(2026, 9, 4), "generation": 9}, False),
        ({"dataset": "penalty"}, False),
        ({"department": "fz_other"}, False),
        ({"batch_id": number}, False),
    ]

    def may(**given: Any) -> bool:
        (row,) = office.rows(sql.source("validate/open_quarantine"), **about | {"generation": 3} | given)
        return bool(row["exists"])

    assert [may(**given) for given, _ in asked] == [told for _, told in asked]
    office.rows("update exchange.quarantine set state = 'dismissed' returning 1")
    assert not may()


@pytest.mark.parametrize("who", [{"XK_XDR_SHXYM": ""}, WRONG, PERSON | {"XK_XDR_ZJHM": ""}])
def test_a_withdrawal_by_name_alone_of_what_goes_by_a_code_is_not_taken_for_done(
    office: Office, who: dict[str, str]
) -> None:
    order = {"_operation": "撤下"} | who
    number = office.deliver([order, order | {"XK_XDR_LB": ""}, order | {"XK_XDR_SHXYM": "0" * 17 + "X"}, {}])
    office.validate(number)
    assert office.quarantined(number) == {2: {"S16", "OP03"}, 3: {"S16", "OP03"}}
    assert [row["line_no"] for row in office.accepted(number)] == [4, 5]  # what has no code goes by its name
    office.validate(office.deliver([{"_operation": "撤下"}] * 2, day=2))
    corrected = [] if "XK_XDR_MC" in who else ["corrected"] * 2
    assert [r["state"] for r in office.rows("select state from exchange.quarantine where state <> 'open'")] == corrected


@pytest.mark.parametrize(
    ("known", "order"),
    [
        ({}, {"_operation": "撤消"}),
        ({}, {"_operation": "撤消"} | WRONG),
        ({"XK_XDR_SHXYM": "0" * 17 + "X", "XK_XDR_GSZC": "350112564678810"}, {"_operation": "撤消"}),
        ({}, {"_operation": "撤下", "_sequence": "-1"}),
    ],
)
def test_a_withdrawal_in_quarantine_is_settled_by_a_withdrawal_and_not_by_the_next_full_file(
    office: Office, known: dict[str, str], order: dict[str, str]
) -> None:
    first = office.deliver([known, {}, {}], day=1)
    office.validate(first)
    merge(office.exchange, first)
    office.validate(office.deliver([order, {}, {}], day=2))
    states = "select state from exchange.quarantine"
    office.validate(office.deliver([{}, {}, {}], day=3))
    assert [row["state"] for row in office.rows(states)] == ["open"]
    office.validate(office.deliver([{"_operation": "撤下"}, {}, {}], day=4))
    assert [row["state"] for row in office.rows(states)] == ["corrected"]


def test_what_cannot_have_been_a_withdrawal_is_settled_by_the_record(office: Office) -> None:
    # known are another agency's decision of that number, and another one of the agency
    first = office.deliver([{"XK_XKJGDM": "11350100003600000U"}, {}], day=1)
    office.validate(first)
    merge(office.exchange, first)
    office.validate(office.deliver([{"_operation": "新增"}, {"XK_NR": ""}, {}], day=2))
    office.validate(office.deliver([{}, {}, {}], day=3))
    assert [row["state"] for row in office.rows("select state from exchange.quarantine")] == ["corrected"] * 2
