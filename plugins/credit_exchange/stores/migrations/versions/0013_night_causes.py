"""A run remembers why its parts failed.

A database made from the present include/sql/schema has the column already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql(sql.source("upgrade_0013/01_night_causes"))


def downgrade() -> None:
    """The version before does not read it."""
