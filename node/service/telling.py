"""Telling every desk that has data of a person that it must be deleted; what each of them owes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, func, select

from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.domain.withdrawals import DeletionState
from node.service.building import Draft
from node.service.case_work import CaseWork
from node.service.composing import Sent, queue_message
from node.service.context import NodeContext, RefusedDraftError
from node.service.records import OUT, load_signed
from node.store.consent_tables import DeletionRow, UntoldRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import AuthorityId, Channel
from protocol.messages.catalogue import parse_payload
from protocol.messages.codes import Urgency
from protocol.messages.head import CaseMessage

WITHDRAWN: Final = "general.consent_withdrawn"
ERASURE: Final = "general.erasure"
_AT_LEAST: Final = timedelta(days=1)
TELL_AGAIN_AFTER: Final = timedelta(hours=1)
"""After this long it is tried again to tell who could not be told."""
HELD_BACK_FOR: Final = timedelta(minutes=15)
"""So long somebody may look at who is told before this node tells them by itself."""


@dataclass(frozen=True, slots=True)
class Told:
    """A recipient that was told, or could not be."""

    peer: str
    authority: str
    channel: Channel
    #: What tells it; ``None``: it could not be told by message, for ``reason``.
    message_id: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message of ours that was not taken back, and what it says."""

    row: MessageRow
    message: CaseMessage


class Word(BaseModel):
    """What is told to everybody who has the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    body: dict[str, Any]
    note: str | None = None
    #: Whether it names the messages that each recipient has.
    lists: bool = False

    def make_body(self, held: Iterable[HeldMessage]) -> dict[str, Any]:
        """Return what one recipient is told."""
        body = dict(self.body)
        if self.lists:
            body["messages"] = [each.row.wire_id for each in held]
        if self.note is not None:
            body["procedure_note"] = self.note
        return body


class Untold(BaseModel):
    """What a desk that could not be told has, and was to be told. Kept sealed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: Word
    held: tuple[str, ...]


def place_of_untold(untold_id: str) -> str:
    """Return what binds sealed content to a desk that was not told."""
    return f"untold:{untold_id}"


def load_sent(context: NodeContext, session: Session, case: CaseRow) -> list[HeldMessage]:
    """Return what was sent in a case, the oldest first, without what was taken back or erased."""
    found = []
    for row in session.exec(
        select(MessageRow)
        .where(
            MessageRow.case_id == case.case_id,
            MessageRow.direction == OUT,
            col(MessageRow.dispatch) != Dispatch.CANCELLED,
            func.length(MessageRow.signed_payload_sealed) > 0,
        )
        .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
    ).all():
        message = parse_payload(load_signed(context, row, case).payload)
        if isinstance(message, CaseMessage):
            found.append(HeldMessage(row, message))
    return found


def tell_recipients(
    work: CaseWork,
    find_word: Callable[[Channel], Word],
    held: Iterable[HeldMessage],
    *,
    withdrawal_id: str | None,
    later: bool = False,
) -> tuple[Told, ...]:
    """Tell every desk that has one of these messages, once each; note what it owes.

    ``find_word``: what is told in a channel. ``withdrawal_id``: a row that is there. A desk that
    cannot be told by message is named in the answer, and in the case. ``later``: who
    has to be told is noted now, and told as soon as somebody here has looked at it, or after
    :data:`HELD_BACK_FOR` by this node itself.
    """
    desks: dict[tuple[str, str, Channel], list[HeldMessage]] = {}
    for each in held:
        desks.setdefault(
            (each.message.recipient, each.message.to_authority, each.message.channel), []
        ).append(each)
    words = [(find_word(channel), theirs) for (_, _, channel), theirs in desks.items()]
    tell = _tell_later if later else _tell
    return tuple(tell(work, word, theirs, withdrawal_id=withdrawal_id) for word, theirs in words)


def _tell_later(
    work: CaseWork, word: Word, theirs: Sequence[HeldMessage], *, withdrawal_id: str | None
) -> Told:
    _note_untold(work, word, theirs, withdrawal_id=withdrawal_id, try_again_after=HELD_BACK_FOR)
    newest = theirs[-1].message
    return Told(newest.recipient, newest.to_authority, newest.channel, None)


def _tell(
    work: CaseWork, word: Word, theirs: Sequence[HeldMessage], *, withdrawal_id: str | None
) -> Told:
    newest = theirs[-1].message
    try:
        sent = ask_to_delete(work, word, theirs, withdrawal_id=withdrawal_id)
    except RefusedDraftError as error:
        _note_untold(work, word, theirs, withdrawal_id=withdrawal_id)
        told = EventKind.DELETION_ESCALATED
        work.tell(told, code=newest.recipient, channel=newest.channel)
        return Told(newest.recipient, newest.to_authority, newest.channel, None, str(error))
    return Told(newest.recipient, sent.to_authority, newest.channel, sent.message_id)


def _note_untold(
    work: CaseWork,
    word: Word,
    theirs: Sequence[HeldMessage],
    *,
    withdrawal_id: str | None,
    try_again_after: timedelta = TELL_AGAIN_AFTER,
) -> None:
    """Leave a row that is tried again, and that somebody looks after."""
    newest, untold_id = theirs[-1].message, work.context.random(16).hex()
    content = Untold(word=word, held=tuple(each.row.message_id for each in theirs))
    now = work.context.clock()
    work.session.add(
        UntoldRow(
            untold_id=untold_id,
            withdrawal_id=withdrawal_id,
            case_id=work.case.case_id,
            peer=newest.recipient,
            authority=newest.to_authority,
            channel=newest.channel,
            type=word.type,
            content_sealed=work.seal(content, place=place_of_untold(untold_id)),
            since=now,
            try_again_at=now + try_again_after,
        )
    )


def ask_to_delete(
    work: CaseWork, word: Word, theirs: Sequence[HeldMessage], *, withdrawal_id: str | None
) -> Sent:
    """Queue what tells one desk, and note what it owes; raises ``RefusedDraftError``."""
    newest = theirs[-1].message
    sent = _queue(work, word, theirs)
    work.session.add(
        DeletionRow(
            message_id=sent.message_id,
            direction=OUT,
            withdrawal_id=withdrawal_id,
            case_id=work.case.case_id,
            peer=newest.recipient,
            channel=newest.channel,
            type=word.type,
            state=DeletionState.OPEN,
            confirm_by=sent.answer_by or work.context.clock() + _AT_LEAST,
        )
    )
    work.record(Act.DELETION_ASKED, sent.message_id)
    return sent


def _queue(work: CaseWork, word: Word, theirs: Sequence[HeldMessage]) -> Sent:
    newest = theirs[-1].message
    draft = Draft(
        type=word.type,
        recipient=newest.recipient,
        case=work.case.reference,
        channel=newest.channel,
        phase=newest.phase,
        urgency=Urgency.URGENT,
        from_authority=newest.from_authority,
        to_authority=newest.to_authority,
        legal_basis={"kind": "no_personal_data"},
        body=word.make_body(theirs),
    )
    listed = work.context.directory.current()
    if any(
        listed.authority(AuthorityId(name)) is None
        for name in (newest.from_authority, newest.to_authority)
    ):
        # A desk has gone from the registry since: whoever took over has its files.
        draft = draft.model_copy(update={"from_authority": None, "to_authority": None})
    return queue_message(work.context, work.session, draft, who=work.who)
