"""What was refused after its old row had been revoked counts as published no more.

The view of a database made from the present include/sql/report is replaced by itself.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Replace the view; its columns and what was granted on it stay."""
    op.get_bind().exec_driver_sql(sql.source("report/06_published"))


def downgrade() -> None:
    """The view fits the version before as well: no row had that code then."""
