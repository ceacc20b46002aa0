"""Taking in chunks: each checked against its manifest, on the disk before it counts (SPEC 13).

A chunk is neither signed nor sealed again: it is what the manifest in the signed message says, or
it is dropped. Content first, then the row that says that it is here, then the broker may forget it:
a crash anywhere repeats work, and changes nothing. A small file is opened with the chunk that makes
it whole, and its receipt owed in the same transaction: looking for it later would take longer.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

import structlog
from sqlmodel import Session, col, func, select

from contact_registry.directory import Directory
from node.domain.file_intake import FILE_INTAKE, FileIntakeRules
from node.domain.file_states import TAKES_CHUNKS, Arrival, ArrivalEvent
from node.domain.ports import StoredContentError
from node.service.attachments.opening import hand_receipts_on, open_whole, record_opening
from node.service.attachments.opening_ahead import FEWEST_CHUNKS
from node.service.attachments.received import (
    ChunksLostError,
    HeldFile,
    list_held,
    load_file,
    lock_file,
    move_file,
    note_held,
)
from node.service.attachments.sealed_files import chunk_offset
from node.service.context import NodeContext, NotFoundError
from node.service.receipt_rows import Owed
from node.store.attachment_tables import ReceivedFileRow
from protocol.attachment import Assembly, Chunk, ChunkVerdict
from protocol.errors import MalformedError, ProtocolError
from protocol.identifiers import ParticipantCode
from protocol.messages.attachments import AttachmentManifest
from protocol.subjects import AccountId

log = structlog.get_logger(__name__)

#: Manifests kept at hand: a message with sixteen large files takes long to read. Without their
#: keys, which nothing here needs: what is erased must not go on in memory.
_MANIFESTS: Final = 64
#: Files of one sender under one identifier that are looked at: an honest one has one.
_NAMESAKES: Final = 8

#: The trouble of a file for which its sender's share of the disk has no room.
NO_ROOM: Final = "no_room"


class ChunkFate(StrEnum):
    """What became of a chunk."""

    STORED = "stored"
    #: It was here already, or its file was opened.
    KNOWN = "known"
    #: No message that announces it is here, yet.
    EARLY = "early"
    #: It is not a chunk, or not the one that was announced.
    REFUSED = "refused"
    #: It is the one announced, and the file can never be opened: its message is rejected.
    SPOILT = "spoilt"
    #: Its sender's share of our disk is used up.
    NO_ROOM = "no_room"


@dataclass(frozen=True, slots=True)
class ArrivedChunk:
    """A chunk as it came out of our mailbox."""

    sender: AccountId
    body: bytes


@dataclass(frozen=True, slots=True)
class _Judged:
    fate: ChunkFate
    file_id: str = ""
    chunk: Chunk | None = None
    #: Where it belongs in the blob.
    offset: int = 0


class ChunkTaker:
    """Takes in chunks; remembers manifests. One caller at a time."""

    def __init__(
        self,
        context: NodeContext,
        rules: FileIntakeRules = FILE_INTAKE,
        *,
        has_scanner: bool | None = None,
    ) -> None:
        """``has_scanner``: whether what is opened here is scanned; ``None``: nothing is opened."""
        self._context = context
        self._rules = rules
        self._has_scanner = has_scanner
        self._manifests: OrderedDict[str, AttachmentManifest] = OrderedDict()
        #: Files that begin with the chunks at hand, and what their senders' shares hold with them.
        self._begun: set[str] = set()
        self._shares: dict[str, int] = {}
        #: What was found of the files of the chunks at hand.
        self._rows: dict[tuple[ParticipantCode | None, str], Sequence[ReceivedFileRow]] = {}
        self._assemblies: dict[str, Assembly] = {}
        #: Files of the chunks at hand that were read with their keys, for these chunks alone.
        self._read: dict[str, HeldFile] = {}

    def take_in(self, arrived: Sequence[ArrivedChunk]) -> list[ChunkFate]:
        """Store what is new, in one transaction; the results are in the same order. Blocking.

        Raises ``NoRoomError`` or ``OSError`` if the disk takes nothing: then nothing is here.
        """
        context = self._context
        directory = context.directory.current()
        self._begun.clear()
        self._shares.clear()
        self._rows.clear()
        self._assemblies.clear()
        self._read.clear()
        with context.database.reading() as session:
            judged = [self._judge(session, directory, each) for each in arrived]
        new: dict[str, set[int]] = {}
        for each in judged:
            if each.fate is ChunkFate.STORED and each.chunk is not None:
                context.blobs.write_at(each.file_id, each.offset, each.chunk.ciphertext)
                new.setdefault(each.file_id, set()).add(each.chunk.index)
        for file_id in new:
            context.blobs.sync(file_id)
        spoilt = {each.file_id for each in judged if each.fate is ChunkFate.SPOILT}
        waiting = {each.file_id for each in judged if each.fate is ChunkFate.NO_ROOM}
        if new or spoilt or waiting:
            opened = self._open_small(new)
            owed = context.transact(
                partial(self._record, new=new, spoilt=spoilt, waiting=waiting, opened=opened)
            )
            self._wake(opened, owed, has_others=bool(new.keys() - opened.keys()), spoilt=spoilt)
        self._read.clear()
        return [each.fate for each in judged]

    def count_missing(self, arrived: Sequence[ArrivedChunk]) -> int:
        """Return how many chunks the last one's file lacks besides these; 0 if it is not known.

        A hint, for who may wait a moment for the rest. Blocking.
        """
        try:
            chunk = Chunk.parse(arrived[-1].body)
        except MalformedError:
            return 0
        peer = _find_peer(self._context.directory.current(), arrived[-1].sender)
        with self._context.database.reading() as session:
            rows = self._ask_rows(session, peer, chunk.attachment_id)
        lacking = (row.chunk_count - row.held for row in rows if row.state in TAKES_CHUNKS)
        return max(0, min(lacking, default=0) - len(arrived))

    def _wake(
        self,
        opened: Mapping[str, ArrivalEvent],
        owed: Sequence[Owed],
        *,
        has_others: bool,
        spoilt: Collection[str],
    ) -> None:
        """Wake who has something to do now, and nobody else: each looks into the store."""
        signals = self._context.signals
        if opened:
            hand_receipts_on(self._context, owed)
            signals.inbox.notify()
            log.info(
                "received_files_opened", events=sorted(set(opened.values())), count=len(opened)
            )
        if opened and self._has_scanner:
            signals.scans.notify()
        if has_others:
            signals.files.notify()
        if spoilt:
            signals.receipts.notify()

    # -------------------------------------------------------------- judging

    def _judge(self, session: Session, directory: Directory, arrived: ArrivedChunk) -> _Judged:
        try:
            chunk = Chunk.parse(arrived.body)
        except MalformedError:
            return _Judged(ChunkFate.REFUSED)
        peer = _find_peer(directory, arrived.sender)
        rows = self._find_rows(session, peer, chunk.attachment_id)
        if not rows:
            return _Judged(ChunkFate.EARLY)
        judged = [self._judge_for(session, row, chunk) for row in rows]
        return min(judged, key=lambda each: _BEST_FIRST.index(each.fate))

    def _find_rows(
        self, session: Session, peer: ParticipantCode | None, attachment_id: str
    ) -> Sequence[ReceivedFileRow]:
        name = (peer, attachment_id)
        if name not in self._rows:
            self._rows[name] = self._ask_rows(session, peer, attachment_id)
        return self._rows[name]

    @staticmethod
    def _ask_rows(
        session: Session, peer: ParticipantCode | None, attachment_id: str
    ) -> Sequence[ReceivedFileRow]:
        return session.exec(
            select(ReceivedFileRow)
            .where(ReceivedFileRow.peer == peer, ReceivedFileRow.attachment_id == attachment_id)
            .limit(_NAMESAKES)
        ).all()

    def _judge_for(self, session: Session, row: ReceivedFileRow, chunk: Chunk) -> _Judged:
        if row.state not in TAKES_CHUNKS:
            is_here = row.state == Arrival.OPENED
            return _Judged(ChunkFate.KNOWN if is_here else ChunkFate.REFUSED)
        try:
            manifest = self._find_manifest(session, row)
            assembly = self._assemblies.get(row.file_id)
            if assembly is None:
                assembly = Assembly(manifest, held=list_held(row))
                self._assemblies[row.file_id] = assembly
            verdict = assembly.accept(chunk)
        except MalformedError:
            return _Judged(ChunkFate.SPOILT, row.file_id)
        except (NotFoundError, StoredContentError, ProtocolError):
            return _Judged(ChunkFate.REFUSED)  # not the announced one, or its case was erased
        fate = ChunkFate.STORED
        if verdict is ChunkVerdict.KNOWN:
            fate = ChunkFate.KNOWN
        elif not row.held and not self._has_room(session, row):
            fate = ChunkFate.NO_ROOM
        offset = chunk_offset(chunk.index, chunk_size=manifest.chunk_size)
        return _Judged(fate, row.file_id, chunk, offset)

    def _find_manifest(self, session: Session, row: ReceivedFileRow) -> AttachmentManifest:
        found = self._manifests.pop(row.file_id, None)
        if found is None or row.state == Arrival.GONE:  # it may be gone because it was erased
            whole = self._read_file(session, row.file_id).manifest
            found = whole.model_copy(update={"key": "", "header": ""})
        self._manifests[row.file_id] = found
        if len(self._manifests) > _MANIFESTS:
            self._manifests.popitem(last=False)
        return found

    def _read_file(self, session: Session, file_id: str) -> HeldFile:
        if file_id not in self._read:
            self._read[file_id] = load_file(self._context, session, file_id)
        return self._read[file_id]

    def _has_room(self, session: Session, row: ReceivedFileRow) -> bool:
        """Say whether a file may begin; files that begin with the same chunks count already."""
        if row.file_id in self._begun:
            return True
        used = self._shares.get(row.peer)
        if used is None:
            held = session.exec(
                select(func.sum(ReceivedFileRow.size)).where(
                    ReceivedFileRow.peer == row.peer, col(ReceivedFileRow.held) > 0
                )
            ).one()
            used = int(held or 0)
        if used + row.size > self._rules.of_one_peer:
            return False
        self._begun.add(row.file_id)
        self._shares[row.peer] = used + row.size
        return True

    # -------------------------------------------------------------- storing

    def _open_small(self, new: Collection[str]) -> dict[str, ArrivalEvent]:
        """Open small files that the new chunks make whole; returns what that says of each.

        They lie on the disk by now, and are read from there. Whatever goes wrong is left to
        ``opening.py``, which says what it was.
        """
        found: dict[str, ArrivalEvent] = {}
        if self._has_scanner is None:
            return found
        for row in (row for rows in self._rows.values() for row in rows if row.file_id in new):
            if row.chunk_count >= FEWEST_CHUNKS or not self._assemblies[row.file_id].is_complete:
                continue
            with suppress(ChunksLostError, NotFoundError, StoredContentError, ProtocolError):
                with self._context.database.reading() as session:
                    file = self._read_file(session, row.file_id)
                found[row.file_id] = open_whole(self._context, file)
        return found

    def _record(
        self,
        session: Session,
        *,
        new: dict[str, set[int]],
        spoilt: Iterable[str],
        waiting: Iterable[str],
        opened: Mapping[str, ArrivalEvent],
    ) -> list[Owed]:
        """Write it down; returns the receipts that were earned by it and are claimed."""
        context = self._context
        owed: list[Owed] = []
        locked = (lock_file(session, each) for each in sorted({*new, *spoilt, *waiting}))
        # All files are locked first, then their messages in one order: no two wait for each other.
        rows = sorted(
            (row for row in locked if row is not None), key=lambda row: (row.message_id, row.place)
        )
        for row in rows:
            if row.file_id in spoilt:
                move_file(context, session, row, ArrivalEvent.DOES_NOT_OPEN)
            elif row.file_id in new:
                is_noted = _note_new(context, session, row, new[row.file_id])
                event = opened.get(row.file_id)
                if is_noted and event is not None and row.held == row.chunk_count:
                    owed += record_opening(
                        context, session, row, event, has_scanner=bool(self._has_scanner)
                    )
            else:
                row.trouble = NO_ROOM
            session.add(row)
        session.flush()
        return owed


#: What counts if a sender has announced two files under one identifier.
_BEST_FIRST: Final = (
    ChunkFate.STORED,
    ChunkFate.NO_ROOM,
    ChunkFate.KNOWN,
    ChunkFate.SPOILT,
    ChunkFate.REFUSED,
    ChunkFate.EARLY,
)


def _note_new(
    context: NodeContext, session: Session, row: ReceivedFileRow, indices: set[int]
) -> bool:
    """Count chunks as here. While some come, nobody asks: the first pause begins anew."""
    if not move_file(context, session, row, ArrivalEvent.CHUNK_CAME):
        return False  # another worker opened it meanwhile, with the same chunks
    now = context.clock()
    note_held(row, list_held(row) | indices)
    row.chunk_at, row.trouble = now, None
    row.asked, row.asked_at = 0, None
    is_complete = row.held == row.chunk_count
    row.ask_at = None if is_complete else now + context.rules.repair.pause(0)
    return True


def _find_peer(directory: Directory, account: AccountId) -> ParticipantCode | None:
    for code, document in directory.keys.items():
        if document.broker.account == account:
            return code
    return None
