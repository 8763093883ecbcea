"""A delivery that never comes, cannot be read or is refused can be closed by a person.

A database made from the present include/sql/schema has the columns already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns, to the reporting view too."""
    for name in ("upgrade_0018/01_waived", "report/01_batch"):
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before does not read them."""
