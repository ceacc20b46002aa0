"""The course of a case: strands, statements, notes, links, the confidential part."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_CASE = ("case_id",), ("trm_case.case_id",)


def upgrade() -> None:
    """Apply. What older messages say is filled in by the follower, which is given all of them."""
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=30), nullable=True))
    op.create_table(
        "case_strand",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("touched_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("manager_account", sa.String(length=64), nullable=True),
        sa.Column("person_status", sa.String(length=30), nullable=True),
        sa.Column("treated_as_child", sa.Boolean(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(*_CASE),
        sa.PrimaryKeyConstraint("case_id", "channel"),
    )
    op.create_index("ix_case_strand_touched", "case_strand", ["channel", "touched_at", "case_id"])
    op.create_index(
        "ix_case_strand_manager", "case_strand", ["manager_account", "channel", "touched_at"]
    )
    _create_statements_and_notes()
    _create_what_stays_here()


def _create_statements_and_notes() -> None:
    op.create_table(
        "case_statement",
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("participant", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(*_CASE),
        sa.PrimaryKeyConstraint("statement_id"),
        sa.UniqueConstraint("message_id", "kind", name="uq_case_statement_once"),
    )
    op.create_index("ix_case_statement_case", "case_statement", ["case_id", "kind", "statement_id"])
    op.create_table(
        "case_note",
        sa.Column("note_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=True),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(*_CASE),
        sa.PrimaryKeyConstraint("note_id"),
    )
    op.create_index("ix_case_note_case", "case_note", ["case_id", "at", "note_id"])


def _create_what_stays_here() -> None:
    op.create_table(
        "case_link",
        sa.Column("first_case_id", sa.String(length=32), nullable=False),
        sa.Column("second_case_id", sa.String(length=32), nullable=False),
        sa.Column("first_channel", sa.String(length=30), nullable=False),
        sa.Column("second_channel", sa.String(length=30), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["first_case_id"], ["trm_case.case_id"]),
        sa.ForeignKeyConstraint(["second_case_id"], ["trm_case.case_id"]),
        sa.PrimaryKeyConstraint(
            "first_case_id", "second_case_id", "first_channel", "second_channel"
        ),
    )
    op.create_index("ix_case_link_second_case_id", "case_link", ["second_case_id"])
    op.create_table(
        "case_confidential",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(*_CASE),
        sa.PrimaryKeyConstraint("case_id", "channel"),
    )
    op.create_table(
        "erased_act",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("act", sa.String(length=30), nullable=False),
        sa.Column("answers", sa.String(length=120), nullable=True),
        sa.Column("seen_generation", sa.Integer(), nullable=True),
        sa.Column("seen_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )


def downgrade() -> None:
    """Take it back."""
    for table in (
        "erased_act",
        "case_confidential",
        "case_link",
        "case_note",
        "case_statement",
        "case_strand",
    ):
        op.drop_table(table)
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_column("channel")
