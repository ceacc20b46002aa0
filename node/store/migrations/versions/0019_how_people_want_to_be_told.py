"""Whether somebody wants a sound or a notice of the browser when something new comes."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_wish",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("has_sound", sa.Boolean(), nullable=False),
        sa.Column("has_notice", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("alert_wish")
