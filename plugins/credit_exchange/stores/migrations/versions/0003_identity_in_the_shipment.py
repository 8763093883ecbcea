"""Where a record lies at a platform without record ids is read from its shipment; records are found by document.

A database made from the present include/sql/schema has no such table and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Drop what is kept twice; the shipments that say it stay."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.wire_identity')")).scalar() is None:
        return
    for name in sql.names("upgrade_0003"):
        connection.exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """What was dropped could be filled again from the shipments, but nothing would read it."""
    raise NotImplementedError("the table of identities is gone; restore a backup made before the upgrade")
