"""What may have left already, and what an administrator has looked after."""

import sqlalchemy as sa
from alembic import op

import console.storage.columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("tried", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("may_have_left", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    # Of what was tried before this was noted, nobody knows.
    op.execute("UPDATE outbox SET tried = (attempts > handed_over), may_have_left = (attempts > 0)")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("account", sa.String(length=56), nullable=True))
        batch_op.add_column(
            sa.Column("settled_at", console.storage.columns.Moment(), nullable=True)
        )
    op.create_table(
        "settled_letter",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("at", console.storage.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("settled_letter")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_column("settled_at")
        batch_op.drop_column("account")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("may_have_left")
        batch_op.drop_column("tried")
