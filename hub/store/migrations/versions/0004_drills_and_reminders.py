"""Reachability drills, and the reminders that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "drill",
        sa.Column("drill_id", sa.String(length=32), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("open_for", sa.String(length=150), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("answered_by", sa.String(length=20), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_by", sa.String(length=120), nullable=True),
        sa.Column("closed_because", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("drill_id"),
        sa.UniqueConstraint("open_for"),
    )
    for column in ("asked_at", "authority", "participant", "revision"):
        op.create_index(f"ix_drill_{column}", "drill", [column])
    op.create_table(
        "reminder",
        sa.Column("reminder_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reminder_key"),
    )
    for column in ("participant", "sent_at"):
        op.create_index(f"ix_reminder_{column}", "reminder", [column])


def downgrade() -> None:
    """Undo."""
    op.drop_table("reminder")
    op.drop_table("drill")
