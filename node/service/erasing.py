"""Erasing for good: one message, or a case with everything in it.

Of a message the sealed content is overwritten; of a case its key, so that whatever a disk or a
backup keeps of it cannot be read. Rows stay, with times, sizes and signed receipts: that something
was sent, when, and that it was erased can still be shown. Files go with their messages.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select, update

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.domain.withdrawals import OPEN_STATES
from node.service.attachments.states import SentState
from node.service.attachments.sweeping import forget_files_of_case
from node.service.audit import record
from node.service.case_content import get_case_of
from node.service.cases.erasing import erase_case_records
from node.service.cases.statements import forget_statements
from node.service.consent.documents import forget_documents
from node.service.context import NodeContext, NodeError, NotFoundError
from node.service.conversations import keep_outline
from node.service.permitting import find_seen_message, require
from node.service.reading import Item
from node.service.records import IN, OUT, add_event
from node.service.search.indexing import forget_case, forget_message
from node.store.attachment_tables import ReceivedFileRow, SentFileRow
from node.store.consent_tables import (
    ApprovalRow,
    CircumstancesRow,
    ConsentRow,
    DeletionRow,
    ErasureRow,
    ExceptionRow,
    ReturnJourneyRow,
    UntoldRow,
    WithdrawalRow,
)
from node.store.tables import CaseRow, MessageRow, OutboxRow
from node.store.work_tables import MessageToFollowRow
from protocol.identifiers import Channel
from protocol.messages.general import ErasureGround

_BARS: Final = frozenset({"general.consent_withdrawn", "general.erasure"})

ERASERS: Final[tuple[Callable[[Session, str], None], ...]] = (erase_case_records, forget_case)
"""What else goes with a case: rows that are not sealed under its key, or would point at nothing."""


def is_erasable(item: Item) -> bool:
    """Whether somebody can erase this message by itself, as far as its state says."""
    is_barred = item.direction == IN and item.type in _BARS
    return item.case_id is not None and item.dispatch != Dispatch.QUEUED and not is_barred


def handle_erase_message(
    context: NodeContext, message_id: str, *, who: Principal, ground: ErasureGround
) -> None:
    """Erase what a message says; done twice it is done once.

    Raises ``NotFoundError``, ``ForbiddenError``; ``NodeError`` for one that has not left yet.
    """
    require(who, Permission.WORK_CASES)

    def work(session: Session) -> list[str]:
        row = find_seen_message(session, message_id, who=who, lock=True)
        if row is None or row.case_id is None:
            raise NotFoundError("There is no such message here: open it again from its case.")
        if row.dispatch == Dispatch.QUEUED:
            raise NodeError(msg("It has not left yet: take it back first, then erase it."))
        if row.direction == IN and row.type in _BARS:
            raise NodeError(
                msg(
                    "This message is what stops further use of the data, and says nothing of the "
                    "person: carry it out; it goes when the case is erased."
                )
            )
        return erase_message(context, session, row, who=who, ground=ground)

    delete_blobs(context, context.transact(work))


def erase_message(
    context: NodeContext,
    session: Session,
    row: MessageRow,
    *,
    who: Principal,
    ground: ErasureGround,
) -> list[str]:
    """Do it in the caller's transaction; returns blobs to delete **after the commit**."""
    if not row.signed_payload_sealed or row.case_id is None:
        return []
    _stop(session, row)
    keep_outline(context, session, row)
    row.signed_payload_sealed = b""
    row.row_version += 1
    session.add(row)
    names = _forget_files(session, row.message_id)
    context.leaving.read.clear()
    session.execute(
        delete(MessageToFollowRow).where(col(MessageToFollowRow.message_id) == row.message_id)
    )
    forget_message(session, row.message_id)
    forget_statements(session, row.message_id)
    _note(
        context, session, row.message_id, case_id=row.case_id, is_case=False, ground=ground, who=who
    )
    add_event(
        session,
        kind=EventKind.ERASED,
        at=context.clock(),
        actor=who.actor,
        case_id=row.case_id,
        message_id=row.message_id,
        code=ground,
    )
    record(context, session, who, Act.MESSAGE_ERASED, subject=row.message_id)
    return names


