"""The network at a glance: samples of a day, presence of nodes, events, alerts that are taken."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "network_sample",
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("oldest_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "participant"),
    )
    op.create_table(
        "node_presence",
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("is_connected", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("participant"),
    )
    op.create_table(
        "network_event",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("server", sa.String(length=100), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_network_event_last_at", "network_event", ["last_at"])
    op.create_table(
        "taken_alert",
        sa.Column("alert_key", sa.String(length=32), nullable=False),
        sa.Column("taken_by", sa.String(length=32), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("true_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["taken_by"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("alert_key"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("taken_alert")
    op.drop_index("ix_network_event_last_at", table_name="network_event")
    op.drop_table("network_event")
    op.drop_table("node_presence")
    op.drop_table("network_sample")
