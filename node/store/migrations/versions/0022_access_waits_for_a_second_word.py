"""Whether access counts, who gave it, and what was ever held. Who has access keeps it."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_COLUMNS = ("asked_at", "giver", "given_by", "access")
_CLEARED = sa.text(
    "SELECT account.roles, clearance.channels, clearance.confidential FROM clearance "
    "JOIN account ON account.account_id = clearance.account_id "
    "WHERE account.password_hash IS NOT NULL"
)
_NOT_CONFIRMED = sa.text(
    "UPDATE clearance SET channels = '', confidential = :off WHERE access <> 'confirmed'"
).bindparams(sa.bindparam("off", value=False, type_=sa.Boolean()))
#: What each role showed when this was written.
_SHOWN = {"focal_point": ("read_cases", "work_cases"), "approver": ("read_cases", "approve")}
_CHANNELS = {"assistance", "police", "witness_protection", "trend"}
_KEPT_OUT = {"node_admin", "auditor"}


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "clearance",
        sa.Column("access", sa.String(length=12), nullable=False, server_default="confirmed"),
    )
    op.add_column("clearance", sa.Column("given_by", sa.String(length=120), nullable=True))
    op.add_column("clearance", sa.Column("giver", sa.String(length=32), nullable=True))
    op.add_column("clearance", sa.Column("asked_at", Moment(), nullable=True))
    held = op.create_table(
        "access_held",
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    names: set[str] = set()
    for roles, channels, confidential in op.get_bind().execute(_CLEARED).all():
        own = set(roles.split())
        shown = {each for role in own for each in _SHOWN.get(role, ())}
        if shown and not own & _KEPT_OUT:
            names |= shown | (set(channels.split()) & _CHANNELS)
            names |= {"confidential", "read_confidential"} if confidential else set()
    now = datetime.now(UTC)
    op.bulk_insert(held, [{"name": name, "since": now} for name in sorted(names)])


def downgrade() -> None:
    """Take it back. What waits or was refused is given anew: the release before believes all."""
    op.execute(_NOT_CONFIRMED)
    op.drop_table("access_held")
    for column in _COLUMNS:
        op.drop_column("clearance", column)
