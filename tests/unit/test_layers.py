"""Imports go downwards only, files stay readable, and what is forbidden is absent."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins" / "credit_exchange"
LEVELS = {"errors": 0, "core": 1, "config": 2, "stores": 3, "steps": 4, "ui": 6, "cli": 6, "adapters": 6, "laptop": 6}
SOURCES = sorted(
    path
    for folder in ("plugins", "dags", "tests", "include/sandbox", "config")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


def _imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions; `from x import y` counts as x and x.y."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _level(module: str) -> int | None:
    parts = module.split(".")
    return LEVELS.get(parts[1]) if parts[0] == "credit_exchange" and len(parts) > 1 else None


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if PACKAGE in p.parents], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_go_downwards_only(path: Path) -> None:
    own = LEVELS.get(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    if own is None:
        return
    above = {name for name in _imports(path) if (level := _level(name)) is not None and level > own}
    assert not above, f"{path.relative_to(ROOT)} imports upwards: {sorted(above)}"


@pytest.mark.parametrize("folder", ["core", "config"])
def test_the_core_knows_neither_airflow_nor_database_nor_http(folder: str) -> None:
    for path in (PACKAGE / folder).rglob("*.py"):
        heavy = {name.split(".")[0] for name in _imports(path)} & {"airflow", "sqlalchemy", "requests", "psycopg"}
        assert not heavy, f"{path.relative_to(ROOT)} imports {heavy}"


def test_only_the_adapters_import_airflow() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in ("adapters", "ui"):
            continue
        found = {name for name in _imports(path) if name.split(".")[0] == "airflow"}
        assert not found, f"{path.relative_to(ROOT)} imports {found}; put it into adapters/"


def test_the_sandbox_does_not_lean_on_the_product() -> None:
    for path in (ROOT / "include" / "sandbox").rglob("*.py"):
        if "bench" in path.parts:
            continue  # the benchmark measures the product
        assert not {n for n in _imports(path) if n.split(".")[0] == "credit_exchange"}, path


def test_nothing_of_the_product_leans_on_the_sandbox() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not {n for n in _imports(path) if n.split(".")[0] in ("city", "platforms")}, path


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_row_by_row_work_and_no_unverified_tls() -> None:
    forbidden = {"to_sql", "iterrows", "itertuples"}
    for path in SOURCES:
        if "tests" in path.parts or "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in forbidden, f"{path.relative_to(ROOT)}:{node.lineno} uses {node.attr}"
            if isinstance(node, ast.keyword) and node.arg == "verify":
                constant = isinstance(node.value, ast.Constant) and node.value.value is False
                assert not constant, f"{path.relative_to(ROOT)}:{node.value.lineno} switches certificate checks off"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "apply":
                axes = [k for k in node.keywords if k.arg == "axis"]
                assert not axes, f"{path.relative_to(ROOT)}:{node.lineno} applies row by row"
