"""What people have begun to write: kept sealed on the server, so that nothing typed is lost.

A draft belongs to one account. Its identifier is also the submission key under which the message is
sent, so that a repeated click sends once.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlmodel import col, select

from node.service import composing
from node.service.composing import Sent
from node.service.context import NodeContext, NotFoundError
from node.store.draft_tables import DraftRow
from protocol.limits import LIMITS

DRAFT_LIFETIME: Final = timedelta(days=7)
_DRAFT_ID: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = LIMITS.payload
_MOST_LISTED: Final = 50

Answers = Mapping[str, Sequence[str]]
"""What was typed, by the name of its field, as it was typed."""


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft in hand."""

    draft_id: str
    #: What is being written; see ``node.web.composition``.
    kind: str
    #: The case it belongs to, or nothing to open a new one.
    case_reference: str | None
    answers: Answers = field(default_factory=dict)
    updated_at: datetime | None = None

    def get(self, name: str) -> str:
        """Return the one answer of this name, or an empty text."""
        values = self.answers.get(name, ())
        return values[0] if values else ""

    def list(self, name: str) -> tuple[str, ...]:
        """Return all answers of this name."""
        return tuple(self.answers.get(name, ()))


def handle_save_draft(context: NodeContext, draft: OpenDraft, *, account_id: str) -> None:
    """Keep a draft; what was never taken up again is cleared away by the way.

    Raises ``NotFoundError`` if the identifier is malformed or another person's.
    """
    now = context.clock()
    content = json.dumps(
        {
            "kind": draft.kind,
            "case": draft.case_reference,
            "answers": {name: list(values) for name, values in draft.answers.items()},
        }
    ).encode()
    if not _DRAFT_ID.fullmatch(draft.draft_id) or len(content) > _LARGEST:
        raise NotFoundError("This draft cannot be kept: begin a new message.")
    sealed = context.keys.encrypt(
        content, wrapped_key=None, context=f"draft:{account_id}:{draft.draft_id}"
    )
    with context.database.transaction() as session:
        session.execute(delete(DraftRow).where(col(DraftRow.expires_at) <= now))
        row = session.get(DraftRow, draft.draft_id)
        if row is None:
            row = DraftRow(
                draft_id=draft.draft_id,
                account_id=account_id,
                content_sealed=sealed,
                updated_at=now,
                expires_at=now + DRAFT_LIFETIME,
            )
        elif row.account_id != account_id:
            raise NotFoundError("This draft is not yours: begin a new message.")
        row.content_sealed, row.updated_at, row.expires_at = sealed, now, now + DRAFT_LIFETIME
        session.add(row)


def load_draft(context: NodeContext, draft_id: str, *, account_id: str) -> OpenDraft:
    """Return a draft of this person; raises ``NotFoundError``."""
    with context.database.reading() as session:
        row = session.get(DraftRow, draft_id)
    if row is None or row.account_id != account_id or row.expires_at <= context.clock():
        raise NotFoundError("There is no such draft: it was sent, discarded, or kept too long.")
    return _open(context, row)


def _open(context: NodeContext, row: DraftRow) -> OpenDraft:
    content = json.loads(
        context.keys.decrypt(
            row.content_sealed,
            wrapped_key=None,
            context=f"draft:{row.account_id}:{row.draft_id}",
        )
    )
    return OpenDraft(
        draft_id=row.draft_id,
        kind=content["kind"],
        case_reference=content["case"],
        answers={name: tuple(values) for name, values in content["answers"].items()},
        updated_at=row.updated_at,
    )


def list_drafts(context: NodeContext, *, account_id: str) -> list[OpenDraft]:
    """List this person's drafts, the newest first."""
    with context.database.reading() as session:
        rows = session.exec(
            select(DraftRow)
            .where(DraftRow.account_id == account_id, col(DraftRow.expires_at) > context.clock())
            .order_by(col(DraftRow.updated_at).desc(), col(DraftRow.draft_id))
            .limit(_MOST_LISTED)
        ).all()
    return [_open(context, row) for row in rows]


def handle_discard_draft(context: NodeContext, draft_id: str, *, account_id: str) -> None:
    """Delete a draft; nothing happens if it is gone or another person's."""
    with context.database.transaction() as session:
        session.execute(
            delete(DraftRow).where(
                col(DraftRow.draft_id) == draft_id, col(DraftRow.account_id) == account_id
            )
        )


def find_sent(context: NodeContext, draft_id: str, *, account_id: str) -> Sent | None:
    """Return what this draft became, if it was sent."""
    with context.database.reading() as session:
        return composing.find_sent(session, actor=account_id, key=draft_id)
