"""Runs our migrations in our own database; the SQL is in include/sql."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from credit_exchange.stores import sql

config = context.config
engine = create_engine(config.attributes["url"], hide_parameters=True, poolclass=NullPool)
with engine.connect() as connection:
    # until the connection ends: two that create or grant the same at once would both fail
    connection.execute(text("select pg_advisory_lock(4205, 0)"))
    connection.execute(text("create schema if not exists exchange"))
    connection.execute(text("create schema if not exists report"))
    # from here on; the other one that migrates is waited for as long as it takes
    connection.execute(
        text("select set_config('lock_timeout', :wait, false)"), {"wait": config.attributes["lock_timeout"]}
    )
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
    if connection.execute(text("select to_regclass('report.published')")).scalar() is not None:
        # every time: where we may not make roles, an administrator makes this one, and perhaps later than the views
        for name in sql.names("role"):
            connection.exec_driver_sql(sql.source(name))
        connection.commit()
engine.dispose()
