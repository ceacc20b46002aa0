"""Everybody who had a hand in access that waits, and access that nobody's word let count."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_GIVEN = sa.text("SELECT account_id, given_by, giver FROM clearance WHERE given_by IS NOT NULL")


def upgrade() -> None:
    """Apply. Whoever gave access last, or made the last link, had a hand in it."""
    hands = op.create_table(
        "access_hand",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("account_id", "actor"),
    )
    op.create_table(
        "access_unasked",
        sa.Column("unasked_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("why", sa.String(length=12), nullable=False),
        sa.Column("channels", sa.String(length=100), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("given_by", sa.String(length=120), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("unasked_id"),
    )
    op.create_table(
        "access_unasked_seen",
        sa.Column("unasked_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.ForeignKeyConstraint(["unasked_id"], ["access_unasked.unasked_id"]),
        sa.PrimaryKeyConstraint("unasked_id", "account_id"),
    )
    now = datetime.now(UTC)
    given = op.get_bind().execute(_GIVEN).all()
    op.bulk_insert(
        hands,
        [
            {"account_id": account_id, "actor": actor, "person": person, "at": now}
            for account_id, actor, person in given
        ],
    )


def downgrade() -> None:
    """Take it back: the release before keeps the last of those who had a hand in it."""
    op.drop_table("access_unasked_seen")
    op.drop_table("access_unasked")
    op.drop_table("access_hand")
