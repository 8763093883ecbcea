"""`airflow db migrate` brings our own database up to date, and never touches it otherwise."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from credit_exchange.errors import ConfigurationError
from credit_exchange.stores.database import connect


def test_our_schema_is_migrated_in_our_own_database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.utils.db_manager import RunDBManager

    from credit_exchange.adapters.db_manager import ExchangeDBManager

    monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", empty_database_url)
    RunDBManager._validate(ExchangeDBManager)  # type: ignore[arg-type]
    manager = ExchangeDBManager(session=None)
    assert manager.get_current_revision() is None
    assert manager.check_migration() is False
    manager.initdb()
    manager.upgradedb()
    assert manager.check_migration() is True
    manager.drop_tables(None)
    engine = connect(empty_database_url)
    with engine.connect() as connection:
        found = connection.execute(text("select version_num from exchange.credit_exchange_version")).scalars().all()
        assert found == [manager.get_current_revision()]
        assert connection.execute(text("select count(*) from exchange.night")).scalar_one() == 0
    engine.dispose()


def test_without_our_database_the_migration_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from credit_exchange.adapters.db_manager import ExchangeDBManager

    monkeypatch.delenv("CREDIT_EXCHANGE_DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match="CREDIT_EXCHANGE_DATABASE_URL"):
        ExchangeDBManager(session=None).upgradedb()
