"""Great Expectations suites generated from the catalogue.

One suite for each data set and schema version, one expectation for each rule and field it reports on. An expectation
looks at a column of verdicts (True = the rule holds for this row) that `checks` worked out from the delivered rows, so
no personal data ever enters a result. What one run costs hardly depends on the number of rows; the verdicts of many
chunks are therefore judged together. The rows that it names must be the very rows that were sorted out, each of them:
else the batch fails, and nothing of it has been written.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # before the import: nothing of ours calls outside

import great_expectations as gx
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

from credit_exchange.config.catalog import Dataset, SchemaVersion
from credit_exchange.config.checks import BATCH_CHECKS
from credit_exchange.config.feed import Feed
from credit_exchange.errors import FatalError
from credit_exchange.steps.validate.checks import CHECKS, Case, applies
from credit_exchange.steps.validate.plan import plan

WINDOW_ROWS = 150_000
"""Rows whose verdicts are judged in one run: a byte each for every expectation."""
_FAILING = "catalogue_rule.failing_rows"


class FailingRows(MetricProvider):
    """The metric behind the expectation: the positions of the rows whose verdict is not True."""

    metric_name = _FAILING
    domain_keys = ("batch_id", "column")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls, execution_engine: PandasExecutionEngine, metric_domain_kwargs: dict[str, Any], **_kwargs: Any
    ) -> npt.NDArray[np.int64]:
        """Return the positions, ascending."""
        frame = execution_engine.get_domain_records(domain_kwargs={"batch_id": metric_domain_kwargs["batch_id"]})
        return np.flatnonzero(~frame[metric_domain_kwargs["column"]].to_numpy())


class ExpectCatalogueRuleToHold(ColumnAggregateExpectation):
    """Expect a rule of the catalogue to hold for every row; the result names every row for which it does not.

    It asks for one metric. A ColumnMapExpectation works out six, with their samples and percentages: a second and more
    for the hundred expectations of every batch, however small.
    """

    def get_validation_dependencies(
        self, execution_engine: ExecutionEngine[Any] | None = None, runtime_configuration: dict[str, Any] | None = None
    ) -> ValidationDependencies:
        """Return the one metric."""
        domain = {"batch_id": self.batch_id, "column": self.column}
        return ValidationDependencies(
            metric_configurations={_FAILING: MetricConfiguration(_FAILING, metric_domain_kwargs=domain)},
            result_format=(runtime_configuration or {}).get("result_format", {}),
        )

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        failing = metrics[_FAILING]
        return {"success": not len(failing), "result": {"unexpected_index_list": failing.tolist()}}


@dataclass
class Tally:
    """How many rows of a batch failed one expectation, and how many it spoke about."""

    failed: int = 0
    checked: int = 0


class Judge:
    """Works out the verdicts of one batch, chunk by chunk, runs the suite over them and keeps the score."""

    def __init__(
        self,
        dataset: Dataset,
        version: SchemaVersion,
        window_rows: int = WINDOW_ROWS,
        feed: Feed | None = None,
    ) -> None:
        self.planned = plan(dataset, version, feed)
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self._chunkwise = [p for p in self.planned if p.rule.check not in BATCH_CHECKS]
        self._window_rows = window_rows
        # expectations x rows, and how many of the rows are taken; memory that is never written to costs nothing
        self._verdicts = np.empty((len(self._chunkwise), window_rows), dtype=np.bool_)
        self._rows = 0
        # in memory, quiet, and without the temporary folder that the default gives to Data Docs we do not use
        context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
                progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
                analytics_enabled=False,
            ),
        )
        # handed over at once: add_expectation compares each new one with all before it
        self._suite: Any = gx.ExpectationSuite(
            name=f"{dataset.dataset}.{version.id}",
            expectations=[
                ExpectCatalogueRuleToHold(
                    column=item.column,
                    severity=FailureSeverity.WARNING if item.effect == "warn" else FailureSeverity.CRITICAL,
                    meta={"rule_id": item.rule.id, "field": item.field, "on_failure": item.effect},
                )
                for item in self._chunkwise
            ],
        )
        asset = context.data_sources.add_pandas("batch").add_dataframe_asset("chunk")
        self._chunk: Any = asset.add_batch_definition_whole_dataframe("whole")

    def judge(self, case: Case) -> dict[str, npt.NDArray[np.int64]]:
        """Return the failing positions of each verdict column that has some, by its name; every one of them.

        They are provisional until :meth:`finish` has returned. Raises as :meth:`finish`.
        """
        rows = len(case.sheet.frame)
        if self._rows + rows > self._window_rows:
            self.finish()
            if rows > self._window_rows:
                self._window_rows = rows
                self._verdicts = np.empty((len(self._chunkwise), rows), dtype=np.bool_)
        verdicts = self._verdicts[:, self._rows : self._rows + rows]
        verdicts.fill(True)
        spoken: dict[int, tuple[npt.NDArray[np.bool_], int]] = {}
        failures: dict[str, npt.NDArray[np.int64]] = {}
        for place, item in enumerate(self._chunkwise):
            rule = item.rule
            if id(rule) not in spoken:
                mask = applies(case, rule)
                spoken[id(rule)] = mask, int(np.count_nonzero(mask))
            mask, count = spoken[id(rule)]
            self.tallies[item.column].checked += count
            if not count:
                continue
            failed = CHECKS[rule.check](case, rule, item.field) & mask
            np.logical_not(failed, out=verdicts[place])
            if failed.any():
                failures[item.column] = np.flatnonzero(failed)
        self._rows += rows
        return failures

    def finish(self) -> None:
        """Have all verdicts judged; only then do the tallies count every failure.

        Raises FatalError when Great Expectations could not evaluate an expectation, or names other rows than those that
        :meth:`judge` gave out.
        """
        if self._rows:
            self._run()

    def _run(self) -> None:
        # an expectation is a row of the matrix and so lies in one piece: pandas takes the matrix as it is
        verdicts = self._verdicts[:, : self._rows]
        self._rows = 0
        frame = pd.DataFrame(verdicts.T, columns=[item.column for item in self._chunkwise], copy=False)
        # judged by the batch, not by a validation definition, which would write all of it down as JSON a second time
        outcome = self._chunk.get_batch({"dataframe": frame}).validate(self._suite, result_format="COMPLETE")
        places = {item.column: place for place, item in enumerate(self._chunkwise)}
        for result in outcome.results:
            column = result.expectation_config.kwargs["column"]
            named = result.result.get("unexpected_index_list")
            if named is None:  # what was raised stands in exception_info, in one of two shapes
                raise FatalError(f"校验：检查项 {column!r} 无法执行，本批次没有写入；请附上本行报告")
            positions = np.asarray(named, dtype=np.int64)
            sorted_out = np.flatnonzero(~verdicts[places.pop(column)])
            if not np.array_equal(positions, sorted_out) or result.success != (not len(sorted_out)):
                raise FatalError(f"校验：检查项 {column!r} 指明的行与挑出的行不同，本批次没有写入；请附上本行报告")
            self.tallies[column].failed += len(positions)
        if places:
            raise FatalError(f"校验：有 {len(places)} 个检查项没有执行，本批次没有写入；请附上本行报告")
