"""What did not arrive, or was not taken in, for the one who runs the node: metadata, never content.

Ours: refused by its recipient, expired, given up, or waiting for a receipt for longer than its
urgency bears. Theirs: envelopes that this node refused. Each is tried again or settled; both leave
an entry that says who did it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select

from node.domain.events import CHANGES_NOTHING, EventKind
from node.domain.states import OPEN_DISPATCH, Dispatch
from node.service.context import NodeContext, NotFoundError
from node.service.holding import HELD_BACK
from node.service.reading import PAGE
from node.service.records import OUT
from node.store.tables import (
    CaseRow,
    EventRow,
    MessageRow,
    OutboxRow,
    QuarantineRow,
    SettledLetterRow,
)
from protocol.messages.codes import Urgency

#: How long a message may wait for its receipt before somebody should look.
_LONG: Final = {
    Urgency.IMMEDIATE: timedelta(hours=1),
    Urgency.URGENT: timedelta(hours=6),
    Urgency.STANDARD: timedelta(hours=24),
}
_ENVELOPE: Final = "q"


class LetterKind(StrEnum):
    """Why something is listed."""

    REFUSED = "refused"
    EXPIRED = "expired"
    GIVEN_UP = "given_up"
    #: No receipt yet, for longer than its urgency bears.
    UNDELIVERED = "undelivered"
    #: An envelope that this node refused.
    QUARANTINED = "quarantined"


class Obstacle(StrEnum):
    """Why trying again is not offered."""

    #: Its time is over: the recipient would refuse it.
    OVER = "over"
    #: It was signed with keys that were replaced since: the recipient would refuse it.
    KEYS_REPLACED = "keys_replaced"
    #: It waits for a newer registry, and leaves by itself then.
    HELD_BACK = "held_back"
    #: The envelope was not kept, because its sender's share of the quarantine was used up.
    NOT_KEPT = "not_kept"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing to look after. ``reason`` is a rejection code; ``detail`` our own software's."""

    letter_id: str
    kind: LetterKind
    peer: str | None
    #: Since when it is so; of a waiting message, since when it waits.
    since: datetime
    version: int
    message_id: str | None = None
    case_reference: str | None = None
    from_authority: str | None = None
    to_authority: str | None = None
    expires_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    #: Hand-overs begun, or how often the envelope came.
    times: int = 0
    handed_over: int = 0
    next_attempt_at: datetime | None = None
    settled_at: datetime | None = None
    obstacle: Obstacle | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has looked after it yet."""
        return self.settled_at is None

    @property
    def is_ours(self) -> bool:
        """Whether it is a message that we sent."""
        return self.kind is not LetterKind.QUARANTINED


@dataclass(frozen=True, slots=True)
class LetterEvent:
    """What was done about a letter."""

    at: datetime
    kind: str
    actor: str
    code: str | None


def list_dead_letters(
    context: NodeContext, *, open_only: bool = True, limit: int = PAGE
) -> list[DeadLetter]:
    """List what is to be looked after, newest first; with ``open_only`` false what was, too.

    Ours go before what others sent: nobody can hide a message that did not arrive behind a heap of
    envelopes that are no good.
    """
    with context.database.reading() as session:
        ours = _find_ours(context, session, open_only=open_only, limit=limit)
        theirs = _find_theirs(session, open_only=open_only, limit=limit)
    return [*ours, *theirs][:limit]


def count_dead_letters(context: NodeContext) -> int:
    """Count what is to be looked after, up to one page."""
    return len(list_dead_letters(context))


def load_dead_letter(context: NodeContext, letter_id: str) -> DeadLetter:
    """Return one; raises ``NotFoundError`` if it needs nobody (any more)."""
    with context.database.reading() as session:
        return find_letter(context, session, letter_id)


def list_letter_events(context: NodeContext, letter_id: str) -> list[LetterEvent]:
    """Return what happened to a letter, oldest first."""
    with context.database.reading() as session:
        rows = session.exec(
            select(EventRow)
            .where(EventRow.message_id == letter_id)
            .order_by(col(EventRow.event_id))
            .limit(PAGE)
        ).all()
    return [LetterEvent(row.at, row.kind, row.actor, row.code) for row in rows]


def find_letter(context: NodeContext, session: Session, letter_id: str) -> DeadLetter:
    """Return one inside the caller's transaction; raises ``NotFoundError``."""
    number = parse_envelope_number(letter_id)
    if number is not None:
        row = session.get(QuarantineRow, number)
        found = [] if row is None else [_of_envelope(row)]
    else:
        found = _find_ours(context, session, open_only=False, limit=1, message_id=letter_id)
    if not found:
        raise NotFoundError("Nothing is wrong with it (any more): go back to the list.")
    return found[0]


def parse_envelope_number(letter_id: str) -> int | None:
    """Return the number of a refused envelope; None for a message."""
    digits = letter_id.removeprefix(_ENVELOPE)
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(2**31)) - 1
    return int(digits) if letter_id.startswith(_ENVELOPE) and is_number else None


# ------------------------------------------------------------------ ours


