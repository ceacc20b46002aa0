"""Walking through the documents of a question, the newest first, looking at no more than asked.

In each channel the rarest term leads: its documents are gone through from the last one on, and the
own list of terms of each says whether it has the other terms, too. That list is opened only where a
term that is about as frequent was given the document as well: to look for that costs a tenth.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select
from sqlmodel import Session

from node.domain.search import Kind
from node.service.context import NodeContext
from node.service.search.indexing import make_key, name_place
from node.service.search.labels import TermKey, count_documents, find_used, read_list
from node.store.bulk import in_parts, table_of
from node.store.prepared import Prepared
from node.store.search_tables import SearchDocumentRow

#: Documents that are looked at with one statement: about a page.
_AT_ONCE: Final = 64
_NEWEST: Final = 1 << 62
#: A term that is more often than so many times as frequent as the leading one is not gone through.
_AS_FREQUENT: Final = 4
#: Places of one other term that a question asks for at most; then lists are opened again.
_MOST_ASKED: Final = 4_096


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
    #: How many documents were given to other terms that are about as frequent.
    others: Mapping[TermKey, int]


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
            others = {
                key: counts[key]
                for key in own
                # Where a question goes on, their places are not known.
                if after is None and key != lead and counts[key] <= _AS_FREQUENT * counts[lead]
            }
            streams.append(Stream(channel, lead, terms, last - 1, others))
    return streams


def walk(context: NodeContext, session: Session, streams: Sequence[Stream]) -> Iterator[Candidate]:
    """Yield the documents of all channels, the newest first."""
    return heapq.merge(
        *(_walk_one(context, session, stream) for stream in streams),
        key=lambda candidate: -candidate.document,
    )


def _walk_one(context: NodeContext, session: Session, stream: Stream) -> Iterator[Candidate]:
    newest, others = _NEWEST, [_Other(session, key, count) for key, count in stream.others.items()]
    for end in range(stream.last, -1, -_AT_ONCE):
        places = range(end, max(end - _AT_ONCE, -1), -1)
        labels = [stream.lead.label(place) for place in places]
        used = find_used(session, labels)
        meeting = {document for document in used.values() if document is not None}
        for other in others:
            meeting = other.keep(meeting)
        rows = _load(session, sorted(meeting))
        for place, label in zip(places, labels, strict=True):
            document = used.get(label)
            row = rows.get(document or 0)
            if document is not None and document not in meeting:
                newest = document
                yield Candidate(newest, stream.channel, place, Kind.MESSAGE, "", None, fits=False)
                continue
            if row is None:  # erased: looked at, too, or a question could take any time
                yield Candidate(newest, stream.channel, place, Kind.MESSAGE, "", None, fits=False)
                continue
            newest = row.document
            yield _look_at(context, stream, place, row)


class _Other:
    """The documents of another term, gone through beside those of the leading one.

    Documents rise with their places in every term's list.
    """

    def __init__(self, session: Session, key: TermKey, count: int) -> None:
        self._session, self._key = session, key
        #: Places from here down were not asked for.
        self._left = count - 1
        self._asked = 0
        self._lowest = _NEWEST
        self._given: set[int] = set()

    def keep(self, documents: set[int]) -> set[int]:
        """Return those that this term may have, too. Lower ones are asked for later."""
        if not documents:
            return documents
        wanted = min(documents)
        while self._left >= 0 and self._lowest > wanted:
            if self._asked >= _MOST_ASKED:
                return documents  # their own lists say it
            self._ask()
        kept = documents & self._given
        self._given = {each for each in self._given if each < wanted}
        return kept

    def _ask(self) -> None:
        places = range(self._left, max(self._left - _AT_ONCE, -1), -1)
        used = find_used(self._session, [self._key.label(place) for place in places])
        found = {document for document in used.values() if document is not None}
        self._given |= found
        self._lowest = min(found, default=self._lowest)
        self._left -= len(places)
        self._asked += len(places)


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
_ROWS: Final = Prepared(
    select(*_COLUMNS).where(_COLUMNS[0].in_(bindparam("documents", expanding=True)))
)


def _load(session: Session, documents: Sequence[int]) -> dict[int, _Row]:
    found: dict[int, _Row] = {}
    for part in in_parts(documents):
        found.update({row[0]: _Row(*row) for row in _ROWS.ask(session, {"documents": part})})
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
