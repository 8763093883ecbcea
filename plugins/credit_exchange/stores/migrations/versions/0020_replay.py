"""Which deliveries are old ones that came again is said once, for the night's page and the watchdog.

A database made from the present include/sql/schema has the view already, and it is replaced by itself.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the view."""
    op.get_bind().exec_driver_sql(sql.source("schema/34_replay"))


def downgrade() -> None:
    """The version before asks the table itself."""
