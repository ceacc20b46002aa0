"""Tables of consents, approvals, withdrawals and returns."""
