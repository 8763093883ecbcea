"""Decisions and outbox become one row, delivery states follow the shipment (docs/adr/0005).

A database made from the present include/sql/schema has all this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0002"
down_revision = "0001"

_BEFORE = (
    "01_drop_reports",
    "02_keep_outbox",
    "03_widen_shipment",
    "04_drop_shipment_key",
    "05_add_shipment_keys",
    "06_add_attempt_key",
    "07_first_sent",
    "08_widen_release",
    "09_move_outbox",
    "10_shipment_line",
)
_AFTER = (
    "11_fill_lines",
    "12_drop_before",
    "13_release_outbox",
    "14_release_waiting",
    "15_short_wire_keys",
    "17_drop_keys_to_others",
    "18_drop_keys_of_versions",
    "19_drop_keys_of_records",
    "20_drop_keys_of_subjects",
    "21_drop_keys_of_codes",
    "22_drop_keys_of_names",
)


def upgrade() -> None:
    """Bring the tables of the first version into the present form; every delivery keeps its state."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.lot')")).scalar() is not None:
        return
    steps = [f"upgrade_0002/{name}" for name in _BEFORE]
    steps += [f"upgrade_0002/{name}" for name in _AFTER]
    steps += ["schema/26_lot", "upgrade_0002/16_next_outbox_id"]  # 0003 makes the views, on what it makes of the lines
    for name in steps:
        connection.exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The first version cannot tell what follows a shipment: restore a backup instead."""
    raise NotImplementedError("the outbox cannot be taken apart again; restore a backup made before the upgrade")
