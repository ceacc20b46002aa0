"""Tokens for programs: made once, shown once, stored as a hash."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from node.service.context import NodeContext, NodeError
from node.store.account_tables import ApiTokenRow
from node.store.bulk import in_parts

_TOKEN_BYTES = 32
_LONGEST_LIFE = timedelta(days=366)


class TokenError(NodeError):
    """A token cannot be made as asked."""


class TokenScope(StrEnum):
    """What a program may do: one that keeps the directory never sees a case, and the reverse."""

    MESSAGES = "messages"
    DIRECTORY = "directory"
    #: Sees delivery, never content; tries again or gives up what did not arrive.
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """A program that came in with a valid token."""

    label: str
    scope: TokenScope

    @property
    def actor(self) -> str:
        """How it stands in the timeline."""
        return f"api:{self.label}"


def handle_make_token(
    context: NodeContext,
    *,
    label: str,
    lifetime: timedelta,
    scope: TokenScope = TokenScope.MESSAGES,
) -> str:
    """Make a token for a program; it is returned here and never again."""
    if not label.isascii() or not label.replace("-", "").isalnum() or len(label) > 50:  # noqa: PLR2004 - the column's width
        raise TokenError("A label is up to 50 letters, digits and hyphens.")
    if not timedelta(0) < lifetime <= _LONGEST_LIFE:
        raise TokenError("A token lives between a moment and 366 days.")
    token = base64.urlsafe_b64encode(context.random(_TOKEN_BYTES)).rstrip(b"=").decode()
    now = context.clock()
    with context.database.transaction() as session:
        session.add(
            ApiTokenRow(
                token_hash=_hash(token),
                label=label,
                scope=scope.value,
                created_at=now,
                expires_at=now + lifetime,
            )
        )
    return token


def handle_revoke_tokens(context: NodeContext, *, label: str) -> int:
    """Take back every token of this label, at once; returns how many still worked.

    Raises :class:`TokenError` if none did.
    """
    now = context.clock()
    with context.database.transaction() as session:
        rows = session.exec(
            select(ApiTokenRow).where(
                ApiTokenRow.label == label,
                col(ApiTokenRow.revoked_at).is_(None),
                col(ApiTokenRow.expires_at) > now,
            )
        ).all()
        for row in rows:
            row.revoked_at = now
            session.add(row)
    if not rows:
        raise TokenError("No token of this label works (any more): check the label.")
    return len(rows)


def find_caller(context: NodeContext, token: str) -> ApiCaller | None:
    """Return who holds ``token``, or ``None`` if it is unknown, revoked, or has ended."""
    with context.database.reading() as session:
        return find_callers(context, session, {token}).get(token)


def find_callers(
    context: NodeContext, session: Session, tokens: Iterable[str]
) -> dict[str, ApiCaller]:
    """Return who holds which of these tokens; without those that are unknown, revoked or ended."""
    by_hash = {_hash(token): token for token in tokens}
    now = context.clock()
    return {
        by_hash[row.token_hash]: ApiCaller(label=row.label, scope=TokenScope(row.scope))
        for part in in_parts(sorted(by_hash))
        for row in session.exec(select(ApiTokenRow).where(col(ApiTokenRow.token_hash).in_(part)))
        if row.revoked_at is None and row.expires_at > now
    }


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
