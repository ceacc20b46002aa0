"""The one clock of the process."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)
