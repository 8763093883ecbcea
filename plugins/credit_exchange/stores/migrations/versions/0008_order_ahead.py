"""An order that came before its record is found by every code of the subject.

Orders that wait since before are found by the code they named, as they were. A database made from the present
include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.order_ahead')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/30_order_ahead"))


def downgrade() -> None:
    """Drop the table: nothing of the version before reads it."""
    op.get_bind().exec_driver_sql("drop table exchange.order_ahead")
