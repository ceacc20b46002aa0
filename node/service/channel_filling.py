"""Noting the channel of messages that were stored before it was noted with each.

Until that is done they are seen only by somebody who is cleared for every channel.
"""

from typing import Final

import structlog
from sqlmodel import Session, col, select

from node.domain.ports import StoredContentError
from node.service.context import NodeContext
from node.service.records import IN, OUT, load_signed
from node.store.bulk import update_rows
from node.store.tables import CaseRow, MessageRow
from protocol.errors import ProtocolError
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import CaseMessage

_AT_ONCE: Final = 200

log = structlog.get_logger(__name__)


def fill_channels(context: NodeContext, *, after: str = "") -> str | None:
    """Look through some messages, in the order of their names, and note their channel.

    Returns where to go on, ``None`` at the end. What cannot be read stays without one.
    """
    found = _list_without(context, after=after)
    if not found:
        return None

    def fill(session: Session) -> None:
        rows = session.exec(
            select(MessageRow).where(
                col(MessageRow.message_id).in_(found), col(MessageRow.channel).is_(None)
            )
        ).all()
        channels = {}
        for row in rows:
            channel = _read_channel(context, session, row)
            if channel is not None:
                channels[row.message_id] = {"channel": channel}
        update_rows(session, MessageRow, channels)

    context.transact(fill)
    return found[-1] if len(found) == _AT_ONCE else None


def _list_without(context: NodeContext, *, after: str) -> list[str]:
    """Return some messages without a channel.

    Nobody waits for it: on SQLite it goes through all messages, for seconds on a large store. That
    there are none, which is so on nearly every node, an index says alone.
    """
    is_without = col(MessageRow.channel).is_(None)
    with context.database.reading() as session:
        some = select(MessageRow.message_id).where(
            is_without, col(MessageRow.direction).in_((IN, OUT))
        )
        if session.exec(some.limit(1)).first() is None:
            return []
        statement = (
            select(MessageRow.message_id)
            .where(
                is_without,
                col(MessageRow.readable).is_(True),
                col(MessageRow.message_id) > after,
            )
            .order_by(col(MessageRow.message_id))
            .limit(_AT_ONCE)
        )
        return list(session.exec(statement))


def _read_channel(context: NodeContext, session: Session, row: MessageRow) -> str | None:
    case = session.get(CaseRow, row.case_id) if row.case_id else None
    try:
        message = parse_payload(load_signed(context, row, case).payload)
    except (StoredContentError, ProtocolError) as error:
        # Its case was erased, or the store is damaged: seen by nobody who is not cleared for all.
        log.info("channel_not_read", message_id=row.message_id, problem=type(error).__name__)
        return None
    return message.channel if isinstance(message, CaseMessage) else None
