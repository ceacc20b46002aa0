"""Who works on each stored message, in which order. See :mod:`node.service.following`."""

from typing import Final

from node.service.cases.following import follow_cases
from node.service.context import NodeContext
from node.service.deletions import follow_deletions
from node.service.following import AT_ONCE, Follower, follow_due, one_by_one
from node.service.returns import follow_returns
from node.service.search.indexing import follow_words
from node.service.work.message_items import follow_items

FOLLOWERS: Final[tuple[Follower, ...]] = (
    follow_cases,
    one_by_one(follow_deletions),
    one_by_one(follow_returns),
    follow_items,
    follow_words,
)
"""One line each. The order matters where one reads what another wrote: the course of cases first,
then items; words last, because they hold the lock of the index until the end."""


def follow_next(context: NodeContext) -> int:
    """Work on the next messages that are due; returns how many were looked at."""
    return follow_due(context, FOLLOWERS, limit=AT_ONCE)


def follow_all(context: NodeContext) -> int:
    """Work on everything that is due now; returns how many messages were looked at."""
    total = 0
    while looked_at := follow_next(context):
        total += looked_at
    return total
