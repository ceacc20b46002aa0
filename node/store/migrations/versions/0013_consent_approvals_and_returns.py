"""Consents, approvals, withdrawals, and how far a return is prepared."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = (
    "consent_record",
    "case_document",
    "exception_record",
    "case_circumstances",
    "shelter",
    "approval_request",
    "withdrawal",
    "deletion",
    "untold_recipient",
    "onward_permission",
    "return_journey",
    "unannounced_arrival",
    "erasure",
)
_INDEXES = (
    ("ix_consent_record_case_id", "consent_record", ["case_id"], False),
    ("ix_case_document_case_id", "case_document", ["case_id"], False),
    ("ix_case_document_consent_id", "case_document", ["consent_id"], True),
    ("ix_exception_record_case_id", "exception_record", ["case_id"], False),
    ("ix_approval_request_asked_by", "approval_request", ["asked_by"], False),
    ("ix_approval_request_case_id", "approval_request", ["case_id"], False),
    ("ix_approval_waiting", "approval_request", ["state", "decide_by"], False),
    ("ix_withdrawal_case_id", "withdrawal", ["case_id"], False),
    ("ix_deletion_case_id", "deletion", ["case_id"], False),
    ("ix_deletion_open", "deletion", ["state", "confirm_by"], False),
    ("ix_deletion_withdrawal_id", "deletion", ["withdrawal_id"], False),
    ("ix_untold_open", "untold_recipient", ["settled_at", "try_again_at"], False),
    ("ix_untold_recipient_case_id", "untold_recipient", ["case_id"], False),
    ("ix_onward_permission_case_id", "onward_permission", ["case_id"], False),
    ("ix_onward_source", "onward_permission", ["source_message", "target"], False),
    ("ix_unannounced_arrival_at", "unannounced_arrival", ["at"], False),
    ("ix_unannounced_arrival_case_id", "unannounced_arrival", ["case_id"], False),
    ("ix_erasure_case_id", "erasure", ["case_id"], False),
)


def upgrade() -> None:
    """Apply."""
    _create_consents()
    _create_approvals()
    _create_untold()
    _create_returns()
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rests_on", sa.String(), nullable=True))
    for name, table, columns, is_unique in _INDEXES:
        op.create_index(name, table, columns, unique=is_unique)
    op.create_index(
        "ix_approval_twin",
        "approval_request",
        ["asked_by", "draft_sha256"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _create_consents() -> None:
    op.create_table(
        "consent_record",
        sa.Column("consent_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("consent_id"),
    )
    op.create_table(
        "case_document",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("consent_id", sa.String(length=32), nullable=False),
        sa.Column("description_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.ForeignKeyConstraint(["consent_id"], ["consent_record.consent_id"]),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_table(
        "exception_record",
        sa.Column("exception_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("exception_id"),
    )
    op.create_table(
        "case_circumstances",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "shelter",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )


def _create_approvals() -> None:
    op.create_table(
        "approval_request",
        sa.Column("approval_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("draft_sha256", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decide_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("approval_id"),
    )
    op.create_table(
        "withdrawal",
        sa.Column("withdrawal_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("withdrawal_id"),
    )
    op.create_table(
        "deletion",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("withdrawal_id", sa.String(length=32), nullable=True),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("confirm_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_message", sa.String(length=32), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["withdrawal.withdrawal_id"]),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "onward_permission",
        sa.Column("permission_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("source_message", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("answer_message", sa.String(length=32), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["source_message"], ["message.message_id"]),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("permission_id"),
    )


def _create_untold() -> None:
    op.create_table(
        "untold_recipient",
        sa.Column("untold_id", sa.String(length=32), nullable=False),
        sa.Column("withdrawal_id", sa.String(length=32), nullable=True),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("try_again_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["withdrawal.withdrawal_id"]),
        sa.PrimaryKeyConstraint("untold_id"),
    )


def _create_returns() -> None:
    op.create_table(
        "return_journey",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "unannounced_arrival",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=64), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "erasure",
        sa.Column("erased_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("is_case", sa.Boolean(), nullable=False),
        sa.Column("ground", sa.String(length=40), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint("erased_id"),
    )


def downgrade() -> None:
    """Take it back."""
    # Not as a batch: that makes the table anew, and others point to its rows.
    op.drop_column("message", "rests_on")
    op.drop_index("ix_approval_twin", table_name="approval_request")
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
    for table in reversed(_TABLES):
        op.drop_table(table)
