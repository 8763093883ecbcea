"""Business dates that are left out on purpose are stated, by somebody and for a reason.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.skipped_date')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/29_skipped_date"))


def downgrade() -> None:
    """Drop the table: nothing of the version before reads it."""
    op.get_bind().exec_driver_sql("drop table exchange.skipped_date")
