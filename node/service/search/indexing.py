"""Adding to the index of words, and taking out of it. See :mod:`node.service.search.labels`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Final

from sqlalchemy import bindparam, insert
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, delete, select, update

from node.domain.search import UNKNOWN_CHANNEL, Kind, name_channel
from node.service.context import NodeContext
from node.service.following import FollowedMessage
from node.service.records import load_references
from node.service.search.labels import TermKey, count_documents, write_list
from node.service.search.terms import list_message_terms, list_reference_terms, list_terms
from node.store.bulk import in_parts, insert_rows, table_of
from node.store.prepared import Prepared
from node.store.search_tables import SearchDocumentRow, SearchStateRow, SearchWordRow

STATE: Final = 1
_FIRST_GENERATION: Final = 1

_DOCUMENT, _STATE = table_of(SearchDocumentRow), table_of(SearchStateRow)
_OF_SUBJECTS: Final = _DOCUMENT.c.subject_id.in_(bindparam("subjects", expanding=True))
# Asked for each batch. Made once: putting a question together costs more than asking it.
_GENERATION: Final = Prepared(
    sql_select(_STATE.c.generation)
    .where(_STATE.c.state_id == bindparam("state_id"))
    .with_for_update()
)
_KNOWN: Final = Prepared(
    sql_select(_DOCUMENT.c.subject_id, _DOCUMENT.c.channel).where(
        _DOCUMENT.c.kind == bindparam("kind"),
        _DOCUMENT.c.generation == bindparam("generation"),
        _OF_SUBJECTS,
    )
)
_SAME: Final = Prepared(
    sql_select(
        _DOCUMENT.c.document, _DOCUMENT.c.kind, _DOCUMENT.c.subject_id, _DOCUMENT.c.channel
    ).where(_OF_SUBJECTS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that will be found by these terms."""

    kind: Kind
    subject_id: str
    case_id: str | None
    #: A channel, or ``unknown``.
    channel: str = UNKNOWN_CHANNEL
    terms: Collection[str] = field(repr=False)


def find_state(session: Session) -> SearchStateRow:
    """Return the state of the index, as it is where nothing was indexed yet."""
    return session.get(SearchStateRow, STATE) or SearchStateRow(
        state_id=STATE, generation=_FIRST_GENERATION, complete=True
    )


def lock_state(session: Session) -> SearchStateRow:
    """Return the state and keep others from adding words until this transaction ends.

    So the documents of a term are numbered without a gap, whichever process adds them. It is held
    shortly, and taken as the last lock of a transaction.
    """
    state = session.get(SearchStateRow, STATE, with_for_update=True)
    if state is None:
        state = SearchStateRow(state_id=STATE, generation=_FIRST_GENERATION, complete=True)
        session.add(state)
        session.flush()
    return state


def lock_index(session: Session) -> int:
    """Do the same, and return the present generation alone."""
    found = _GENERATION.ask(session, {"state_id": STATE})
    generation: int = found[0][0] if found else lock_state(session).generation
    return generation


def make_key(
    context: NodeContext, term: str, *, kind: Kind, channel: str, generation: int
) -> TermKey:
    """Return the key of a term in one channel; the confidential part has keys of its own."""
    part = "confidential" if kind is Kind.CONFIDENTIAL else "open"
    return TermKey(context.keys.derive_search_key(f"{generation}\n{part}\n{channel}\n{term}"))


def index_documents(context: NodeContext, session: Session, documents: Sequence[Document]) -> None:
    """Add documents in their order; what was there of the same things is taken out first."""
    documents = [document for document in documents if document.terms]
    if not documents:
        return
    generation = lock_index(session)
    _take_out(session, [document.subject_id for document in documents], like=documents)
    find_key = cache(partial(make_key, context, generation=generation))
    keys = [
        [find_key(term, kind=each.kind, channel=each.channel) for term in sorted(each.terms)]
        for each in documents
    ]
    numbers = _add_rows(context, session, documents, keys, generation=generation)
    places = count_documents(session, list(dict.fromkeys(key for each in keys for key in each)))
    words: list[dict[str, int]] = []
    for number, own in zip(numbers, keys, strict=True):
        for key in own:
            words.append({"label": key.label(places[key]), "document": number})
            places[key] += 1
    # In the order of labels: that in which the words stood is nobody's business.
    insert_rows(session, SearchWordRow, sorted(words, key=lambda word: word["label"]))


def _add_rows(
    context: NodeContext,
    session: Session,
    documents: Sequence[Document],
    keys: Sequence[Sequence[TermKey]],
    *,
    generation: int,
) -> list[int]:
    """Insert the rows of documents; return their numbers, which rise."""
    rows = [
        {
            "kind": document.kind,
            "subject_id": document.subject_id,
            "case_id": document.case_id,
            "channel": document.channel,
            "generation": generation,
            "terms_sealed": context.keys.encrypt(
                write_list(own),
                wrapped_key=None,
                context=name_place(document.kind, document.subject_id, document.channel),
            ),
        }
        for document, own in zip(documents, keys, strict=True)
    ]
    table = table_of(SearchDocumentRow)
    number = table.c.document
    added = insert(table).returning(number, sort_by_parameter_order=True)
    return list(session.connection().execute(added, rows).scalars())


def name_place(kind: str, subject_id: str, channel: str) -> str:
    """Return what a document's own list of terms is bound to."""
    return f"search:{kind}:{subject_id}:{channel}"


