"""Listening to a sender that says that a file of its does not come any more (SPEC section 13)."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from node.domain.file_states import TAKES_CHUNKS, ArrivalEvent
from node.service.attachments.received import lock_file, move_file
from node.service.context import NodeContext
from node.store.attachment_tables import ReceivedFileRow
from protocol.messages.link_repair import AttachmentGone


def note_gone(
    context: NodeContext, session: Session, peer: str, gone: Iterable[AttachmentGone]
) -> None:
    """Settle files whose sender says that they do not come any more, and show it.

    Only what we asked for counts. A chunk that comes after all is taken in.
    """
    for each in gone:
        rows = session.exec(
            select(ReceivedFileRow.file_id).where(
                ReceivedFileRow.peer == peer,
                ReceivedFileRow.attachment_id == each.attachment_id,
                col(ReceivedFileRow.state).in_(TAKES_CHUNKS),
                col(ReceivedFileRow.asked) > 0,
            )
        ).all()
        for file_id in rows:
            row = lock_file(session, file_id)
            # All chunks may be here by now, and not opened yet.
            if row is not None and row.held < row.chunk_count:
                move_file(context, session, row, ArrivalEvent.SAID_GONE)
