"""What a drain concludes from shipments that a platform refuses as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from credit_exchange.steps.push.apart import Apart, Finding
from credit_exchange.steps.push.dialects.base import Label, Line, Shipment

AT = datetime(2026, 11, 22, tzinfo=UTC)


def shipment(numbers: Iterable[int], *, dataset: str = "permit", op: str = "upsert", moved: int = 0) -> Shipment:
    """Return a shipment of records by number; moved: it is packed again, so that its rows have other ids."""
    label = Label("no", "no", "key", dataset, dataset, op, AT)
    lines = [Line(place, number + moved, f"r{number}", 1) for place, number in enumerate(numbers, 1)]
    return Shipment(label, b"", lines, 1)


def parts(apart: Apart) -> list[list[int]]:
    return list(iter(apart.next, None))


@pytest.mark.parametrize(
    ("too_large", "taken", "told"),
    [
        (False, False, [[1], [6], [10], [2, 3, 4, 5], [7, 8, 9]]),
        (False, True, [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]),
        (True, False, [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]),
    ],
)
def test_how_a_refused_shipment_goes_afresh(too_large: bool, taken: bool, told: list[list[int]]) -> None:
    apart = Apart()
    if taken:
        assert apart.refused(shipment(range(1, 11))) is Finding.SPLIT
        parts(apart)
        apart.taken(shipment([99]))
    assert apart.refused(shipment(range(1, 11)), too_large=too_large) is Finding.SPLIT
    assert parts(apart) == told


@pytest.mark.parametrize("size", range(2, 10))
@pytest.mark.parametrize("too_large", [False, True])
def test_every_record_of_it_goes_afresh_once(size: int, too_large: bool) -> None:
    apart = Apart()
    apart.refused(shipment(range(size)), too_large=too_large)
    assert sorted(one for part in parts(apart) for one in part) == list(range(size))


def test_what_is_too_large_goes_before_what_waits_to_be_tried_and_what_is_known_to_be_one_of_them_after() -> None:
    apart = Apart()
    apart.refused(shipment([1, 2, 3]))
    assert apart.next() == [1]
    apart.taken(shipment([1]))
    apart.refused(shipment([11, 12, 13], dataset="red_list"), too_large=True)
    apart.refused(shipment([2, 3], moved=50))
    assert parts(apart) == [[11, 12], [13], [2], [3], [52], [53]]


def test_a_record_is_guilty_when_others_of_its_kind_were_taken_after_it_was_first_refused() -> None:
    apart = Apart()
    apart.taken(shipment([8]))
    assert apart.refused(shipment([1])) is Finding.ASIDE  # it may be since then that nothing is taken
    apart.taken(shipment([9], dataset="red_list"))
    apart.taken(shipment([9], op="withdraw"))
    assert parts(apart) == []
    assert apart.refused(shipment([1], moved=50)) is Finding.ASIDE
    apart.taken(shipment([9]))
    assert parts(apart) == [[1], [51]]
    assert apart.refused(shipment([1], moved=90)) is Finding.GUILTY
    later = shipment([1])
    newer = Shipment(later.label, b"", [later.lines[0]._replace(version=2)], 1)
    assert apart.refused(newer) is Finding.ASIDE, "another version is another content"


def test_three_by_themselves_are_enough_of_one_shipment_and_one_more_of_another_shows_that_it_is_all_of_its_kind() -> (
    None
):
    apart = Apart()
    apart.refused(shipment([71, 72], dataset="red_list"))
    apart.refused(shipment(range(1, 11)))
    assert [apart.next(), apart.next()] == [[71], [72]]
    for number in (1, 6, 10):
        assert apart.next() == [number]
        assert apart.refused(shipment([number], moved=50)) is Finding.ASIDE
    assert parts(apart) == [], "what is left of it is not tried before something of its kind is taken"
    apart.refused(shipment([81, 82], dataset="red_list"))
    assert apart.refused(shipment([11])) is Finding.BROKEN
    assert parts(apart) == [[81], [82]], "of another kind it is tried"
    apart.taken(shipment([9]))
    assert parts(apart) == [[51], [56], [60], [2, 3, 4, 5], [7, 8, 9], [11]]
    assert parts(apart) == []


def test_what_was_taken_lets_counting_begin_anew() -> None:
    apart = Apart()
    for number in (1, 2):
        assert apart.refused(shipment([number])) is Finding.ASIDE
    apart.taken(shipment([9]))
    parts(apart)
    apart.refused(shipment(range(11, 21)))
    for number in (11, 16):
        assert apart.next() == [number]
        assert apart.refused(shipment([number], moved=50)) is Finding.ASIDE
    assert apart.next() == [20], "these are not the third and fourth in a row"
    assert apart.refused(shipment([20], moved=50)) is Finding.ASIDE, "and they are of one shipment"


def test_after_three_hundred_refusals_the_rest_waits_for_the_next_drain() -> None:
    apart = Apart()
    for number in range(300):
        assert apart.refused(shipment([2 * number, 2 * number + 1])) is Finding.SPLIT
    apart.taken(shipment([9999]))
    assert apart.refused(shipment([0, 1])) is Finding.ASIDE
    assert apart.refused(shipment([0])) is Finding.GUILTY, "what goes by itself is judged all the same"


def test_shipments_of_a_lane_are_too_large_when_two_of_them_are_not_two_parts_of_one() -> None:
    apart = Apart()
    apart.refused(shipment([1, 2, 3, 4]), too_large=True)
    apart.refused(shipment([1, 2], moved=50), too_large=True)
    apart.refused(shipment([3, 4], moved=50), too_large=True)
    apart.refused(shipment([5, 6]))
    apart.refused(shipment([7, 8], dataset="red_list"), too_large=True)
    assert (apart.is_size("permit"), apart.is_size("red_list")) == (False, False)
    apart.refused(shipment([11, 12]), too_large=True)
    assert (apart.is_size("permit"), apart.is_size("red_list")) == (True, False)
