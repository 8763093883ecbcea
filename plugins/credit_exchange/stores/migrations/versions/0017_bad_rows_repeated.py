"""Bad rows that a full file repeats each night: whether a row came again is one look in the index.

In a database made from the present include/sql/schema it is so already, and is made once more on an empty table.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the index anew with the age of the rows."""
    for name in ("upgrade_0017/01_drop_by_row", "upgrade_0017/02_by_row_and_age"):
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before finds rows by the index as it is."""
