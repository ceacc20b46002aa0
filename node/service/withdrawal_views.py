"""Withdrawals and requests to delete as people follow them: who holds what, who has to hear.

Everything here is for who sees the channel: recipients in other channels are told all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.service.case_content import get_case_of, is_erased, open_content
from node.service.context import NodeContext, NotFoundError
from node.service.telling import WITHDRAWN, Untold, place_of_untold
from node.service.withdrawals import Withdrawn, place_of_withdrawal
from node.store.consent_tables import UntoldRow, WithdrawalRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel

_MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class WaitingDesk:
    """A desk that has data, and still has to be told."""

    untold_id: str
    peer: str
    authority: str
    #: Messages of ours that it has.
    message_ids: tuple[str, ...]
    since: datetime
    #: When this node tells it by itself, or tries again.
    told_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True)
class WithdrawalView:
    """One withdrawal of consent, or one request to delete."""

    withdrawal_id: str
    type: str
    recorded_at: datetime
    recorded_by: str
    #: None for a request to delete, and for what was erased since.
    said: Withdrawn | None
    waiting: tuple[WaitingDesk, ...]


def list_withdrawals(
    context: NodeContext, case_id: str, *, who: Principal
) -> Sequence[WithdrawalView]:
    """List what was withdrawn or asked to be deleted in a case, the newest first.

    Raises ``NotFoundError``, ``ForbiddenError``.
    """
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        rows = session.exec(
            select(WithdrawalRow)
            .where(WithdrawalRow.case_id == case_id)
            .order_by(col(WithdrawalRow.recorded_at).desc(), col(WithdrawalRow.withdrawal_id))
            .limit(_MOST_LISTED)
        ).all()
        return [_view(context, session, case, row, who=who) for row in rows if is_theirs(row, who)]


def get_withdrawal(
    context: NodeContext, case_id: str, withdrawal_id: str, *, who: Principal
) -> WithdrawalView:
    """Return one of a case; raises ``NotFoundError``, ``ForbiddenError``."""
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        row = session.get(WithdrawalRow, withdrawal_id)
        if row is None or row.case_id != case_id or not is_theirs(row, who):
            raise NotFoundError("There is no such withdrawal here: open it again from its case.")
        return _view(context, session, case, row, who=who)


def is_theirs(row: WithdrawalRow, who: Principal) -> bool:
    """Whether somebody who sees the case sees that this was recorded."""
    return row.channel is None or who.sees(Channel(row.channel))


def _leave_out_protected(said: Withdrawn) -> Withdrawn:
    """Return it without what would show that consents of witness protection stood."""
    return Withdrawn(
        draft=said.draft.model_copy(update={"consents": ()}),
        reach=said.reach.model_copy(update={"protected": None}),
    )


def _view(
    context: NodeContext, session: Session, case: CaseRow, row: WithdrawalRow, *, who: Principal
) -> WithdrawalView:
    place = place_of_withdrawal(row.withdrawal_id)
    is_open = bool(row.content_sealed) and not is_erased(case)
    said = (
        open_content(context, case, row.content_sealed, place=place, kind=Withdrawn)
        if is_open and row.type == WITHDRAWN
        else None
    )
    if said is not None and not who.sees(Channel.WITNESS_PROTECTION):
        said = _leave_out_protected(said)
    waiting = session.exec(
        select(UntoldRow)
        .where(
            UntoldRow.withdrawal_id == row.withdrawal_id,
            col(UntoldRow.settled_at).is_(None),
            col(UntoldRow.channel).in_(sorted(who.channels)),
        )
        .order_by(col(UntoldRow.since), col(UntoldRow.untold_id))
    ).all()
    return WithdrawalView(
        withdrawal_id=row.withdrawal_id,
        type=row.type,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        said=said,
        waiting=tuple(_view_desk(context, case, each) for each in waiting),
    )


def _view_desk(context: NodeContext, case: CaseRow, row: UntoldRow) -> WaitingDesk:
    content = open_content(
        context, case, row.content_sealed, place=place_of_untold(row.untold_id), kind=Untold
    )
    return WaitingDesk(
        untold_id=row.untold_id,
        peer=row.peer,
        authority=row.authority,
        message_ids=content.held,
        since=row.since,
        told_at=row.try_again_at,
        row_version=row.row_version,
    )
