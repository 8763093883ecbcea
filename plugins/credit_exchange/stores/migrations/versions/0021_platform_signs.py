"""What a platform shows in passing, its certificate's end and its clock, is kept for the watchdog.

A database made from the present include/sql/schema has the columns already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the columns."""
    op.get_bind().exec_driver_sql(sql.source("upgrade_0021/01_platform_signs"))


def downgrade() -> None:
    """The version before does not read them."""
