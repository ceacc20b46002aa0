"""Names of things that this node alone knows by them: cases, items.

What is made together lies together: a name begins with the moment, so that rows of a day, and
their entries in every index that leads to them, share pages, however many there are of other days.
Names that are random as a whole scatter over all pages
(docs/decisions/0040-names-of-this-node-begin-with-their-moment.md).
"""

from datetime import datetime
from typing import Final

from node.service.context import NodeContext
from protocol.identifiers import RandomBytes

_MOMENT_BYTES: Final = 6
_RANDOM_BYTES: Final = 10


def make_local_name(context: NodeContext) -> str:
    """Return a new name for what is made now; it never leaves as one that others know it by."""
    return name_at(context.clock(), context.random)


def name_at(moment: datetime, random: RandomBytes) -> str:
    """Return a new name for what is made at this moment: 32 hexadecimal characters.

    The first twelve are milliseconds since 1970, so it tells whoever knows it when that was; the
    others are random.
    """
    since = max(0, int(moment.timestamp() * 1000))
    return (since.to_bytes(_MOMENT_BYTES) + random(_RANDOM_BYTES)).hex()
