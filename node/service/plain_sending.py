"""Queueing many ordinary messages at once.

Programs send in bursts, and a transaction, its statements and its wait for the disk cost more than
a message. What comes together is therefore queued in one transaction. A message that names an
earlier one, has files, or settles something is left to :func:`~node.service.composing.handle_send`.
Each is refused or queued for itself: nothing is written before every one has been built.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record_all
from node.service.building import Draft, build_message
from node.service.case_content import is_erased
from node.service.composing import (
    PRIORITY,
    RECORDED_ELSEWHERE,
    Sent,
    Submission,
    find_submission,
)
from node.service.context import NodeContext, NodeError, NotFoundError, RefusedDraftError
from node.service.dispatching import ClaimAtOnce
from node.service.following import note_to_follow
from node.service.permitting import is_case_seen, require, require_channel
from node.service.policy.gate import Gate, Sending
from node.service.policy.statements import complete_basis, states_something
from node.service.records import IN, find_joined
from node.service.storing import describe_row, lock_link_head, sign_message, verify_reachable
from node.store.bulk import in_parts, insert_rows
from node.store.tables import CaseRow, EventRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.conversation.history import Place
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import (
    AuthorityId,
    CaseReference,
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
            and not states_something(self.draft)
            and entry is not None
            and issubclass(entry.model, CaseMessage)
            and not issubclass(entry.model, CaseClosed)  # it ends the conversations of its case
        )


Outcome = Sent | NodeError
"""What became of an order: it is on our disk, or refused with the reason."""


@dataclass(slots=True)
class _Rows:
    cases: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    #: Who sent which, for the audit log.
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
) -> list[Outcome | None]:
    """Queue plain orders inside the caller's transaction; the outcomes are in the same order.

    ``claim`` takes them for the relay of this process.

    ``None``: another order of the same submission goes first; ask again after the commit.
    """
    outcomes: list[Outcome | None] = [None] * len(orders)
    todo: list[int] = []
    submitted: set[str] = set()
    known = _find_submitted(session, orders)
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
    return outcomes


def _find_submitted(session: Session, orders: Iterable[Order]) -> set[str | None]:
    keys = sorted({order.submission.key for order in orders if order.submission})
    found: set[str | None] = set()
    for part in in_parts(keys):
        question = select(MessageRow.submission_key, MessageRow.submission_sha256)
        for key, _ in session.exec(question.where(col(MessageRow.submission_key).in_(part))):
            found.add(key)
    return found


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
        self._cases = _find_cases(session, orders)
        self._unseen = _find_unseen(session, orders, self._cases)
        peers = sorted({order.draft.recipient for order in orders})
        case_ids = [case.case_id for case in self._cases.values()]
        self._joined = find_joined(session, case_ids, peers)
        self._seen = _find_newest_places(session, case_ids, peers)
        self._now = context.clock().replace(microsecond=0)
        self._gate = Gate(context, session, self._directory, now=self._now)
        self._gate.learn(self._cases.values())
        # Links are taken in one order by all, so that no two wait for each other.
        self._heads = {
            peer: lock_link_head(context, session, ParticipantCode(peer))
            for peer in peers
            if peer in self._directory.keys
        }

    def add(self, order: Order) -> Outcome:
        """Build one; nothing of it is written yet."""
        try:
            require(order.who, Permission.WORK_CASES)
            place = self._find_place(order)
            head = self._heads[place.recipient]
            position = LinkHead(generation=head.generation, seq=head.seq, digest=head.digest).next()
            message = build_message(
                self._context,
                complete_basis(order.draft, self._gate.know(place.case), None, now=self._now),
                entry=place.entry,
                case=place.case,
                position=position,
                seen=self._seen.get((place.case.case_id, place.recipient)),
                now=self._now,
                directory=self._directory,
            )
            require_channel(order.who, message.channel)
            decision = self._gate.pass_through(message, Sending(case=place.case, who=order.who))
            return self._note(place, message, head, grounds=decision.grounds)
        except NodeError as error:
            return error

    def _find_place(self, order: Order) -> _Place:
        draft = order.draft
        try:
            recipient = parse_participant_code(draft.recipient)
            verify_reachable(self._directory, recipient)
            reference = parse_case_reference(draft.case) if draft.case else None
        except (MalformedError, LocalProtocolError) as error:
            raise RefusedDraftError(str(error)) from error
        entry = CATALOGUE[draft.type]
        if reference is not None:
            case = self._cases.get(reference)
            if case is None or is_erased(case) or (reference, order.who) in self._unseen:
                raise NotFoundError(
                    "This node has no case with that reference: look it up in the list."
                )
            return _Place(order, entry, recipient, case, is_new_case=False)
        case = CaseRow(
            case_id=self._context.random(16).hex(),
            reference=make_case_reference(self._context.random),
            created_at=self._context.clock(),
            wrapped_key=self._context.keys.make_case_key(),
        )
        self._gate.learn_new(case)
        return _Place(order, entry, recipient, case, is_new_case=True)

    def _note(
        self, place: _Place, message: CaseMessage, head: LinkHeadRow, *, grounds: Iterable[Ground]
    ) -> Sent:
        signed = sign_message(self._context, message)
        case, now, order = place.case, self._context.clock(), place.order
        head.seq, head.digest = message.link.seq, signed.digest
        sealed = self._context.keys.encrypt(
            signed.encode(), wrapped_key=case.wrapped_key, context=f"message:{message.message_id}"
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
        self._tell(place, message, at=now)
        return Sent(
            message_id=MessageId(message.message_id),
            case_id=case.case_id,
            case_reference=CaseReference(case.reference),
            to_authority=AuthorityId(message.to_authority),
            answer_by=message.answer_by,
        )

    def _tell(self, place: _Place, message: CaseMessage, *, at: datetime) -> None:
        """Write into the timeline, in the order in which it happens."""
        case, rows = place.case, self._rows

        def tell(kind: EventKind, **more: str) -> None:
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
        if (case.case_id, place.recipient) not in self._joined:
            self._joined.add((case.case_id, place.recipient))
            tell(EventKind.PARTICIPANT_JOINED, code=place.recipient, channel=message.channel)
        tell(EventKind.MESSAGE_QUEUED, message_id=message.message_id)

    def write(self) -> None:
        """Write all that was built."""
        self._session.flush()
        insert_rows(self._session, CaseRow, self._rows.cases)
        insert_rows(self._session, MessageRow, self._rows.messages)
        insert_rows(self._session, OutboxRow, self._rows.outbox)
        insert_rows(self._session, EventRow, self._rows.events)
        record_all(self._context, self._session, Act.MESSAGE_SENT, self._rows.sent)
        names = [str(row["message_id"]) for row in self._rows.messages]
        note_to_follow(self._session, names, at=self._context.clock())


def _find_cases(session: Session, orders: Iterable[Order]) -> dict[str, CaseRow]:
    references = sorted({order.draft.case for order in orders if order.draft.case})
    found: dict[str, CaseRow] = {}
    for part in in_parts(references):
        for case in session.exec(select(CaseRow).where(col(CaseRow.reference).in_(part))):
            found[case.reference] = case
    return found


def _find_unseen(
    session: Session, orders: Iterable[Order], cases: Mapping[str, CaseRow]
) -> set[tuple[str, Principal]]:
    """Return which cases, by reference, are not there for who names them: nothing of theirs.

    Whoever is cleared for every channel sees every case; nothing is asked for them.
    """
    named: dict[Principal, set[str]] = {}
    for order in orders:
        reference = order.draft.case
        if reference is not None and reference in cases and not order.who.sees(None):
            named.setdefault(order.who, set()).add(reference)
    unseen: set[tuple[str, Principal]] = set()
    for who, references in named.items():
        for part in in_parts(sorted(references)):
            question = select(CaseRow.reference).where(
                col(CaseRow.reference).in_(part), is_case_seen(who)
            )
            unseen |= {(reference, who) for reference in {*part} - {*session.exec(question)}}
    return unseen


def _find_newest_places(
    session: Session, case_ids: Sequence[str], peers: Iterable[str]
) -> Mapping[tuple[str, str], Place]:
    """Return the place of the newest message of each case that came from each Participant."""
    found: dict[tuple[str, str], Place] = {}
    for peer in peers:
        newest = (
            select(MessageRow.message_id)
            .where(
                col(MessageRow.case_id) == col(CaseRow.case_id),
                MessageRow.peer == peer,
                MessageRow.direction == IN,
                col(MessageRow.link_seq).is_not(None),
            )
            .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
            .limit(1)
            .correlate(CaseRow)
            .scalar_subquery()
        )
        for part in in_parts(case_ids):
            for case_id, generation, seq in session.exec(
                select(CaseRow.case_id, MessageRow.link_generation, MessageRow.link_seq)
                .join(MessageRow, col(MessageRow.message_id) == newest)
                .where(col(CaseRow.case_id).in_(part))
            ):
                if generation is not None and seq is not None:
                    found[(case_id, peer)] = Place(generation, seq)
    return found
