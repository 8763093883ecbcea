"""A record with which a platform failed as a whole remembers it, and with how many others it may travel since.

What was refused or is held is found by an index.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0007"
down_revision = "0006"

_STEPS = ("upgrade_0007/01_failed_as_a_whole", "upgrade_0007/02_refused")


def upgrade() -> None:
    """Add the columns, and the index of what was refused."""
    for name in _STEPS:
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before does not read them."""
