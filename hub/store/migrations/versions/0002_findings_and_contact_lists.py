"""What operators do about findings, and the contact lists that they bring in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "finding",
        sa.Column("finding_key", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("assigned_to", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("finding_key"),
    )
    op.create_index("ix_finding_participant", "finding", ["participant"])
    op.create_index("ix_finding_assigned_to", "finding", ["assigned_to"])
    op.create_table(
        "finding_event",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("finding_key", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("assigned_to", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["finding_key"], ["finding.finding_key"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_finding_event_finding_key", "finding_event", ["finding_key"])
    op.create_table(
        "contact_list",
        sa.Column("list_id", sa.String(length=32), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("answers_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("brought_in_by", sa.String(length=120), nullable=False),
        sa.Column("brought_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("list_id"),
    )
    op.create_index("ix_contact_list_expires_at", "contact_list", ["expires_at"])
