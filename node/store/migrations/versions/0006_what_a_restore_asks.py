"""What a restored node asks until it is answered."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "restore_question",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("received_generation", sa.Integer(), nullable=False),
        sa.Column("received_seq", sa.Integer(), nullable=False),
        sa.Column("received_digest", sa.String(length=64), nullable=False),
        sa.Column("sent_generation", sa.Integer(), nullable=False),
        sa.Column("sent_seq", sa.Integer(), nullable=False),
        sa.Column("sent_digest", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("peer"),
    )
    with op.batch_alter_table("restore_question", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_restore_question_ask_at"), ["ask_at"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_table("restore_question")
