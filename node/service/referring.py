"""What a draft names, found: whom it is for, its case, and the message that it replies to."""

from dataclasses import dataclass

from sqlmodel import Session

from console.i18n import msg
from node.domain.access import Principal
from node.service.borrowed_words import borrow_words
from node.service.building import Draft, choose_channel
from node.service.case_content import is_erased
from node.service.context import NodeContext, NotFoundError, RefusedDraftError
from node.service.permitting import find_seen_case
from node.service.policy.gate import Sending
from node.service.policy.statements import Given
from node.service.records import find_case, load_signed, open_case
from node.store.tables import CaseRow, MessageRow
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import (
    Channel,
    ParticipantCode,
    make_case_reference,
    parse_case_reference,
    parse_message_id,
    parse_participant_code,
)
from protocol.messages.catalogue import get_entry, parse_payload
from protocol.messages.entries import CatalogueEntry
from protocol.messages.head import CaseMessage


def parse_target(draft: Draft) -> tuple[ParticipantCode, CatalogueEntry]:
    """Return whom a draft is for and what it is; raises ``RefusedDraftError``."""
    try:
        recipient = parse_participant_code(draft.recipient)
        entry = get_entry(draft.type)
        if draft.in_reply_to is not None:
            parse_message_id(draft.in_reply_to)
    except (MalformedError, LocalProtocolError) as error:
        raise RefusedDraftError(borrow_words(error)) from error
    if not issubclass(entry.model, CaseMessage):
        raise RefusedDraftError(
            msg("%(type)s is sent by machines, not by people.", type=draft.type)
        )
    return recipient, entry


@dataclass(frozen=True, slots=True)
class Referring:
    """A draft that names what it replies to as the other side calls it, and that message."""

    draft: Draft
    about: MessageRow | None = None

    def say_sending(self, *, case: CaseRow, who: Principal, given: Given | None) -> Sending:
        """Say who sends it in which case, for the gate."""
        return Sending(
            case=case,
            who=who,
            about=self.about,
            passes_on=self.draft.passes_on,
            approval=given.approval if given else None,
            case_manager_approved=given is not None and given.case_manager_approved,
        )


def refer(
    context: NodeContext, session: Session, draft: Draft, *, case: CaseRow, who: Principal
) -> Referring:
    """Name a message that is replied to as the other side calls it, and stay in its channel.

    A trend alert is replied to outside its channel, which carries alerts alone. Raises
    ``NotFoundError`` for a message that is not there for them, ``RefusedDraftError`` for one that
    was exchanged with somebody else or in another case.
    """
    if draft.in_reply_to is None:
        return Referring(draft)
    row = session.get(MessageRow, draft.in_reply_to)
    if row is None or not who.sees(Channel(row.channel) if row.channel else None):
        raise NotFoundError("There is no such message here: open it again from its case.")
    if (row.peer, row.case_id) != (draft.recipient, case.case_id):
        raise RefusedDraftError(
            msg(
                "A message replies to one that was exchanged with its recipient in the same case: "
                "choose it again from the case."
            )
        )
    channel = draft.channel
    if channel is None:
        replied = parse_payload(load_signed(context, row, case).payload)
        if isinstance(replied, CaseMessage) and replied.channel is not Channel.TREND:
            channel = replied.channel
    named = draft.model_copy(update={"in_reply_to": row.wire_id, "channel": channel})
    return Referring(named, row)


def find_or_open_case(
    context: NodeContext, session: Session, draft: Draft, *, who: Principal
) -> CaseRow:
    """Return the case that a draft names, or open one. Raises as :func:`find_named_case`."""
    if draft.case is not None:
        return find_named_case(session, draft.case, who=who)
    while True:
        reference = make_case_reference(context.random)
        if find_case(session, reference) is None:
            channel = choose_channel(draft, parse_target(draft)[1])
            return open_case(
                context, session, reference=reference, actor=who.actor, channel=channel
            )


def find_named_case(session: Session, reference: str, *, who: Principal) -> CaseRow:
    """Return the case of a reference.

    Raises ``RefusedDraftError`` for what is none, and ``NotFoundError`` for a case that is not
    there for them, or erased.
    """
    try:
        case = find_case(session, parse_case_reference(reference))
    except MalformedError as error:
        raise RefusedDraftError(borrow_words(error)) from error
    if case is None or is_erased(case) or find_seen_case(session, case.case_id, who=who) is None:
        raise NotFoundError("This node has no case with that reference: look it up in the list.")
    return case
