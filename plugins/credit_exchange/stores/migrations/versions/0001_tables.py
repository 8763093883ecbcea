"""The tables of the exchange, as include/sql/schema has them."""

from alembic import op

from credit_exchange.stores import sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, then the reporting views and the read-only role."""
    connection = op.get_bind()
    for folder in ("schema", "report", "role"):
        for name in sql.names(folder):
            connection.exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """There is nothing before the first version: drop the database instead."""
    raise NotImplementedError("the first version cannot be taken back; drop the database")
