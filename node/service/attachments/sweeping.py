"""Deleting files that nobody needs any more: what was begun and left, and what a crash left."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from node.service.attachments.states import SentState
from node.service.context import NodeContext
from node.store.attachment_tables import ReceivedFileRow, SentFileRow, StagedFileRow
from node.store.consent_tables import CaseDocumentRow
from node.store.tables import MessageRow

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """What one look did: blobs deleted, and those to be deleted if the next look says so too."""

    count: int
    suspected: frozenset[str]


def sweep_files(context: NodeContext, *, suspected: Collection[str]) -> Swept:
    """Delete what was begun and not sent in time, and blobs without a row.

    A blob is written before its row is: only one that nobody wrote to for hours is an orphan, and
    only one that was so at the look before (``suspected``) is deleted. A clock that jumps makes
    what is being sealed look old; two looks do not come within one sealing.
    """
    expired = context.transact(lambda session: _take_expired(context, session))
    for name in expired:
        context.blobs.delete(name)
    oldest = context.clock() - context.file_rules.orphan_age
    old = [name for name, written in context.blobs.list_names() if written < oldest]
    orphans = frozenset(
        name
        for at in range(0, len(old), _BATCH)
        for name in _without_row(context, old[at : at + _BATCH])
    )
    doomed = orphans.intersection(suspected)
    for name in doomed:
        context.blobs.delete(name)
    return Swept(len(expired) + len(doomed), orphans - doomed)


def _take_expired(context: NodeContext, session: Session) -> list[str]:
    rows = session.exec(
        select(StagedFileRow)
        .where(StagedFileRow.expires_at <= context.clock())
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        session.delete(row)
    return [row.file_id for row in rows]


def _without_row(context: NodeContext, names: Iterable[str]) -> set[str]:
    left = set(names)
    with context.database.reading() as session:
        for column in (
            col(StagedFileRow.file_id),
            col(SentFileRow.file_id),
            col(ReceivedFileRow.file_id),
            col(CaseDocumentRow.document_id),
        ):
            left -= set(session.exec(select(column).where(column.in_(left))).all())
    return left


def forget_files_of_case(session: Session, case_id: str) -> list[str]:
    """Let go of a case's files, with the case; returns names to delete **after the commit**.

    Their keys are in its messages, so they cannot be read once the case's key is erased, whatever
    a disk or a backup keeps. A peer that asks for chunks is told that they were erased.
    """
    names = []
    for sent in session.exec(
        select(SentFileRow)
        .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
        .where(MessageRow.case_id == case_id)
    ):
        sent.state, sent.owed_map, sent.owed = SentState.GONE, b"", 0
        sent.next_attempt_at = sent.claimed_until = None
        names.append(sent.file_id)
    for received in session.exec(
        select(ReceivedFileRow)
        .join(MessageRow, col(MessageRow.message_id) == col(ReceivedFileRow.message_id))
        .where(MessageRow.case_id == case_id)
    ):
        received.state, received.ask_at = SentState.GONE, None
        received.row_version += 1
        names.append(received.file_id)
    return names
