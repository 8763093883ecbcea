"""A name beside which stand marks that nobody sees is masked in the reporting view like any other.

The view of a database made from the present include/sql/report is replaced by itself.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Replace the view; its columns and what was granted on it stay."""
    op.get_bind().exec_driver_sql(sql.source("report/03_record"))


def downgrade() -> None:
    """The view fits the version before as well."""
