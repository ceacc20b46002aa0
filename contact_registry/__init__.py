"""The contact registry: a signed, versioned directory of who is competent, and with which keys."""
