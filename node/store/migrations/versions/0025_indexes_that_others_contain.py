"""Two indexes less to keep: each is the beginning of another one, which does its work."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. ``ix_message_case_link`` begins with the case, ``uq_evidence_once`` with the message.

    Each cost a page of its own for every message.
    """
    op.drop_index("ix_message_case_id", table_name="message")
    op.drop_index("ix_evidence_message_id", table_name="evidence")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_evidence_message_id", "evidence", ["message_id"])
    op.create_index("ix_message_case_id", "message", ["case_id"])
