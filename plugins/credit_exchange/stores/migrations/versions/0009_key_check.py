"""A database knows the keys it is written with: another key is refused before it makes new ids for every record.

A database made from the present include/sql/schema has this already and is left as it is. The keys that are used first
after the migration are taken for the right ones.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.key_check')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/31_key_check"))


def downgrade() -> None:
    """Drop the table: nothing of the version before reads it."""
    op.get_bind().exec_driver_sql("drop table exchange.key_check")
