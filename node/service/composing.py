"""Sending: from a draft to a numbered, signed message in the outbox, in one transaction."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from pydantic import BaseModel
from sqlmodel import Session, select

from contact_registry.directory import Directory
from node.domain.events import EventKind
from node.domain.states import Dispatch, Handling
from node.service.attachments.sealing import (
    SealedFiles,
    drop_sealed,
    drop_staged,
    keep_sealed,
    seal_files,
)
from node.service.building import Draft, build_message
from node.service.context import NodeContext, NodeError, NotFoundError, RefusedDraftError
from node.service.records import (
    OUT,
    add_event,
    find_case,
    find_joined,
    find_newest_place,
    load_signed,
    open_case,
    seal_signed,
)
from node.service.restoring import is_restored
from node.service.settling import settle_theirs
from node.store.tables import CaseRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.envelope import Consignment, SignedPayload
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
from protocol.links import LinkHead, restart_link
from protocol.messages.catalogue import (
    encode_payload,
    get_entry,
    parse_payload,
)
from protocol.messages.codes import Urgency
from protocol.messages.entries import Expectation
from protocol.messages.head import CaseMessage

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
    context: NodeContext, draft: Draft, *, actor: str, submission_key: str | None = None
) -> Sent:
    """Queue a message. When this returns, it is on our disk and will be delivered or reported.

    ``submission_key`` makes a repeated call with the same key one message: the first one's result
    comes back. Raises ``RefusedDraftError`` with what to change, ``NotFoundError`` for an unknown
    case.
    """
    submission = Submission.of("send", draft, actor=actor, key=submission_key)
    sealed = _seal_files(context, draft, actor=actor, submission=submission)

    def send(session: Session) -> Sent:
        return find_submission(session, submission) or queue_message(
            context, session, draft, actor=actor, submission=submission, sealed=sealed
        )

    try:
        sent = context.transact(send)
    except NodeError:  # nothing was committed; after any other failure that is not certain
        if sealed is not None:
            drop_sealed(context, sealed)
        raise
    if sealed is not None:
        is_ours = sent.message_id == sealed.message_id
        (drop_staged if is_ours else drop_sealed)(context, sealed)
    context.signals.outbox.notify()
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
            "This key was used for another request before: nothing was sent. Use a new one for "
            "each message."
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
    actor: str,
    submission: Submission | None = None,
    sealed: SealedFiles | None = None,
) -> Sent:
    """Do the work of :func:`handle_send` inside the caller's transaction.

    ``sealed``: the draft's files, if it has any.
    """
    if draft.files and sealed is None:
        raise RefusedDraftError("Files go with a message of its own: send them with one.")
    directory = context.directory.current()
    try:
        recipient = parse_participant_code(draft.recipient)
        entry = get_entry(draft.type)
        if draft.in_reply_to is not None:
            parse_message_id(draft.in_reply_to)
    except (MalformedError, LocalProtocolError) as error:
        raise RefusedDraftError(str(error)) from error
    if not issubclass(entry.model, CaseMessage):
        raise RefusedDraftError(f"{draft.type} is sent by machines, not by people.")
    verify_reachable(directory, recipient)
    now = context.clock().replace(microsecond=0)
    case = _get_or_open_case(context, session, draft, actor=actor)
    head = lock_link_head(context, session, recipient)
    position = LinkHead(generation=head.generation, seq=head.seq, digest=head.digest).next()
    message = build_message(
        context,
        _refer(context, session, draft, case=case),
        entry=entry,
        case=case,
        position=position,
        seen=find_newest_place(session, case_id=case.case_id, peer=recipient),
        now=now,
        directory=directory,
        sealed=sealed,
    )
    sent = _store(
        context, session, message, case=case, head=head, actor=actor, submission=submission
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


def _refer(context: NodeContext, session: Session, draft: Draft, *, case: CaseRow) -> Draft:
    """Name a message that is replied to as the other side calls it, and stay in its channel.

    A trend alert is replied to outside its channel, which carries alerts alone.
    """
    row = session.get(MessageRow, draft.in_reply_to) if draft.in_reply_to else None
    if row is None:
        return draft
    if (row.peer, row.case_id) != (draft.recipient, case.case_id):
        raise RefusedDraftError(
            "A message replies to one that was exchanged with its recipient in the same case: "
            "choose it again from the case."
        )
    channel = draft.channel
    if channel is None:
        replied = parse_payload(load_signed(context, row, case).payload)
        if isinstance(replied, CaseMessage) and replied.channel is not Channel.TREND:
            channel = replied.channel
    return draft.model_copy(update={"in_reply_to": row.wire_id, "channel": channel})


def verify_reachable(directory: Directory, recipient: ParticipantCode) -> None:
    """Raise ``RefusedDraftError`` if nothing can be sent to a Participant."""
    participant = directory.participant(recipient)
    if participant is None:
        raise RefusedDraftError(f"{recipient} is no Participant of the registry.")
    if recipient not in directory.keys:
        raise RefusedDraftError(
            f"{participant.display_name} has no node yet: use the contacts in the directory."
        )


def _get_or_open_case(
    context: NodeContext, session: Session, draft: Draft, *, actor: str
) -> CaseRow:
    if draft.case is None:
        while True:
            reference = make_case_reference(context.random)
            if find_case(session, reference) is None:
                return open_case(context, session, reference=reference, actor=actor)
    try:
        case = find_case(session, parse_case_reference(draft.case))
    except MalformedError as error:
        raise RefusedDraftError(str(error)) from error
    if case is None:
        raise NotFoundError("This node has no case with that reference: look it up in the list.")
    return case


def lock_link_head(context: NodeContext, session: Session, peer: ParticipantCode) -> LinkHeadRow:
    """Take the link to ``peer`` for this transaction: numbers are given one at a time."""
    head = session.exec(
        select(LinkHeadRow).where(LinkHeadRow.peer == peer).with_for_update()
    ).one_or_none()
    if head is None:
        fresh = LinkHead()
        if is_restored(session):  # the link may have been begun after the backup
            fresh = restart_link(fresh, now=context.clock())
        head = LinkHeadRow(
            peer=peer, generation=fresh.generation, seq=fresh.seq, digest=fresh.digest
        )
        session.add(head)
        session.flush()
    return head


def _store(  # noqa: PLR0913 - a message is stored with these
    context: NodeContext,
    session: Session,
    message: CaseMessage,
    *,
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
        **describe_row(message, signed=signed, stored_at=now),
        case_id=case.case_id,
        signed_payload_sealed=seal_signed(
            context, signed, message_id=message.message_id, case=case
        ),
    )
    if submission is not None:
        row.submission_key, row.submission_sha256 = submission.key, submission.sha256
    session.add(row)
    session.flush()
    settle_theirs(session, row, message, actor=actor)
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


def sign_message(context: NodeContext, message: CaseMessage) -> SignedPayload:
    """Sign a numbered message; raises ``RefusedDraftError`` if it is too large."""
    try:
        return SignedPayload.sign(
            encode_payload(message),
            consignment=Consignment(
                message_id=MessageId(message.message_id),
                sender=ParticipantCode(message.sender),
                recipient=ParticipantCode(message.recipient),
                expires_at=message.composed_at + context.rules.expiry,
            ),
            key=context.keys.signing_key,
        )
    except LocalProtocolError as error:
        raise RefusedDraftError(str(error)) from error


def describe_row(
    message: CaseMessage, *, signed: SignedPayload, stored_at: datetime
) -> dict[str, Any]:
    """Return the columns of a message that are metadata; case and content are the caller's."""
    expects = get_entry(message.type).expectation_of(message.kind)
    return {
        "message_id": message.message_id,
        "wire_id": message.message_id,
        "direction": OUT,
        "peer": message.recipient,
        "type": message.type,
        "version": message.version,
        "readable": True,
        "phase": message.phase,
        "urgency": message.urgency,
        "from_authority": message.from_authority,
        "to_authority": message.to_authority,
        "in_reply_to": message.in_reply_to,
        "composed_at": message.composed_at,
        "stored_at": stored_at,
        "answer_by": message.answer_by,
        "expires_at": signed.consignment.expires_at,
        "payload_sha256": signed.digest,
        "signer_key_id": signed.signer,
        "link_generation": message.link.generation,
        "link_seq": message.link.seq,
        "link_prev": message.link.prev,
        "registry_version": message.registry.version,
        "registry_sha256": message.registry.sha256,
        "dispatch": Dispatch.QUEUED,
        "handling": (Handling.NOTHING_EXPECTED if expects is Expectation.NOTHING else Handling.NEW),
    }
