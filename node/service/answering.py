"""Answering a received message with a typed one: what the message itself says is filled in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.service.building import Draft, OnwardDraft
from node.service.composing import (
    Along,
    Sent,
    Submission,
    find_submission,
    queue_message,
    queue_with_files,
)
from node.service.consent.circumstances import Circumstances
from node.service.consent.exceptions import ExceptionDraft
from node.service.consent.records import ConsentStatement
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.permitting import find_seen_message, require
from node.service.records import IN
from node.store.tables import CaseRow
from protocol.identifiers import Phase
from protocol.limits import LIMITS
from protocol.messages.codes import Formality, Kind, Urgency


class AnswerDraft(BaseModel):
    """What a person or a program answers. Case, recipient and desks are those of the message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(max_length=120, description="The type of the answer, of the catalogue.")
    kind: Kind | None = Field(
        default=None, description="Needed where a type can ask or tell; otherwise it has one kind."
    )
    phase: Phase | None = Field(default=None, description="Left out: that of the message.")
    urgency: Urgency | None = Field(default=None, description="Left out: that of the message.")
    answer_by: datetime | None = None
    formality: Formality = Formality.INFORMAL
    instrument: str | None = Field(default=None, max_length=500)
    language: str = Field(default="en", max_length=20)
    from_authority: str | None = Field(
        default=None, max_length=120, description="Left out: the desk that was written to."
    )
    to_authority: str | None = Field(
        default=None, max_length=120, description="Left out: the desk that wrote."
    )
    legal_basis: dict[str, Any]
    body: dict[str, Any]
    files: tuple[str, ...] = Field(default=(), max_length=LIMITS.attachments)
    onward: OnwardDraft = Field(
        default=OnwardDraft(), description="What may be passed on. Left out: only after asking."
    )
    passes_on: str | None = Field(
        default=None,
        max_length=32,
        description="The received message of this case whose data the answer passes on.",
    )
    consent: ConsentStatement | None = Field(
        default=None, description="The consent that the legal basis describes goes on file with it."
    )
    exception: ExceptionDraft | None = Field(
        default=None, description="So does the exception that it claims."
    )
    circumstances: Circumstances | None = Field(
        default=None, description="What else is known of the case from now on."
    )


def handle_answer(  # noqa: PLR0913 - who answers what to which, on which view of it
    context: NodeContext,
    message_id: str,
    answer: AnswerDraft,
    *,
    who: Principal,
    row_version: int | None = None,
    submission_key: str | None = None,
) -> Sent:
    """Send a typed answer to a received message, in its case and to the desk that wrote it.

    ``row_version`` is what whoever answers saw of the message. Raises ``NotFoundError``,
    ``StaleError``, and what :func:`~node.service.composing.handle_send` raises: what may answer
    what is in the table of conversations.
    """
    require(who, Permission.WORK_CASES)
    draft = complete_answer(context, message_id, answer, who=who)
    submission = Submission.of("send", draft, actor=who.actor, key=submission_key)

    def send(session: Session, along: Along) -> Sent:
        known = find_submission(session, submission)
        if known is not None:
            return known  # answering changed the version that was seen
        _verify_version(session, message_id, row_version, who=who)
        return queue_message(context, session, draft, who=who, along=along)

    return queue_with_files(context, draft, owner=who.actor, submission=submission, queue=send)


def _verify_version(
    session: Session, message_id: str, row_version: int | None, *, who: Principal
) -> None:
    """Hold the message, so that of two who answer what they saw only one does."""
    if row_version is None:
        return
    row = find_seen_message(session, message_id, who=who, lock=True)
    if row is None or row.row_version != row_version:
        raise StaleError(
            "Somebody changed this message's state since you looked. Nothing was sent: look at the "
            "newest state and answer again if it is still yours."
        )


def complete_answer(
    context: NodeContext, message_id: str, answer: AnswerDraft, *, who: Principal
) -> Draft:
    """Make the whole draft of an answer: case, recipient, desks, phase are those of the message.

    Raises ``NotFoundError`` for what is no received message here, ``RefusedDraftError`` for one
    that this version cannot read.
    """
    with context.database.reading() as session:
        row = find_seen_message(session, message_id, who=who)
        if row is None or row.direction != IN or row.case_id is None:
            raise NotFoundError("There is no such received message here: open it from the inbox.")
        reference = session.get_one(CaseRow, row.case_id).reference
    if row.phase is None or row.urgency is None:
        raise RefusedDraftError(
            msg("This message cannot be read by this version: update the node.")
        )
    said: Mapping[str, Any] = answer.model_dump(exclude_none=True)
    return Draft.model_validate(
        {
            "phase": row.phase,
            "urgency": row.urgency,
            "from_authority": row.to_authority,
            "to_authority": row.from_authority,
            **said,
            "recipient": row.peer,
            "case": reference,
            "in_reply_to": row.message_id,
        }
    )
