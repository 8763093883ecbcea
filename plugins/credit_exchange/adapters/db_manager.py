"""Our schema under `airflow db migrate`: migrates the exchange's own database, never Airflow's.

Set `AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS=credit_exchange.adapters.db_manager.ExchangeDBManager`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.utils.db_manager import BaseDBManager
from alembic import command
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from credit_exchange.stores import database

if TYPE_CHECKING:
    from alembic.config import Config


class ExchangeDBManager(BaseDBManager):
    """Runs the exchange's migrations on CREDIT_EXCHANGE_DATABASE_URL."""

    metadata = MetaData()  # nothing of ours lies in Airflow's database
    migration_dir = str(database.MIGRATIONS)
    alembic_file = ""
    version_table_name = database.VERSION_TABLE
    supports_table_dropping = False  # `airflow db reset` must never touch the record of truth
    revision_heads_map: ClassVar[dict[str, str]] = {}

    def get_alembic_config(self) -> Config:
        """Return our migrations' configuration. Raises ConfigurationError when our database is not configured."""
        return database.alembic_config()

    def get_current_revision(self) -> str | None:
        """Return the revision our database is at; None when it was never migrated."""
        engine = database.connect(pool_size=1)
        try:
            with engine.connect() as connection:
                options = {"version_table": self.version_table_name, "version_table_schema": "exchange"}
                return MigrationContext.configure(connection, opts=options).get_current_revision()
        finally:
            engine.dispose()

    def initdb(self, use_migration_files: bool = False) -> None:
        """Create our tables, always by the migrations."""
        self.upgradedb()

    def upgradedb(
        self,
        to_revision: str | None = None,
        from_revision: str | None = None,
        show_sql_only: bool = False,
        use_migration_files: bool = False,
    ) -> None:
        """Bring our schema up to date; `show_sql_only` is refused, since our migrations run from SQL files."""
        if show_sql_only:
            raise ValueError("the exchange's migrations are SQL files: read include/sql/schema instead")
        database.migrate(revision=to_revision or "head")
        self.log.info("信用数据交换的数据库已是最新版本")

    def downgrade(self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False) -> None:
        """Take migrations back to a revision, as far as they allow it."""
        command.downgrade(self.get_alembic_config(), to_revision, sql=show_sql_only)

    def drop_tables(self, connection: Any) -> None:
        """Drop nothing: `airflow db reset` is about Airflow's tables."""
