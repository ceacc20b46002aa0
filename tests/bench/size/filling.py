"""Filling a node's store with many cases, cheaply: real rows, signed and sealed as any other.

What differs between messages is put into the bytes of one real payload, so no message is built and
checked anew. Everything else is made as the node makes it: signatures, content keys, encryption,
and the index of words with the same keys and labels.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import SQLModel

from node.domain.events import EventKind
from node.domain.search import Kind
from node.domain.states import Dispatch, Handling
from node.service.context import NodeContext
from node.service.local_names import name_at
from node.service.search.indexing import lock_state, make_key, name_place
from node.service.search.labels import TermKey, write_list
from node.service.search.terms import list_message_terms, list_reference_terms, list_terms
from node.store.bulk import insert_rows
from node.store.case_tables import CaseStrandRow
from node.store.search_tables import SearchDocumentRow
from node.store.tables import CaseRow, EventRow, EvidenceRow, MessageRow, ReceiptRow
from protocol.envelope import Consignment, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode, make_case_reference
from protocol.messages.catalogue import encode_payload, parse_payload
from protocol.messages.head import CaseMessage
from tests.support.examples import compose
from tests.support.node import NOTIFICATION_BODY

OURS, THEIRS = ParticipantCode("AL"), ParticipantCode("XK")
MESSAGES_OF_A_CASE: Final = 5
CHANNEL: Final = "assistance"
#: When the last case was opened; the others lie before it, a minute apart.
END: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
_STEP: Final = timedelta(minutes=7)
_EXPIRY: Final = timedelta(days=21)
_CASES_AT_ONCE: Final = 1_000
_TYPE: Final = "identification.presumed_victim_notification"
#: Stand in the template for what differs; as long as that, in letters that need no escaping.
_ID, _POST = "ab" * 16, "Zzpost Zzname 000000"
_REFERENCE: Final = make_case_reference(Random(1).randbytes)
_FIRST: Final = ("be", "la", "mi", "ne", "sa", "to", "va", "do", "ri", "ga")
_LAST: Final = ("da", "hi", "ka", "mo", "ne", "pu", "re", "su", "to", "va")


def name_person(number: int) -> str:
    """Return an invented name: of a hundred given names and ten thousand of eight letters."""
    first, rest = number % 100, number // 7 % 10_000
    given = _FIRST[first // 10] + _FIRST[first % 10] + "n"
    family = "".join(_LAST[rest // 10**place % 10] for place in range(4))
    return f"{given.title()} {family.title()}"


@dataclass(frozen=True, slots=True)
class Filled:
    """A full store, and what is there to be found in it."""

    cases: int
    messages: int
    terms: int
    #: A case in the middle: its identifier, reference, and the number of its file.
    case_id: str
    reference: str
    file_number: str
    person: str


@dataclass(frozen=True, slots=True)
class _Case:
    number: int
    case_id: str
    reference: str
    wrapped_key: bytes
    opened_at: datetime
    message_ids: tuple[str, ...]

    @property
    def post(self) -> str:
        """What the messages say in free words."""
        return f"{name_person(self.number)} {self.number:06}"


class _Writer:
    """Makes rows of cases; the index is written as if they had come one by one."""

    def __init__(self, context: NodeContext, *, seed: int, generation: int) -> None:
        self._context = context
        self._random = Random(seed)
        self._generation = generation
        self._counts: dict[str, tuple[TermKey, int]] = {}
        self._document = 0
        self.terms = 0
        template = _make_template()
        self._payload = encode_payload(template)
        self._constant = list_message_terms(template) - list_terms(_POST)

    def make_case(self, number: int, *, of: int) -> _Case:
        """Return a new case."""
        opened_at = END - (of - number) * _STEP
        return _Case(
            number=number,
            case_id=name_at(opened_at, self._random.randbytes),
            reference=make_case_reference(self._random.randbytes),
            wrapped_key=self._context.keys.make_case_key(),
            opened_at=opened_at,
            message_ids=tuple(self._random.randbytes(16).hex() for _ in range(MESSAGES_OF_A_CASE)),
        )

    def make_message(self, case: _Case, place: int) -> dict[str, Any]:
        """Return the row of one message: received and sent in turn."""
        message_id, incoming = case.message_ids[place], place % 2 == 0
        moment = case.opened_at + timedelta(minutes=place)
        signed = self._sign(case, message_id, incoming=incoming, expires_at=moment + _EXPIRY)
        handling, dispatch = _choose_states(case.number, place)
        return {
            "message_id": message_id,
            "wire_id": message_id,
            "direction": "in" if incoming else "out",
            "case_id": case.case_id,
            "peer": THEIRS,
            "type": _TYPE,
            "version": 1,
            "readable": True,
            "phase": "identification",
            "urgency": "standard",
            "channel": CHANNEL,
            "from_authority": f"{THEIRS if incoming else OURS}-anti-trafficking-desk",
            "to_authority": f"{OURS if incoming else THEIRS}-anti-trafficking-desk",
            "composed_at": moment,
            "stored_at": moment,
            "answer_by": None if handling is Handling.NOTHING_EXPECTED else moment + _STEP,
            "expires_at": moment + _EXPIRY,
            "payload_sha256": signed.digest,
            "signer_key_id": signed.signer,
            "link_generation": 1,
            # Three of the five come in, two go out: no number of either direction is missing.
            "link_seq": case.number * (3 if incoming else 2) + place // 2 + 1,
            "signed_payload_sealed": self._context.keys.encrypt(
                signed.encode(), wrapped_key=case.wrapped_key, context=f"message:{message_id}"
            ),
            "dispatch": dispatch,
            "handling": handling,
            "opened_at": None if _is_unread(case.number, place) else moment,
        }

    def _sign(
        self, case: _Case, message_id: str, *, incoming: bool, expires_at: datetime
    ) -> SignedPayload:
        payload = (
            self._payload.replace(_ID.encode(), message_id.encode())
            .replace(_REFERENCE.encode(), case.reference.encode())
            .replace(_POST.encode(), case.post.encode())
        )
        ends = (THEIRS, OURS) if incoming else (OURS, THEIRS)
        consignment = Consignment(
            message_id=MessageId(message_id), sender=ends[0], recipient=ends[1],
            expires_at=expires_at,
        )  # fmt: skip
        key = self._context.keys.signing_key
        return SignedPayload.sign(payload, consignment=consignment, key=key)

    def index(self, case: _Case) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
        """Return the documents of a case and its messages, and the labels of their terms."""
        said = self._constant | list_terms(case.post)
        documents, words = [], list[tuple[int, int]]()
        for kind, subject, terms in (
            (Kind.CASE, case.case_id, list_reference_terms(case.reference)),
            *((Kind.MESSAGE, message_id, said) for message_id in case.message_ids),
        ):
            self._document += 1
            keys = []
            for term in terms:
                key, count = self._counts.get(term) or (self._make_key(term), 0)
                self._counts[term] = (key, count + 1)
                words.append((key.label(count), self._document))
                keys.append(key)
            documents.append(self._describe(kind, subject, case, keys))
        self.terms += len(words)
        return documents, words

    def _make_key(self, term: str) -> TermKey:
        return make_key(
            self._context, term, kind=Kind.MESSAGE, channel=CHANNEL, generation=self._generation
        )

    def _describe(
        self, kind: Kind, subject: str, case: _Case, keys: Sequence[TermKey]
    ) -> dict[str, Any]:
        return {
            "document": self._document,
            "kind": kind,
            "subject_id": subject,
            "case_id": case.case_id,
            "channel": CHANNEL,
            "generation": self._generation,
            "terms_sealed": self._context.keys.encrypt(
                write_list(keys), wrapped_key=None, context=name_place(kind, subject, CHANNEL)
            ),
        }


def _make_template() -> CaseMessage:
    manager = {"post": _POST, "authority": f"{OURS}-anti-trafficking-desk"}
    head = {"message_id": _ID, "case": _REFERENCE, "kind": "notification"}
    example = {"head": head, "body": {**NOTIFICATION_BODY, "case_manager": manager}}
    message = compose(_TYPE, example)
    parsed = parse_payload(json.dumps(message).encode())
    if not isinstance(parsed, CaseMessage):
        raise TypeError("The template is no message of this version: mend it.")
    return parsed


def _choose_states(number: int, place: int) -> tuple[Handling, Dispatch | None]:
    """Return how a message stands: most are done, and of everything else there is some."""
    if place == MESSAGES_OF_A_CASE - 1:
        return Handling.NOTHING_EXPECTED, None
    if place % 2 == 0:
        return (Handling.NEW if number % 8 == 0 and place == 0 else Handling.ACCEPTED), None
    if place == 1 and number % 8 == 2:
        return Handling.NEW, Dispatch.EXPIRED
    if place == 1 and number % 8 == 3:
        return Handling.OPENED, Dispatch.READ
    return Handling.ACCEPTED, Dispatch.READ


def _is_unread(number: int, place: int) -> bool:
    return (place == 0 and number % 8 == 0) or (place == MESSAGES_OF_A_CASE - 1 and number % 8 == 1)


def fill(context: NodeContext, *, cases: int) -> Filled:
    """Put so many cases into an empty store, with five messages each, and analyse it."""
    with context.database.transaction() as session:
        generation = lock_state(session).generation
    writer = _Writer(context, seed=cases, generation=generation)
    numbers = iter(range(cases))
    middle: _Case | None = None
    while part := list(islice(numbers, _CASES_AT_ONCE)):
        made = [writer.make_case(number, of=cases) for number in part]
        _write_part(context, writer, made)
        middle = next((each for each in made if each.number == cases // 2), middle)
    if middle is None:
        raise ValueError("A store has at least one case.")
    with context.database.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return Filled(
        cases=cases,
        messages=cases * MESSAGES_OF_A_CASE,
        terms=writer.terms,
        case_id=middle.case_id,
        reference=middle.reference,
        file_number=f"{middle.number:06}",
        person=name_person(middle.number),
    )


def _write_part(context: NodeContext, writer: _Writer, cases: Sequence[_Case]) -> None:
    messages = [
        writer.make_message(case, place) for case in cases for place in range(MESSAGES_OF_A_CASE)
    ]
    documents, words = list[dict[str, Any]](), list[tuple[int, int]]()
    for case in cases:
        described, labelled = writer.index(case)
        documents += described
        words += labelled
    tables: list[tuple[type[SQLModel], list[dict[str, Any]]]] = [
        (CaseRow, [_describe_case(case) for case in cases]),
        (CaseStrandRow, [_describe_strand(case) for case in cases]),
        (MessageRow, messages),
        (EventRow, list(_describe_events(messages))),
        (ReceiptRow, [_describe_receipt(message) for message in messages]),
        (EvidenceRow, [_describe_evidence(message) for message in messages]),
        (SearchDocumentRow, documents),
    ]
    with context.database.transaction(durable=False) as session:
        for table, rows in tables:
            insert_rows(session, table, rows)
        _write_words(context, session.connection().connection, sorted(words))


def _write_words(context: NodeContext, connection: Any, words: Sequence[tuple[int, int]]) -> None:
    with closing(connection.cursor()) as cursor:
        if context.database.is_sqlite:
            cursor.executemany("INSERT INTO search_word (label, document) VALUES (?, ?)", words)
            return
        with cursor.copy("COPY search_word (label, document) FROM STDIN") as copy:
            for row in words:
                copy.write_row(row)


def _describe_case(case: _Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "reference": case.reference,
        "created_at": case.opened_at,
        "wrapped_key": case.wrapped_key,
    }


def _describe_strand(case: _Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "channel": CHANNEL,
        "opened_at": case.opened_at,
        "touched_at": case.opened_at + timedelta(minutes=MESSAGES_OF_A_CASE),
        "state": "open",
    }


def _describe_events(messages: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        incoming = message["direction"] == "in"
        kinds = (
            (EventKind.MESSAGE_RECEIVED, EventKind.MESSAGE_OPENED)
            if incoming
            else (EventKind.MESSAGE_QUEUED, EventKind.MESSAGE_ON_ITS_WAY, EventKind.MESSAGE_READ)
        )
        for kind in kinds:
            yield {
                "case_id": message["case_id"],
                "message_id": message["message_id"],
                "at": message["stored_at"],
                "kind": kind,
                "actor": "officer",
            }


def _describe_receipt(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "receipt_id": message["message_id"] * 2,
        "signer_key_id": message["signer_key_id"],
        "signed_receipt": message["signed_payload_sealed"][:400],
    }


def _describe_evidence(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "message_id": message["message_id"],
        "given": message["direction"] == "in",
        "status": "delivered",
        "readable": True,
        "at": message["stored_at"],
        "payload_sha256": message["payload_sha256"],
        "stored_at": message["stored_at"],
        "receipt_id": message["message_id"] * 2,
    }
