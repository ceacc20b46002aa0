"""The outside world, each by its technology: broker, database, key files, registry."""
