"""What needs a person beside messages: refused envelopes, links, approvals, deletions, arrivals."""

from collections.abc import Sequence
from typing import Any, Final

from sqlmodel import Session, String, cast, col, exists, func, select

from node.domain.approvals import ApprovalState
from node.domain.events import SYSTEM_ACTOR
from node.domain.withdrawals import OPEN_STATES, DeletionState
from node.domain.work import ItemAct, ItemKind
from node.service.context import NodeContext
from node.service.principals import load_people
from node.service.records import IN, OUT
from node.service.work.items import NewItem, make_item, may_have, move_item, open_item
from node.service.work.sources import (
    AT_ONCE,
    LOOKED_BACK,
    MESSAGE_SOURCES,
    Source,
    are_undone,
    desk_of,
    has_item,
    run_source,
    settle_found,
)
from node.store.consent_tables import (
    ApprovalRow,
    DeletionRow,
    UnannouncedArrivalRow,
    UntoldRow,
)
from node.store.link_tables import LinkGapRow
from node.store.tables import MessageRow, QuarantineRow
from node.store.work_tables import WorkItemRow
from protocol.identifiers import AuthorityId, Channel
from protocol.messages.codes import Urgency

_UNKNOWN_PEER: Final = "?"
_ASKING: Final = sorted(OPEN_STATES)
_LATE: Final = [DeletionState.OVERDUE, DeletionState.ESCALATED]


def reconcile(context: NodeContext) -> int:
    """Bring items in step with what they are about; returns how many were touched.

    A source that fails holds up no other; in the end it is raised as an ``ExceptionGroup``.
    """
    touched, failures = 0, list[Exception]()
    for source in SOURCES:
        try:
            touched += run_source(context, source)
        except Exception as error:  # noqa: BLE001 - raised when every source had its turn
            failures.append(error)
    if failures:
        raise ExceptionGroup("Sources of items failed.", failures)
    return touched


# ------------------------------------------------------------------ refused envelopes


def _find_refused(_context: NodeContext, session: Session) -> Sequence[str]:
    """Find Participants whose envelopes were refused: one item each, however many there are."""
    peer = func.coalesce(QuarantineRow.peer, _UNKNOWN_PEER)
    return session.exec(
        select(peer)
        .where(
            col(QuarantineRow.settled_at).is_(None),
            ~has_item([ItemKind.REFUSED_ENVELOPE], peer, undone_only=True),
        )
        .distinct()
        .limit(AT_ONCE)
    ).all()


def _open_refused(context: NodeContext, session: Session, peer: str) -> None:
    new = NewItem(
        kind=ItemKind.REFUSED_ENVELOPE,
        subject=peer,
        urgency=Urgency.URGENT,
        peer=None if peer == _UNKNOWN_PEER else peer,
    )
    open_item(context, session, new)


def _find_looked_after(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    still = exists().where(
        col(QuarantineRow.settled_at).is_(None),
        func.coalesce(QuarantineRow.peer, _UNKNOWN_PEER) == col(WorkItemRow.subject),
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.REFUSED_ENVELOPE), ~still).limit(AT_ONCE)
    ).all()


# ---------------------------------------------------------------------------- links


def _find_gaps(_context: NodeContext, session: Session) -> Sequence[LinkGapRow]:
    return session.exec(
        select(LinkGapRow)
        .where(
            col(LinkGapRow.given_up).is_(True),
            ~has_item([ItemKind.LINK_GAP], _name_of_gap()),
        )
        .limit(AT_ONCE)
    ).all()


def _name_of_gap() -> Any:
    return (
        col(LinkGapRow.peer)
        + ":"
        + cast(LinkGapRow.generation, String)
        + ":"
        + cast(LinkGapRow.first, String)
    )


def _open_gap(context: NodeContext, session: Session, gap: LinkGapRow) -> None:
    new = NewItem(
        kind=ItemKind.LINK_GAP,
        subject=f"{gap.peer}:{gap.generation}:{gap.first}",
        urgency=Urgency.URGENT,
        peer=gap.peer,
    )
    open_item(context, session, new)


