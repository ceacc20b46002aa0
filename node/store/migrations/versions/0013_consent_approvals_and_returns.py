"""Consents, approvals, withdrawals, and how far a return is prepared."""

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take it back."""
