"""Use cases of a node; each one is a transaction."""