def _take_out(session: Session, subjects: Sequence[str], *, like: Sequence[Document]) -> None:
    """Take out what is there of the same things: in whichever channel, unless it is of a case."""
    wanted = {(document.kind.value, document.subject_id) for document in like}
    channels = {(d.kind.value, d.subject_id, d.channel) for d in like}
    for part in in_parts(sorted(set(subjects))):
        _forget(
            session,
            [
                document
                for document, kind, subject_id, channel in _SAME.ask(session, {"subjects": part})
                if (kind, subject_id) in wanted
                and (kind not in _OF_A_CASE or (kind, subject_id, channel) in channels)
            ],
        )


#: One document for each channel of a case.
_OF_A_CASE: Final = frozenset({Kind.CASE.value, Kind.CONFIDENTIAL.value})


def _forget(session: Session, documents: Sequence[int]) -> None:
    """Take documents out; the labels stay, empty, because later ones of their terms count on."""
    for part in in_parts(documents):
        session.exec(
            update(SearchWordRow).where(col(SearchWordRow.document).in_(part)).values(document=None)
        )
        session.exec(delete(SearchDocumentRow).where(col(SearchDocumentRow.document).in_(part)))


def _forget_where(session: Session, **named: str) -> None:
    statement = select(SearchDocumentRow.document).filter_by(**named)
    _forget(session, [found for found in session.exec(statement) if found is not None])


def forget_case(session: Session, case_id: str) -> None:
    """Take out a case with everything of it, for good."""
    _forget_where(session, case_id=case_id)


def forget_message(session: Session, message_id: str) -> None:
    """Take out a message."""
    _forget_where(session, kind=Kind.MESSAGE, subject_id=message_id)


def forget_note(session: Session, note_id: str) -> None:
    """Take out a note."""
    _forget_where(session, kind=Kind.NOTE, subject_id=note_id)


def forget_confidential(session: Session, *, case_id: str, channel: str) -> None:
    """Take out the confidential part of a case."""
    _forget_where(session, kind=Kind.CONFIDENTIAL, subject_id=case_id, channel=channel)


def index_note(  # noqa: PLR0913 - a note and where it belongs
    context: NodeContext, session: Session, *, note_id: str, case_id: str, channel: str, text: str
) -> None:
    """Add a note, or the new text of one, in the transaction that stores it."""
    forget_note(session, note_id)
    index_documents(
        context,
        session,
        [
            Document(
                kind=Kind.NOTE,
                subject_id=note_id,
                case_id=case_id,
                channel=channel,
                terms=list_terms(text),
            )
        ],
    )


def index_confidential(
    context: NodeContext, session: Session, *, case_id: str, channel: str, texts: Iterable[str]
) -> None:
    """Add the confidential part of a case, or its new content, where it is stored."""
    forget_confidential(session, case_id=case_id, channel=channel)
    terms = {term for text in texts for term in list_terms(text)}
    index_documents(
        context,
        session,
        [
            Document(
                kind=Kind.CONFIDENTIAL,
                subject_id=case_id,
                case_id=case_id,
                channel=channel,
                terms=terms,
            )
        ],
    )


def index_case(
    context: NodeContext, session: Session, *, case_id: str, reference: str, channel: str
) -> None:
    """Add a case, which is found by its reference; nothing happens if it is there."""
    cases = {(case_id, channel): reference}
    generation = find_state(session).generation
    index_documents(context, session, _list_new_cases(session, cases, generation=generation))


def _list_new_cases(
    session: Session, cases: Mapping[tuple[str, str], str], *, generation: int
) -> list[Document]:
    case_ids = [case_id for case_id, _ in cases]
    known = list_known(session, Kind.CASE, case_ids, generation=generation)
    return [
        Document(
            kind=Kind.CASE,
            subject_id=case_id,
            case_id=case_id,
            channel=channel,
            terms=list_reference_terms(reference),
        )
        for (case_id, channel), reference in cases.items()
        if (case_id, channel) not in known
    ]


def list_known(
    session: Session, kind: Kind, subjects: Iterable[str], *, generation: int
) -> set[tuple[str, str]]:
    """Return which of these are in the index of a generation: pairs of subject and channel."""
    known = set[tuple[str, str]]()
    for part in in_parts(sorted(set(subjects))):
        asked = {"kind": kind, "generation": generation, "subjects": part}
        known.update((subject, channel) for subject, channel in _KNOWN.ask(session, asked))
    return known


def follow_words(context: NodeContext, session: Session, batch: Sequence[FollowedMessage]) -> None:
    """Add the words of stored messages, and their cases; what is there already stays.

    A message that cannot be read has no words: it is found by the reference of its case.
    """
    generation = lock_index(session)
    ids = [followed.row.message_id for followed in batch]
    known = list_known(session, Kind.MESSAGE, ids, generation=generation)
    references = load_references(session, {f.row.case_id for f in batch if f.row.case_id})
    documents, cases = [], dict[tuple[str, str], str]()
    for followed in batch:
        row, channel = followed.row, name_channel(followed.channel)
        if row.case_id is not None:
            cases[row.case_id, channel] = references[row.case_id]
        message = followed.case_message
        if message is not None and (row.message_id, channel) not in known:
            documents.append(
                Document(
                    kind=Kind.MESSAGE,
                    subject_id=row.message_id,
                    case_id=row.case_id,
                    channel=channel,
                    terms=list_message_terms(message),
                )
            )
    new_cases = _list_new_cases(session, cases, generation=generation)
    index_documents(context, session, [*new_cases, *documents])
