"""Sending: from a draft to a numbered, signed message in the outbox, in one transaction."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from pydantic import BaseModel
from sqlmodel import Session, select

from console.i18n import msg
from console.refusals import as_it_is
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.attachments.sealing import (
    SealedFiles,
    drop_sealed,
    drop_staged,
    keep_sealed,
    seal_files,
)
from node.service.audit import record_all
from node.service.borrowed_words import borrow_words
from node.service.building import Draft, build_message, choose_channel
from node.service.case_content import is_erased
from node.service.context import NodeContext, NodeError, NotFoundError, RefusedDraftError
from node.service.following import note_to_follow
from node.service.permitting import find_seen_case, require, require_channel
from node.service.policy.gate import Gate, Sending
from node.service.policy.statements import Given, complete_basis, record_statements
from node.service.records import (
    add_event,
    find_case,
    find_joined,
    find_newest_place,
    load_signed,
    open_case,
    seal_signed,
)
from node.service.settling import settle_theirs
from node.service.storing import describe_row, lock_link_head, sign_message, verify_reachable
from node.store.tables import CaseRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import (
    AuthorityId,
    CaseReference,
    Channel,
    MessageId,
    ParticipantCode,
    make_case_reference,
    parse_case_reference,
    parse_message_id,
    parse_participant_code,
)
from protocol.links import LinkHead
from protocol.messages.catalogue import get_entry, parse_payload
from protocol.messages.codes import Urgency
from protocol.messages.entries import CatalogueEntry
from protocol.messages.head import CaseMessage
from protocol.policy.decision import Ground

RECORDED_ELSEWHERE: Final = {
    "general.consent_withdrawn": "Record the withdrawal in its case instead, with "
    "POST /cases/{id}/withdrawals: that takes back what has not left, tells every desk that has "
    "the data, and watches what each of them does. Nothing was sent.",
    "general.erasure": "Ask for the deletion in its case instead, with "
    "POST /cases/{id}/erasure-requests: that asks every desk that has the data, rests on the "
    "person's word that is kept here, and watches what each of them does. Nothing was sent.",
}
"""What leaves only as a part of more that has to be done, and how that is begun."""
PRIORITY: Final = {Urgency.IMMEDIATE: 0, Urgency.URGENT: 1, Urgency.STANDARD: 2}


@dataclass(frozen=True, slots=True)
class Sent:
    """What was queued."""

    message_id: MessageId
    case_id: str
    case_reference: CaseReference
    to_authority: AuthorityId
    answer_by: datetime | None


def handle_send(
    context: NodeContext, draft: Draft, *, who: Principal, submission_key: str | None = None
) -> Sent:
    """Queue a message. When this returns, it is on our disk and will be delivered or reported.

    ``submission_key`` makes a repeated call with the same key one message: the first one's result
    comes back. Raises ``RefusedDraftError`` with what to change, ``NotFoundError`` for an unknown
    case, ``ForbiddenError`` for who may not send, or not in that channel.
    """
    require(who, Permission.WORK_CASES)
    refuse_recorded_elsewhere(draft)
    submission = Submission.of("send", draft, actor=who.actor, key=submission_key)

    def send(session: Session, sealed: SealedFiles | None) -> Sent:
        return find_submission(session, submission) or queue_message(
            context, session, draft, who=who, submission=submission, sealed=sealed
        )

    return queue_with_files(context, draft, owner=who.actor, submission=submission, queue=send)


def queue_with_files(
    context: NodeContext,
    draft: Draft,
    *,
    owner: str,
    submission: "Submission | None",
    queue: Callable[[Session, SealedFiles | None], Sent],
) -> Sent:
    """Seal a draft's files, let ``queue`` do its work in one transaction, and wake who waits.

    ``owner``: who brought the files in. What was sealed is deleted again if nothing was queued.
    """
    sealed = _seal_files(context, draft, actor=owner, submission=submission)
    try:
        sent = context.transact(lambda session: queue(session, sealed))
    except NodeError:  # nothing was committed; after any other failure that is not certain
        if sealed is not None:
            drop_sealed(context, sealed)
        raise
    if sealed is not None:
        is_ours = sent.message_id == sealed.message_id
        (drop_staged if is_ours else drop_sealed)(context, sealed)
    context.signals.outbox.notify()
    context.signals.to_follow.notify()
    context.signals.inbox.notify()
    return sent


def _seal_files(
    context: NodeContext, draft: Draft, *, actor: str, submission: "Submission | None"
) -> SealedFiles | None:
    """Seal the draft's files, before any transaction; None if it has none or was sent already."""
    if not draft.files:
        return None
    with context.database.reading() as session:
        if find_submission(session, submission) is not None:
            return None
    return seal_files(context, draft.files, owner=actor, recipient=draft.recipient)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that is done once however often it comes: a key, and what was asked under it."""

    key: str
    sha256: str

    @classmethod
    def of(cls, what: str, asked: BaseModel, *, actor: str, key: str | None) -> Self | None:
        """Bind a client's idempotency key to who used it and for what; ``None`` without a key."""
        if key is None:
            return None
        return cls(
            key=_hash_key(actor, key),
            sha256=hashlib.sha256(f"{what}\x00{asked.model_dump_json()}".encode()).hexdigest(),
        )


