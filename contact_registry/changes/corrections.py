"""Corrections that operators ask a Participant for, and how they are answered: by publishing.

An operator who learns that a number does not answer asks whoever keeps the entry to look at it.
Nobody answers to the operators: the answer is what the Participant publishes next, signed with its
directory key - the entry mended or ended, or the same entry with a newer day of confirmation. So
there is no second channel that could say something else, and nothing to believe.

A request is served to whoever can read the registry, like the entries that it is about: it names
an entry and a field, and says in a sentence what seems wrong. No personal data.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NewType, Protocol

from contact_registry.changes.errors import (
    ChangeNotFoundError,
    DraftRefusedError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.clock import Clock
from contact_registry.directory import Directory
from contact_registry.models import Authority, ContactsDocument
from protocol.identifiers import AuthorityId, ParticipantCode, RandomBytes, get_participant_of

CorrectionId = NewType("CorrectionId", str)
"""32 small hexadecimal digits."""

#: Characters of what is said to be wrong.
LONGEST_TEXT: Final = 500
#: Open corrections of one Participant.
MOST_OPEN: Final = 200
#: What a confirmation changes, and nothing else does.
_OF_CONFIRMING: Final = frozenset({"last_confirmed", "review_due"})


class CorrectionState(StrEnum):
    """What the operators made of a request."""

    ASKED = "asked"
    SETTLED = "settled"
    """The operators are content."""
    WITHDRAWN = "withdrawn"


#: From the state of a request to those that may follow.
FOLLOWING: Final = {
    CorrectionState.ASKED: frozenset({CorrectionState.SETTLED, CorrectionState.WITHDRAWN}),
    CorrectionState.SETTLED: frozenset({CorrectionState.ASKED}),
    CorrectionState.WITHDRAWN: frozenset[CorrectionState](),
}


class CorrectionAnswer(StrEnum):
    """What the Participant has published since, as far as it concerns the request."""

    NONE = "none"
    MENDED = "mended"
    """The entry says something else now."""
    CONFIRMED = "confirmed"
    """The entry says the same, and was confirmed on or after the day of the request."""
    ENDED = "ended"
    """The entry has ended, or is not listed any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A request. ``authority_id`` empty: about the list as a whole; ``field`` empty: the entry.

    ``entry_sha256`` is of what the entry said when it was asked, its days of confirmation left out.
    """

    id: CorrectionId
    participant: ParticipantCode
    authority_id: str
    field: str
    text: str
    state: CorrectionState
    row_version: int
    entry_sha256: str
    asked_by: str
    asked_at: datetime
    updated_by: str
    updated_at: datetime


class CorrectionStore(Protocol):
    """Keeps requests. Each method is one transaction."""

    def add(self, correction: Correction) -> None:
        """Keep a new request."""

    def load(self, correction_id: CorrectionId) -> Correction | None:
        """Return a request, or None."""

    def save(self, correction: Correction, *, seen: int) -> None:
        """Replace a request of row version ``seen``; raises ``StaleChangeError`` otherwise."""

    def list(
        self, *, participant: ParticipantCode | None = None, open_only: bool = True, limit: int
    ) -> Sequence[Correction]:
        """Return requests, the newest first."""


def judge(correction: Correction, directory: Directory) -> CorrectionAnswer:
    """Return how far what is published now answers a request."""
    document = directory.contacts.get(correction.participant)
    if not correction.authority_id:
        same = digest_list(document) == correction.entry_sha256
        return CorrectionAnswer.NONE if same else CorrectionAnswer.MENDED
    entry = _find(document, correction.authority_id)
    asked_on = correction.asked_at.astimezone(UTC).date()
    if entry is None or (entry.valid_to is not None and entry.valid_to < asked_on):
        return CorrectionAnswer.ENDED
    if digest_entry(entry) != correction.entry_sha256:
        return CorrectionAnswer.MENDED
    if entry.last_confirmed is not None and entry.last_confirmed >= asked_on:
        return CorrectionAnswer.CONFIRMED
    return CorrectionAnswer.NONE


def digest_entry(entry: Authority) -> str:
    """Return the SHA-256 of what an entry says, its days of confirmation left out."""
    text = entry.model_dump_json(exclude=set(_OF_CONFIRMING))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_list(document: ContactsDocument | None) -> str:
    """Return the SHA-256 of what a list says as a whole."""
    text = "" if document is None else document.model_dump_json()
    return hashlib.sha256(text.encode()).hexdigest()


def _find(document: ContactsDocument | None, authority_id: str) -> Authority | None:
    entries = document.authorities if document is not None else ()
    return next((entry for entry in entries if entry.id == authority_id), None)


class CorrectionDesk:
    """Where operators ask for corrections. Methods block.

    They raise ``ChangeNotFoundError``, ``StaleChangeError``, ``StepNotPossibleError``,
    ``DraftRefusedError``.
    """

    def __init__(
        self,
        store: CorrectionStore,
        *,
        read_directory: Callable[[], Directory],
        clock: Clock,
        random: RandomBytes,
    ) -> None:
        self._store = store
        self._read_directory = read_directory
        self._clock = clock
        self._random = random

    def ask(
        self,
        code: ParticipantCode,
        *,
        text: str,
        actor: str,
        authority_id: str = "",
        field: str = "",
    ) -> Correction:
        """Ask for a correction of an entry, or of the list as a whole."""
        directory = self._read_directory()
        if directory.participant(code) is None:
            raise ChangeNotFoundError(f"{code} does not take part: choose a Participant.")
        document = directory.contacts.get(code)
        entry = _find(document, authority_id)
        is_own = not authority_id or get_participant_of(AuthorityId(authority_id)) == code
        if (authority_id and entry is None) or not is_own:
            raise ChangeNotFoundError("There is no such entry: choose one of the directory.")
        if field and field not in Authority.model_fields:
            raise DraftRefusedError("There is no such field: choose one of the list.")
        if len(self._store.list(participant=code, limit=MOST_OPEN)) == MOST_OPEN:
            raise StepNotPossibleError(
                f"{MOST_OPEN} corrections are asked of {code} already: settle some of them first."
            )
        now = self._clock()
        correction = Correction(
            id=CorrectionId(self._random(16).hex()),
            participant=code,
            authority_id=authority_id,
            field=field,
            text=_read_text(text),
            state=CorrectionState.ASKED,
            row_version=1,
            entry_sha256=digest_list(document) if entry is None else digest_entry(entry),
            asked_by=actor,
            asked_at=now,
            updated_by=actor,
            updated_at=now,
        )
        self._store.add(correction)
        return correction

    def list_corrections(
        self, *, participant: ParticipantCode | None = None, open_only: bool = True
    ) -> Sequence[Correction]:
        """Return requests, the newest first."""
        return self._store.list(participant=participant, open_only=open_only, limit=MOST_OPEN)

    def load(self, correction_id: CorrectionId) -> Correction:
        """Return a request."""
        found = self._store.load(correction_id)
        if found is None:
            raise ChangeNotFoundError("There is no such correction: look for it in the list.")
        return found

    def judge(self, correction: Correction) -> CorrectionAnswer:
        """Return how far what is published now answers a request."""
        return judge(correction, self._read_directory())

    def move(
        self, correction_id: CorrectionId, state: CorrectionState, *, seen: int, actor: str
    ) -> Correction:
        """Settle, withdraw, or ask again."""
        before = self.load(correction_id)
        if before.row_version != seen:
            raise StaleChangeError("This was changed meanwhile: open it again, and decide then.")
        if state not in FOLLOWING[before.state]:
            raise StepNotPossibleError(f"What is {before.state} cannot be {state}: ask anew.")
        after = replace(
            before,
            state=state,
            row_version=before.row_version + 1,
            updated_by=actor,
            updated_at=self._clock(),
        )
        self._store.save(after, seen=seen)
        return after


def _read_text(text: str) -> str:
    line = " ".join(text.split())
    if not line or len(line) > LONGEST_TEXT or not line.isprintable():
        raise DraftRefusedError(
            f"Say in at most {LONGEST_TEXT} characters what seems wrong, without personal data."
        )
    return line
