"""The return journey: what is recorded, what is missing, who can do it.

The gates themselves stand in the policy, in front of each message. Here people record what they
did, and see what is still missing. An arrival that no acknowledged notice came before is flagged by
each side for itself, from the message that confirms it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.returns import (
    Answers,
    Missing,
    ReturnJourney,
    Situation,
    list_missing,
)
from node.service.audit import record
from node.service.case_content import get_case_of
from node.service.case_work import CaseWork
from node.service.consent.circumstances import load_circumstances
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.following import FollowedMessage
from node.service.permitting import require
from node.service.records import add_event
from node.service.return_messages import (
    find_answers,
    is_notice_acknowledged,
    list_agreed,
)
from node.service.return_notes import (
    KeptJourney,
    keep_notes,
    open_journey,
    place_of_return,
    show_journey,
)
from node.store.consent_tables import ReturnJourneyRow, UnannouncedArrivalRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from protocol.messages.arrival import ArrivalConfirmation, ArrivalOutcome

_MOST_LISTED: Final = 200
_HERE: Final = frozenset({ArrivalOutcome.ARRIVED, ArrivalOutcome.ARRIVED_BUT_LEFT})


@dataclass(frozen=True, slots=True)
class ReturnView:
    """A return: what is recorded, what others answered, and what is missing."""

    journey: ReturnJourney
    answers: Answers
    missing: tuple[Missing, ...]
    #: Of what somebody sees of it; 0: nothing was recorded yet.
    row_version: int
    #: The requests about it to which the answer is yes.
    agreed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ArrivalView:
    """An arrival that was not announced, or whose notice nobody acknowledged."""

    message_id: str
    direction: str
    case_id: str
    peer: str
    at: datetime
    settled_at: datetime | None
    settled_by: str | None
    row_version: int


def get_return(
    context: NodeContext, case_id: str, *, who: Principal, channel: Channel | None = None
) -> ReturnView:
    """Return how far a return is prepared. Raises ``NotFoundError``, ``ForbiddenError``.

    ``channel``: whose note is shown; None: the first of theirs that has one.
    """
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        return _view(context, session, case, who=who, channel=channel)


def handle_record_return(  # noqa: PLR0913 - what is recorded of which case, by whom, on which view
    context: NodeContext,
    case_id: str,
    journey: ReturnJourney,
    *,
    who: Principal,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> ReturnView:
    """Record how far a return is prepared, as a whole; raises ``StaleError`` if it changed.

    A note is for people of the channel; see :mod:`node.service.return_notes`.
    """

    def write(session: Session) -> ReturnView:
        work = CaseWork.begin(context, session, case_id, who=who)
        row = session.get(ReturnJourneyRow, case_id, with_for_update=True)
        kept = open_journey(context, work.case, row.content_sealed if row else None)
        if row_version is not None and row_version != _find_version(row, kept, who=who):
            raise StaleError(
                "Somebody changed this meanwhile: nothing was changed. Read it again, then record "
                "what is different."
            )
        said, noted = keep_notes(work, kept, journey, channel=channel).follow(kept)
        row = work.keep_document(ReturnJourneyRow, row, said, place=place_of_return(case_id))
        row.row_version += not noted
        session.flush()
        teller = next(iter(noted)) if len(noted) == 1 else None
        work.tell(EventKind.RETURN_CHANGED, at=row.updated_at, channel=teller)
        work.record(Act.RETURN_CHANGED, case_id)
        return _view(context, session, work.case, who=who, channel=channel)

    return context.transact(write)


def _find_version(row: ReturnJourneyRow | None, kept: KeptJourney, *, who: Principal) -> int:
    """Return the version of what somebody sees: a note of another channel does not move it."""
    return (row.row_version if row else 0) + kept.count_note_changes(who=who)


def _view(
    context: NodeContext,
    session: Session,
    case: CaseRow,
    *,
    who: Principal,
    channel: Channel | None,
) -> ReturnView:
    row = session.get(ReturnJourneyRow, case.case_id)
    kept = open_journey(context, case, row.content_sealed if row else None)
    journey = show_journey(session, case, kept, who=who, channel=channel)
    known = load_circumstances(context, session, case)
    answers = find_answers(context, session, case)
    situation = Situation(
        journey,
        answers,
        treated_as_child=known.treated_as_child,
        guardian_appointed=known.guardian_appointed,
    )
    return ReturnView(
        journey,
        answers,
        list_missing(situation),
        _find_version(row, kept, who=who),
        agreed=list_agreed(context, session, case),
    )


# ------------------------------------------------------------------ arrivals


def follow_returns(context: NodeContext, session: Session, followed: FollowedMessage) -> None:
    """Flag an arrival that no acknowledged notice came before. Idempotent."""
    message, row = followed.case_message, followed.row
    if not isinstance(message, ArrivalConfirmation) or row.case_id is None:
        return
    if (
        message.body.outcome not in _HERE
        or session.get(UnannouncedArrivalRow, row.message_id) is not None
        or is_notice_acknowledged(session, row.case_id, peer=row.peer)
    ):
        return
    session.add(
        UnannouncedArrivalRow(
            message_id=row.message_id,
            direction=row.direction,
            case_id=row.case_id,
            peer=row.peer,
            channel=message.channel,
            at=row.stored_at,
        )
    )
    add_event(
        session,
        kind=EventKind.ARRIVAL_UNANNOUNCED,
        at=context.clock(),
        actor=row.peer if followed.is_incoming else context.participant,
        case_id=row.case_id,
        message_id=row.message_id,
    )


def list_unannounced(
    context: NodeContext, *, who: Principal, open_only: bool = True
) -> list[ArrivalView]:
    """List arrivals that came unannounced, in the channels of who asks, the newest first."""
    require(who, Permission.READ_CASES)
    statement = select(UnannouncedArrivalRow).where(
        col(UnannouncedArrivalRow.channel).in_(sorted(who.channels))
    )
    if open_only:
        statement = statement.where(col(UnannouncedArrivalRow.settled_at).is_(None))
    with context.database.reading() as session:
        rows = session.exec(
            statement.order_by(
                col(UnannouncedArrivalRow.at).desc(), UnannouncedArrivalRow.message_id
            ).limit(_MOST_LISTED)
        ).all()
    return [_view_arrival(row) for row in rows]


def handle_settle_arrival(
    context: NodeContext, message_id: str, *, who: Principal, row_version: int | None = None
) -> ArrivalView:
    """Say that somebody looked after an unannounced arrival; done twice it is done once.

    Raises ``NotFoundError``, ``ForbiddenError``, ``StaleError`` if it changed since.
    """
    require(who, Permission.WORK_CASES)

    def work(session: Session) -> ArrivalView:
        row = session.get(UnannouncedArrivalRow, message_id, with_for_update=True)
        if row is None or not who.sees(Channel(row.channel)):
            raise NotFoundError("There is no such arrival here: open it again from the list.")
        if row.settled_at is not None:
            return _view_arrival(row)
        if row_version is not None and row_version != row.row_version:
            raise StaleError("It has changed since you opened it: look at its newest state.")
        row.settled_at, row.settled_by = context.clock(), who.actor
        row.row_version += 1
        session.add(row)
        add_event(
            session,
            kind=EventKind.ARRIVAL_SETTLED,
            at=row.settled_at,
            actor=who.actor,
            case_id=row.case_id,
            message_id=message_id,
        )
        record(context, session, who, Act.ARRIVAL_SETTLED, subject=message_id)
        return _view_arrival(row)

    return context.transact(work)


def _view_arrival(row: UnannouncedArrivalRow) -> ArrivalView:
    return ArrivalView(
        message_id=row.message_id,
        direction=row.direction,
        case_id=row.case_id,
        peer=row.peer,
        at=row.at,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        row_version=row.row_version,
    )
