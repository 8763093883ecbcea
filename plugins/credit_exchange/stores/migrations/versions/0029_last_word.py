"""What a platform was last told of a record, and acted upon, is said once.

The views of a database made from the present include/sql are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Make the one view, replace the other, which reads it: its columns and what was granted on it stay."""
    for view in ("schema/40_last_word", "report/06_published"):
        op.get_bind().exec_driver_sql(sql.source(view))


def downgrade() -> None:
    """Both fit the version before as well."""
