"""Great Expectations suites generated from the catalogue.

One suite for each data set and schema version, one expectation for each rule and field it reports on. An expectation
looks at a column of verdicts (True = the rule holds for this row) that `checks` worked out from the delivered chunk, so
no personal data ever enters a result, and the positions it gives back are complete: they decide what is quarantined.
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
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)

from credit_exchange.config.catalog import Dataset, Effect, Rule, SchemaVersion
from credit_exchange.errors import FatalError
from credit_exchange.steps.validate.checks import BATCH_CHECKS, CHECKS, Case, applies, fields_of

_RESULT_FORMAT = {"result_format": "COMPLETE", "include_unexpected_rows": False, "return_unexpected_index_query": False}


class CatalogueRuleHolds(ColumnMapMetricProvider):
    """The metric behind the expectation: a verdict column is its own condition."""

    condition_metric_name = "column_values.catalogue_rule_holds"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], **_kwargs: Any) -> pd.Series[Any]:
        """Return the verdicts themselves."""
        return column


class ExpectCatalogueRuleToHold(ColumnMapExpectation):
    """Expect a rule of the catalogue to hold for every row."""

    map_metric = "column_values.catalogue_rule_holds"
    success_keys = ("mostly",)
    args_keys = ("column",)


@dataclass(frozen=True)
class Planned:
    """One expectation: a rule on one field, its verdict column and what the department reads."""

    rule: Rule
    field: str
    column: str
    message: str

    @property
    def effect(self) -> Effect:
        """What happens to a row that fails."""
        return self.rule.on_failure


def plan(dataset: Dataset, version: SchemaVersion) -> list[Planned]:
    """The expectations of a data set and schema version, in the catalogue's order."""
    planned: list[Planned] = []
    for rule in dataset.rules:
        for code in fields_of(dataset, version, rule):
            column = f"{len(planned):03d} {rule.id} {code}"
            planned.append(Planned(rule, code, column, message_of(dataset, rule, code)))
    return planned


def message_of(dataset: Dataset, rule: Rule, code: str) -> str:
    """The rule's message for one field: {name}, {length}, {values} and {limit} filled in."""
    spec = dataset.fields.get(code)
    known = {
        "name": spec.name if spec else code,
        "length": str(spec.length or "") if spec else "",
        "values": "、".join(spec.values) if spec else "",
        "limit": rule.limit or "",
    }
    text = rule.message
    for key, value in known.items():
        text = text.replace("{" + key + "}", value)
    return text


@dataclass
class Tally:
    """How many rows of a batch failed one expectation, and how many it spoke about."""

    failed: int = 0
    checked: int = 0


class Judge:
    """Runs the suite over the chunks of one batch and keeps the score."""

    def __init__(self, dataset: Dataset, version: SchemaVersion) -> None:
        self.planned = plan(dataset, version)
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self._chunkwise = [p for p in self.planned if p.rule.check not in BATCH_CHECKS]
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
        suite = gx.ExpectationSuite(
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
        definition = asset.add_batch_definition_whole_dataframe("whole")
        self._validation: Any = context.validation_definitions.add(
            gx.ValidationDefinition(name=suite.name, data=definition, suite=context.suites.add(suite))
        )

    def judge(self, case: Case) -> dict[str, npt.NDArray[np.int64]]:
        """Return the failing positions of each verdict column; every one, never a capped list.

        Raises FatalError when Great Expectations could not evaluate an expectation.
        """
        rows = len(case.sheet.frame)
        verdicts: dict[str, npt.NDArray[np.bool_]] = {}
        spoken: dict[int, npt.NDArray[np.bool_]] = {}
        for item in self._chunkwise:
            rule = item.rule
            if id(rule) not in spoken:
                spoken[id(rule)] = applies(case, rule)
            mask = spoken[id(rule)]
            self.tallies[item.column].checked += int(mask.sum())
            failed = CHECKS[rule.check](case, rule, item.field) & mask if mask.any() else mask
            verdicts[item.column] = ~failed if mask.any() else np.ones(rows, dtype=np.bool_)
        if not rows:
            return {}
        frame = pd.DataFrame(verdicts, index=pd.RangeIndex(rows))
        outcome = self._validation.run(batch_parameters={"dataframe": frame}, result_format=_RESULT_FORMAT)
        failures: dict[str, npt.NDArray[np.int64]] = {}
        for result in outcome.results:
            column = result.expectation_config.kwargs["column"]
            if result.exception_info and result.exception_info.get("raised_exception"):
                raise FatalError(f"validate: expectation {column!r} could not be evaluated; report it with this line")
            positions = np.asarray(result.result.get("unexpected_index_list") or [], dtype=np.int64)
            if len(positions) != result.result["unexpected_count"]:
                raise FatalError(f"validate: the expectation {column!r} counts more failures than it names; report it")
            if len(positions):
                failures[column] = positions
                self.tallies[column].failed += len(positions)
        return failures
