"""SQL as a library: one statement or view a file under include/sql, loaded by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

ROOT = Path(__file__).resolve().parents[3] / "include" / "sql"


@cache
def source(name: str) -> str:
    """Return the text of include/sql/<name>.sql. Raises FileNotFoundError when there is none."""
    return (ROOT / f"{name}.sql").read_text(encoding="utf-8")


@cache
def load(name: str) -> TextClause:
    """Return the statement include/sql/<name>.sql with its `:name` parameters, ready for SQLAlchemy."""
    return text(source(name))


def names(folder: str) -> list[str]:
    """Return the names of all statements of a folder, in file-name order."""
    return [f"{folder}/{path.stem}" for path in sorted((ROOT / folder).glob("*.sql"))]
