"""Walking through the documents of a question, the newest first, looking at no more than asked.

In each channel the rarest term leads: its documents are gone through from the last one on, and the
own list of terms of each says whether it has the other terms, too.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, select

from node.domain.search import Kind
from node.service.context import NodeContext
from node.service.search.indexing import make_key, name_place
from node.service.search.labels import TermKey, count_documents, find_used, read_list
from node.store.bulk import in_parts, is_among, table_of
from node.store.search_tables import SearchDocumentRow

#: Documents that are looked at with one statement: about a page.
_AT_ONCE: Final = 64
_NEWEST: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document of the leading term of a channel."""

    document: int
    channel: str
    #: Its place among the documents of the leading term.
    place: int
    kind: Kind
    subject_id: str
    case_id: str | None
    #: Whether it has every term.
    fits: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Terms that all must meet, and where they are looked for."""

    terms: Sequence[str]
    channels: Sequence[str]
    kind: Kind
    generation: int


@dataclass(frozen=True, slots=True)
class Stream:
    """The documents of one channel."""

    channel: str
    lead: TermKey
    terms: frozenset[bytes]
    #: Places from here down are still to be looked at.
    last: int


def open_streams(
    context: NodeContext, session: Session, question: Question, *, after: Mapping[str, int] | None
) -> list[Stream]:
    """Return the channels in which every term occurs; ``after``: the places that were reached."""
    keys = {
        channel: [
            make_key(
                context,
                term,
                kind=question.kind,
                channel=channel,
                generation=question.generation,
            )
            for term in question.terms
        ]
        for channel in question.channels
        if after is None or channel in after
    }
    counts = count_documents(session, [key for own in keys.values() for key in own])
    streams = []
    for channel, own in keys.items():
        lead = min(own, key=lambda key: counts[key])
        last = counts[lead] if after is None else min(after[channel], counts[lead])
        if last:
            terms = frozenset(key.short for key in own)
            streams.append(Stream(channel, lead, terms, last - 1))
    return streams


def walk(context: NodeContext, session: Session, streams: Sequence[Stream]) -> Iterator[Candidate]:
    """Yield the documents of all channels, the newest first."""
    return heapq.merge(
        *(_walk_one(context, session, stream) for stream in streams),
        key=lambda candidate: -candidate.document,
    )


def _walk_one(context: NodeContext, session: Session, stream: Stream) -> Iterator[Candidate]:
    newest = _NEWEST
    for end in range(stream.last, -1, -_AT_ONCE):
        places = range(end, max(end - _AT_ONCE, -1), -1)
        labels = [stream.lead.label(place) for place in places]
        used = find_used(session, labels)
        rows = _load(session, [document for document in used.values() if document is not None])
        for place, label in zip(places, labels, strict=True):
            row = rows.get(used.get(label) or 0)
            if row is None:  # erased: looked at, too, or a question could take any time
                yield Candidate(newest, stream.channel, place, Kind.MESSAGE, "", None, fits=False)
                continue
            newest = row.document
            yield _look_at(context, stream, place, row)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of ``search_document``, without an object of the session behind it."""

    document: int
    kind: str
    subject_id: str
    case_id: str | None
    channel: str
    terms_sealed: bytes


_COLUMNS: Final = tuple(table_of(SearchDocumentRow).c[name] for name in _Row.__slots__)


def _load(session: Session, documents: Sequence[int]) -> dict[int, _Row]:
    found: dict[int, _Row] = {}
    for part in in_parts(documents):
        statement = select(*_COLUMNS).where(is_among(_COLUMNS[0], part))
        found.update({row[0]: _Row(*row) for row in session.connection().execute(statement)})
    return found


def _look_at(context: NodeContext, stream: Stream, place: int, row: _Row) -> Candidate:
    listed = context.keys.decrypt(
        row.terms_sealed,
        wrapped_key=None,
        context=name_place(row.kind, row.subject_id, row.channel),
    )
    return Candidate(
        document=row.document,
        channel=stream.channel,
        place=place,
        kind=Kind(row.kind),
        subject_id=row.subject_id,
        case_id=row.case_id,
        fits=row.channel == stream.channel and stream.terms <= read_list(listed),
    )
