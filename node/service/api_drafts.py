"""What programs have begun to write: kept sealed, of any degree of completeness, for a week.

A draft is sent under its own identifier, so that a repeated request sends once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import delete, tuple_
from sqlmodel import Session, col, func, literal, select

from console.i18n import msg
from console.refusals import as_it_is
from console.storage.columns import Moment
from node.domain.access import Permission, Principal
from node.service.building import Draft
from node.service.composing import Sent, find_sent, handle_send
from node.service.context import (
    NodeContext,
    NodeError,
    NotFoundError,
    RefusedDraftError,
    StaleError,
)
from node.service.drafts import DRAFT_LIFETIME
from node.service.permitting import require
from node.store.hook_tables import ApiDraftRow
from protocol.limits import LIMITS
from protocol.messages.catalogue import describe_errors

#: Drafts of one program that wait at a time.
MOST_DRAFTS: Final = 1_000
_GONE: Final = "There is no such draft: it was sent, discarded, or kept too long."


class DraftTooLargeError(NodeError):
    """More than a message can hold."""


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """A draft as it was saved."""

    draft_id: str
    content: Mapping[str, Any]
    updated_at: datetime
    expires_at: datetime
    row_version: int


def handle_save(context: NodeContext, content: Mapping[str, Any], *, who: Principal) -> SavedDraft:
    """Keep a new draft; what was never taken up again is cleared away by the way."""
    require(who, Permission.WORK_CASES)
    draft_id = context.random(16).hex()
    sealed = _seal(context, draft_id, content, who=who)
    now = context.clock()

    def save(session: Session) -> SavedDraft:
        session.execute(delete(ApiDraftRow).where(col(ApiDraftRow.expires_at) <= now))
        held = session.exec(
            select(func.count()).select_from(ApiDraftRow).where(ApiDraftRow.actor == who.actor)
        ).one()
        if held >= MOST_DRAFTS:
            raise RefusedDraftError(
                msg(
                    "%(count)s drafts of this program wait already: send or discard some.",
                    count=MOST_DRAFTS,
                )
            )
        row = ApiDraftRow(
            draft_id=draft_id,
            actor=who.actor,
            content_sealed=sealed,
            updated_at=now,
            expires_at=now + DRAFT_LIFETIME,
        )
        session.add(row)
        return _describe(row, content)

    return context.transact(save)


def handle_change(
    context: NodeContext,
    draft_id: str,
    content: Mapping[str, Any],
    *,
    who: Principal,
    seen: int,
) -> SavedDraft:
    """Let a draft say this; raises ``StaleError`` if it was changed since ``seen``."""
    require(who, Permission.WORK_CASES)
    sealed = _seal(context, draft_id, content, who=who)

    def change(session: Session) -> SavedDraft:
        row = _get(context, session, draft_id, who=who, lock=True)
        _verify_seen(row, seen)
        now = context.clock()
        row.content_sealed, row.updated_at = sealed, now
        row.expires_at = now + DRAFT_LIFETIME
        row.row_version += 1
        session.add(row)
        return _describe(row, content)

    return context.transact(change)


def _verify_seen(row: ApiDraftRow, seen: int | None) -> None:
    if seen is not None and row.row_version != seen:
        raise StaleError("The draft was changed since you looked: look at it again.")


def load_saved(context: NodeContext, draft_id: str, *, who: Principal) -> SavedDraft:
    """Return a draft of the caller's; raises ``NotFoundError``."""
    require(who, Permission.WORK_CASES)
    with context.database.reading() as session:
        row = _get(context, session, draft_id, who=who)
    return _describe(row, _open(context, row))


def list_saved(
    context: NodeContext, *, who: Principal, limit: int, after: tuple[datetime, str] | None = None
) -> Sequence[SavedDraft]:
    """List the caller's drafts, the newest first; ``after``: moment and name of the last one."""
    require(who, Permission.WORK_CASES)
    statement = select(ApiDraftRow).where(
        ApiDraftRow.actor == who.actor, col(ApiDraftRow.expires_at) > context.clock()
    )
    if after is not None:
        here = tuple_(literal(after[0], Moment()), literal(after[1]))
        statement = statement.where(
            tuple_(col(ApiDraftRow.updated_at), col(ApiDraftRow.draft_id)) < here
        )
    with context.database.reading() as session:
        rows = session.exec(
            statement.order_by(
                col(ApiDraftRow.updated_at).desc(), col(ApiDraftRow.draft_id).desc()
            ).limit(limit)
        ).all()
    return [_describe(row, _open(context, row)) for row in rows]


def handle_discard(
    context: NodeContext, draft_id: str, *, who: Principal, seen: int | None
) -> None:
    """Delete a draft; raises ``NotFoundError``, ``StaleError``."""
    require(who, Permission.WORK_CASES)

    def discard(session: Session) -> None:
        row = _get(context, session, draft_id, who=who, lock=True)
        _verify_seen(row, seen)
        session.delete(row)

    context.transact(discard)


def handle_send_draft(
    context: NodeContext, draft_id: str, *, who: Principal, seen: int | None
) -> Sent:
    """Send what a draft says and forget the draft; repeated, the first one's result comes back.

    Raises what :func:`~node.service.composing.handle_send` raises: then the draft is still there.
    """
    require(who, Permission.WORK_CASES)
    key = f"draft:{draft_id}"
    with context.database.reading() as session:
        sent = find_sent(session, actor=who.actor, key=key)
        row = None if sent else _get(context, session, draft_id, who=who)
    if sent is None and row is not None:
        _verify_seen(row, seen)
        sent = handle_send(context, _validate(_open(context, row)), who=who, submission_key=key)
    if sent is None:
        raise NotFoundError(_GONE)
    with context.database.transaction() as session:
        session.execute(
            delete(ApiDraftRow).where(
                col(ApiDraftRow.draft_id) == draft_id, col(ApiDraftRow.actor) == who.actor
            )
        )
    return sent


def _validate(content: Mapping[str, Any]) -> Draft:
    try:
        return Draft.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise RefusedDraftError(as_it_is(describe_errors(error))) from error


def _get(
    context: NodeContext, session: Session, draft_id: str, *, who: Principal, lock: bool = False
) -> ApiDraftRow:
    statement = select(ApiDraftRow).where(
        ApiDraftRow.draft_id == draft_id,
        ApiDraftRow.actor == who.actor,
        col(ApiDraftRow.expires_at) > context.clock(),
    )
    row = session.exec(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise NotFoundError(_GONE)
    return row


def _describe(row: ApiDraftRow, content: Mapping[str, Any]) -> SavedDraft:
    return SavedDraft(
        draft_id=row.draft_id,
        content=content,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        row_version=row.row_version,
    )


def _seal(
    context: NodeContext, draft_id: str, content: Mapping[str, Any], *, who: Principal
) -> bytes:
    said = json.dumps(content).encode()
    if len(said) > LIMITS.payload:
        raise DraftTooLargeError(
            f"A draft has at most {LIMITS.payload} bytes: shorten it, or attach a file."
        )
    return context.keys.encrypt(said, wrapped_key=None, context=f"api_draft:{who.actor}:{draft_id}")


def _open(context: NodeContext, row: ApiDraftRow) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(
        context.keys.decrypt(
            row.content_sealed, wrapped_key=None, context=f"api_draft:{row.actor}:{row.draft_id}"
        )
    )
    return content
