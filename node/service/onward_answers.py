"""What the sender of data answered when it was asked whether its data may be passed on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.permitting import find_seen_message, require
from node.service.records import IN, add_event
from node.store.consent_tables import OnwardPermissionRow
from node.store.tables import MessageRow
from protocol.messages.fields import AuthorityField, MessageIdField

_MOST_LISTED: Final = 100
_NO_MESSAGE: Final = msg("There is no such received message here: open it from its case.")


class OnwardAnswer(BaseModel):
    """The answer: for this authority, yes or no, and in which message of theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: AuthorityField
    allowed: bool
    #: The received message in which they said so; nothing: they said it another way.
    answer_message: MessageIdField | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer as it was recorded."""

    target: str
    allowed: bool
    answer_message: str | None
    recorded_at: datetime
    recorded_by: str


def list_onward_answers(
    context: NodeContext, message_id: str, *, who: Principal
) -> list[RecordedAnswer]:
    """List what was answered about the data of a received message, the newest first.

    Raises ``NotFoundError`` for a message that is not there.
    """
    require(who, Permission.WORK_CASES)
    with context.database.reading() as session:
        row = find_seen_message(session, message_id, who=who)
        if row is None or row.direction != IN:
            raise NotFoundError(_NO_MESSAGE)
        rows = session.exec(
            select(OnwardPermissionRow)
            .where(OnwardPermissionRow.source_message == message_id)
            .order_by(col(OnwardPermissionRow.recorded_at).desc(), col(OnwardPermissionRow.allowed))
            .limit(_MOST_LISTED)
        ).all()
    return [
        RecordedAnswer(
            each.target, each.allowed, each.answer_message, each.recorded_at, each.recorded_by
        )
        for each in rows
    ]


def _count(session: Session, message_id: str) -> int:
    """Return how many answers are recorded about a message, as many as are listed at most."""
    found = select(OnwardPermissionRow.permission_id).where(
        OnwardPermissionRow.source_message == message_id
    )
    return len(session.exec(found.limit(_MOST_LISTED)).all())


def _verify_answer(session: Session, message_id: str, *, asked: MessageRow, who: Principal) -> None:
    said = find_seen_message(session, message_id, who=who)
    of_asked = (IN, asked.peer, asked.case_id)
    if said is None or (said.direction, said.peer, said.case_id) != of_asked:
        raise RefusedDraftError(
            msg(
                "The answer stands in a message of the same sender in the same case: choose it "
                "from the case, or leave it out."
            )
        )


def handle_record_onward_answer(
    context: NodeContext,
    message_id: str,
    answer: OnwardAnswer,
    *,
    who: Principal,
    seen: int | None = None,
) -> str:
    """Record it; the newest answer for an authority counts. Returns its identifier.

    ``seen``: how many answers they saw before they wrote this one. Raises ``StaleError`` if there
    are more by now, ``NotFoundError`` for a message that is not there, ``RefusedDraftError`` if the
    answer is said to stand in a message of somebody else, or of another case.
    """
    require(who, Permission.WORK_CASES)

    def work(session: Session) -> str:
        row = find_seen_message(session, message_id, who=who, lock=True)
        if row is None or row.direction != IN or row.case_id is None:
            raise NotFoundError(_NO_MESSAGE)
        if seen is not None and seen != _count(session, message_id):
            raise StaleError("Somebody wrote down an answer meanwhile: look at the answers again.")
        if answer.answer_message is not None:
            _verify_answer(session, answer.answer_message, asked=row, who=who)
        permission_id = context.random(16).hex()
        session.add(
            OnwardPermissionRow(
                permission_id=permission_id,
                case_id=row.case_id,
                source_message=message_id,
                target=answer.target,
                allowed=answer.allowed,
                answer_message=answer.answer_message,
                recorded_at=context.clock(),
                recorded_by=who.actor,
            )
        )
        add_event(
            session,
            kind=EventKind.ONWARD_ALLOWED if answer.allowed else EventKind.ONWARD_DENIED,
            at=context.clock(),
            actor=who.actor,
            case_id=row.case_id,
            message_id=message_id,
            code=answer.target[:60],
        )
        record(context, session, who, Act.ONWARD_ANSWER_RECORDED, subject=permission_id)
        return permission_id

    return context.transact(work)
