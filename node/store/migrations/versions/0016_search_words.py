"""Words that can be looked for, as keyed hashes; indexes for lists of a large store."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_UNREAD = "direction = 'in' AND handling = 'nothing_expected' AND opened_at IS NULL"
_REFUSED = "direction = 'out' AND dispatch IN ('rejected', 'expired', 'given_up')"
_LABEL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply. What was stored before is added by the follower, which is given all of it."""
    state = op.create_table(
        "search_state",
        sa.Column("state_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("state_id"),
    )
    op.bulk_insert(state, [{"state_id": 1, "generation": 1, "complete": True}])
    op.create_table(
        "search_document",
        sa.Column("document", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("terms_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("document"),
        sa.UniqueConstraint("kind", "subject_id", "channel", name="uq_search_document_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_search_document_case_id", "search_document", ["case_id"])
    op.create_table(
        "search_word",
        sa.Column("label", _LABEL, autoincrement=False, nullable=False),
        sa.Column("document", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("label"),
    )
    op.create_index("ix_search_word_document", "search_word", ["document"])
    _create_lists()


def _create_lists() -> None:
    """Make the indexes that lists of messages are in the order of, within one channel."""
    op.drop_index("ix_message_inbox", table_name="message")
    op.create_index(
        "ix_message_list", "message", ["direction", "channel", "stored_at", "message_id"]
    )
    op.create_index(
        "ix_message_waiting", "message", ["direction", "handling", "channel", "answer_by"]
    )
    for name, condition in (("ix_message_unread", _UNREAD), ("ix_message_refused", _REFUSED)):
        op.create_index(
            name,
            "message",
            ["channel", "stored_at"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    """Take it back."""
    for name in (
        "ix_message_refused",
        "ix_message_unread",
        "ix_message_waiting",
        "ix_message_list",
    ):
        op.drop_index(name, table_name="message")
    op.create_index("ix_message_inbox", "message", ["direction", "handling", "answer_by"])
    op.drop_index("ix_search_word_document", table_name="search_word")
    op.drop_table("search_word")
    op.drop_index("ix_search_document_case_id", table_name="search_document")
    op.drop_table("search_document")
    op.drop_table("search_state")
