"""Imported by every Airflow process at its start (this directory is on the path).

The processes that fork workers import the heavy libraries once, here; each task then starts with them shared.
Eight parallel tasks that each import Great Expectations take fifteen seconds on two cores otherwise, and two so.
"""

from __future__ import annotations

import importlib
import sys

_FORKING = ("scheduler", "celery")
_SHARED = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.decorators.python",
    "pandas",
    "great_expectations",
    "requests",
    "sqlalchemy",
    "psycopg",
    "pyarrow.parquet",
    "lxml.etree",
    "python_calamine",
    # our own steps: half a second of each task otherwise
    "credit_exchange.steps.collect",
    "credit_exchange.steps.validate",
    "credit_exchange.steps.merge",
    "credit_exchange.steps.release",
    "credit_exchange.steps.push",
    "credit_exchange.steps.reference",
)

if len(sys.argv) > 1 and sys.argv[1] in _FORKING:
    for _name in _SHARED:
        importlib.import_module(_name)