def _find_ours(
    context: NodeContext,
    session: Session,
    *,
    open_only: bool,
    limit: int,
    message_id: str | None = None,
) -> list[DeadLetter]:
    now = context.clock()
    statement = (
        select(MessageRow, OutboxRow, SettledLetterRow.at, CaseRow.reference)
        .join(OutboxRow, col(OutboxRow.message_id) == col(MessageRow.message_id), isouter=True)
        .join(
            SettledLetterRow,
            col(SettledLetterRow.message_id) == col(MessageRow.message_id),
            isouter=True,
        )
        .join(CaseRow, col(CaseRow.case_id) == col(MessageRow.case_id), isouter=True)
        .where(MessageRow.direction == OUT, or_(_ended(), _waits_long(now)))
        .order_by(col(MessageRow.stored_at).desc())
        .limit(limit)
    )
    if message_id is not None:
        statement = statement.where(MessageRow.message_id == message_id)
    if open_only:
        statement = statement.where(col(SettledLetterRow.at).is_(None))
    rows = session.exec(statement).all()
    reasons = _find_reasons(session, [row.message_id for row, *_ in rows])
    return [
        _of_message(
            row,
            outbox,
            settled_at=settled,
            reference=reference,
            reason=reasons,
            obstacle=_find_obstacle(context, row, outbox, now=now),
        )
        for row, outbox, settled, reference in rows
    ]


def _ended() -> ColumnElement[bool]:
    return col(MessageRow.dispatch).in_((Dispatch.REJECTED, Dispatch.EXPIRED, Dispatch.GIVEN_UP))


def _waits_long(now: datetime) -> ColumnElement[bool]:
    late = [
        and_(col(MessageRow.urgency) == urgency, col(MessageRow.stored_at) <= now - span)
        for urgency, span in _LONG.items()
    ]
    return and_(col(MessageRow.dispatch).in_(OPEN_DISPATCH), or_(*late))


def _find_reasons(session: Session, message_ids: Iterable[str]) -> dict[str, str]:
    """Return why each was refused the last time: tried again, it may be for another reason."""
    refusals = session.exec(
        select(EventRow.message_id, EventRow.code)
        .where(
            col(EventRow.message_id).in_(list(message_ids)),
            EventRow.kind == EventKind.MESSAGE_REJECTED,
            EventRow.code != CHANGES_NOTHING,
        )
        .order_by(col(EventRow.event_id))
    ).all()
    return {message_id: code for message_id, code in refusals if message_id and code}


_KIND_OF: Final = {
    Dispatch.REJECTED: LetterKind.REFUSED,
    Dispatch.EXPIRED: LetterKind.EXPIRED,
    Dispatch.GIVEN_UP: LetterKind.GIVEN_UP,
}


def _find_obstacle(
    context: NodeContext, row: MessageRow, outbox: OutboxRow | None, *, now: datetime
) -> Obstacle | None:
    """Return why trying a message of ours again would be in vain, or is not needed."""
    if row.expires_at <= now or row.dispatch == Dispatch.EXPIRED:
        return Obstacle.OVER
    if row.signer_key_id != context.keys.signing_key.key_id:
        return Obstacle.KEYS_REPLACED
    if outbox is not None and outbox.last_error == HELD_BACK:
        return Obstacle.HELD_BACK
    return None


def _of_message(  # noqa: PLR0913 - what the tables know of one message
    row: MessageRow,
    outbox: OutboxRow | None,
    *,
    settled_at: datetime | None,
    reference: str | None,
    reason: dict[str, str],
    obstacle: Obstacle | None,
) -> DeadLetter:
    kind = _KIND_OF.get(Dispatch(row.dispatch or Dispatch.QUEUED), LetterKind.UNDELIVERED)
    return DeadLetter(
        letter_id=row.message_id,
        kind=kind,
        peer=row.peer,
        since=row.stored_at,
        version=row.row_version,
        message_id=row.message_id,
        case_reference=reference,
        from_authority=row.from_authority,
        to_authority=row.to_authority,
        expires_at=row.expires_at,
        reason=reason.get(row.message_id) if kind is LetterKind.REFUSED else None,
        detail=outbox.last_error if outbox else None,
        times=outbox.attempts if outbox else 0,
        handed_over=outbox.handed_over if outbox else 0,
        next_attempt_at=outbox.next_attempt_at if outbox else None,
        settled_at=settled_at,
        obstacle=obstacle,
    )


# ------------------------------------------------------------------ theirs


def _find_theirs(session: Session, *, open_only: bool, limit: int) -> list[DeadLetter]:
    statement = select(QuarantineRow).order_by(col(QuarantineRow.at).desc()).limit(limit)
    if open_only:
        statement = statement.where(col(QuarantineRow.settled_at).is_(None))
    return [_of_envelope(row) for row in session.exec(statement)]


def _of_envelope(row: QuarantineRow) -> DeadLetter:
    return DeadLetter(
        letter_id=f"{_ENVELOPE}{row.quarantine_id}",
        kind=LetterKind.QUARANTINED,
        peer=row.peer,
        since=row.at,
        version=row.times,
        message_id=row.message_id,
        reason=row.reason,
        detail=row.detail,
        times=row.times,
        settled_at=row.settled_at,
        obstacle=None if row.envelope and row.account else Obstacle.NOT_KEPT,
    )
