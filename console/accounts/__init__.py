"""Who signs in: accounts, passwords, second factor, one-time links, sessions, and lockout."""
