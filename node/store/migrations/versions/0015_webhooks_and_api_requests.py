"""Webhooks, what they still have to tell, and requests that are done once."""

import sqlalchemy as sa
from alembic import op

from console.storage.columns import Moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_request",
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("asked_sha256", sa.String(length=64), nullable=False),
        sa.Column("begun_at", Moment(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_api_request_expires_at", "api_request", ["expires_at"])
    op.create_table(
        "api_draft",
        sa.Column("draft_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("draft_id"),
    )
    op.create_index("ix_api_draft_actor", "api_draft", ["actor"])
    op.create_index("ix_api_draft_expires_at", "api_draft", ["expires_at"])
    op.create_table(
        "webhook",
        sa.Column("webhook_id", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("target_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("channels", sa.String(length=100), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", Moment(), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("last_success_at", Moment(), nullable=True),
        sa.Column("next_attempt_at", Moment(), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id"),
    )
    op.create_table(
        "hook_telling",
        sa.Column("telling_id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.String(length=32), nullable=False),
        sa.Column("happening", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("next_attempt_at", Moment(), nullable=False),
        sa.Column("claimed_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.webhook_id"]),
        sa.PrimaryKeyConstraint("telling_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hook_telling_line", "hook_telling", ["webhook_id", "line", "telling_id"])
    op.create_index("uq_hook_telling", "hook_telling", ["webhook_id", "happening"], unique=True)
    op.create_table(
        "hook_note",
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("note_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hook_note_at", "hook_note", ["at"])
    op.create_table(
        "hook_mark",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("hook_mark")
    op.drop_index("ix_hook_note_at", table_name="hook_note")
    op.drop_table("hook_note")
    op.drop_index("uq_hook_telling", table_name="hook_telling")
    op.drop_index("ix_hook_telling_line", table_name="hook_telling")
    op.drop_table("hook_telling")
    op.drop_table("webhook")
    op.drop_index("ix_api_draft_expires_at", table_name="api_draft")
    op.drop_index("ix_api_draft_actor", table_name="api_draft")
    op.drop_table("api_draft")
    op.drop_index("ix_api_request_expires_at", table_name="api_request")
    op.drop_table("api_request")
