"""What people are cleared for, their further factors, programs, and the audit log."""

import sqlalchemy as sa
from alembic import op

import console.storage.columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: Until now everybody who saw messages saw all of them.
_EVERY = "assistance police trend witness_protection"
_REFUSED = "the audit log is only ever added to"
_TABLES = (
    "ceremony",
    "national_login",
    "recovery_code",
    "passkey",
    "audit_head",
    "audit_entry",
    "audit_due",
    "clearance",
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=20), nullable=True))
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("channels", sa.String(length=100), nullable=False, server_default=_EVERY)
        )
        batch_op.add_column(sa.Column("account_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("made_by", sa.String(length=120), nullable=True))
        batch_op.create_foreign_key(
            "fk_api_token_account", "account", ["account_id"], ["account_id"]
        )
        batch_op.create_index("ix_api_token_account_id", ["account_id"])
    _make_clearances()
    _make_audit_tables()
    _make_factors()


def _make_clearances() -> None:
    op.create_table(
        "clearance",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("channels", sa.String(length=100), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.execute(
        "INSERT INTO clearance (account_id, channels, confidential, row_version) "  # noqa: S608 - our own words
        f"SELECT account_id, '{_EVERY}', {sa.false().compile(dialect=op.get_bind().dialect)}, 1 "
        "FROM account"
    )


def _make_audit_tables() -> None:
    op.create_table(
        "audit_due",
        sa.Column("due_id", sa.Integer(), nullable=False),
        sa.Column("at", console.storage.columns.Moment(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.String(length=2000), nullable=False),
        sa.PrimaryKeyConstraint("due_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_entry",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", console.storage.columns.Moment(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.String(length=2000), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("entry_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    for column in ("actor", "action", "subject"):
        op.create_index(f"ix_audit_entry_{column}", "audit_entry", [column])
    op.create_table(
        "audit_head",
        sa.Column("head_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("entry_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("head_id"),
    )
    _refuse_changes()


def _refuse_changes() -> None:
    """Let the database itself refuse to change or remove an entry."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entry_no_{change.lower()} BEFORE {change} ON audit_entry "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
            )
        # INSERT OR REPLACE takes the old row away without asking the trigger of DELETE.
        op.execute(
            "CREATE TRIGGER audit_entry_no_replace BEFORE INSERT ON audit_entry "
            "WHEN EXISTS (SELECT 1 FROM audit_entry WHERE sequence = NEW.sequence) "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()"
    )


def _make_factors() -> None:
    account = ("account_id", sa.String(length=32))
    op.create_table(
        "passkey",
        sa.Column("passkey_id", sa.String(length=64), nullable=False),
        sa.Column(*account, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("created_at", console.storage.columns.Moment(), nullable=False),
        sa.Column("used_at", console.storage.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("passkey_id"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column(*account, nullable=False),
        sa.Column("created_at", console.storage.columns.Moment(), nullable=False),
        sa.Column("used_at", console.storage.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    for table in ("passkey", "recovery_code"):
        op.create_index(f"ix_{table}_account_id", table, ["account_id"])
    op.create_table(
        "national_login",
        sa.Column(*account, nullable=False),
        sa.Column("identity_hash", sa.String(length=64), nullable=False),
        sa.Column("linked_at", console.storage.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"]),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("identity_hash"),
    )
    op.create_table(
        "ceremony",
        sa.Column("ceremony_id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", console.storage.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("ceremony_id"),
    )
    op.create_index("ix_ceremony_expires_at", "ceremony", ["expires_at"])


def downgrade() -> None:
    """Take it back."""
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_entry_refuse()")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index("ix_api_token_account_id")
        batch_op.drop_constraint("fk_api_token_account", type_="foreignkey")
        batch_op.drop_column("made_by")
        batch_op.drop_column("account_id")
        batch_op.drop_column("channels")
    # Not as a batch: that makes the table anew, and others point to its rows.
    op.drop_column("message", "channel")