def _find_closed_gaps(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    still = exists().where(
        col(LinkGapRow.given_up).is_(True), _name_of_gap() == col(WorkItemRow.subject)
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.LINK_GAP), ~still).limit(AT_ONCE)
    ).all()


# ------------------------------------------------------------------------- approvals


def _find_approvals(_context: NodeContext, session: Session) -> Sequence[ApprovalRow]:
    return session.exec(
        select(ApprovalRow)
        .where(
            ApprovalRow.state == ApprovalState.WAITING,
            ~has_item([ItemKind.APPROVAL], col(ApprovalRow.approval_id)),
        )
        .limit(AT_ONCE)
    ).all()


def _open_approval(context: NodeContext, session: Session, row: ApprovalRow) -> None:
    new = NewItem(
        kind=ItemKind.APPROVAL,
        subject=row.approval_id,
        urgency=Urgency.URGENT,
        channel=Channel(row.channel),
        due_at=row.decide_by,
        since=row.asked_at,
        case_id=row.case_id,
    )
    make_item(context, session, new)


def _find_decided(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    waiting = exists().where(
        col(ApprovalRow.approval_id) == col(WorkItemRow.subject),
        col(ApprovalRow.state) == ApprovalState.WAITING,
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.APPROVAL), ~waiting).limit(AT_ONCE)
    ).all()


def _find_not_approved(context: NodeContext, session: Session) -> Sequence[ApprovalRow]:
    return session.exec(
        select(ApprovalRow)
        .where(
            col(ApprovalRow.state).in_((ApprovalState.REFUSED, ApprovalState.EXPIRED)),
            col(ApprovalRow.asked_at) > context.clock() - LOOKED_BACK,
            ~has_item([ItemKind.NOT_APPROVED], col(ApprovalRow.approval_id)),
        )
        .limit(AT_ONCE)
    ).all()


def _open_not_approved(context: NodeContext, session: Session, row: ApprovalRow) -> None:
    """Let whoever asked have it, if they may; else it is told about like any other.

    Handed over as it is made and never again: of two processes that found it missing one makes it,
    and whoever was told of it is not told once more.
    """
    new = NewItem(
        kind=ItemKind.NOT_APPROVED,
        subject=row.approval_id,
        urgency=Urgency.URGENT,
        channel=Channel(row.channel),
        case_id=row.case_id,
    )
    item = make_item(context, session, new)
    asker = load_people(session, [row.asked_by]).get(row.asked_by)
    if asker is not None and may_have(asker, item):
        move_item(
            session,
            item,
            ItemAct.HAND_OVER,
            at=context.clock(),
            actor=SYSTEM_ACTOR,
            target=row.asked_by,
        )


# ------------------------------------------------------------- deletions and arrivals


def _find_deletions(kind: ItemKind, direction: str, states: Sequence[DeletionState]) -> Source:
    """Return the source of deletions that are owed: by us, or late by others.

    A message that waits for its typed answer has its own item, and needs no second one.
    """
    answering = (ItemKind.DECIDE, ItemKind.ANSWER)

    def find(_context: NodeContext, session: Session) -> Sequence[DeletionRow]:
        name = col(DeletionRow.message_id)
        return session.exec(
            select(DeletionRow)
            .where(
                DeletionRow.direction == direction,
                col(DeletionRow.state).in_(states),
                ~has_item([kind], name, undone_only=True),
                ~has_item(answering, name, undone_only=True),
            )
            .limit(AT_ONCE)
        ).all()

    def act(context: NodeContext, session: Session, row: DeletionRow) -> None:
        new = NewItem(
            kind=kind,
            subject=row.message_id,
            urgency=Urgency.URGENT,
            channel=Channel(row.channel),
            due_at=row.confirm_by,
            message_id=row.message_id,
            case_id=row.case_id,
            peer=row.peer,
            desk=_desk_of_message(context, session, row.message_id),
        )
        open_item(context, session, new)

    return Source(find, act)


