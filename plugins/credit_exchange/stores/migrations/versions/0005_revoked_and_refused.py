"""What was refused after its old row had been revoked counts as published no more; clocks tell business time.

The views of a database made from the present include/sql/report are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Replace the views; their columns and what was granted on them stay."""
    for view in ("schema/40_last_word", "report/06_published", "report/08_clock"):
        op.get_bind().exec_driver_sql(sql.source(view))


def downgrade() -> None:
    """The views fit the version before as well: no row had that code, and nothing set a business time."""
