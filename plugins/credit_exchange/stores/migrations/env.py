"""Runs our migrations in our own database; the SQL is in include/sql."""

from alembic import context
from sqlalchemy import create_engine, text

config = context.config
engine = create_engine(config.attributes["url"], hide_parameters=True)
with engine.connect() as connection:
    connection.execute(text("create schema if not exists exchange"))
    connection.execute(text("create schema if not exists report"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=None,
        version_table=config.attributes["version_table"],
        version_table_schema="exchange",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
