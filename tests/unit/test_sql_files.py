"""Every SQL file says why it exists, holds one statement that parses, and is used by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot

from credit_exchange.stores import sql

FILES = sorted(sql.ROOT.rglob("*.sql"))
WHOLE_FOLDERS = {"schema", "report", "role"}
ROOT = sql.ROOT.parents[1]
CODE = "\n".join(p.read_text(encoding="utf-8") for folder in ("plugins", "dags") for p in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(sql.ROOT)))
def test_the_first_line_says_why_it_exists(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"-- \S.{15,}", first), "begin with a comment that says why the statement exists"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(sql.ROOT)))
def test_it_parses_as_postgresql(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.parent.name == "role" or re.search(r"^copy\b", text, re.M):
        return  # `do` blocks and COPY are PostgreSQL's own; they run in every test on a database
    parsed = [s for s in sqlglot.parse(text, read="postgres") if s is not None]
    allowed = 6 if path.parent.name == "schema" else 1  # a table comes with its indexes
    assert 1 <= len(parsed) <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(sql.ROOT)))
def test_somebody_uses_it(path: Path) -> None:
    if path.parent.name in WHOLE_FOLDERS:
        return
    folder, name = path.parent.name, path.stem
    named = f'"{folder}/{name}"' in CODE or f'"{name}"' in CODE or (f"{folder}/{{" in CODE and name in CODE)
    for place in (p for p, letter in enumerate(name, 1) if letter == "_"):  # f"record_{part}" with "part" in a list
        begins = any(f'f"{prefix}{name[:place]}{{' in CODE for prefix in (f"{folder}/", ""))
        named = named or (begins and re.search(rf"[\"' ]{name[place:]}[\"' ]", CODE) is not None)
    assert named, f"nothing loads include/sql/{folder}/{name}.sql: delete it"
