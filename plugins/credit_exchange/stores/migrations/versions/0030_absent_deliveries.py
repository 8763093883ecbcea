"""A delivery that did not come, as its contract allows, is complete and empty; it was called missing before."""

from alembic import op

from credit_exchange.stores import sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Say so of those that are there; nobody expected them."""
    for statement in ("upgrade_0030/01_absent", "report/01_batch", "report/09_scorecard"):
        op.get_bind().exec_driver_sql(sql.source(statement))


def downgrade() -> None:
    """The version before says so of those that are newer only; nothing depends on it."""
