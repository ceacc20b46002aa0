"""Sending: from a draft to a numbered, signed message in the outbox, in one transaction."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Self

from pydantic import BaseModel
from sqlmodel import Session, select

from console.i18n import msg
from console.refusals import as_it_is
from contact_registry.directory import Directory
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
from node.service.building import Draft, Setting, build_message, choose_channel
from node.service.case_work import CaseWork
from node.service.context import NodeContext, NodeError, RefusedDraftError
from node.service.dispatching import ClaimAtOnce, claim_at_once
from node.service.following import note_to_follow
from node.service.permitting import require, require_channel
from node.service.policy.gate import Gate
from node.service.policy.statements import Given, complete_basis, record_statements
from node.service.records import (
    find_joined,
    find_newest_place,
    seal_signed,
)
from node.service.referring import find_or_open_case, parse_target, refer
from node.service.settling import settle_theirs
from node.service.storing import describe_row, lock_link_head, sign_message, verify_reachable
from node.store.tables import CaseRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.envelope import SignedPayload
from protocol.identifiers import (
    AuthorityId,
    CaseReference,
    MessageId,
    ParticipantCode,
)
from protocol.links import LinkHead
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

    def send(session: Session, along: Along) -> Sent:
        return find_submission(session, submission) or queue_message(
            context, session, draft, who=who, along=along
        )

    return queue_with_files(context, draft, owner=who.actor, submission=submission, queue=send)


def queue_with_files(
    context: NodeContext,
    draft: Draft,
    *,
    owner: str,
    submission: "Submission | None",
    queue: "Callable[[Session, Along], Sent]",
) -> Sent:
    """Seal a draft's files, let ``queue`` do its work in one transaction, and wake who waits.

    ``queue`` is given what goes with the draft. ``owner``: who brought the files in. What was
    sealed is deleted again if nothing was queued.
    """
    sealed = _seal_files(context, draft, actor=owner, submission=submission)

    def work(session: Session) -> tuple[Sent, ClaimAtOnce | None]:
        claim = claim_at_once(context)
        return queue(session, Along(submission, sealed, claim=claim)), claim

    try:
        sent, claim = context.transact(work)
    except NodeError:  # nothing was committed; after any other failure that is not certain
        if sealed is not None:
            drop_sealed(context, sealed)
        raise
    if claim is None:
        context.signals.tell_queued()
    else:  # it is on its way, and nothing else waits to leave because of it
        context.leaving.messages.put(claim.messages)
        context.signals.to_follow.notify()
        context.signals.inbox.notify()
    if sealed is not None:
        is_ours = sent.message_id == sealed.message_id
        (drop_staged if is_ours else drop_sealed)(context, sealed)
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


def refuse_recorded_elsewhere(draft: Draft) -> None:
    """Refuse what somebody would send by itself, and the node sends with more that belongs to it.

    Raises ``RefusedDraftError`` with what to do instead.
    """
    if draft.type in RECORDED_ELSEWHERE:
        raise RefusedDraftError(as_it_is(RECORDED_ELSEWHERE[draft.type]))


@dataclass(frozen=True, slots=True)
class Along:
    """What goes with a draft."""

    #: The request that it came by: what comes by the same one is sent once.
    submission: Submission | None = None
    #: Its files, if it has any.
    sealed: SealedFiles | None = None
    #: A second person's approval of it.
    given: Given | None = None
    #: What claims it for the relay of this process; None: it waits for the relay.
    claim: ClaimAtOnce | None = None


ALONE: Final = Along()
"""Nothing goes with it."""


def queue_message(
    context: NodeContext, session: Session, draft: Draft, *, who: Principal, along: Along = ALONE
) -> Sent:
    """Do the work of :func:`handle_send` inside the caller's transaction.

    Raises ``PolicyRefusedError`` if the policy does not let it leave, ``NeedsApprovalError`` if it
    would with an approval.
    """
    if draft.files and along.sealed is None:
        raise RefusedDraftError(msg("Files go with a message of its own: send them with one."))
    directory = context.directory.current()
    recipient, entry = parse_target(draft)
    verify_reachable(directory, recipient)
    now = context.clock().replace(microsecond=0)
    case = find_or_open_case(context, session, draft, who=who)
    work = CaseWork(context, session, case, who)
    queueing = _Queueing(work, along)
    built = queueing.build(draft, entry, directory=directory, now=now)
    row = queueing.store(built)
    record_all(context, session, Act.MESSAGE_SENT, [(who.actor, row.message_id)])
    if draft.passes_on is not None:
        work.tell(EventKind.PASSED_ON, at=now, message_id=draft.passes_on, code=row.to_authority)
    if along.sealed is not None:
        file = keep_sealed(
            context,
            session,
            along.sealed,
            row=row,
            priority=PRIORITY[built.message.urgency],
            may_claim=along.claim is not None,
        )
        if along.claim is not None:
            along.claim.note_file(file)
    return _describe(session, row)


class _Built(NamedTuple):
    """A message that may leave, what it rests on, and the link that it takes its number from."""

    message: CaseMessage
    grounds: tuple[Ground, ...]
    head: LinkHeadRow


class _Queueing:
    """One message of a case, from its draft to its rows, in the caller's transaction."""

    def __init__(self, work: CaseWork, along: Along) -> None:
        self._work = work
        self._along = along

    def build(
        self, draft: Draft, entry: CatalogueEntry, *, directory: Directory, now: datetime
    ) -> _Built:
        """Record what the draft states, number the message, and ask the gate."""
        work, context, session = self._work, self._work.context, self._work.session
        case, who = work.case, work.who
        given, recipient = self._along.given, ParticipantCode(draft.recipient)
        gate = Gate(context, session, directory, now=now)
        referring = refer(context, session, draft, case=case, who=who)
        channel = choose_channel(referring.draft, entry)
        record_statements(work, draft, channel=channel)
        basis = complete_basis(referring.draft, gate.know(case), given, channel=channel, now=now)
        head = lock_link_head(context, session, recipient)
        setting = Setting(
            directory,
            now,
            case,
            position=_read_head(head).next(),
            seen=find_newest_place(session, case_id=case.case_id, peer=recipient),
            sealed=self._along.sealed,
        )
        message = build_message(context, basis, entry, setting)
        if referring.about is None or draft.channel is not None:  # a reply stays where it was asked
            require_channel(who, message.channel)
        sending = referring.say_sending(case=case, who=who, given=given)
        return _Built(message, gate.pass_through(message, sending).grounds, head)

    def store(self, built: _Built) -> MessageRow:
        """Sign it, advance its link, and write it with all that follows from it."""
        work, message = self._work, built.message
        context, session = work.context, work.session
        signed = sign_message(context, message)
        advanced = _read_head(built.head).advance(message.link.position, digest=signed.digest)
        built.head.seq, built.head.digest = advanced.seq, advanced.digest
        now = context.clock()
        joins = not find_joined(session, [work.case.case_id], [message.recipient])
        row = self._add_row(built, signed, at=now)
        note_to_follow(session, [row.message_id], at=now)
        settle_theirs(context, session, row, message, actor=work.who.actor)
        waiting = {
            "message_id": message.message_id,
            "peer": message.recipient,
            "priority": PRIORITY[message.urgency],
            "transport_id": context.random(16).hex(),
            "next_attempt_at": now,
        }
        claim = self._along.claim
        session.add(OutboxRow(**(claim.note(waiting, signed) if claim else waiting)))
        if joins:
            joined, channel = EventKind.PARTICIPANT_JOINED, message.channel
            work.tell(joined, at=now, code=message.recipient, channel=channel)
        work.tell(EventKind.MESSAGE_QUEUED, at=now, message_id=message.message_id)
        return row

    def _add_row(self, built: _Built, signed: SignedPayload, *, at: datetime) -> MessageRow:
        """Write the message itself, under the request that it came by."""
        work, message, submission = self._work, built.message, self._along.submission
        row = MessageRow(
            **describe_row(message, signed=signed, stored_at=at, grounds=built.grounds),
            case_id=work.case.case_id,
            signed_payload_sealed=seal_signed(
                work.context, signed, message_id=message.message_id, case=work.case
            ),
        )
        if submission is not None:
            row.submission_key, row.submission_sha256 = submission.key, submission.sha256
        work.session.add(row)
        work.session.flush()
        return row


def _read_head(row: LinkHeadRow) -> LinkHead:
    return LinkHead(generation=row.generation, seq=row.seq, digest=row.digest)
