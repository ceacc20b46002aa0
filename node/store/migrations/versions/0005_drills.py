"""Reachability drills: what the hub says of them, and what was answered here."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("drill_id"),
    )
    for column in ("authority", "is_open", "participant"):
        op.create_index(f"ix_drill_{column}", "drill", [column])
    op.create_table(
        "drill_answer",
        sa.Column("drill_id", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("answered_by", sa.String(length=20), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("refusal", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("drill_id"),
    )
    op.create_index("ix_drill_answer_standing", "drill_answer", ["standing"])
    op.create_table(
        "drill_cursor",
        sa.Column("cursor_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cursor_id"),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("drill_cursor", "drill_answer", "drill"):
        op.drop_table(table)
