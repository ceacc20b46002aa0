"""Which receipts may be signed together: those for messages of one peer and one channel.

A signed receipt is kept as evidence of each message that it names, and cannot be cut. Were messages
of several channels in one, whoever reads the evidence of theirs would see that there are others.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from node.service.receipt_rows import Owed
from node.service.records import IN
from node.store.bulk import in_parts, table_of
from node.store.tables import MessageRow

#: Messages that one receipt confirms at most: its envelope still travels in the class of receipts,
#: not in that of large ones, of which the broker keeps few.
MOST: Final = 128

_MESSAGE: Final = table_of(MessageRow).c
_CHANNELS: Final = select(_MESSAGE.wire_id, _MESSAGE.payload_sha256, _MESSAGE.channel).where(
    _MESSAGE.direction == IN,
    _MESSAGE.peer == bindparam("peer"),
    _MESSAGE.wire_id.in_(bindparam("wire_ids", expanding=True)),
)

#: A message as its sender names it, and as it was signed.
Name = tuple[str, str, str | None]


def find_channels(session: Session, names: Iterable[Name]) -> Mapping[Name, str]:
    """Return the channel of each of these messages that we hold and can read.

    A name is sender, identifier and digest: another message under the same identifier is not meant.
    """
    by_peer: dict[str, set[str]] = {}
    for peer, wire_id, _ in names:
        by_peer.setdefault(peer, set()).add(wire_id)
    return {
        (peer, wire_id, digest): channel
        for peer, wire_ids in by_peer.items()
        for part in in_parts(sorted(wire_ids))
        for wire_id, digest, channel in session.connection().execute(
            _CHANNELS, {"peer": peer, "wire_ids": part}
        )
        if channel is not None
    }


def gather_company(owed: Sequence[Owed]) -> list[list[Owed]]:
    """Divide what is owed into receipts, each with at most :data:`MOST` messages.

    What names no digest proves nothing and is kept by nobody as evidence: it goes together. Else a
    message whose channel is not known here, as of one that was refused, goes alone.
    """
    companies: dict[Hashable, list[Owed]] = {}
    for each in owed:
        companies.setdefault(_company_of(each), []).append(each)
    return [part for company in companies.values() for part in in_parts(company, MOST)]


def _company_of(owed: Owed) -> Hashable:
    if owed.item.payload_sha256 is None:
        return owed.peer, "unproven"
    if owed.channel is None:
        return owed.peer, owed.due_id
    return owed.peer, owed.channel
