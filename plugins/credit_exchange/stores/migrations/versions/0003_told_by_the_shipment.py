"""What a shipment tells is not kept beside it: its rows are runs of ids, identities are read from its bytes.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0003"
down_revision = "0002"

_STEPS = (
    "upgrade_0003/01_drop_wire_identity",
    "upgrade_0003/02_drop_record_by_identity",
    "upgrade_0003/03_record_by_document",
    "upgrade_0002/01_drop_reports",
    "upgrade_0003/04_drop_outbox",
    "schema/17_shipment_run",
    "upgrade_0003/05_fill_runs",
    "upgrade_0003/06_drop_lines",
    "schema/20_state_of",
    "schema/27_outbox",
    "schema/40_last_word",
    "upgrade_0018/01_waived",  # the reporting views are those of today, and read this and what follows
    "schema/36_reconciliation",
    "schema/37_difference",
)


def upgrade() -> None:
    """Lines become runs; every delivery keeps its state."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.shipment_run')")).scalar() is not None:
        return
    for name in [*_STEPS, *sql.names("report"), *sql.names("role")]:
        connection.exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """What was dropped could be filled again from the shipments, but nothing would read it."""
    raise NotImplementedError("lines and identities are gone; restore a backup made before the upgrade")
