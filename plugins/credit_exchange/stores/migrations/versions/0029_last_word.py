"""What a platform was last told of a record, and acted upon, is said once; so is which version is above all others.

The views of a database made from the present include/sql are replaced by themselves.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Make the view and the function, replace the other view: its columns and what was granted on it stay."""
    for name in ("schema/40_last_word", "report/06_published", "schema/41_version_of_now"):
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """They fit the version before as well."""
