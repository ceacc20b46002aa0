"""Who sees that a withdrawal was recorded, and what moves the version that somebody sees.

Found out for what is there: who took back a consent of witness protection alone was told of in that
channel, in the same moment. That such a consent was put on file is for that channel, too.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: A withdrawal and what is told of it are written in one transaction.
_AT_ONCE = timedelta(seconds=2)

_TOLD_WITH = sa.text(
    "SELECT w.withdrawal_id, w.recorded_at, e.at, e.channel FROM withdrawal w "
    "JOIN event e ON e.case_id = w.case_id AND e.actor = w.recorded_by "
    "WHERE e.kind = 'consent_withdrawn' AND w.type = 'general.consent_withdrawn'"
).columns(recorded_at=Moment(), at=Moment())
_WITHDRAWALS = sa.text(
    "UPDATE withdrawal SET channel = 'witness_protection' WHERE withdrawal_id = :withdrawal_id"
)
_RECORDED = sa.text(
    "SELECT e.event_id, w.recorded_at, e.at FROM event e "
    "JOIN withdrawal w ON w.case_id = e.case_id AND w.recorded_by = e.actor "
    "WHERE e.kind = 'withdrawal_recorded' AND w.channel = 'witness_protection' "
    "AND e.channel IS NULL"
).columns(recorded_at=Moment(), at=Moment())
_ENTRY = sa.text("UPDATE event SET channel = 'witness_protection' WHERE event_id = :event_id")
_ON_FILE = """
UPDATE event SET channel = 'witness_protection'
WHERE kind = 'consent_recorded' AND channel IS NULL AND EXISTS (
    SELECT 1 FROM consent_record c WHERE c.case_id = event.case_id AND c.recorded_by = event.actor
    AND c.recorded_at = event.at AND c.channel = 'witness_protection')
"""


def upgrade() -> None:
    """Apply. Entries of the timeline of witness protection are for that channel from now on."""
    op.add_column("withdrawal", sa.Column("channel", sa.String(length=30), nullable=True))
    op.add_column(
        "case_circumstances",
        sa.Column("protection_version", sa.Integer(), nullable=False, server_default="0"),
    )
    op.execute(_ON_FILE)
    connection = op.get_bind()
    told: dict[str, set[str | None]] = {}
    for withdrawal_id, recorded, at, channel in connection.execute(_TOLD_WITH):
        if abs(recorded - at) <= _AT_ONCE:
            told.setdefault(withdrawal_id, set()).add(channel)
    for withdrawal_id, channels in sorted(told.items()):
        if channels == {"witness_protection"}:
            connection.execute(_WITHDRAWALS, {"withdrawal_id": withdrawal_id})
    for event_id, recorded, at in connection.execute(_RECORDED).all():
        if abs(recorded - at) <= _AT_ONCE:
            connection.execute(_ENTRY, {"event_id": event_id})


def downgrade() -> None:
    """Take it back. Entries of the timeline keep their channel, which the release before obeys."""
    op.drop_column("case_circumstances", "protection_version")
    op.drop_column("withdrawal", "channel")
