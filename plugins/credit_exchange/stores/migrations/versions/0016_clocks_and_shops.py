"""Reporting views: no clock for what was never sent and may not be any more; 及时率 is of what was reported; operators
under whose name a shop is filed are known however the two are written.

In a database made from the present include/sql they are so already, and are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Replace the views; their columns and what was granted on them stay."""
    for view in ("03_record", "08_clock", "09_scorecard"):
        op.get_bind().exec_driver_sql(sql.source(f"report/{view}"))


def downgrade() -> None:
    """The version before reads the same columns."""
