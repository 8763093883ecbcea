"""A small city, made once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from city.generate import generate

UNTIL = date(2026, 11, 22)


@pytest.fixture(scope="session")
def city_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Home and inbox of a city of three days."""
    root = tmp_path_factory.mktemp("city")
    generate(root / "home", root / "inbox", seed=7, until=UNTIL, days=3)
    return root / "home", root / "inbox"
