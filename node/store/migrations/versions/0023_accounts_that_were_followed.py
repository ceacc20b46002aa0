"""Which broker account of each Participant its letters were handed over to."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. It is filled with the accounts that the registry lists, at the next start."""
    op.create_table(
        "followed_account",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("account", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("peer"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("followed_account")
