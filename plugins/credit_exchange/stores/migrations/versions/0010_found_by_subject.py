"""Records and waiting orders are found by their subject, and waiting orders by their document, without a look at all.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0010"
down_revision = "0009"

_STEPS = (
    "upgrade_0010/01_record_by_subject",
    "upgrade_0010/02_order_ahead_by_document",
    "upgrade_0010/03_order_ahead_by_subject",
)


def upgrade() -> None:
    """Make the indexes."""
    for name in _STEPS:
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """Drop the indexes."""
    op.get_bind().exec_driver_sql(
        "drop index exchange.record_by_subject, exchange.order_ahead_by_document, exchange.order_ahead_by_subject"
    )
