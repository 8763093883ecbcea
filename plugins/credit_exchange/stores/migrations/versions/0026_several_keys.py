"""An encryption key may be replaced by another one, beside which those before still open what they have sealed.

A database made from the present include/sql/schema keeps its form.
"""

from alembic import op

from credit_exchange.stores import sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Let the table hold several keys."""
    for name in ("01_several_keys", "02_one_hmac_key"):
        op.get_bind().exec_driver_sql(sql.source(f"upgrade_0026/{name}"))


def downgrade() -> None:
    """Let it hold one; fails where the key was replaced, since the version before cannot read what is older."""
    op.get_bind().exec_driver_sql(sql.source("upgrade_0026/03_one_key_again"))
