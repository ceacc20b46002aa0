"""By which a hub that was restored is told from one that went on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("drill_cursor", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mark", sa.String(length=32), nullable=False, server_default="")
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("drill_cursor", schema=None) as batch_op:
        batch_op.drop_column("mark")
