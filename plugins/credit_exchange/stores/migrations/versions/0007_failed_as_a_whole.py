"""A record with which a platform failed as a whole remembers it, and with how many others it may travel since.

What was refused or is held is found by an index: each drain looks for takedowns among it, and the watchdog. Takedowns
that a version before wrote as rejected are held, as they would be now, and go again.

A database made from the present include/sql/schema has the columns and the index already.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0007"
down_revision = "0006"

_STEPS = ("upgrade_0007/01_failed_as_a_whole", "upgrade_0007/02_refused", "upgrade_0007/03_hold_takedowns")


def upgrade() -> None:
    """Add the columns and the index; no takedown is rejected any more."""
    for name in _STEPS:
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before reads none of it."""
