"""Where a conversation stands, read off the messages that are held, and what it allows.

The rules are :mod:`protocol.conversation`'s, and nothing here decides anything: messages become
acts, and the table says what they do. The state is never stored as such. ``MessageRow.handling`` is
what lists need of it, and is derived anew whenever a message joins or leaves the set of acts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, literal
from sqlmodel import Session, col, exists, or_, select, true, tuple_

from console.storage.columns import Moment
from node.domain.access import Permission, Principal
from node.domain.states import NOT_HELD, Dispatch, Handling
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.permitting import find_seen_case, find_seen_message, is_seen, require
from node.service.records import IN, load_signed
from node.store.case_tables import ErasedActRow
from node.store.link_tables import LinkGapRow
from node.store.tables import CaseRow, MessageRow
from protocol.conversation.acts import CLOSING_TYPE, is_opener, name_act
from protocol.conversation.history import (
    NOTHING_SEEN,
    Conversation,
    HeldAct,
    Opener,
    Place,
    read_conversation,
)
from protocol.conversation.table import Act, Side, State, explain_refusal
from protocol.messages.catalogue import CATALOGUE, get_entry, parse_payload
from protocol.messages.codes import Kind
from protocol.messages.entries import Expectation
from protocol.messages.general import Correction, Decision
from protocol.messages.head import CaseMessage
from protocol.messages.response import Response


class ActNotPossibleError(StaleError):
    """The table of conversations does not allow this now. The message says what is possible."""

    def __init__(self, text: str, *, state: State, possible: Sequence[Act]) -> None:
        """Keep what a program needs to go on by itself."""
        super().__init__(text)
        self.members: Mapping[str, object] = {
            "state": state.value,
            "possible": [act.value for act in possible],
        }


_DECISIONS: Final = frozenset(
    {Act.ACCEPT, Act.DECLINE, Act.FORWARD, Act.FORWARD_ELSEWHERE, Act.ASK_FOR_MORE}
)

_NEVER_OPENERS: Final = sorted(tag for tag in CATALOGUE if not is_opener(tag))

_HANDLING: Final[Mapping[State, Handling]] = MappingProxyType(
    {
        State.TOLD: Handling.NOTHING_EXPECTED,
        State.MORE_INFORMATION_NEEDED: Handling.MORE_INFORMATION_ASKED,
        State.ACCEPTED: Handling.ACCEPTED,
        State.DECLINED: Handling.DECLINED,
        State.FORWARDED: Handling.FORWARDED,
        State.FORWARDED_ELSEWHERE: Handling.FORWARDED_ELSEWHERE,
        State.ANSWERED_IN_PART: Handling.ANSWERED_IN_PART,
        State.ANSWERED: Handling.ANSWERED,
        State.WITHDRAWN: Handling.WITHDRAWN,
        State.CLOSED: Handling.CLOSED,
    }
)
"""How lists show each state; what is proposed is new or opened."""


@dataclass(frozen=True, slots=True)
class HeldConversation:
    """A conversation as this node holds it."""

    #: The message that it is about.
    opener: MessageRow
    conversation: Conversation
    #: Our own name of each act's message, by its side and its name on the wire.
    names: Mapping[tuple[Side, str], str]

    @property
    def own_side(self) -> Side:
        """Which side we are."""
        return Side.RECIPIENT if self.opener.direction == IN else Side.SENDER

    @property
    def handling(self) -> Handling:
        """What lists show."""
        state = self.conversation.state
        if state is not State.PROPOSED:
            return _HANDLING[state]
        is_in = self.opener.direction == IN
        seen = self.opener.opened_at if is_in else self.opener.dispatch == Dispatch.READ
        return Handling.OPENED if seen else Handling.NEW

    @property
    def decided_by(self) -> str | None:
        """Our name of the message with the decision that counts; None without one."""
        taken = [s.act for s in self.conversation.steps if s.in_order and s.act.act in _DECISIONS]
        return self.names[taken[-1].side, taken[-1].message_id] if taken else None

    def find_refusal(self, message_id: str) -> str | None:
        """Say why a message of it is not in order; None if it is."""
        for step in self.conversation.steps:
            if self.names[step.act.side, step.act.message_id] == message_id:
                return step.refusal
        return None

    def verify_possible(self, act: Act) -> None:
        """Raise :class:`ActNotPossibleError` unless we may do this now."""
        conversation = self.conversation
        refusal = explain_refusal(conversation.kind, conversation.state, act, self.own_side)
        if refusal is not None:
            raise ActNotPossibleError(
                f"{refusal} Nothing was sent: look at the newest state of the message first.",
                state=conversation.state,
                possible=conversation.list_possible(self.own_side),
            )


def read_held(
    context: NodeContext, session: Session, opener: MessageRow, *, without: str | None = None
) -> HeldConversation | None:
    """Read the conversation about a message; None if it opens none, or cannot be read here.

    ``without`` leaves one message out: how it stood before that one.
    """
    if not opener.readable or opener.case_id is None or not is_opener(opener.type):
        return None
    outline, place = _find_outline(context, session, opener), _place(opener)
    if outline is None or place is None:
        return None
    names: dict[tuple[Side, str], str] = {}
    acts = []
    for row in _list_acting(session, opener):
        held = _hold(context, session, row, opener=opener, channel=outline.channel)
        if held is not None and row.message_id != without:
            names[held.side, held.message_id] = row.message_id
            acts.append(held)
    entry = get_entry(opener.type)
    conversation = read_conversation(
        Opener(
            kind=entry.conversation_of(outline.kind),
            expects_decision=entry.expectation_of(outline.kind) is not Expectation.NOTHING,
            place=place,
        ),
        acts,
        complete=_is_complete(session, opener),
    )
    return HeldConversation(opener, conversation, names)


def list_openers(session: Session, row: MessageRow, *, lock: bool = False) -> list[MessageRow]:
    """Return the messages whose conversations a message may act on, in one order for all."""
    within = (
        MessageRow.case_id == row.case_id,
        MessageRow.peer == row.peer,
        MessageRow.message_id != row.message_id,
        col(MessageRow.readable),
    )
    wanted: ColumnElement[bool] = col(MessageRow.wire_id) == row.in_reply_to
    if row.type == CLOSING_TYPE:
        is_in_channel = or_(
            col(MessageRow.channel) == row.channel, col(MessageRow.channel).is_(None)
        )
        wanted = or_(wanted, is_in_channel) if row.channel else true()
    elif row.in_reply_to is None:
        return []
    statement = select(MessageRow).where(*within, wanted).order_by(col(MessageRow.message_id))
    found = session.exec(statement.with_for_update() if lock else statement).all()
    return [each for each in found if is_opener(each.type)]


def derive_handling(context: NodeContext, session: Session, opener: MessageRow) -> bool:
    """Let a message's row say how its conversation stands; returns whether that changed."""
    held = read_held(context, session, opener)
    if held is None:
        return False
    now = (held.handling.value, held.decided_by)
    if now == (opener.handling, opener.decided_by_message):
        return False
    opener.handling, opener.decided_by_message = now
    opener.row_version += 1
    session.add(opener)
    return True


