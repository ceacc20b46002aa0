"""The registry versions that messages name, kept for evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "registry_version",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "registry_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "registry_root",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("registry_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("registry_sha256", sa.String(length=64), nullable=True))
    for table in ("receipt", "message"):
        op.create_index(op.f(f"ix_{table}_registry_sha256"), table, ["registry_sha256"])


def downgrade() -> None:
    """Undo."""
    for table in ("receipt", "message"):
        op.drop_index(op.f(f"ix_{table}_registry_sha256"), table)
    # Not as a batch: that makes the table anew, and others point to its rows.
    op.drop_column("receipt", "registry_sha256")
    op.drop_column("receipt", "registry_version")
    op.drop_table("registry_root")
    op.drop_table("registry_file")
    op.drop_table("registry_version")
