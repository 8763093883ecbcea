"""What is filled in a delivery is kept, so that a column that falls empty is noticed.

A database made from the present include/sql/schema has the column already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql(sql.source("upgrade_0023/01_filled"))


def downgrade() -> None:
    """The version before does not read it."""
