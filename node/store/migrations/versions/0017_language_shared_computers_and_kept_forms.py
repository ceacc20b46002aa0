"""The language of a person, shared computers, when somebody last confirmed, and kept forms."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kept_form",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("fields_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("language", sa.String(length=16), nullable=True))
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("is_shared", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    """Take it back."""
    # Not in a batch: SQLite would make the tables anew, while others refer to them.
    op.drop_column("session", "is_shared")
    op.drop_column("session", "confirmed_at")
    op.drop_column("account", "language")
    op.drop_table("kept_form")
