"""What a platform tells of the contents that it lists is compared too.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Make place for the digest, and allow the difference."""
    for statement in ("01_digest", "02_content"):
        op.get_bind().exec_driver_sql(sql.source(f"upgrade_0028/{statement}"))


def downgrade() -> None:
    """Forget such differences: the version before has no word for them."""
    for statement in ("03_no_content", "04_earlier_kinds", "05_no_digest"):
        op.get_bind().exec_driver_sql(sql.source(f"upgrade_0028/{statement}"))
