"""Changes of our contacts that people draft here; what a program's token opens."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "directory_change",
        sa.Column("change_id", sa.String(length=32), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("theirs_version", sa.Integer(), nullable=False),
        sa.Column("is_renewal", sa.Boolean(), nullable=False),
        sa.Column("base_node_keys", sa.String(length=300), nullable=False),
        sa.Column("node_keys", sa.String(length=300), nullable=False),
        sa.Column("refusal", sa.String(length=40), nullable=True),
        sa.Column("refusal_detail", sa.String(length=500), nullable=False),
        sa.Column("registry_version", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
    )
    with op.batch_alter_table("directory_change", schema=None) as batch_op:
        batch_op.create_index(
            "ix_directory_change_participant", ["participant", "state"], unique=False
        )
        batch_op.create_index("ix_directory_change_updated_at", ["updated_at"], unique=False)

    op.create_table(
        "directory_change_file",
        sa.Column("change_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["directory_change.change_id"]),
        sa.PrimaryKeyConstraint("change_id", "name"),
    )
    op.create_table(
        "directory_change_event",
        sa.Column("event_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("change_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=30), nullable=False),
        sa.Column("entry_kind", sa.String(length=20), nullable=True),
        sa.Column("entry", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["directory_change.change_id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    with op.batch_alter_table("directory_change_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_directory_change_event_change_id"), ["change_id"], unique=False
        )

    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("scope", sa.String(length=20), nullable=False, server_default="messages")
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_column("scope")
    for table in ("directory_change_event", "directory_change_file", "directory_change"):
        op.drop_table(table)
