"""History keeps each of several rows of a batch; the reporting view masks operators under whose name a shop is filed.

In a database made from the present include/sql both are so already, and are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Widen the key and replace the view; its columns and what was granted on it stay."""
    for statement in ("upgrade_0014/01_key_of_history", "report/03_record"):
        op.get_bind().exec_driver_sql(sql.source(statement))


def downgrade() -> None:
    """The version before merges late rows by the narrower key, which no longer holds: restore a backup instead."""
    raise NotImplementedError("history may hold several rows of a batch; restore a backup made before the upgrade")
