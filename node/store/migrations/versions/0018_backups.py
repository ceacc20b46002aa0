"""Which backups were made of this node, and whether one was tried."""

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "backup",
        sa.Column("backup_id", sa.String(length=32), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("noted_by", sa.String(length=120), nullable=False),
        sa.Column("tested_at", Moment(), nullable=True),
        sa.Column("test_passed", sa.Boolean(), nullable=True),
        sa.Column("tested_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("backup_id"),
    )
    with op.batch_alter_table("backup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backup_made_at"), ["made_at"], unique=False)


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("backup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backup_made_at"))
    op.drop_table("backup")
