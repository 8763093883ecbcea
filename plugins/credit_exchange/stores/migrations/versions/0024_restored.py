"""That the database was restored from a backup is stated, and versions go on above those that platforms may have.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.restored')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/35_restored"))


def downgrade() -> None:
    """Drop the table: the versions that records have stay."""
    op.get_bind().exec_driver_sql("drop table exchange.restored")
