"""What a platform tells of the contents that it lists is compared too; one without a list is asked about records.

A database made from the present include/sql/schema has this already and is left as it is.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Make place for the digest and for what was asked, and allow the difference."""
    for name in ("upgrade_0028/01_digest", "upgrade_0028/02_content", "upgrade_0028/03_asked_of", "schema/39_asked"):
        op.get_bind().exec_driver_sql(sql.source(name))


def downgrade() -> None:
    """Forget such differences: the version before has no word for them."""
    for name in ("04_no_content", "05_earlier_kinds", "06_no_digest", "07_not_asked"):
        op.get_bind().exec_driver_sql(sql.source(f"upgrade_0028/{name}"))
    op.get_bind().exec_driver_sql("drop table exchange.asked")
