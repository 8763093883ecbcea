"""What all tests share: a real PostgreSQL server for the session, a fresh database for each test that wants one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from credit_exchange.laptop.ports import free_port
from credit_exchange.laptop.postgres import EmbeddedPostgres

TEMPLATE = "exchange_template"

# what a developer has set for trying out must not decide what the tests find; nothing here may go through a proxy
for _name in [name for name in os.environ if name.startswith(("CREDIT_EXCHANGE_", "AIRFLOW_CONN_", "AIRFLOW__"))]:
    del os.environ[_name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


def _quickest_place() -> str | None:
    """Memory where there is plenty, since each test's database is hundreds of files; else where temporary files go."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return None
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return str(memory) if min(shutil.disk_usage(memory).free, available) > 8 * 2**30 else None


@pytest.fixture(scope="session")
def pg_server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server of this test session, on a free port, gone with the session."""
    directory = Path(tempfile.mkdtemp(prefix="credit-exchange-test-", dir=_quickest_place()))
    directory.chmod(0o711)  # started by root, the server runs as nobody and must get in
    server = EmbeddedPostgres(directory / "postgres", free_port(), durable=False)
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(pg_server: EmbeddedPostgres) -> str:
    """The name of a database with our schema and no rows; copied for each test."""
    from credit_exchange.stores.database import migrate

    pg_server.create_database(TEMPLATE)
    migrate(pg_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_database_url(pg_server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh database without any table."""
    name = f"empty_{uuid4().hex[:12]}"
    pg_server.create_database(name)
    yield pg_server.url(name)
    pg_server.drop_database(name)


@pytest.fixture
def database_url(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of a fresh database with our schema, set as CREDIT_EXCHANGE_DATABASE_URL, with a landing of its own."""
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    name = f"test_{uuid4().hex[:12]}"
    pg_server.create_database(name, template=migrated_template)
    url = pg_server.url(name)
    monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", url)
    yield url
    pg_server.drop_database(name)
