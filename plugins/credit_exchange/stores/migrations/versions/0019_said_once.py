"""In which state a row of the outbox is, is said once; what is new or open of orders and deliveries is found by itself.

A database made from the present include/sql/schema has all this already, and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0019"
down_revision = "0018"

_OPEN = ("01_batch_held", "02_batch_undated", "03_order_applied", "04_order_new")


def upgrade() -> None:
    """Make the function, replace the view that uses it (its columns stay), and add the column and the indexes."""
    for name in ("schema/20_state_of", "schema/27_outbox", *(f"upgrade_0019/{part}" for part in _OPEN)):
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before reads the view as it is, and knows nothing of the rest."""
