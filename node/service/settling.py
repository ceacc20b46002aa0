"""What a decision or an answer does to the message that it names, on either side."""

from sqlmodel import Session

from node.domain.events import EventKind
from node.domain.states import Handling, TransitionError, answer_handling, decide_handling
from node.service.context import RefusedDraftError
from node.service.records import IN, OUT, add_event, find_message
from node.store.tables import MessageRow
from protocol.messages.catalogue import CATALOGUE, UnreadableMessage
from protocol.messages.general import Decision
from protocol.messages.head import CaseMessage, Head
from protocol.messages.response import Response


def settle_ours(session: Session, row: MessageRow, message: Head | UnreadableMessage) -> None:
    """Let a decision or an answer that came in settle the message of ours that it names.

    One that settles nothing is kept and shown all the same; the event says why.
    """
    if not isinstance(message, Decision | Response):
        return
    about = find_message(
        session, direction=OUT, peer=message.sender, wire_id=message.in_reply_to, lock=True
    )
    is_decision = isinstance(message, Decision)
    add_event(
        session,
        kind=EventKind.DECISION_RECEIVED if is_decision else EventKind.ANSWER_RECEIVED,
        at=row.stored_at,
        actor=message.sender,
        case_id=row.case_id,
        message_id=row.message_id,
        code=_settle(row, message, about),
    )


def _settle(row: MessageRow, message: Decision | Response, about: MessageRow | None) -> str:
    if about is None:
        return "unknown_message"
    if about.case_id != row.case_id:
        return "other_case"
    if isinstance(message, Response) and not _answers(message, about):
        return "other_type"
    try:
        if isinstance(message, Decision):
            about.handling = decide_handling(Handling(about.handling), message.body.outcome)
            about.decided_by_message = row.message_id
        else:
            about.handling = answer_handling(Handling(about.handling), message.body.completeness)
    except TransitionError:
        return "already_decided" if isinstance(message, Decision) else "nothing_expected"
    about.row_version += 1
    return message.body.outcome if isinstance(message, Decision) else message.body.completeness


def settle_theirs(session: Session, row: MessageRow, message: CaseMessage, *, actor: str) -> None:
    """Let an answer of ours settle the received message that it names.

    Raises ``RefusedDraftError`` if it answers nothing that is waiting for it.
    """
    if not isinstance(message, Response):
        return
    about = find_message(
        session, direction=IN, peer=message.recipient, wire_id=message.in_reply_to, lock=True
    )
    if about is None or about.case_id != row.case_id:
        raise RefusedDraftError(
            "An answer names a message that came from its recipient in this case: choose it again."
        )
    if not _answers(message, about):
        raise RefusedDraftError(f"The answer is not of the type that {about.type} asks for.")
    try:
        about.handling = answer_handling(Handling(about.handling), message.body.completeness)
    except TransitionError as error:
        raise RefusedDraftError(str(error)) from error
    about.row_version += 1
    add_event(
        session,
        kind=EventKind.ANSWERED,
        at=row.stored_at,
        actor=actor,
        case_id=row.case_id,
        message_id=about.message_id,
        code=message.body.completeness,
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
