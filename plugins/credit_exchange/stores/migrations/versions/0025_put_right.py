"""What a database lacks though its version says that it has it: some migrations were completed after they had run.

Where all is there already nothing changes, and no table is locked.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0025"
down_revision = "0024"

_KEYS = (
    "17_drop_keys_to_others",
    "18_drop_keys_of_versions",
    "19_drop_keys_of_records",
    "20_drop_keys_of_subjects",
    "21_drop_keys_of_codes",
    "22_drop_keys_of_names",
)


def upgrade() -> None:
    """Do what is left of 0002 (keys, ids in blocks), 0007 (takedowns are held) and 0018 (the view)."""
    connection = op.get_bind()
    if connection.exec_driver_sql(sql.source("upgrade_0025/01_keys_left")).scalar_one():
        for name in _KEYS:
            connection.exec_driver_sql(sql.source(f"upgrade_0002/{name}"))
    for name in ("upgrade_0025/02_ids_in_blocks", "upgrade_0007/03_hold_takedowns", "report/01_batch"):
        connection.exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """The version before needs all this as well."""
