"""What could not be taken in is kept, with its reason, within bounds.

A sender that repeats itself, or that floods us, fills one row or its own share, never the disk.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from node.service.context import NodeContext
from node.service.opening import Arrival
from node.store.tables import QuarantineRow

#: Bytes of envelopes kept of one sender; beyond, only digest and reason are.
BYTES_PER_PEER: Final = 32 * 1024**2
#: Rows kept of one sender; beyond, one goes: looked after before not, then the oldest.
ROWS_PER_PEER: Final = 5_000
_DETAIL: Final = 500
#: Most rows of one list.
LISTED: Final = 100

#: The reason of what our own software stumbled over: kept until it can be taken in again.
INTERNAL: Final = "internal"


def keep(  # noqa: PLR0913 - what is known of a refused envelope
    context: NodeContext,
    session: Session,
    arrival: Arrival,
    *,
    peer: str | None,
    wire_id: str | None,
    reason: str,
    detail: str,
) -> None:
    """Keep a refused envelope; the same refusal again only counts."""
    digest = hashlib.sha256(arrival.envelope).hexdigest()
    what = f"{peer}\x00{wire_id}\x00{reason}" if wire_id is not None else digest
    identity = hashlib.sha256(f"{arrival.sender}\x00{what}".encode()).hexdigest()
    row = session.exec(
        select(QuarantineRow).where(QuarantineRow.identity == identity).with_for_update()
    ).one_or_none()
    now = context.clock()
    if row is not None:
        row.times += 1
        row.at = now
        row.settled_at = None
        row.account = arrival.sender
        if not row.envelope:  # its sender's share was used up when it came first
            row.envelope = arrival.envelope if _fits(session, peer, arrival.envelope) else b""
        return
    mine = _is_from(peer)
    count = session.exec(select(func.count()).select_from(QuarantineRow).where(mine)).one()
    if count >= ROWS_PER_PEER:
        oldest = session.exec(
            select(QuarantineRow)
            .where(mine)
            .order_by(col(QuarantineRow.settled_at).is_(None), col(QuarantineRow.at))
            .limit(1)
        ).one()
        session.delete(oldest)
    fits = _fits(session, peer, arrival.envelope)
    session.add(
        QuarantineRow(
            at=now,
            peer=peer,
            traffic=arrival.traffic,
            message_id=wire_id,
            reason=reason,
            detail=_printable(detail),
            identity=identity,
            envelope_sha256=digest,
            envelope=arrival.envelope if fits else b"",
            account=arrival.sender,
        )
    )
    session.flush()


def _is_from(peer: str | None) -> ColumnElement[bool]:
    return col(QuarantineRow.peer) == peer if peer else col(QuarantineRow.peer).is_(None)


def _fits(session: Session, peer: str | None, envelope: bytes) -> bool:
    """Say whether a sender's share of the quarantine has room for one envelope more."""
    size = session.exec(
        select(func.sum(func.length(QuarantineRow.envelope))).where(_is_from(peer))
    ).one()
    return (size or 0) + len(envelope) <= BYTES_PER_PEER


def _printable(text: str) -> str:
    """Take out what a database or a screen could stumble over."""
    clean = "".join(
        character if unicodedata.category(character)[0] != "C" else "?" for character in text
    )
    return clean[:_DETAIL]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An envelope that was refused, as the administrator sees it."""

    at: datetime
    peer: str | None
    message_id: str | None
    reason: str
    detail: str


def list_quarantine(context: NodeContext, *, limit: int = LISTED) -> list[Quarantined]:
    """List refused envelopes, newest first: metadata only."""
    with context.database.reading() as session:
        rows = session.exec(
            select(QuarantineRow)
            .order_by(col(QuarantineRow.quarantine_id).desc())
            .limit(min(limit, LISTED))
        ).all()
    return [
        Quarantined(
            at=row.at,
            peer=row.peer,
            message_id=row.message_id,
            reason=row.reason,
            detail=row.detail,
        )
        for row in rows
    ]
