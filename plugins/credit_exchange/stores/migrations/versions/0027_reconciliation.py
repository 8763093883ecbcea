"""What a platform lists is compared with what was delivered to it.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op
from sqlalchemy import text

from credit_exchange.stores import sql

revision = "0027"
down_revision = "0026"

_TABLES = {"reconciliation": "36_reconciliation", "difference": "37_difference", "listed": "38_listed"}


def upgrade() -> None:
    """Make the tables and the view."""
    connection = op.get_bind()
    for table, script in _TABLES.items():
        if connection.execute(text("select to_regclass(:name)"), {"name": f"exchange.{table}"}).scalar() is None:
            connection.exec_driver_sql(sql.source(f"schema/{script}"))
    connection.exec_driver_sql(sql.source("report/11_difference"))


def downgrade() -> None:
    """Drop them: nothing of the version before reads them."""
    op.get_bind().exec_driver_sql("drop view report.difference")
    for table in _TABLES:
        op.get_bind().exec_driver_sql(f"drop table exchange.{table}")
