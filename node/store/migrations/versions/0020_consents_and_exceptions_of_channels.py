"""In which channel a consent and an exception were recorded: their words are for that one alone.

Found out for what is there: it is the one channel of its case; in a case with several, that of the
request for approval with which an exception was recorded. Where nothing says it, it stays open.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = ("consent_record", "exception_record")
#: A request is written in the same transaction as what it states.
_AT_ONCE = timedelta(seconds=2)

_ANY_CHANNEL = """
UPDATE {table} SET channel = COALESCE(
    (SELECT MIN(s.channel) FROM case_strand s WHERE s.case_id = {table}.case_id),
    (SELECT MIN(m.channel) FROM message m WHERE m.case_id = {table}.case_id))
"""
_UNLESS_SEVERAL = """
UPDATE {table} SET channel = NULL WHERE channel = 'unknown' OR EXISTS (
    SELECT 1 FROM case_strand s
    WHERE s.case_id = {table}.case_id AND s.channel <> {table}.channel
) OR EXISTS (
    SELECT 1 FROM message m WHERE m.case_id = {table}.case_id
    AND (m.channel IS NULL OR m.channel <> {table}.channel)
)
"""
_RECORDED_WITH = sa.text(
    "SELECT e.exception_id, e.recorded_at, a.asked_at, a.channel FROM exception_record e "
    "JOIN approval_request a ON a.case_id = e.case_id AND a.asked_by = e.recorded_by "
    "WHERE e.channel IS NULL AND a.channel <> 'unknown'"
).columns(recorded_at=Moment(), asked_at=Moment())
_EVENTS = """
UPDATE event SET channel = COALESCE((
    SELECT MIN(e.channel) FROM exception_record e WHERE e.case_id = event.case_id
    AND e.recorded_by = event.actor AND e.recorded_at = event.at), 'unknown')
WHERE kind = 'exception_recorded' AND channel IS NULL
"""


def upgrade() -> None:
    """Apply. Entries of the timeline about exceptions are for the same channel from now on."""
    for table in _TABLES:
        op.add_column(table, sa.Column("channel", sa.String(length=30), nullable=True))
        op.execute(_ANY_CHANNEL.format(table=table))
        op.execute(_UNLESS_SEVERAL.format(table=table))
    connection = op.get_bind()
    found: dict[str, set[str]] = {}
    for exception_id, recorded, asked, channel in connection.execute(_RECORDED_WITH):
        if recorded <= asked <= recorded + _AT_ONCE:
            found.setdefault(exception_id, set()).add(channel)
    for exception_id, channels in sorted(found.items()):
        if len(channels) == 1:
            connection.execute(
                sa.text(
                    "UPDATE exception_record SET channel = :channel WHERE exception_id = :own_id"
                ),
                {"channel": channels.pop(), "own_id": exception_id},
            )
    op.execute(_EVENTS)


def downgrade() -> None:
    """Take it back. Entries of the timeline keep their channel, which the release before obeys."""
    for table in _TABLES:
        op.drop_column(table, "channel")  # in place: other tables refer to it