def name_act_of(message: CaseMessage) -> Act:
    """Return the act that a message is."""
    if isinstance(message, Decision):
        return name_act(
            message.type,
            code=message.body.outcome,
            forwarded_to=message.body.forwarded_to,
            author=message.sender,
        )
    if isinstance(message, Response):
        return name_act(message.type, code=message.body.completeness)
    if isinstance(message, Correction):
        return name_act(message.type, code=message.body.effect)
    return name_act(message.type)


# ------------------------------------------------------------------ from rows to acts


@dataclass(frozen=True, slots=True)
class _Outline:
    """What of a message matters here: all that is kept of it once it was erased."""

    kind: Kind
    act: Act
    answers: str | None
    seen: Place
    #: As the message itself says: beside an older row it may not have been written yet.
    channel: str | None


def keep_outline(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Keep what a message does in its conversation, before its content is erased."""
    outline = _find_outline(context, session, row)
    if outline is None or session.get(ErasedActRow, row.message_id) is not None:
        return
    session.add(
        ErasedActRow(
            message_id=row.message_id,
            kind=outline.kind,
            act=outline.act,
            answers=outline.answers,
            seen_generation=outline.seen.generation,
            seen_seq=outline.seen.seq,
        )
    )


def _find_outline(context: NodeContext, session: Session, row: MessageRow) -> _Outline | None:
    """Return it; None if the message cannot be read, or its whole case was erased."""
    if not row.signed_payload_sealed:
        kept = session.get(ErasedActRow, row.message_id)
        if kept is None:
            return None
        seen = Place(kept.seen_generation or 0, kept.seen_seq or 0)
        return _Outline(Kind(kept.kind), Act(kept.act), kept.answers, seen, row.channel)
    case = session.get(CaseRow, row.case_id) if row.case_id else None
    message = parse_payload(load_signed(context, row, case).payload)
    if not isinstance(message, CaseMessage):
        return None
    answer = message.body.answer if isinstance(message, Response) else None
    return _Outline(
        kind=message.kind,
        act=name_act_of(message),
        answers=answer.answers if answer else None,
        seen=Place(message.seen.generation, message.seen.seq) if message.seen else NOTHING_SEEN,
        channel=message.channel,
    )


def _list_acting(session: Session, opener: MessageRow) -> Iterable[MessageRow]:
    """Return the messages that may act on a conversation.

    What we took back never did, and what the other side refused it does not hold: a state is read
    off what both have.
    """
    rows = session.exec(
        select(MessageRow).where(
            MessageRow.case_id == opener.case_id,
            MessageRow.peer == opener.peer,
            MessageRow.message_id != opener.message_id,
            col(MessageRow.readable),
            or_(
                col(MessageRow.in_reply_to) == opener.wire_id,
                col(MessageRow.type) == CLOSING_TYPE,
            ),
        )
    ).all()
    return [row for row in rows if row.dispatch not in NOT_HELD]


def _hold(
    context: NodeContext,
    session: Session,
    row: MessageRow,
    *,
    opener: MessageRow,
    channel: str | None,
) -> HeldAct | None:
    is_closing = row.type == CLOSING_TYPE
    outline, place = _find_outline(context, session, row), _place(row)
    if outline is None or place is None or outline.answers not in {None, opener.type}:
        return None  # not readable; or it answers another question than was asked
    if is_closing and outline.channel != channel:
        return None  # a closing counts in its own channel (SPEC 14.1)
    return HeldAct(
        message_id=row.wire_id,
        side=Side.SENDER if row.direction == opener.direction else Side.RECIPIENT,
        act=outline.act,
        place=place,
        seen=outline.seen,
        whole_case=is_closing,
    )


def _place(row: MessageRow) -> Place | None:
    if row.link_generation is None or row.link_seq is None:
        return None
    return Place(row.link_generation, row.link_seq)


def _is_complete(session: Session, opener: MessageRow) -> bool:
    """Whether nothing is known to be missing: no gap on the link, nothing unreadable here."""
    is_missing = exists().where(col(LinkGapRow.peer) == opener.peer)
    is_unreadable = exists().where(
        col(MessageRow.case_id) == opener.case_id, ~col(MessageRow.readable)
    )
    return not session.exec(select(or_(is_missing, is_unreadable))).one()


# ------------------------------------------------------------------ for whoever looks


def get_conversation(context: NodeContext, message_id: str, *, who: Principal) -> HeldConversation:
    """Return the conversation about a message. Raises ``ForbiddenError``, ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        opener = find_seen_message(session, message_id, who=who)
        held = read_held(context, session, opener) if opener else None
    if held is None:
        raise NotFoundError(
            "No conversation is about this message: ask for the one whose decision, answer or "
            "correction it is."
        )
    return held


def list_conversations(
    context: NodeContext, case_id: str, *, who: Principal, limit: int, after: str | None = None
) -> tuple[list[HeldConversation], str | None]:
    """Return the conversations of a case, the newest first, and where to go on; None: the end.

    ``after``: where the page before ended. Raises ``NotFoundError`` if the case, or the message
    that it ended at, is not there for the caller.
    """
    require(who, Permission.READ_CASES)
    place = tuple_(col(MessageRow.stored_at), col(MessageRow.message_id))
    with context.database.reading() as session:
        if find_seen_case(session, case_id, who=who) is None:
            raise NotFoundError("There is no such case here: open it again from the list.")
        statement = (
            select(MessageRow)
            .where(
                MessageRow.case_id == case_id,
                is_seen(who),
                col(MessageRow.readable),
                col(MessageRow.type).not_in(_NEVER_OPENERS),
            )
            .order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id).desc())
            .limit(limit)
        )
        if after is not None:
            last = find_seen_message(session, after, who=who)
            if last is None:
                raise NotFoundError("The list has changed: begin again without a cursor.")
            statement = statement.where(
                place < tuple_(literal(last.stored_at, Moment()), last.message_id)
            )
        openers = session.exec(statement).all()
        found = [read_held(context, session, opener) for opener in openers]
    # One that cannot be read here, or was erased with its case, opens none: the list goes on.
    more = openers[-1].message_id if len(openers) == limit else None
    return [held for held in found if held is not None], more
