"""Requests that are done once however often they come.

A program marks a request with a key. What was asked and what was answered is kept for a day, per
caller. The note that it was done is written by the very transaction that does it: so after a crash
it is known whether a repetition would do it twice.
"""

import base64
import hashlib
import json
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, event, update
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import Session, col, select

from node.service.context import NodeContext, NodeError
from node.store.bulk import table_of
from node.store.hook_tables import ApiRequestRow

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long an answer is kept.
KEPT_FOR: Final = timedelta(hours=24)
#: A request that has not been answered for so long is not running any more.
LEASE: Final = timedelta(minutes=5)


class KeyUsedError(NodeError):
    """The key stands for another request."""


class StillRunningError(NodeError):
    """The same request came before and is not finished."""


class AnswerLostError(NodeError):
    """It was done, and nobody knows any more what was answered."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A request with its key: who asked for what."""

    request_id: str
    asked_sha256: str

    @classmethod
    def of(cls, *, actor: str, key: str, asked: bytes) -> "Marked":
        """Bind a key to its caller, and to what was asked under it."""
        named = hashlib.sha256(f"{actor}\x00{key}".encode()).hexdigest()
        return cls(request_id=named, asked_sha256=hashlib.sha256(asked).hexdigest())


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do it now, since ``begun_at``."""

    marked: Marked
    begun_at: datetime


_CLAIM: ContextVar[Claim | None] = ContextVar("claim_of_request", default=None)


def prepare_once() -> None:
    """Let every transaction of this process note the marked request that it is a part of."""
    if not event.contains(Session, "before_commit", _note_done):
        event.listen(Session, "before_commit", _note_done)


def _note_done(session: OrmSession) -> None:
    claim = _CLAIM.get()
    if claim is None:
        return
    table = table_of(ApiRequestRow)
    noted = session.connection().execute(
        update(table)
        .where(table.c.request_id == claim.marked.request_id, table.c.begun_at == claim.begun_at)
        .values(done=True)
    )
    if not noted.rowcount:  # it took so long that another was let in: that one does it
        raise StillRunningError("The same request runs elsewhere: ask again in a moment.")


@contextmanager
def under(claim: Claim) -> "Iterator[None]":
    """Let what is committed inside, in this task and its threads, be part of the request."""
    token = _CLAIM.set(claim)
    try:
        yield
    finally:
        _CLAIM.reset(token)


def handle_begin(context: NodeContext, marked: Marked) -> Claim | Answer:
    """Return the right to do it, or what was answered before.

    Raises :class:`KeyUsedError`, :class:`StillRunningError`, :class:`AnswerLostError`.
    """
    return context.transact(lambda session: _begin(context, session, marked))


def _begin(context: NodeContext, session: Session, marked: Marked) -> Claim | Answer:
    now = context.clock()
    session.execute(delete(ApiRequestRow).where(col(ApiRequestRow.expires_at) <= now))
    row = session.exec(
        select(ApiRequestRow).where(ApiRequestRow.request_id == marked.request_id).with_for_update()
    ).one_or_none()
    if row is None:
        row = ApiRequestRow(
            request_id=marked.request_id,
            asked_sha256=marked.asked_sha256,
            begun_at=now,
            expires_at=now + KEPT_FOR,
        )
    elif row.asked_sha256 != marked.asked_sha256:
        raise KeyUsedError(
            "This key was used for another request before: nothing was done. Use a new one for "
            "each request."
        )
    elif row.answer_sealed is not None:
        return _open(context, row.request_id, row.answer_sealed)
    elif now - row.begun_at < LEASE:
        raise StillRunningError("The same request is being done: ask again in a moment.")
    elif row.done:
        raise AnswerLostError(
            "This request was done, and the node was stopped before it could answer. Look at the "
            "list; use a new key for a new request."
        )
    row.begun_at, row.expires_at = now, now + KEPT_FOR
    session.add(row)
    return Claim(marked, begun_at=now)


def find_answer(context: NodeContext, marked: Marked) -> Answer | None:
    """Return what was answered to this very request before; None if nothing was, or not yet."""
    with context.database.reading() as session:
        row = session.get(ApiRequestRow, marked.request_id)
        if row is None or row.asked_sha256 != marked.asked_sha256:
            return None
        return _open(context, row.request_id, row.answer_sealed) if row.answer_sealed else None


def handle_answered(context: NodeContext, claim: Claim, answer: Answer) -> None:
    """Keep what was answered. A refusal of what did nothing is not kept: it may be mended."""
    sealed = _seal(context, claim.marked.request_id, answer)

    def keep(session: Session) -> None:
        row = session.get(ApiRequestRow, claim.marked.request_id)
        if row is None or row.begun_at != claim.begun_at:
            return
        if row.done or answer.status < HTTPStatus.MULTIPLE_CHOICES:
            row.answer_sealed = sealed
            session.add(row)
        else:
            session.delete(row)

    context.transact(keep)


def handle_failed(context: NodeContext, claim: Claim) -> None:
    """Let it be tried again, unless something of it was done."""
    table = table_of(ApiRequestRow)
    with context.database.transaction() as session:
        session.execute(
            delete(table).where(
                table.c.request_id == claim.marked.request_id,
                table.c.begun_at == claim.begun_at,
                table.c.done.is_(False),
            )
        )


def _seal(context: NodeContext, request_id: str, answer: Answer) -> bytes:
    content = {
        "status": answer.status,
        "headers": answer.headers,
        "body": base64.b64encode(answer.body).decode(),
    }
    return context.keys.encrypt(
        json.dumps(content).encode(), wrapped_key=None, context=f"api_request:{request_id}"
    )


def _open(context: NodeContext, request_id: str, sealed: bytes) -> Answer:
    content = json.loads(
        context.keys.decrypt(sealed, wrapped_key=None, context=f"api_request:{request_id}")
    )
    return Answer(
        status=content["status"],
        headers=tuple((name, value) for name, value in content["headers"]),
        body=base64.b64decode(content["body"]),
    )
