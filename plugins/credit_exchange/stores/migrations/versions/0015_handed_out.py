"""Who took personal data out in clear is kept; a night knows since when it waits for a new verdict.

A database made from the present include/sql/schema has both already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table and the column. A night that waits at this moment waits from now."""
    connection = op.get_bind()
    connection.exec_driver_sql(sql.source("upgrade_0015/01_night_reopened"))
    connection.exec_driver_sql(sql.source("upgrade_0015/02_reopened_now"))
    if connection.execute(text("select to_regclass('exchange.handed_out')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/33_handed_out"))


def downgrade() -> None:
    """The version before reads neither; what was taken out stays known."""
