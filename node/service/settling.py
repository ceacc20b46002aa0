"""What a stored message does to the conversations that it acts on, on either side."""

from collections.abc import Sequence

from sqlmodel import Session

from console.i18n import msg
from node.domain.events import EventKind
from node.domain.states import Dispatch, Handling
from node.service.context import NodeContext, RefusedDraftError
from node.service.conversations import (
    ActNotPossibleError,
    HeldConversation,
    derive_handling,
    list_openers,
    name_act_of,
    read_held,
)
from node.service.records import IN, OUT, add_event, find_message
from node.store.tables import MessageRow
from protocol.conversation.acts import CLOSING_TYPE, is_opener
from protocol.conversation.table import Act, State
from protocol.messages.catalogue import CATALOGUE, UnreadableMessage
from protocol.messages.general import Correction, Decision
from protocol.messages.head import CaseMessage, Head
from protocol.messages.response import Response


def settle_ours(
    context: NodeContext, session: Session, row: MessageRow, message: Head | UnreadableMessage
) -> None:
    """Let a message that came in act on the conversations that it names, and on its own.

    Acts that came before their opener count from now on. One that is not in order is kept and
    shown; the event says so, and nothing else changes.
    """
    if not isinstance(message, CaseMessage):
        return
    if is_opener(message.type):
        derive_handling(context, session, row)
    refused = None
    for opener in list_openers(session, row, lock=True):
        held = read_held(context, session, opener)
        refused = refused or (held.find_refusal(row.message_id) if held else None)
        derive_handling(context, session, opener)
    if isinstance(message, Decision | Response):
        is_decision = isinstance(message, Decision)
        _tell(
            session,
            row,
            EventKind.DECISION_RECEIVED if is_decision else EventKind.ANSWER_RECEIVED,
            code=_say_effect(session, row, message, is_refused=refused is not None),
        )
    elif refused is not None:
        _tell(session, row, EventKind.ACT_NOT_IN_ORDER, code=name_act_of(message))


def _tell(session: Session, row: MessageRow, kind: EventKind, *, code: str) -> None:
    add_event(
        session,
        kind=kind,
        at=row.stored_at,
        actor=row.peer,
        case_id=row.case_id,
        message_id=row.message_id,
        code=code,
    )


def _say_effect(
    session: Session, row: MessageRow, message: Decision | Response, *, is_refused: bool
) -> str:
    about = find_message(session, direction=OUT, peer=row.peer, wire_id=message.in_reply_to)
    if about is None:
        return "unknown_message"
    if about.case_id != row.case_id:
        return "other_case"
    if isinstance(message, Response) and not _answers(message, about):
        return "other_type"
    if is_refused:
        return "not_in_order"
    if about.handling == Handling.NOTHING_EXPECTED:
        return "nothing_expected"
    return message.body.outcome if isinstance(message, Decision) else message.body.completeness


def resettle(context: NodeContext, session: Session, row: MessageRow) -> list[MessageRow]:
    """Derive anew what a message acts on, because it counts no longer, or counts after all.

    Returns the messages whose state that changed. ``row`` is as it is stored now.
    """
    if row.case_id is None or not row.readable:
        return []
    openers = list_openers(session, row, lock=True)
    return [opener for opener in openers if derive_handling(context, session, opener)]


def recount(context: NodeContext, session: Session, row: MessageRow, *, actor: str) -> None:
    """Derive anew what a message acts on, and say in the case what is open again by that."""
    session.flush()
    for about in resettle(context, session, row):
        add_event(
            session,
            kind=EventKind.OPEN_AGAIN,
            at=context.clock(),
            actor=actor,
            case_id=about.case_id,
            message_id=about.message_id,
        )


# ------------------------------------------------------------------ what we send


def settle_theirs(
    context: NodeContext, session: Session, row: MessageRow, message: CaseMessage, *, actor: str
) -> None:
    """Let a message of ours act on the conversations that it names.

    ``row`` is stored in this transaction. Raises :class:`ActNotPossibleError` with what is
    possible if the table does not allow it, ``RefusedDraftError`` if it acts on nothing: then
    nothing of it may stay.
    """
    if message.in_reply_to is None and message.type != CLOSING_TYPE:
        return
    openers = list_openers(session, row, lock=True)
    if isinstance(message, Response):
        _verify_answer(session, row, message)
    elif isinstance(message, Decision):
        _verify_decision(openers)
    elif isinstance(message, Correction):
        _verify_correction(session, row, message)
    act = name_act_of(message)
    for opener in openers:
        held = read_held(context, session, opener, without=row.message_id)
        if held is None:
            continue
        if act is not Act.CLOSE or opener.wire_id == message.in_reply_to:
            _verify_expected(held, act)
            held.verify_possible(act)
        derive_handling(context, session, opener)
        if isinstance(message, Response):
            add_event(
                session,
                kind=EventKind.ANSWERED,
                at=row.stored_at,
                actor=actor,
                case_id=row.case_id,
                message_id=opener.message_id,
                code=message.body.completeness,
            )


def _verify_expected(held: HeldConversation, act: Act) -> None:
    """Say it in plain words where nothing was asked: the commonest mistake."""
    conversation = held.conversation
    if conversation.state is State.TOLD and act not in {Act.INFORM, Act.CLOSE, Act.WITHDRAW}:
        raise ActNotPossibleError(
            "This message expects no decision and no answer: send a message in its case instead.",
            state=conversation.state,
            possible=conversation.list_possible(held.own_side),
        )


def _verify_decision(openers: Sequence[MessageRow]) -> None:
    if not any(opener.direction == IN for opener in openers):
        raise RefusedDraftError(
            msg(
                "A decision names a message that came from its recipient in this case and that "
                "expects "
                "one: choose it again."
            )
        )


def _verify_answer(session: Session, row: MessageRow, message: Response) -> None:
    about = find_message(session, direction=IN, peer=message.recipient, wire_id=message.in_reply_to)
    if about is None or about.case_id != row.case_id:
        raise RefusedDraftError(
            msg(
                "An answer names a message that came from its recipient in this case: choose "
                "it again."
            )
        )
    if not _answers(message, about):
        raise RefusedDraftError(
            msg("The answer is not of the type that %(type)s asks for.", type=about.type)
        )


def _verify_correction(session: Session, row: MessageRow, message: Correction) -> None:
    about = find_message(
        session, direction=OUT, peer=message.recipient, wire_id=message.in_reply_to
    )
    if about is None or about.case_id != row.case_id or about.dispatch == Dispatch.CANCELLED:
        raise RefusedDraftError(
            msg(
                "A correction names a message that you sent to its recipient in this case: "
                "choose it "
                "again. What the other side wrote, only the other side corrects."
            )
        )


def _answers(message: Response, about: MessageRow) -> bool:
    """Whether the answer, if there is one, is of the type that was asked for."""
    # A type that came from a newer version is not in our catalogue, and so nothing answers it.
    entry, answer = CATALOGUE.get(about.type), message.body.answer
    return (
        entry is not None
        and entry.answer is not None
        and (answer is None or answer.answers == about.type)
    )
