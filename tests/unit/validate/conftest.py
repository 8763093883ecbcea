"""The two data sets of the catalogue, ready to judge rows."""

from __future__ import annotations

import pytest
from validate_bench import Bench, dataset


@pytest.fixture(scope="session")
def permit() -> Bench:
    """Permits."""
    return Bench(dataset("permit"))


@pytest.fixture(scope="session")
def penalty() -> Bench:
    """Penalties."""
    return Bench(dataset("penalty"))