def _find_deleted(kind: ItemKind, states: Sequence[DeletionState]) -> Source:
    def find(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
        owed = exists().where(
            col(DeletionRow.message_id) == col(WorkItemRow.subject),
            col(DeletionRow.state).in_(states),
        )
        untold = exists().where(
            col(UntoldRow.untold_id) == col(WorkItemRow.subject),
            col(UntoldRow.settled_at).is_(None),
        )
        return session.exec(
            select(WorkItemRow).where(are_undone(kind), ~owed, ~untold).limit(AT_ONCE)
        ).all()

    return Source(find, settle_found)


def _find_untold(_context: NodeContext, session: Session) -> Sequence[UntoldRow]:
    """Find desks that could not be told to delete: nobody will confirm what nobody heard of."""
    return session.exec(
        select(UntoldRow)
        .where(
            col(UntoldRow.settled_at).is_(None),
            ~has_item([ItemKind.DELETION_UNCONFIRMED], col(UntoldRow.untold_id), undone_only=True),
        )
        .limit(AT_ONCE)
    ).all()


def _open_untold(context: NodeContext, session: Session, row: UntoldRow) -> None:
    new = NewItem(
        kind=ItemKind.DELETION_UNCONFIRMED,
        subject=row.untold_id,
        urgency=Urgency.URGENT,
        channel=Channel(row.channel),
        since=row.since,
        case_id=row.case_id,
        peer=row.peer,
    )
    open_item(context, session, new)


def _find_arrivals(_context: NodeContext, session: Session) -> Sequence[UnannouncedArrivalRow]:
    return session.exec(
        select(UnannouncedArrivalRow)
        .where(
            col(UnannouncedArrivalRow.settled_at).is_(None),
            ~has_item([ItemKind.ARRIVAL_UNANNOUNCED], col(UnannouncedArrivalRow.message_id)),
        )
        .limit(AT_ONCE)
    ).all()


def _open_arrival(context: NodeContext, session: Session, row: UnannouncedArrivalRow) -> None:
    new = NewItem(
        kind=ItemKind.ARRIVAL_UNANNOUNCED,
        subject=row.message_id,
        urgency=Urgency.IMMEDIATE,
        channel=Channel(row.channel),
        message_id=row.message_id,
        case_id=row.case_id,
        peer=row.peer,
        desk=_desk_of_message(context, session, row.message_id),
    )
    make_item(context, session, new)


def _find_settled_arrivals(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    still = exists().where(
        col(UnannouncedArrivalRow.message_id) == col(WorkItemRow.subject),
        col(UnannouncedArrivalRow.settled_at).is_(None),
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.ARRIVAL_UNANNOUNCED), ~still).limit(AT_ONCE)
    ).all()


def _desk_of_message(context: NodeContext, session: Session, message_id: str) -> AuthorityId | None:
    row = session.get(MessageRow, message_id)
    return desk_of(context, row) if row else None


SOURCES: Final = (
    *MESSAGE_SOURCES,
    Source(_find_refused, _open_refused),
    Source(_find_looked_after, settle_found),
    Source(_find_gaps, _open_gap),
    Source(_find_closed_gaps, settle_found),
    Source(_find_approvals, _open_approval),
    Source(_find_decided, settle_found),
    Source(_find_not_approved, _open_not_approved),
    _find_deletions(ItemKind.DELETION_ASKED, IN, _ASKING),
    _find_deleted(ItemKind.DELETION_ASKED, _ASKING),
    _find_deletions(ItemKind.DELETION_UNCONFIRMED, OUT, _LATE),
    Source(_find_untold, _open_untold),
    _find_deleted(ItemKind.DELETION_UNCONFIRMED, _LATE),
    Source(_find_arrivals, _open_arrival),
    Source(_find_settled_arrivals, settle_found),
)
"""Everything that can need a person, beside a received message that was followed."""
