"""Volume: verdicts of many chunks go through Great Expectations together; repeats are found without keeping texts."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from validate_bench import DAY, KEYS, Bench

from credit_exchange.errors import FatalError
from credit_exchange.steps.accepted_rows import SCHEMA
from credit_exchange.steps.validate.accepted import Writer
from credit_exchange.steps.validate.checks import Case
from credit_exchange.steps.validate.expectations import Judge
from credit_exchange.steps.validate.identity import identify


def case(bench: Bench, changes: list[dict[str, str]]) -> Case:
    """A chunk of good rows with these changes."""
    sheet = bench.sheet([bench.good | change for change in changes])
    who = identify(bench.dataset, KEYS, sheet.frame)
    return Case(bench.dataset, bench.dataset.current, sheet, who.kind, who.code, who.identified, DAY)


@pytest.mark.parametrize("window_rows", [1, 4, 5, 100])
def test_the_score_does_not_depend_on_how_many_chunks_are_judged_together(permit: Bench, window_rows: int) -> None:
    judge = Judge(permit.dataset, permit.dataset.current, window_rows)
    wrong = {"XK_NR": ""}
    found = [judge.judge(case(permit, changes)) for changes in ([{}, wrong], [], [wrong, {}, wrong], [{}, {}])]
    judge.finish()
    column = next(p.column for p in judge.planned if (p.rule.id, p.field) == ("S01", "XK_NR"))
    assert [chunk.get(column, np.array([])).tolist() for chunk in found] == [[1], [], [0, 2], []]
    assert (judge.tallies[column].failed, judge.tallies[column].checked) == (3, 7)
    assert sum(tally.failed for tally in judge.tallies.values()) == 3


def test_great_expectations_has_the_last_word(permit: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(permit.dataset, permit.dataset.current)
    judge.judge(case(permit, [{}, {"XK_NR": ""}]))
    batch_of = type(judge._chunk).get_batch

    def other_rows(self: Any, parameters: dict[str, pd.DataFrame]) -> Any:
        return batch_of(self, {"dataframe": parameters["dataframe"].iloc[::-1].reset_index(drop=True)})

    monkeypatch.setattr(type(judge._chunk), "get_batch", other_rows)
    with pytest.raises(FatalError, match="与挑出的行不同"):
        judge.finish()


def test_an_expectation_that_could_not_be_evaluated_fails_the_batch(
    permit: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judge(permit.dataset, permit.dataset.current)
    judge.judge(case(permit, [{}]))
    batch_of = type(judge._chunk).get_batch

    def without_a_column(self: Any, parameters: dict[str, pd.DataFrame]) -> Any:
        return batch_of(self, {"dataframe": parameters["dataframe"].iloc[:, 1:]})

    monkeypatch.setattr(type(judge._chunk), "get_batch", without_a_column)
    with pytest.raises(FatalError, match="无法执行"):
        judge.finish()


def test_an_expectation_that_was_not_evaluated_fails_the_batch(permit: Bench) -> None:
    judge = Judge(permit.dataset, permit.dataset.current)
    judge.judge(case(permit, [{}]))
    judge._suite.expectations.pop()
    with pytest.raises(FatalError, match="有 1 个检查项没有执行"):
        judge.finish()


def accepted(lines: list[tuple[str, str, str, str]]) -> pa.Table:
    """Accepted rows of which only id, operation, sequence and digest matter here."""
    given = pd.DataFrame(lines, columns=["record_id", "operation", "sequence", "content_digest"], dtype="str")
    columns = {name: given[name].tolist() if name in given else [None] * len(lines) for name in SCHEMA.names}
    return pa.table({name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}, SCHEMA)


def test_repeats_and_conflicts_are_found_across_chunks() -> None:
    one, half, other = "ab" * 16, "ab" * 8 + "cd" * 8, "12" * 16  # `half` begins as `one` does
    same, changed = "00" * 32, "00" * 31 + "01"
    chunks = [
        [(one, "upsert", "", same), (half, "upsert", "", same), (other, "withdraw", "1", same)],
        [(one, "upsert", "7", same), (other, "withdraw", "2", same), (other, "reinstate", "3", changed)],
        [(one, "withdraw", "", changed), (half, "upsert", "", changed), (other, "withdraw", "2", same)],
    ]
    with Writer(io.BytesIO()) as writer:
        for chunk in chunks:
            writer.add(accepted(chunk))
        repeats, conflicts = writer.close()
    assert np.flatnonzero(repeats).tolist() == [3, 8]
    assert np.flatnonzero(conflicts).tolist() == [1, 7]
