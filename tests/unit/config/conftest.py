"""A configuration to make mistakes in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from credit_exchange.config.loader import config_root


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped configuration in a directory of its own."""
    for folder in ("catalog", "feeds", "platforms", "sharing", "calendar"):
        shutil.copytree(config_root() / folder, tmp_path / folder)
    return tmp_path
