"""Letting webhooks know of what stands in no timeline of a case.

What stands in one is told without anybody's doing: see :mod:`node.service.webhooks.noticing`.
"""

from datetime import datetime

from sqlmodel import Session

from node.domain.hooks import NoteKind
from node.store.hook_tables import HookNoteRow
from protocol.identifiers import Channel


def announce(  # noqa: PLR0913 - the columns of one note, all by name
    session: Session,
    kind: NoteKind,
    *,
    at: datetime,
    subject: str | None = None,
    case_id: str | None = None,
    channel: Channel | None = None,
) -> None:
    """Note it in the caller's transaction; identifiers only, never a name or a text.

    ``channel``: only webhooks of this channel are told; none: those that are told of all channels.
    """
    session.add(HookNoteRow(kind=kind, at=at, case_id=case_id, channel=channel, subject=subject))