def find_submission(session: Session, submission: Submission | None) -> Sent | None:
    """Return what was queued for this submission before, if anything was.

    Raises ``RefusedDraftError`` if its key was used for something else.
    """
    if submission is None:
        return None
    row = _find_by_key(session, submission.key)
    if row is None:
        return None
    if row.submission_sha256 != submission.sha256:
        raise RefusedDraftError(
            msg(
                "This key was used for another request before: nothing was sent. Use a new one for "
                "each message."
            )
        )
    return _describe(session, row)


def find_sent(session: Session, *, actor: str, key: str) -> Sent | None:
    """Return what was queued under this key, whatever was asked."""
    row = _find_by_key(session, _hash_key(actor, key))
    return None if row is None else _describe(session, row)


def _hash_key(actor: str, key: str) -> str:
    return hashlib.sha256(f"{actor}\x00{key}".encode()).hexdigest()


def _find_by_key(session: Session, key: str) -> MessageRow | None:
    return session.exec(select(MessageRow).where(MessageRow.submission_key == key)).one_or_none()


def _describe(session: Session, row: MessageRow) -> Sent:
    case = session.get_one(CaseRow, row.case_id)
    return Sent(
        message_id=MessageId(row.message_id),
        case_id=case.case_id,
        case_reference=CaseReference(case.reference),
        to_authority=AuthorityId(row.to_authority or ""),
        answer_by=row.answer_by,
    )


def queue_message(  # noqa: PLR0913 - a message, who sends it, and what goes with it
    context: NodeContext,
    session: Session,
    draft: Draft,
    *,
    who: Principal,
    submission: Submission | None = None,
    sealed: SealedFiles | None = None,
    given: Given | None = None,
) -> Sent:
    """Do the work of :func:`handle_send` inside the caller's transaction.

    ``sealed``: the draft's files, if it has any. ``given``: a second person's approval of it.
    Raises ``PolicyRefusedError`` if the policy does not let it leave, ``NeedsApprovalError`` if it
    would with an approval.
    """
    if draft.files and sealed is None:
        raise RefusedDraftError(msg("Files go with a message of its own: send them with one."))
    directory = context.directory.current()
    recipient, entry = parse_target(draft)
    verify_reachable(directory, recipient)
    now = context.clock().replace(microsecond=0)
    case = find_or_open_case(context, session, draft, who=who)
    gate = Gate(context, session, directory, now=now)
    referring = refer(context, session, draft, case=case, who=who)
    said, channel = draft.channel, choose_channel(referring.draft, entry)
    record_statements(context, session, case, draft, who=who, channel=channel)
    draft = complete_basis(referring.draft, gate.know(case), given, channel=channel, now=now)
    head = lock_link_head(context, session, recipient)
    position = LinkHead(generation=head.generation, seq=head.seq, digest=head.digest).next()
    message = build_message(
        context,
        draft,
        entry=entry,
        case=case,
        position=position,
        seen=find_newest_place(session, case_id=case.case_id, peer=recipient),
        now=now,
        directory=directory,
        sealed=sealed,
    )
    if referring.about is None or said is not None:  # a reply stays where it was asked
        require_channel(who, message.channel)
    decision = gate.pass_through(message, referring.say_sending(case=case, who=who, given=given))
    sent = _store(
        context,
        session,
        message,
        grounds=decision.grounds,
        case=case,
        head=head,
        actor=who.actor,
        submission=submission,
    )
    record_all(context, session, Act.MESSAGE_SENT, [(who.actor, sent.message_id)])
    if draft.passes_on is not None:
        add_event(
            session,
            kind=EventKind.PASSED_ON,
            at=now,
            actor=who.actor,
            case_id=case.case_id,
            message_id=draft.passes_on,
            code=message.to_authority,
        )
    if sealed is not None:
        keep_sealed(
            context,
            session,
            sealed,
            row=session.get_one(MessageRow, sent.message_id),
            priority=PRIORITY[message.urgency],
        )
    return sent


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


