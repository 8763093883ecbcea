"""Which ids are one decision is said once; clocks of what was decided before the calendar begins run as well.

The views of a database made from the present include/sql are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the one view, replace the other: its columns and what was granted on it stay."""
    for view in ("schema/32_one_decision", "report/08_clock"):
        op.get_bind().exec_driver_sql(sql.source(view))


def downgrade() -> None:
    """Drop the one; the other fits the version before as well."""
    op.get_bind().exec_driver_sql("drop view exchange.one_decision")
