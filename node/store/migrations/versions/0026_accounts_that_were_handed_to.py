"""To which broker account each message that waits was handed over last."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. What was handed over before lies at the account that was followed last."""
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("handed_to", sa.String(length=60), nullable=True))
    op.execute(
        "UPDATE outbox SET handed_to = "
        "(SELECT account FROM followed_account WHERE followed_account.peer = outbox.peer) "
        "WHERE handed_over > 0"
    )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("handed_to")
