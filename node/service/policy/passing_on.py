"""Passing on what another Participant sent: what its sender allowed, and what became of it since.

That data came from elsewhere is known where it is passed on from the message that brought it: a
decision "forwarded", or a message that names it. The sender of the data learns of it by that
decision, which goes back to it, so a message is passed on after the decision, not before.
"""

from collections.abc import Iterable

from sqlmodel import Session, col, func, select

from node.domain.access import Principal
from node.domain.states import Dispatch
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import find_seen_message
from node.service.records import IN, OUT, load_signed
from node.store.consent_tables import OnwardPermissionRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import AuthorityId
from protocol.messages.catalogue import parse_payload
from protocol.messages.fields import Sensitivity
from protocol.messages.general import ConsentWithdrawn, Decision, Erasure, WithdrawalScope
from protocol.messages.head import CaseMessage, ConsentBasis
from protocol.policy.facts import AuthorityListing, MessageFacts, OnwardFacts
from protocol.policy.gathering import gather_message_facts


def find_source(session: Session, message_id: str, *, case: CaseRow, who: Principal) -> MessageRow:
    """Return the received message that brought the data.

    Raises ``NotFoundError`` if there is none in this case for who asks.
    """
    row = find_seen_message(session, message_id, who=who)
    if row is None or row.direction != IN or row.case_id != case.case_id:
        raise NotFoundError(
            "What is passed on came in a message of this case: choose it from the case."
        )
    return row


def gather_onward(  # noqa: PLR0913 - what is passed on, whence, whither
    context: NodeContext,
    session: Session,
    message: MessageFacts,
    *,
    source: MessageRow,
    case: CaseRow,
    target: AuthorityListing | None,
    case_manager_approved: bool,
) -> OnwardFacts:
    """Return what the policy asks of data that is passed on."""
    said = parse_payload(load_signed(context, source, case).payload)
    if not isinstance(said, CaseMessage):
        raise NotFoundError("This message cannot be read by this version: update the node first.")
    brought = gather_message_facts(said)
    consent = said.legal_basis if isinstance(said.legal_basis, ConsentBasis) else None
    is_forwarded = message.forwarded_to is not None
    return OnwardFacts(
        classes=brought.classes if is_forwarded else message.classes,
        source_channel=said.channel,
        allowed_classes=frozenset(consent.classes) if consent else brought.classes,
        allowed_phases=frozenset({said.phase, *(consent.phases if consent else ())}),
        scope=said.onward.scope,
        allowed_authorities=frozenset(map(AuthorityId, said.onward.authorities)),
        # The rule is about what a message says of the person: one that says nothing binds nobody.
        was_asked_and_allowed=not brought.classes
        or _is_allowed(session, source, target=message.forwarded_to or message.to_authority),
        is_target_listed=target is not None and target.is_valid,
        is_target_competent=target is not None
        and any(
            each.phase is message.phase and each.channel is message.channel
            for each in target.competences
        ),
        consent_withdrawn=is_withdrawn(context, session, said, source=source, case=case),
        is_recorded=True,  # in the transaction that queues it, or not at all
        report_back_arranged=is_forwarded
        or _is_reported(context, session, source, case=case, target=message.to_authority),
        case_manager_approved=case_manager_approved,
    )


def _is_allowed(session: Session, source: MessageRow, *, target: str) -> bool:
    """Whether the newest answer of the data's sender allows this authority; of two at once, no."""
    newest = session.exec(
        select(OnwardPermissionRow.allowed)
        .where(
            OnwardPermissionRow.source_message == source.message_id,
            OnwardPermissionRow.target == target,
        )
        .order_by(col(OnwardPermissionRow.recorded_at).desc(), col(OnwardPermissionRow.allowed))
    ).first()
    return bool(newest)


def is_withdrawn(
    context: NodeContext,
    session: Session,
    said: CaseMessage,
    *,
    source: MessageRow,
    case: CaseRow,
) -> bool:
    """Whether its sender told since that this must not be used any more."""
    for row in session.exec(
        select(MessageRow).where(
            MessageRow.case_id == case.case_id,
            MessageRow.direction == IN,
            MessageRow.peer == source.peer,
            col(MessageRow.type).in_(("general.consent_withdrawn", "general.erasure")),
            func.length(MessageRow.signed_payload_sealed) > 0,  # not erased
        )
    ):
        told = parse_payload(load_signed(context, row, case).payload)
        if isinstance(told, ConsentWithdrawn | Erasure) and covers(told, said):
            return True
    return False


def covers(told: ConsentWithdrawn | Erasure, said: CaseMessage) -> bool:
    """Whether a withdrawal, or a request to delete, speaks of a message of its sender."""
    if isinstance(told, Erasure):
        return not told.body.messages or said.message_id in told.body.messages
    if told.body.scope is WithdrawalScope.ALL:
        return True
    marks = {mark for _, mark in said.list_classified()} - {Sensitivity.NONE}
    return (
        said.message_id in told.body.messages
        or bool(marks.intersection(told.body.classes))
        or (said.phase in told.body.phases and bool(marks))
    )


def _is_reported(
    context: NodeContext, session: Session, source: MessageRow, *, case: CaseRow, target: str
) -> bool:
    """Whether its sender was told, by a decision of ours, that this authority gets it."""
    rows: Iterable[MessageRow] = session.exec(
        select(MessageRow).where(
            MessageRow.direction == OUT,
            MessageRow.peer == source.peer,
            MessageRow.in_reply_to == source.wire_id,
            MessageRow.type == "general.decision",
            func.length(MessageRow.signed_payload_sealed) > 0,
            col(MessageRow.dispatch) != Dispatch.CANCELLED,
        )
    ).all()
    told = (parse_payload(load_signed(context, row, case).payload) for row in rows)
    return any(isinstance(each, Decision) and each.body.forwarded_to == target for each in told)
