"""Building the index of words anew: after a restore, or when it does not find what is there.

It goes on beside the running node: what is stored meanwhile is added to the new index by the
follower. Until the end less is found, and each answer says so.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import literal
from sqlmodel import Session, col, delete, func, select, tuple_

from console.storage.columns import Moment
from node.domain.search import Kind, name_channel
from node.service.case_content import is_erased
from node.service.context import NodeContext
from node.service.records import open_signed
from node.service.search.indexing import (
    Document,
    find_state,
    index_documents,
    list_known,
    lock_state,
)
from node.service.search.terms import list_message_terms, list_reference_terms, list_terms
from node.store.case_tables import CaseConfidentialRow, CaseNoteRow, CaseStrandRow
from node.store.search_tables import SearchDocumentRow, SearchWordRow
from node.store.tables import CaseRow, MessageRow
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import CaseMessage

#: Things of one transaction: while it lasts, the node itself adds nothing to the index.
_AT_ONCE: Final = 64

Tell = Callable[[int], None]
"""Is told how many things were looked at, now and then."""

Key = tuple[Any, ...]
Part = tuple[list[Document], Key | None]
"""Documents, and the key of the last row behind them; None: there are no more rows."""
Source = Callable[[NodeContext, Session, Key | None], Part]


def handle_rebuild(context: NodeContext, *, tell: Tell) -> int:
    """Build the index anew; returns how many documents it has then.

    One that was interrupted goes on where it ended: what is in the new index already stays.
    """
    with context.database.reading() as session:
        interrupted = not find_state(session).complete
    if not interrupted:
        context.transact(_begin)
    _delete_old(context)
    looked_at = 0
    for source in _SOURCES:
        after: Key | None = None
        while True:
            count, after = context.transact(_add_of(context, source, after))
            looked_at += count
            if after is None:
                break
            tell(looked_at)
    return context.transact(_end)


def _begin(session: Session) -> None:
    """From now on the labels of before mean nothing."""
    state = lock_state(session)
    state.generation += 1
    state.complete = False
    session.add(state)
    # Of what was erased only empty labels are left: no later document counts on them now.
    session.exec(delete(SearchWordRow).where(col(SearchWordRow.document).is_(None)))


def _end(session: Session) -> int:
    state = lock_state(session)
    state.complete = True
    session.add(state)
    return session.exec(select(func.count()).select_from(SearchDocumentRow)).one()


def _delete_old(context: NodeContext) -> None:
    """Delete what earlier generations left, in parts: others go on writing between them."""
    while context.transact(_delete_some):
        pass


def _delete_some(session: Session) -> int:
    generation = find_state(session).generation
    old = session.exec(
        select(SearchDocumentRow.document)
        .where(col(SearchDocumentRow.generation) < generation)
        .limit(_AT_ONCE)
    ).all()
    session.exec(delete(SearchWordRow).where(col(SearchWordRow.document).in_(old)))
    session.exec(delete(SearchDocumentRow).where(col(SearchDocumentRow.document).in_(old)))
    return len(old)


def _add_of(
    context: NodeContext, source: Source, after: Key | None
) -> Callable[[Session], tuple[int, Key | None]]:
    def add(session: Session) -> tuple[int, Key | None]:
        generation = lock_state(session).generation
        documents, last = source(context, session, after)
        known = {
            (kind, *place)
            for kind in Kind
            for place in list_known(
                session,
                kind,
                [each.subject_id for each in documents if each.kind is kind],
                generation=generation,
            )
        }
        new = [d for d in documents if (d.kind, d.subject_id, d.channel) not in known]
        index_documents(context, session, new)
        return len(documents), last

    return add


def _list_messages(context: NodeContext, session: Session, after: Key | None) -> Part:
    """Messages in the order of storing, which is the order in which they are found."""
    place = tuple_(col(MessageRow.stored_at), col(MessageRow.message_id))
    statement = (
        select(MessageRow, CaseRow)
        .join(CaseRow, col(CaseRow.case_id) == col(MessageRow.case_id), isouter=True)
        .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
        .limit(_AT_ONCE)
    )
    if after is not None:
        moment: datetime = after[0]
        statement = statement.where(place > tuple_(literal(moment, Moment()), after[1]))
    rows = session.exec(statement).all()
    documents = [
        document
        for row, case in rows
        if (document := _read_message(context, row, case)) is not None
    ]
    last = rows[-1][0] if rows else None
    return documents, (last.stored_at, last.message_id) if last else None


def _read_message(context: NodeContext, row: MessageRow, case: CaseRow | None) -> Document | None:
    if not row.signed_payload_sealed or (case is not None and is_erased(case)):
        return None
    signed = open_signed(
        context,
        row.signed_payload_sealed,
        wrapped_key=case.wrapped_key if case else None,
        message_id=row.message_id,
    )
    message = parse_payload(signed.payload)
    if not isinstance(message, CaseMessage):
        return None
    return Document(
        kind=Kind.MESSAGE,
        subject_id=row.message_id,
        case_id=row.case_id,
        channel=name_channel(message.channel),
        terms=list_message_terms(message),
    )


def _list_cases(_context: NodeContext, session: Session, after: Key | None) -> Part:
    place = tuple_(col(CaseStrandRow.case_id), col(CaseStrandRow.channel))
    statement = (
        select(CaseStrandRow.case_id, CaseStrandRow.channel, CaseRow.reference)
        .join(CaseRow, col(CaseRow.case_id) == col(CaseStrandRow.case_id))
        .order_by(col(CaseStrandRow.case_id), col(CaseStrandRow.channel))
        .limit(_AT_ONCE)
    )
    if after is not None:
        statement = statement.where(place > tuple_(*after))
    rows = session.exec(statement).all()
    documents = [
        Document(
            kind=Kind.CASE,
            subject_id=case_id,
            case_id=case_id,
            channel=channel,
            terms=list_reference_terms(reference),
        )
        for case_id, channel, reference in rows
    ]
    return documents, tuple(rows[-1][:2]) if rows else None


def _list_notes(context: NodeContext, session: Session, after: Key | None) -> Part:
    statement = (
        select(CaseNoteRow, CaseRow)
        .join(CaseRow, col(CaseRow.case_id) == col(CaseNoteRow.case_id))
        .order_by(col(CaseNoteRow.note_id))
        .limit(_AT_ONCE)
    )
    if after is not None:
        statement = statement.where(col(CaseNoteRow.note_id) > after[0])
    rows = session.exec(statement).all()
    documents = [
        Document(
            kind=Kind.NOTE,
            subject_id=row.note_id,
            case_id=row.case_id,
            channel=row.channel,
            terms=_read_terms(
                context, row.text_sealed, wrapped_key=case.wrapped_key, place=f"note:{row.note_id}"
            ),
        )
        for row, case in rows
        if row.text_sealed and not is_erased(case)
    ]
    return documents, (rows[-1][0].note_id,) if rows else None


def _list_confidential(context: NodeContext, session: Session, after: Key | None) -> Part:
    place = tuple_(col(CaseConfidentialRow.case_id), col(CaseConfidentialRow.channel))
    statement = (
        select(CaseConfidentialRow)
        .order_by(col(CaseConfidentialRow.case_id), col(CaseConfidentialRow.channel))
        .limit(_AT_ONCE)
    )
    if after is not None:
        statement = statement.where(place > tuple_(*after))
    rows = session.exec(statement).all()
    documents = [
        Document(
            kind=Kind.CONFIDENTIAL,
            subject_id=row.case_id,
            case_id=row.case_id,
            channel=row.channel,
            terms=_read_terms(
                context,
                row.content_sealed,
                wrapped_key=row.wrapped_key,
                place=name_confidential(row.case_id, row.channel),
            ),
        )
        for row in rows
    ]
    return documents, (rows[-1].case_id, rows[-1].channel) if rows else None


def name_confidential(case_id: str, channel: str) -> str:
    """Return what the confidential part of a case is bound to."""
    return f"confidential:{case_id}:{channel}"


def _read_terms(context: NodeContext, sealed: bytes, *, wrapped_key: bytes, place: str) -> set[str]:
    """Return the terms of a document kept as JSON: of every text in it."""
    content = context.keys.decrypt(sealed, wrapped_key=wrapped_key, context=place)
    return {term for text in walk_texts(json.loads(content)) for term in list_terms(text)}


def walk_texts(value: object) -> Iterator[str]:
    """Yield every text of a JSON value, however deep; names of members are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from walk_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk_texts(each)


_SOURCES: Final[Sequence[Source]] = (_list_messages, _list_cases, _list_notes, _list_confidential)
