"""A view of what waits or travels, so that deliveries are counted without a look for each row's shipment.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the view."""
    connection = op.get_bind()
    if connection.execute(text("select to_regclass('exchange.on_its_way')")).scalar() is None:
        connection.exec_driver_sql(sql.source("schema/28_on_its_way"))


def downgrade() -> None:
    """Drop the view: nothing of the version before reads it."""
    op.get_bind().exec_driver_sql("drop view exchange.on_its_way")
