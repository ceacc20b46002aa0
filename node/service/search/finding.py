"""Finding messages, notes and cases by words: only in the channels of whoever asks.

A question is answered from the index alone; nothing is opened but the documents' own lists of
terms. Which words were looked for is kept nowhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.search import (
    LONGEST_PAGE,
    MOST_LOOKED_AT,
    UNKNOWN_CHANNEL,
    Kind,
)
from node.service.audit import record
from node.service.context import NodeContext
from node.service.permitting import list_channels, require
from node.service.reading import Item
from node.service.records import load_references, load_rows
from node.service.search.indexing import find_state, make_key
from node.service.search.streams import Candidate, Question, open_streams, walk
from node.service.search.terms import (
    SearchWordsError,
    find_reference_term,
    parse_question,
)
from protocol.identifiers import Channel

#: Cases of a reference that are shown before what the words find.
_MOST_CASES: Final = 20
_PLACE: Final = re.compile(r"([a-z_]{1,30}):(\d{1,10})")
_CHECK_BYTES: Final = 4
_COPIED: Final = tuple(each.name for each in fields(Item) if each.name != "case_reference")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: where it is, not what it says."""

    kind: Kind
    case_id: str | None
    case_reference: str | None
    channel: str
    #: Of a message: its line, as in the lists.
    message: Item | None = None
    note_id: str | None = None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A part of what was found, the newest first."""

    hits: tuple[Hit, ...]
    #: Where to go on; None: all was looked at. A page may have few hits, or none, and go on.
    after: str | None
    #: False while the index is being built anew: something may be missing.
    complete: bool


def search(  # noqa: PLR0913 - a question and where it goes on
    context: NodeContext,
    words: str,
    *,
    who: Principal,
    confidential: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> SearchPage:
    """Find what has all these words; raises ``SearchWordsError``, ``ForbiddenError``.

    ``confidential``: in the confidential parts of cases, and nowhere else.
    """
    require(who, Permission.READ_CASES)
    if confidential:
        require(who, Permission.READ_CONFIDENTIAL)
    terms = parse_question(words)
    with context.database.reading() as session:
        state = find_state(session)
        question = Question(
            terms=terms,
            channels=_list_channels(who),
            kind=Kind.CONFIDENTIAL if confidential else Kind.MESSAGE,
            generation=state.generation,
        )
        check = _check(context, question)
        places = None if after is None else _read_place(after, check)
        cases = (
            _find_cases(context, session, words, question)
            if after is None and not confidential
            else []
        )
        fitting, rest = _go_through(
            context, session, question, after=places, limit=min(limit, LONGEST_PAGE)
        )
        hits = _describe(session, [*cases, *fitting], who=who)
        complete = state.complete
    _note(context, who, hits=len(hits), confidential=confidential)
    return SearchPage(hits=hits, after=_write_place(check, rest), complete=complete)


def _list_channels(who: Principal) -> list[str]:
    """Return in which channels they find something."""
    every = [UNKNOWN_CHANNEL] if who.sees(None) else []
    return [*sorted(channel.value for channel in who.channels & frozenset(Channel)), *every]


def _find_cases(
    context: NodeContext, session: Session, words: str, question: Question
) -> list[Candidate]:
    """Find cases by their reference; each once, whatever channels it has."""
    term = find_reference_term(words)
    if term is None:
        return []
    by_reference = Question([term], question.channels, Kind.CASE, question.generation)
    found, _ = _go_through(context, session, by_reference, after=None, limit=_MOST_CASES)
    return list({candidate.subject_id: candidate for candidate in reversed(found)}.values())[::-1]


def _go_through(
    context: NodeContext,
    session: Session,
    question: Question,
    *,
    after: Mapping[str, int] | None,
    limit: int,
) -> tuple[list[Candidate], dict[str, int]]:
    """Return what fits, and for each channel how many places are left to look at."""
    streams = open_streams(context, session, question, after=after)
    left = {stream.channel: stream.last + 1 for stream in streams}
    fitting: list[Candidate] = []
    for looked_at, candidate in enumerate(walk(context, session, streams), start=1):
        left[candidate.channel] = candidate.place
        if candidate.fits:
            fitting.append(candidate)
        if len(fitting) >= limit or looked_at >= MOST_LOOKED_AT:
            break
    else:
        left = {}
    return fitting, {channel: count for channel, count in left.items() if count}


def _check(context: NodeContext, question: Question) -> str:
    """Return what ties a cursor to its question: places of another one would mean nothing."""
    text = "\n".join(["cursor", question.kind, *question.terms])
    key = make_key(context, text, kind=question.kind, channel="", generation=question.generation)
    return key.key[:_CHECK_BYTES].hex()


def _write_place(check: str, rest: Mapping[str, int]) -> str | None:
    if not rest:
        return None
    return ".".join([check, *(f"{channel}:{count}" for channel, count in rest.items())])


def _read_place(text: str, check: str) -> dict[str, int]:
    given, _, rest = text.partition(".")
    found = [_PLACE.fullmatch(part) for part in rest.split(".")]
    if given != check or len(found) > len(Channel) + 1 or None in found:
        raise SearchWordsError("This is not where this search goes on: search anew.")
    return {part[1]: int(part[2]) for part in found if part is not None}


def _describe(session: Session, found: Sequence[Candidate], *, who: Principal) -> tuple[Hit, ...]:
    """Return the hits of what is there for them, without what was erased meanwhile."""
    references = load_references(session, {each.case_id for each in found if each.case_id})
    items = _load_items(session, [each.subject_id for each in found], who=who)
    hits = []
    for each in found:
        reference = references.get(each.case_id or "")
        item = items.get(each.subject_id) if each.kind is Kind.MESSAGE else None
        if (item if each.kind is Kind.MESSAGE else reference) is None:
            continue
        hits.append(
            Hit(
                kind=each.kind,
                case_id=each.case_id,
                case_reference=reference,
                channel=each.channel,
                message=item,
                note_id=each.subject_id if each.kind is Kind.NOTE else None,
            )
        )
    return tuple(hits)


def _load_items(session: Session, message_ids: Sequence[str], *, who: Principal) -> dict[str, Item]:
    """Return the lines of messages, by their channel as it is now."""
    channels = list_channels(who)
    rows = [row for row in load_rows(session, sorted(set(message_ids))) if row.channel in channels]
    references = load_references(session, {row.case_id for row in rows if row.case_id})
    return {
        row.message_id: Item(
            **{name: getattr(row, name) for name in _COPIED},
            case_reference=references.get(row.case_id or ""),
        )
        for row in rows
    }


def _note(context: NodeContext, who: Principal, *, hits: int, confidential: bool) -> None:
    """Note that somebody searched, and how much was found: never what for."""
    act = Act.CONFIDENTIAL_SEARCHED if confidential else Act.SEARCHED
    context.transact(
        lambda session: record(context, session, who, act, detail={"hits": hits}), durable=False
    )
