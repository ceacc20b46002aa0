"""Queueing many ordinary messages at once.

Programs send in bursts, and a transaction, its statements and its wait for the disk cost more than
a message. What comes together is therefore queued in one transaction. A message that names an
earlier one, has files, or settles something is left to :func:`~node.service.composing.handle_send`.
Each is refused or queued for itself: nothing is written before every one has been built.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record_all
from node.service.borrowed_words import borrow_words
from node.service.building import Draft, Setting, build_message, choose_channel
from node.service.case_content import is_erased
from node.service.composing import (
    PRIORITY,
    RECORDED_ELSEWHERE,
    Sent,
    Submission,
    find_submission,
)
from node.service.consent.records import describe_consent, find_teller
from node.service.consent.records import describe_row as describe_consent_row
from node.service.context import NodeContext, NodeError, NotFoundError, RefusedDraftError
from node.service.dispatching import ClaimAtOnce
from node.service.following import note_to_follow
from node.service.handoff import Read
from node.service.local_names import make_local_name
from node.service.permitting import require, require_channel
from node.service.plain_questions import (
    find_cases,
    find_newest_places,
    find_submitted,
    find_unseen,
    lock_heads,
)
from node.service.policy.gate import Gate, Sending
from node.service.policy.knowledge import NOTHING
from node.service.policy.statements import (
    begins_with_consent,
    complete_basis,
    read_consent,
    states_something,
)
from node.service.records import find_joined
from node.service.storing import describe_row, sign_message, verify_reachable
from node.store.bulk import insert_rows, update_rows
from node.store.consent_tables import ConsentRow
from node.store.tables import CaseRow, EventRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import (
    AuthorityId,
    CaseReference,
    Channel,
    MessageId,
    ParticipantCode,
    make_case_reference,
    parse_case_reference,
    parse_participant_code,
)
from protocol.links import LinkHead
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.entries import CatalogueEntry
from protocol.messages.general import CaseClosed
from protocol.messages.head import CaseMessage
from protocol.policy.decision import Ground


@dataclass(frozen=True, slots=True)
class Order:
    """One message to be queued, and who asks for it."""

    draft: Draft
    who: Principal
    submission: Submission | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it may be queued with others."""
        entry = CATALOGUE.get(self.draft.type)
        return (
            not self.draft.files
            and self.draft.in_reply_to is None
            and self.draft.passes_on is None
            and self.draft.type not in RECORDED_ELSEWHERE  # refused there
            and (not states_something(self.draft) or begins_with_consent(self.draft))
            and entry is not None
            and issubclass(entry.model, CaseMessage)
            and not issubclass(entry.model, CaseClosed)  # it ends the conversations of its case
        )


Outcome = Sent | NodeError
"""What became of an order: it is on our disk, or refused with the reason."""