def refuse_recorded_elsewhere(draft: Draft) -> None:
    """Refuse what somebody would send by itself, and the node sends with more that belongs to it.

    Raises ``RefusedDraftError`` with what to do instead.
    """
    if draft.type in RECORDED_ELSEWHERE:
        raise RefusedDraftError(as_it_is(RECORDED_ELSEWHERE[draft.type]))


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

    A trend alert is replied to outside its channel, which carries alerts alone.
    """
    row = session.get(MessageRow, draft.in_reply_to) if draft.in_reply_to else None
    if row is None:
        return Referring(draft)
    if not who.sees(Channel(row.channel) if row.channel else None):
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
    """Return the case that a draft names, or open one; raises ``NotFoundError``."""
    if draft.case is None:
        while True:
            reference = make_case_reference(context.random)
            if find_case(session, reference) is None:
                channel = choose_channel(draft, parse_target(draft)[1])
                return open_case(
                    context, session, reference=reference, actor=who.actor, channel=channel
                )
    try:
        case = find_case(session, parse_case_reference(draft.case))
    except MalformedError as error:
        raise RefusedDraftError(borrow_words(error)) from error
    if case is None or is_erased(case) or find_seen_case(session, case.case_id, who=who) is None:
        raise NotFoundError("This node has no case with that reference: look it up in the list.")
    return case


def _store(  # noqa: PLR0913 - a message is stored with these
    context: NodeContext,
    session: Session,
    message: CaseMessage,
    *,
    grounds: Iterable[Ground],
    case: CaseRow,
    head: LinkHeadRow,
    actor: str,
    submission: Submission | None,
) -> Sent:
    signed = sign_message(context, message)
    advanced = LinkHead(generation=head.generation, seq=head.seq, digest=head.digest).advance(
        message.link.position, digest=signed.digest
    )
    head.seq, head.digest = advanced.seq, advanced.digest
    now = context.clock()
    joins = not find_joined(session, [case.case_id], [message.recipient])
    row = MessageRow(
        **describe_row(message, signed=signed, stored_at=now, grounds=grounds),
        case_id=case.case_id,
        signed_payload_sealed=seal_signed(
            context, signed, message_id=message.message_id, case=case
        ),
    )
    if submission is not None:
        row.submission_key, row.submission_sha256 = submission.key, submission.sha256
    session.add(row)
    session.flush()
    note_to_follow(session, [row.message_id], at=now)
    settle_theirs(context, session, row, message, actor=actor)
    session.add(
        OutboxRow(
            message_id=message.message_id,
            peer=message.recipient,
            priority=PRIORITY[message.urgency],
            transport_id=context.random(16).hex(),
            next_attempt_at=now,
        )
    )
    if joins:
        add_event(
            session,
            kind=EventKind.PARTICIPANT_JOINED,
            at=now,
            actor=actor,
            case_id=case.case_id,
            code=message.recipient,
            channel=message.channel,
        )
    add_event(
        session,
        kind=EventKind.MESSAGE_QUEUED,
        at=now,
        actor=actor,
        case_id=case.case_id,
        message_id=message.message_id,
    )
    return _describe(session, row)