def handle_erase_case(
    context: NodeContext, case_id: str, *, who: Principal, ground: ErasureGround
) -> None:
    """Erase a case with all that was said, filed and noted in it.

    Only somebody who sees all of it erases it. Raises ``NotFoundError``, ``ForbiddenError``;
    ``NodeError`` if a part of it is not theirs to see, or has not left yet.
    """

    def work(session: Session) -> list[str]:
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        rows = _lock_messages(session, case_id, who=who)
        names = [*forget_files_of_case(session, case_id), *forget_documents(session, case_id)]
        for row in rows:
            _stop(session, row)
        _empty(session, case)
        for erase in ERASERS:
            erase(session, case_id)
        _note(context, session, case_id, case_id=case_id, is_case=True, ground=ground, who=who)
        add_event(
            session,
            kind=EventKind.ERASED,
            at=context.clock(),
            actor=who.actor,
            case_id=case_id,
            code=ground,
        )
        record(context, session, who, Act.CASE_ERASED, subject=case_id)
        return names

    delete_blobs(context, context.transact(work))
    context.leaving.read.clear()
    context.signals.inbox.notify()


def _lock_messages(session: Session, case_id: str, *, who: Principal) -> list[MessageRow]:
    rows = list(
        session.exec(select(MessageRow).where(MessageRow.case_id == case_id).with_for_update())
    )
    if any(not who.sees(Channel(row.channel) if row.channel else None) for row in rows):
        raise NodeError(
            msg(
                "Some of this case is not yours to see, so it is not yours to erase: ask "
                "somebody who "
                "is cleared for all of its channels."
            )
        )
    if any(row.dispatch == Dispatch.QUEUED for row in rows):
        raise NodeError(
            msg("A message of this case has not left yet: take it back, or wait until it has left.")
        )
    owed = select(DeletionRow.message_id).where(
        DeletionRow.case_id == case_id,
        DeletionRow.direction == IN,
        col(DeletionRow.state).in_(sorted(OPEN_STATES)),
    )
    if session.exec(owed).first() is not None:
        raise NodeError(
            msg(
                "Another side waits to hear that its data was deleted: confirm that first, which "
                "deletes it; then erase the rest."
            )
        )
    return rows


def _empty(session: Session, case: CaseRow) -> None:
    """Take the key away, and everything that it opened: on this disk, not only in theory."""
    case.wrapped_key = b""
    session.add(case)
    session.execute(
        update(MessageRow)
        .where(col(MessageRow.case_id) == case.case_id)
        .values(signed_payload_sealed=b"")
    )
    ids = select(MessageRow.message_id).where(MessageRow.case_id == case.case_id)
    session.execute(delete(MessageToFollowRow).where(col(MessageToFollowRow.message_id).in_(ids)))
    for table in (ApprovalRow, WithdrawalRow):
        session.execute(
            update(table).where(col(table.case_id) == case.case_id).values(content_sealed=b"")
        )
    session.execute(
        update(ApprovalRow)
        .where(col(ApprovalRow.case_id) == case.case_id)
        .values(reason_sealed=None)
    )
    for gone in (ConsentRow, ExceptionRow, CircumstancesRow, ReturnJourneyRow, UntoldRow):
        session.execute(delete(gone).where(col(gone.case_id) == case.case_id))


def _stop(session: Session, row: MessageRow) -> None:
    """Let the relay owe nothing of it any more."""
    outbox = session.get(OutboxRow, row.message_id, with_for_update=True)
    if outbox is not None:
        session.delete(outbox)
    if row.direction == OUT and row.dispatch is not None:
        stopped = advance_dispatch(Dispatch(row.dispatch), DispatchEvent.GIVEN_UP)
        row.dispatch = stopped or row.dispatch
        session.add(row)


def _forget_files(session: Session, message_id: str) -> list[str]:
    names = []
    for sent in session.exec(select(SentFileRow).where(SentFileRow.message_id == message_id)):
        sent.state, sent.owed_map, sent.owed = SentState.GONE, b"", 0
        sent.next_attempt_at = sent.claimed_until = None
        session.add(sent)
        names.append(sent.file_id)
    for received in session.exec(
        select(ReceivedFileRow).where(ReceivedFileRow.message_id == message_id)
    ):
        received.state, received.ask_at = SentState.GONE, None
        received.row_version += 1
        session.add(received)
        names.append(received.file_id)
    return names


def _note(  # noqa: PLR0913 - the columns of one entry
    context: NodeContext,
    session: Session,
    erased_id: str,
    *,
    case_id: str,
    is_case: bool,
    ground: ErasureGround,
    who: Principal,
) -> None:
    session.add(
        ErasureRow(
            erased_id=erased_id,
            case_id=case_id,
            is_case=is_case,
            ground=ground,
            erased_at=context.clock(),
            erased_by=who.actor,
        )
    )


def delete_blobs(context: NodeContext, names: list[str]) -> None:
    """Delete files from the disk, once the commit that let go of them is there."""
    if context.blob_store is None:
        return  # a process that handles no files: the running node sweeps what has no row
    for name in names:
        context.blobs.delete(name)
