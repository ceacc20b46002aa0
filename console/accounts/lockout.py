"""How long one waits after failed sign-ins: a table, for the account and for the client.

The wait is bounded, so that a stranger cannot lock a duty officer out for the night; a one-time
link from the administrator is always a way in.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from console.accounts.models import Failures

FORGET_AFTER: Final = timedelta(hours=24)
"""A failure this old no longer counts."""

Delays = Sequence[tuple[int, timedelta]]
"""Pairs of (failures from which on, wait), rising."""

ACCOUNT_DELAYS: Final[Delays] = (
    (4, timedelta(seconds=15)),
    (6, timedelta(minutes=1)),
    (8, timedelta(minutes=5)),
    (10, timedelta(minutes=15)),
)
CLIENT_DELAYS: Final[Delays] = (  # a whole office may come from one address
    (20, timedelta(seconds=15)),
    (40, timedelta(minutes=5)),
    (80, timedelta(minutes=15)),
)


def find_wait(failures: Failures, *, delays: Delays, now: datetime) -> timedelta:
    """Give how long the next attempt must still wait: zero when it may be made now."""
    delay = timedelta(0)
    for count, length in delays:
        if failures.count >= count:
            delay = length
    if failures.last_at is None or now - failures.last_at > FORGET_AFTER:
        return timedelta(0)
    return max(failures.last_at + delay - now, timedelta(0))
