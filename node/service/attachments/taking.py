"""Giving a copy of a received file to somebody: who may have it, and what the case says of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.file_states import Arrival, Scan, is_for_people
from node.service.attachments.opening import note_lost
from node.service.attachments.received import ChunksLostError, HeldFile, load_file, read_file
from node.service.attachments.scanning import say_place, tell
from node.service.attachments.showing import find_media_type
from node.service.audit import record
from node.service.context import NodeContext, NodeError, NotFoundError
from node.service.permitting import find_seen_message, require
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import EventRow

#: How long the parts of one file are fetched one after the other, as one taking.
_ONE_TAKING: Final = timedelta(hours=1)


class Withheld(StrEnum):
    """Why nobody may have a file now."""

    MISSING = "missing"
    WAITING = "waiting"
    #: Somebody has to say that they want it all the same.
    UNSCANNED = "unscanned"
    QUARANTINED = "quarantined"
    DAMAGED = "damaged"


_WITHHELD: Final = {
    Withheld.MISSING: "This file is not here as a whole: come back later.",
    Withheld.WAITING: "This file waits for the malware scanner: come back in a moment. If it stays"
    " so, tell your administrator.",
    Withheld.UNSCANNED: "The malware scanner could not look into all of this file. Have it only if "
    "you expected it from its sender, and say so: accept_unscanned=true.",
    Withheld.QUARANTINED: "The malware scanner found something in this file: it is quarantined. "
    "Ask its sender for it in another form, and tell your administrator.",
    Withheld.DAMAGED: "This file was damaged on this node's disk. It is asked for again: come back "
    "later.",
}


class WithheldFileError(NodeError):
    """A file that nobody may have now. The message says why, and what to do."""

    def __init__(self, why: Withheld, *, message_id: str) -> None:
        super().__init__(_WITHHELD[why])
        self.why = why
        self.message_id = message_id
        self.members = {"why": why.value}


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file that somebody may have."""

    file: HeldFile
    #: Our name of its message.
    message_id: str
    context: NodeContext

    @property
    def name(self) -> str:
        """What the sender calls it: to be shown, never a path."""
        return self.file.manifest.name

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.manifest.size

    @property
    def media_type(self) -> str:
        """By its name, from a closed list."""
        return find_media_type(self.name)

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Begin to read bytes ``first`` to ``last``, both inclusive; at most a chunk in memory.

        A file opens from its beginning alone, so what lies before is opened and passed over. Raises
        :class:`WithheldFileError` if it cannot be read at all; breaks off with
        ``ChunksLostError`` where the disk lost a later part. What is lost is asked for again.
        """
        pieces = self._cut(first, last)
        try:
            begun = next(pieces)
        except ChunksLostError as error:
            raise WithheldFileError(Withheld.DAMAGED, message_id=self.message_id) from error
        return chain((begun,), pieces)

    def _cut(self, first: int, last: int) -> Iterator[bytes]:
        at = 0
        try:
            for piece in read_file(self.context, self.file):
                begin, end = max(first - at, 0), min(last + 1 - at, len(piece))
                at += len(piece)
                if begin < end:
                    yield piece[begin:end]
                if at > last and at < self.size:
                    return
        except ChunksLostError:
            note_lost(self.context, self.file)
            raise


def open_copy(
    context: NodeContext,
    file_id: str,
    *,
    who: Principal,
    is_first_part: bool = True,
    accepts_unscanned: bool = False,
) -> FileCopy:
    """Give a received file to somebody, and write into its case who took it.

    Raises ``NotFoundError``; :class:`WithheldFileError` if it is not complete, waits for the
    scanner, is quarantined, or could not be scanned, unless they want it all the same. Unless
    ``is_first_part``, what the same actor has begun to take just now goes on.
    """
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        row = session.get(ReceivedFileRow, file_id)
        if row is None or find_seen_message(session, row.message_id, who=who) is None:
            raise NotFoundError("There is no such file here: open it again from its message.")
        _verify_for_people(row, accepts_unscanned=accepts_unscanned)
        file = load_file(context, session, file_id)
        goes_on = not is_first_part and _is_being_taken(context, session, row, actor=who.actor)
    copy = FileCopy(file=file, message_id=row.message_id, context=context)
    if not goes_on:

        def note(session: Session) -> None:
            tell(context, session, row, kind=EventKind.FILE_TAKEN, actor=who.actor)
            record(context, session, who, Act.FILE_TAKEN, subject=file_id)

        context.transact(note)
    return copy


def _is_being_taken(
    context: NodeContext, session: Session, row: ReceivedFileRow, *, actor: str
) -> bool:
    """Whether the case says already that this actor takes this file now.

    A request that leaves out the first byte must not be a way to take the others unseen.
    """
    taken = session.exec(
        select(EventRow.event_id).where(
            EventRow.message_id == row.message_id,
            EventRow.kind == EventKind.FILE_TAKEN,
            EventRow.actor == actor,
            EventRow.code == say_place(row),
            col(EventRow.at) > context.clock() - _ONE_TAKING,
        )
    ).first()
    return taken is not None


def _verify_for_people(row: ReceivedFileRow, *, accepts_unscanned: bool) -> None:
    arrival, scan = Arrival(row.state), Scan(row.scan)
    is_unscanned = scan is Scan.UNSCANNABLE
    if is_for_people(arrival, scan) and (accepts_unscanned or not is_unscanned):
        return
    why = Withheld.MISSING
    if arrival is Arrival.OPENED and is_unscanned:
        why = Withheld.UNSCANNED
    elif arrival is Arrival.OPENED:
        why = Withheld.QUARANTINED if scan is Scan.FOUND else Withheld.WAITING
    raise WithheldFileError(why, message_id=row.message_id)
