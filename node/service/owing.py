"""Which receipts a received message has earned (SPEC sections 7 and 13).

A message without files earns ``delivered`` when it is stored, and ``read`` when it is opened. One
with files earns both when every file was opened without an error, and ``rejected`` when one never
will be: so that no sender stops, or believes all was read, while a file is missing.
"""

from datetime import datetime

from sqlmodel import Session, select

from node.domain.file_states import Arrival
from node.service.context import NodeContext
from node.service.receipts import owe_receipt
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import MessageRow
from protocol.errors import RejectionCode
from protocol.messages.system import ReceiptItem, ReceiptStatus


def owe_delivered(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Owe ``delivered`` for a message that has no files."""
    _owe(context, session, row, status=ReceiptStatus.DELIVERED, at=row.stored_at)


def owe_what_is_due(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Owe all that a message has earned so far: nothing while files are missing."""
    files = session.exec(
        select(ReceivedFileRow.state, ReceivedFileRow.opened_at).where(
            ReceivedFileRow.message_id == row.message_id
        )
    ).all()
    states = {state for state, _ in files}
    if Arrival.BROKEN in states:
        _owe(
            context,
            session,
            row,
            status=ReceiptStatus.REJECTED,
            at=context.clock(),
            reason=RejectionCode.MALFORMED,
        )
        return
    if states - {Arrival.OPENED}:
        return
    moments = [row.stored_at, *(opened for _, opened in files if opened is not None)]
    _owe(context, session, row, status=ReceiptStatus.DELIVERED, at=max(moments))
    if row.opened_at is not None:
        _owe(context, session, row, status=ReceiptStatus.READ, at=max(row.opened_at, *moments))


def owe_read(context: NodeContext, session: Session, row: MessageRow, *, at: datetime) -> None:
    """Owe ``read`` for a message that was opened just now, unless files of it are missing."""
    missing = session.exec(
        select(ReceivedFileRow.file_id).where(
            ReceivedFileRow.message_id == row.message_id,
            ReceivedFileRow.state != Arrival.OPENED,
        )
    ).first()
    if missing is None:
        _owe(context, session, row, status=ReceiptStatus.READ, at=at)


def _owe(  # noqa: PLR0913 - what one item of a receipt says
    context: NodeContext,
    session: Session,
    row: MessageRow,
    *,
    status: ReceiptStatus,
    at: datetime,
    reason: RejectionCode | None = None,
) -> None:
    owe_receipt(
        context,
        session,
        peer=row.peer,
        item=ReceiptItem(
            message_id=row.wire_id,
            payload_sha256=row.payload_sha256,
            status=status,
            at=at.replace(microsecond=0),
            reason=reason,
            readable=row.readable,
        ),
    )
