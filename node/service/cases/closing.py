"""The end of a case in one channel, and taking it up again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, and_, col, or_, select

from node.domain.access import Principal
from node.domain.cases import ReopenReason, StrandEvent, StrandState, advance_strand
from node.domain.events import EventKind
from node.domain.states import NOT_HELD, Handling
from node.service.building import Draft
from node.service.case_work import CaseWork
from node.service.cases.handing_over import settle_take_over
from node.service.cases.strands import get_strand
from node.service.composing import Sent, queue_message
from node.service.consent.circumstances import load_circumstances
from node.service.context import NodeContext, StaleError
from node.service.conversations import read_held
from node.service.records import IN, OUT
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import Channel, Phase
from protocol.messages.codes import Urgency
from protocol.messages.general import CaseOutcome

_MAY_WAIT = {
    IN: (
        Handling.NEW,
        Handling.OPENED,
        Handling.FORWARDED,
        Handling.ACCEPTED,
        Handling.ANSWERED_IN_PART,
    ),
    OUT: (Handling.MORE_INFORMATION_ASKED,),
}
"""How a message can stand that still waits for us, by its direction."""


class Closing(BaseModel):
    """How a case ended here. ``procedure_note`` speaks of the procedure, never of the person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: CaseOutcome
    closed_on: date
    #: Whether the other Participants of this channel are told (``general.case_closed``).
    tell: bool = True
    recipient_may_go_on: bool = False
    retention_until: date | None = None
    procedure_note: str | None = Field(default=None, min_length=1, max_length=500)
    language: str = Field(default="en", max_length=11)
    #: Close it although something waits for us.
    despite_open: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A case that was closed in one channel, and who was told."""

    row_version: int
    told: tuple[Sent, ...]


class StillOpenError(StaleError):
    """Something in the case waits for us. ``members`` names the messages."""

    def __init__(self, message_ids: list[str]) -> None:
        """Name what waits."""
        super().__init__(
            f"{len(message_ids)} message(s) of this case wait for your side: decide or answer them "
            "first, or tell what was asked, or say that the case is closed despite them. Nothing "
            "was changed."
        )
        self.members: Mapping[str, object] = {"messages": message_ids}


def handle_close(  # noqa: PLR0913 - which case ends how, says who, on which view of it
    context: NodeContext,
    case_id: str,
    closing: Closing,
    *,
    who: Principal,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> Closed:
    """Close a case in one channel and tell the others, in one transaction.

    Raises ``StaleError`` if it is closed already, :class:`StillOpenError`, and what sending raises.
    """

    def close(session: Session) -> Closed:
        case, strand = get_strand(
            context, session, case_id, who=who, channel=channel, row_version=row_version
        )
        work = CaseWork(context, session, case, who)
        state = advance_strand(StrandState(strand.state), StrandEvent.CLOSED)
        if state is None:
            raise StaleError("This case is closed already: reopen it to go on with it.")
        waiting = [] if closing.despite_open else _list_waiting(context, session, strand)
        if waiting:
            raise StillOpenError(waiting)
        told = tuple(_tell_all(work, strand, closing))
        strand.state, strand.outcome = state, closing.outcome
        strand.closed_at = context.clock()
        settle_take_over(context, session, strand, who=who)
        _note(work, strand, EventKind.CASE_CLOSED, closing.outcome)
        return Closed(strand.row_version, told)

    closed = context.transact(close)
    context.signals.tell_queued()
    return closed


def handle_reopen(  # noqa: PLR0913 - which case is taken up why, says who, on which view of it
    context: NodeContext,
    case_id: str,
    reason: ReopenReason,
    *,
    who: Principal,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> int:
    """Take a closed case up again; returns the strand's new version. Others are told nothing.

    Conversations that ended stay ended (SPEC 14.2): what goes on begins with a new message.
    """

    def reopen(session: Session) -> int:
        case, strand = get_strand(
            context, session, case_id, who=who, channel=channel, row_version=row_version
        )
        state = advance_strand(StrandState(strand.state), StrandEvent.REOPENED)
        if state is None:
            raise StaleError("This case is open: there is nothing to reopen.")
        strand.state, strand.outcome, strand.closed_at = state, None, None
        work = CaseWork(context, session, case, who)
        _note(work, strand, EventKind.CASE_REOPENED, reason)
        return strand.row_version

    version = context.transact(reopen)
    context.signals.inbox.notify()
    return version


def _note(work: CaseWork, strand: CaseStrandRow, kind: EventKind, code: str) -> None:
    strand.row_version += 1
    work.session.add(strand)
    work.tell(kind, code=code, channel=strand.channel)
    work.session.flush()


def _list_waiting(context: NodeContext, session: Session, strand: CaseStrandRow) -> list[str]:
    """Return the messages of a strand whose conversation waits for us."""
    may_wait = [
        and_(MessageRow.direction == direction, col(MessageRow.handling).in_(states))
        for direction, states in _MAY_WAIT.items()
    ]
    rows = session.exec(
        select(MessageRow)
        .where(
            MessageRow.case_id == strand.case_id,
            MessageRow.channel == strand.channel,
            or_(*may_wait),
        )
        .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
    ).all()
    waiting = []
    for row in rows:
        held = read_held(context, session, row)
        if held is not None and held.conversation.awaited is held.own_side:
            waiting.append(row.message_id)
    return waiting


def _tell_all(work: CaseWork, strand: CaseStrandRow, closing: Closing) -> Iterator[Sent]:
    """Tell each Participant of the strand, at the desk that it was last in touch with."""
    if not closing.tell or strand.channel == Channel.TREND:
        return  # the channel of alerts carries nothing else
    context, session, case = work.context, work.session, work.case
    rows = session.exec(
        select(MessageRow)
        .where(
            MessageRow.case_id == case.case_id,
            MessageRow.channel == strand.channel,
            col(MessageRow.readable),
        )
        .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
    ).all()
    newest = {row.peer: row for row in rows if row.dispatch not in NOT_HELD}
    is_child = load_circumstances(context, session, case).treated_as_child
    urgency = Urgency.URGENT if is_child else Urgency.STANDARD
    for row in newest.values():
        draft = _draft(case, strand, closing, last=row, urgency=urgency)
        yield queue_message(context, session, draft, who=work.who)


def _draft(
    case: CaseRow, strand: CaseStrandRow, closing: Closing, *, last: MessageRow, urgency: Urgency
) -> Draft:
    ours, theirs = last.from_authority, last.to_authority
    if last.direction == IN:
        ours, theirs = theirs, ours
    body = closing.model_dump(
        mode="json",
        exclude_none=True,
        include={
            "outcome",
            "closed_on",
            "recipient_may_go_on",
            "retention_until",
            "procedure_note",
        },
    )
    return Draft(
        type="general.case_closed",
        recipient=last.peer,
        channel=Channel(strand.channel),
        case=case.reference,
        phase=Phase(last.phase or Phase.IDENTIFICATION),
        urgency=urgency,
        language=closing.language,
        from_authority=ours,
        to_authority=theirs,
        legal_basis={"kind": "no_personal_data"},
        body=body,
    )
