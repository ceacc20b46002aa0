"""Indexes for what each message looks up: its case and sender, and the most urgent first."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_message_case_link",
        "message",
        ["case_id", "peer", "direction", "link_generation", "link_seq"],
    )
    op.create_index("ix_outbox_urgency", "outbox", ["priority", "next_attempt_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_outbox_urgency", table_name="outbox")
    op.drop_index("ix_message_case_link", table_name="message")
