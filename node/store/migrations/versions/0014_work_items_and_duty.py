"""Items that somebody has to look after, duty rosters, reminders, and notices."""

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = (
    "work_item",
    "work_event",
    "desk_member",
    "duty_shift",
    "duty_exception",
    "roster_version",
    "notice_address",
    "mail_refusal",
    "notice",
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "message_to_follow",
        sa.Column("follow_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("next_attempt_at", Moment(), nullable=False),
        sa.Column("claimed_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("follow_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_to_follow_due", "message_to_follow", ["next_attempt_at"])
    op.create_index("ix_message_to_follow_message_id", "message_to_follow", ["message_id"])
    op.create_table(
        "work_item",
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("peer", sa.String(length=8), nullable=True),
        sa.Column("channel", sa.String(length=30), nullable=True),
        sa.Column("phase", sa.String(length=30), nullable=True),
        sa.Column("urgency", sa.String(length=20), nullable=False),
        sa.Column("desk", sa.String(length=120), nullable=True),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_at", Moment(), nullable=True),
        sa.Column("unowned_since", Moment(), nullable=False),
        sa.Column("staffed_since", Moment(), nullable=True),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("due_rung", sa.Integer(), nullable=False),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("look_at", Moment(), nullable=False),
        sa.Column("done_at", Moment(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("item_id"),
        sa.UniqueConstraint("kind", "subject", name="uq_work_item_once"),
    )
    op.create_index(op.f("ix_work_item_case_id"), "work_item", ["case_id"], unique=False)
    op.create_index("ix_work_item_list", "work_item", ["state", "due_at", "item_id"], unique=False)
    op.create_index("ix_work_item_look", "work_item", ["state", "look_at"], unique=False)
    op.create_index(op.f("ix_work_item_message_id"), "work_item", ["message_id"], unique=False)
    op.create_table(
        "work_event",
        sa.Column("work_event_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=True),
        sa.Column("code", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["work_item.item_id"],
        ),
        sa.PrimaryKeyConstraint("work_event_id"),
    )
    op.create_index("ix_work_event_item", "work_event", ["item_id", "work_event_id"], unique=False)
    op.create_index("ix_work_event_target", "work_event", ["target", "work_event_id"], unique=False)
    op.create_table(
        "desk_member",
        sa.Column("desk", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("is_reserve", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("desk", "account_id"),
    )
    op.create_table(
        "duty_shift",
        sa.Column("shift_id", sa.String(length=32), nullable=False),
        sa.Column("desk", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("weekdays", sa.String(length=20), nullable=False),
        sa.Column("opens_at", sa.String(length=5), nullable=False),
        sa.Column("closes_at", sa.String(length=5), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("shift_id"),
    )
    op.create_index(op.f("ix_duty_shift_desk"), "duty_shift", ["desk"], unique=False)
    op.create_table(
        "duty_exception",
        sa.Column("exception_id", sa.String(length=32), nullable=False),
        sa.Column("desk", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("begins_at", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("exception_id"),
    )
    op.create_index("ix_duty_exception_when", "duty_exception", ["desk", "ends_at"], unique=False)
    op.create_table(
        "roster_version",
        sa.Column("desk", sa.String(length=120), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("desk"),
    )
    op.create_table(
        "notice_address",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "mail_refusal",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=130), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("next_attempt_at", Moment(), nullable=False),
        sa.Column("claimed_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["work_item.item_id"],
        ),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    op.create_index("ix_notice_due", "notice", ["state", "next_attempt_at"], unique=False)
    op.create_index(op.f("ix_notice_item_id"), "notice", ["item_id"], unique=False)
    op.create_index(op.f("ix_notice_recipient"), "notice", ["recipient"], unique=False)
    # What was stored before is followed, too: it is worked on, searched for and counted like the
    # rest. It has been due since it was stored.
    op.execute(
        "INSERT INTO message_to_follow (message_id, next_attempt_at, attempts) "
        "SELECT message_id, stored_at, 0 FROM message ORDER BY stored_at, message_id"
    )


def downgrade() -> None:
    """Take it back."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.drop_index("ix_message_to_follow_message_id", table_name="message_to_follow")
    op.drop_index("ix_message_to_follow_due", table_name="message_to_follow")
    op.drop_table("message_to_follow")