@dataclass(slots=True)
class _Rows:
    cases: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    #: Who recorded which consent, and who sent which message, for the audit log.
    recorded: list[tuple[str, str]] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an order goes: its recipient, and its case."""

    order: Order
    entry: CatalogueEntry
    recipient: ParticipantCode
    case: CaseRow
    is_new_case: bool


def queue_plain(
    context: NodeContext,
    session: Session,
    orders: Sequence[Order],
    *,
    claim: ClaimAtOnce | None = None,
    read: list[Read] | None = None,
) -> list[Outcome | None]:
    """Queue plain orders inside the caller's transaction; the outcomes are in the same order.

    ``claim`` takes them for the relay of this process; ``read`` is given the messages themselves.

    ``None``: another order of the same submission goes first; ask again after the commit.
    """
    outcomes: list[Outcome | None] = [None] * len(orders)
    todo: list[int] = []
    submitted: set[str] = set()
    known = find_submitted(session, (each.submission.key for each in orders if each.submission))
    for number, order in enumerate(orders):
        key = order.submission.key if order.submission else None
        if key in submitted:
            continue
        if key is not None:
            submitted.add(key)
        if key in known:
            outcomes[number] = _find_known(session, order)
        else:
            todo.append(number)
    queue = _Queue(context, session, [orders[number] for number in todo], claim=claim)
    for number in todo:
        outcomes[number] = queue.add(orders[number])
    queue.write()
    if read is not None:
        read.extend(queue.read)
    return outcomes


def _find_known(session: Session, order: Order) -> Outcome | None:
    try:
        return find_submission(session, order.submission)
    except RefusedDraftError as error:
        return error


class _Queue:
    """Builds messages one after another, then writes all of them."""

    def __init__(
        self,
        context: NodeContext,
        session: Session,
        orders: Sequence[Order],
        *,
        claim: ClaimAtOnce | None,
    ) -> None:
        self._context = context
        self._claim = claim
        self._session = session
        self._rows = _Rows()
        self._directory = context.directory.current()
        named = [(order.who, order.draft.case) for order in orders if order.draft.case]
        self._cases = find_cases(session, (reference for _, reference in named))
        self._unseen = find_unseen(session, [each for each in named if each[1] in self._cases])
        peers = sorted({order.draft.recipient for order in orders})
        case_ids = [case.case_id for case in self._cases.values()]
        self._joined = find_joined(session, case_ids, peers)
        self._seen = find_newest_places(session, case_ids, peers)
        self._now = context.clock().replace(microsecond=0)
        self._gate = Gate(context, session, self._directory, now=self._now)
        self._gate.learn(self._cases.values())
        # Links are taken in one order by all, so that no two wait for each other.
        self._heads = lock_heads(context, session, [p for p in peers if p in self._directory.keys])
        self._moved = dict[str, LinkHead]()
        self.read: list[Read] = []

    def add(self, order: Order) -> Outcome:
        """Build one; nothing of it is written yet."""
        try:
            require(order.who, Permission.WORK_CASES)
            place = self._find_place(order)
            position = self._heads[place.recipient].next()
            channel = choose_channel(order.draft, place.entry)
            consent = self._state_consent(place, channel)
            known = self._gate.know(place.case)
            message = build_message(
                self._context,
                complete_basis(order.draft, known, None, channel=channel, now=self._now),
                place.entry,
                Setting(
                    self._directory,
                    self._now,
                    place.case,
                    position=position,
                    seen=self._seen.get((place.case.case_id, place.recipient)),
                ),
            )
            require_channel(order.who, message.channel)
            decision = self._gate.pass_through(message, Sending(case=place.case, who=order.who))
            return self._note(place, message, consent=consent, grounds=decision.grounds)
        except NodeError as error:
            return error

    def _state_consent(self, place: _Place, channel: Channel) -> dict[str, Any] | None:
        """Return the row of the consent that a draft opens its case with, known to the gate."""
        draft, case = place.order.draft, place.case
        if draft.consent is None:
            return None
        stated = read_consent(draft, draft.consent)
        row = describe_consent_row(
            self._context, case, stated, who=place.order.who, channel=channel
        )
        described = describe_consent(stated, reference=row["consent_id"])
        self._gate.note(case, replace(NOTHING, consents=(described,)))
        return row

    def _find_place(self, order: Order) -> _Place:
        draft = order.draft
        try:
            recipient = parse_participant_code(draft.recipient)
            verify_reachable(self._directory, recipient)
            reference = parse_case_reference(draft.case) if draft.case else None
        except (MalformedError, LocalProtocolError) as error:
            raise RefusedDraftError(borrow_words(error)) from error
        entry = CATALOGUE[draft.type]
        if reference is not None:
            case = self._cases.get(reference)
            if case is None or is_erased(case) or (reference, order.who) in self._unseen:
                raise NotFoundError(
                    "This node has no case with that reference: look it up in the list."
                )
            return _Place(order, entry, recipient, case, is_new_case=False)
        case = CaseRow(
            case_id=make_local_name(self._context),
            reference=make_case_reference(self._context.random),
            created_at=self._context.clock(),
            wrapped_key=self._context.keys.make_case_key(),
        )
        self._gate.learn_new(case)
        return _Place(order, entry, recipient, case, is_new_case=True)

    def _note(
        self,
        place: _Place,
        message: CaseMessage,
        *,
        consent: dict[str, Any] | None,
        grounds: Iterable[Ground],
    ) -> Sent:
        signed = sign_message(self._context, message)
        case, now, order = place.case, self._context.clock(), place.order
        head = self._heads[place.recipient].advance(message.link.position, digest=signed.digest)
        self._heads[place.recipient] = self._moved[place.recipient] = head
        sealed = self._context.keys.encrypt(
            signed.encode(), wrapped_key=case.wrapped_key, context=f"message:{message.message_id}"
        )
        self.read.append(
            Read(message.message_id, message, digest=signed.digest, size=len(signed.payload))
        )
        rows = self._rows
        rows.messages.append(
            describe_row(message, signed=signed, stored_at=now, grounds=grounds)
            | {
                "case_id": case.case_id,
                "signed_payload_sealed": sealed,
                "submission_key": order.submission.key if order.submission else None,
                "submission_sha256": order.submission.sha256 if order.submission else None,
            }
        )
        waiting = {
            "message_id": message.message_id,
            "peer": place.recipient,
            "priority": PRIORITY[message.urgency],
            "transport_id": self._context.random(16).hex(),
            "next_attempt_at": now,
        }
        rows.outbox.append(self._claim.note(waiting, signed) if self._claim else waiting)
        rows.sent.append((order.who.actor, message.message_id))
        if consent is not None:
            rows.consents.append(consent)
            rows.recorded.append((order.who.actor, consent["consent_id"]))
        self._tell(place, message, consented=consent is not None, at=now)
        return Sent(
            message_id=MessageId(message.message_id),
            case_id=case.case_id,
            case_reference=CaseReference(case.reference),
            to_authority=AuthorityId(message.to_authority),
            answer_by=message.answer_by,
        )

    def _tell(self, place: _Place, message: CaseMessage, *, consented: bool, at: datetime) -> None:
        """Write into the timeline, in the order in which it happens."""
        case, rows = place.case, self._rows

        def tell(kind: EventKind, **more: str | None) -> None:
            event = {
                "kind": kind,
                "at": at,
                "actor": place.order.who.actor,
                "case_id": case.case_id,
            }
            rows.events.append(event | {"message_id": None, "code": None, "channel": None} | more)

        if place.is_new_case:
            rows.cases.append(
                case.model_dump(include={"case_id", "reference", "created_at", "wrapped_key"})
            )
            tell(EventKind.CASE_OPENED, channel=message.channel)
        if consented:
            tell(EventKind.CONSENT_RECORDED, channel=find_teller(message.channel))
        if (case.case_id, place.recipient) not in self._joined:
            self._joined.add((case.case_id, place.recipient))
            tell(EventKind.PARTICIPANT_JOINED, code=place.recipient, channel=message.channel)
        tell(EventKind.MESSAGE_QUEUED, message_id=message.message_id)

    def write(self) -> None:
        """Write all that was built."""
        self._session.flush()
        moved = {p: {"seq": each.seq, "digest": each.digest} for p, each in self._moved.items()}
        update_rows(self._session, LinkHeadRow, moved)
        insert_rows(self._session, CaseRow, self._rows.cases)
        insert_rows(self._session, ConsentRow, self._rows.consents)
        insert_rows(self._session, MessageRow, self._rows.messages)
        insert_rows(self._session, OutboxRow, self._rows.outbox)
        insert_rows(self._session, EventRow, self._rows.events)
        record_all(self._context, self._session, Act.CONSENT_RECORDED, self._rows.recorded)
        record_all(self._context, self._session, Act.MESSAGE_SENT, self._rows.sent)
        names = [str(row["message_id"]) for row in self._rows.messages]
        note_to_follow(self._session, names, at=self._context.clock())
