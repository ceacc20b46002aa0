"""Files: those begun here, those sent, and those received."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = {
    "staged_file": (
        ("ix_staged_file_owner", ["owner"]),
        ("ix_staged_file_draft_id", ["draft_id"]),
        ("ix_staged_file_expires_at", ["expires_at"]),
    ),
    "sent_file": (
        ("ix_sent_file_message_id", ["message_id"]),
        ("ix_sent_file_asked", ["peer", "attachment_id"]),
        ("ix_sent_file_due", ["next_attempt_at", "priority"]),
    ),
    "received_file": (
        ("ix_received_file_message_id", ["message_id"]),
        ("ix_received_file_ask_at", ["ask_at"]),
        ("ix_received_file_known", ["peer", "attachment_id"]),
        ("ix_received_file_scan", ["state", "scan"]),
    ),
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "staged_file",
        sa.Column("file_id", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("draft_id", sa.String(length=32), nullable=True),
        sa.Column("description_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file_id"),
    )
    op.create_table(
        "sent_file",
        *_columns_of_both(),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("owed_map", sa.LargeBinary(), nullable=False),
        sa.Column("owed", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("transport_id", sa.String(length=32), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("file_id"),
    )
    op.create_table(
        "received_file",
        *_columns_of_both(),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("held_map", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("scan", sa.String(length=20), nullable=False),
        sa.Column("scan_detail", sa.String(length=200), nullable=True),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chunk_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=20), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("file_id"),
    )
    for table, indexes in _INDEXES.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, columns in indexes:
                batch_op.create_index(name, columns, unique=False)


def _columns_of_both() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("file_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("attachment_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("chunk_size", sa.Integer(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    """Take it back."""
    for table in ("received_file", "sent_file", "staged_file"):
        op.drop_table(table)
