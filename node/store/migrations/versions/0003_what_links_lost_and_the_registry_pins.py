"""What links lost and how it is asked for; registry pins and alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "link_announced",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("peer", "generation", "seq"),
    )
    op.create_table(
        "link_asked",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    with op.batch_alter_table("link_asked", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_asked_peer"), ["peer"], unique=False)

    op.create_table(
        "link_gap",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "generation", "first"),
    )
    op.create_table(
        "link_gone",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("peer", "generation", "first"),
    )
    op.create_table(
        "link_watch",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answering_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("head_trouble", sa.String(length=20), nullable=True),
        sa.Column("forgotten", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("peer"),
    )
    with op.batch_alter_table("link_watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_watch_look_at"), ["look_at"], unique=False)

    op.create_table(
        "machine_mail",
        sa.Column("mail_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mail_id"),
        sa.UniqueConstraint("message_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("machine_mail", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_machine_mail_next_attempt_at"), ["next_attempt_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_machine_mail_peer"), ["peer"], unique=False)

    op.create_table(
        "registry_alarm",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("raised_by", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("held_sha256", sa.String(length=64), nullable=False),
        sa.Column("held_by", sa.String(length=8), nullable=False),
        sa.Column("named_sha256", sa.String(length=64), nullable=False),
        sa.Column("named_by", sa.String(length=8), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("payload_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id"),
        sa.UniqueConstraint(
            "raised_by", "version", "named_by", "held_by", "named_sha256", name="uq_registry_alarm"
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("registry_alarm", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_registry_alarm_named_by"), ["named_by"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_registry_alarm_raised_by"), ["raised_by"], unique=False
        )

    op.create_table(
        "registry_named",
        sa.Column("peer", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("payload_sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("peer", "version"),
    )
    with op.batch_alter_table("registry_named", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_registry_named_version"), ["version"], unique=False)

    op.create_table(
        "registry_verified",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "handed_again",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("once_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("once_until")

    op.drop_table("handed_again")
    op.drop_table("registry_verified")
    with op.batch_alter_table("registry_named", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registry_named_version"))

    op.drop_table("registry_named")
    with op.batch_alter_table("registry_alarm", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registry_alarm_raised_by"))
        batch_op.drop_index(batch_op.f("ix_registry_alarm_named_by"))

    op.drop_table("registry_alarm")
    with op.batch_alter_table("machine_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_machine_mail_peer"))
        batch_op.drop_index(batch_op.f("ix_machine_mail_next_attempt_at"))

    op.drop_table("machine_mail")
    with op.batch_alter_table("link_watch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_watch_look_at"))

    op.drop_table("link_watch")
    op.drop_table("link_gone")
    op.drop_table("link_gap")
    with op.batch_alter_table("link_asked", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_asked_peer"))

    op.drop_table("link_asked")
    op.drop_table("link_announced")
