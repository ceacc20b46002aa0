"""Alembic scripts of the hub's database."""
