"""The book of what nodes said yes to, kept outside the system, line by line on disk.

It knows only what a program of a Participant knows: what it asked for, and what the node answered.
And it knows what the run did to the nodes: of whom a backup was made, and who was put back to it.
"""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that a node's interface answered for with 201."""

    #: What the program put into the message, so that two messages of one request are known.
    mark: str
    sender: str
    recipient: str
    type: str
    message_id: str
    case: str
    #: Its place in the ledger.
    number: int
    #: SHA-256 of each file that went with it.
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """A node that was put back to a backup."""

    code: str
    #: Messages accepted before the backup began: what was accepted later may be forgotten.
    accepted_before: int
    #: Messages accepted before the node was killed for it: what came later is not concerned.
    accepted_until: int
    #: Requests of its programs that had no answer at that moment: one may be sent anew.
    open_marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A message that its program took back at once, and the node said yes."""

    #: Whether the node answered that nothing of it can have left.
    certain: bool
    #: Messages accepted before the answer came.
    accepted_before: int


class Ledger:
    """Thread-safe; appends to a file as it goes."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.accepted: list[Accepted] = []
        self.restored: list[Restored] = []
        self.refused: dict[str, int] = {}
        self.taken_back: dict[str, TakenBack] = {}
        self.mailboxes_wiped = 0
        self.envelopes_wiped = 0
        self.streams_wiped = 0
        self._open: dict[str, str] = {}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def count(self) -> int:
        """How many messages were accepted so far."""
        return len(self.accepted)

    def note_asked(self, sender: str, mark: str) -> None:
        """Note that a program asks, before it does."""
        with self._lock:
            self._open[mark] = sender

    def note_accepted(
        self, mark: str, *, recipient: str, kind: str, answer: Any, files: Iterable[str] = ()
    ) -> None:
        """Note a yes."""
        with self._lock:
            sender = self._open.pop(mark)
            entry = Accepted(
                mark=mark,
                sender=sender,
                recipient=recipient,
                type=kind,
                message_id=answer["message_id"],
                case=answer["case"],
                number=len(self.accepted),
                files=tuple(files),
            )
            self.accepted.append(entry)
            self._write("accepted", asdict(entry))

    def note_refused(self, mark: str, *, why: str) -> None:
        """Note a no: nothing was promised."""
        with self._lock:
            self._open.pop(mark, None)
            self.refused[why] = self.refused.get(why, 0) + 1
            self._write("refused", {"mark": mark, "why": why})

    def note_restored(self, code: str, *, accepted_before: int) -> None:
        """Note that a node was put back; call it once the old one is dead."""
        with self._lock:
            entry = Restored(
                code=code,
                accepted_before=accepted_before,
                accepted_until=len(self.accepted),
                open_marks=frozenset(m for m, sender in self._open.items() if sender == code),
            )
            self.restored.append(entry)
            self._write("restored", asdict(entry) | {"open_marks": sorted(entry.open_marks)})

    def note_taken_back(self, message_id: str, *, certain: bool) -> None:
        """Note that a node took a message back."""
        with self._lock:
            done = TakenBack(certain, accepted_before=len(self.accepted))
            self.taken_back[message_id] = done
            self._write("taken_back", asdict(done) | {"message_id": message_id})

    def note_wiped(self, code: str, *, envelopes: Mapping[str, int]) -> None:
        """Note that a mailbox was emptied by force: of how many envelopes, by class."""
        with self._lock:
            self.mailboxes_wiped += 1
            self.streams_wiped += len(envelopes)
            self.envelopes_wiped += sum(envelopes.values())
            self._write("wiped", {"code": code, "envelopes": dict(envelopes)})

    def note(self, what: str, **facts: Any) -> None:
        """Note anything else that happened, for whoever reads the file."""
        with self._lock:
            self._write(what, facts)

    def _write(self, what: str, facts: dict[str, Any]) -> None:
        self._file.write(json.dumps({"what": what} | facts) + "\n")
        self._file.flush()

    def may_be_forgotten(self, entry: Accepted) -> bool:
        """Say whether its sender was put back to a backup that may be older than it."""
        return self.may_be_sent_anew(entry.mark) or any(
            each.code == entry.sender and each.accepted_before <= entry.number < each.accepted_until
            for each in self.restored
        )

    def find_taken_back(self, entry: Accepted) -> TakenBack | None:
        """Return what was said of a message that was taken back, unless a restore forgot it."""
        done = self.taken_back.get(entry.message_id)
        is_undone = done is not None and any(
            each.code == entry.sender
            and each.accepted_before <= done.accepted_before <= each.accepted_until
            for each in self.restored
        )
        return None if is_undone else done

    def may_be_sent_anew(self, mark: str) -> bool:
        """Say whether its program had no answer when its node was put back, and asked again."""
        return any(mark in each.open_marks for each in self.restored)
