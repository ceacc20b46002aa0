"""Opening large files while they still come, so that little is left to do with the last chunk.

What is opened is read from the disk, as it will be read later, and thrown away: a file counts as
opened only once all of it did (``opening.py``). Whatever goes wrong here is left to that, which
begins anew and says what it was.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlmodel import col, select

from node.domain.file_states import Arrival
from node.domain.ports import StoredContentError
from node.service.attachments import bitmaps
from node.service.attachments.received import ChunksLostError, HeldFile, load_file
from node.service.attachments.sealed_files import read_sealed_chunks
from node.service.context import NodeContext, NotFoundError
from node.store.attachment_tables import ReceivedFileRow
from protocol.attachment import AttachmentOpener
from protocol.errors import ProtocolError

#: Files that are opened ahead at a time. Beyond it they are opened when they are complete.
_FILES: Final = 4
#: Smaller ones are quickly opened as a whole, with the chunk that completes them.
FEWEST_CHUNKS: Final = 4
#: Chunks of one file opened in one call: a complete file does not wait long for its turn.
_CHUNKS: Final = 16
#: Of a file that does not go on for so long, nothing is kept: its key is in here.
_KEPT: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that was opened up to some chunk."""

    file: HeldFile
    opener: AttachmentOpener

    @classmethod
    def of(cls, file: HeldFile) -> "Begun":
        """Begin with the first chunk."""
        return cls(file, AttachmentOpener(file.manifest, message_id=file.wire_id))

    def go_on(self, context: NodeContext, *, indices: Iterable[int]) -> None:
        """Open what follows; raises :class:`ChunksLostError`, ``RemoteProtocolError``."""
        file = self.file
        try:
            for chunk in read_sealed_chunks(
                context.blobs, file.file_id, file.manifest, indices=indices
            ):
                self.opener.open(chunk)
        except StoredContentError as error:
            raise ChunksLostError("The disk no longer has a file that came.") from error

    def finish(self, context: NodeContext) -> None:
        """Open the rest of a file whose chunks are all here; raises as :meth:`go_on`."""
        count = self.file.manifest.chunk_count
        self.go_on(context, indices=range(self.opener.opened, count))
        self.opener.finish()


class OpeningAhead:
    """The files that are being opened while they come. Blocking; one caller at a time."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._begun: dict[str, Begun] = {}
        #: Files that are left to be opened when they are complete.
        self._left: set[str] = set()

    def take(self, file_id: str) -> Begun | None:
        """Hand over what was opened of a file, if anything was; it is forgotten here."""
        return self._begun.pop(file_id, None)

    def go_on(self) -> bool:
        """Open what came meanwhile, up to a bound; says whether there is more at once."""
        arriving = self._list_arriving()
        self._begun = {name: begun for name, begun in self._begun.items() if name in arriving}
        self._left &= arriving.keys()
        has_more = [self._go_on(file_id, held) for file_id, held in arriving.items()]
        return any(has_more)

    def _list_arriving(self) -> dict[str, Collection[int]]:
        with self._context.database.reading() as session:
            rows = session.exec(
                select(ReceivedFileRow.file_id, ReceivedFileRow.held_map)
                .where(
                    ReceivedFileRow.state == Arrival.ARRIVING,
                    col(ReceivedFileRow.chunk_count) >= FEWEST_CHUNKS,
                    col(ReceivedFileRow.held) > 0,
                    col(ReceivedFileRow.chunk_at) > self._context.clock() - _KEPT,
                )
                .order_by(col(ReceivedFileRow.noticed_at), col(ReceivedFileRow.file_id))
                .limit(_FILES)
            ).all()
        return {file_id: frozenset(bitmaps.list_bits(held_map)) for file_id, held_map in rows}

    def _go_on(self, file_id: str, held: Collection[int]) -> bool:
        if file_id in self._left:
            return False
        try:
            begun = self._begun.get(file_id) or self._begin(file_id)
            first = begun.opener.opened
            last = first
            while last in held and last < first + _CHUNKS:
                last += 1
            begun.go_on(self._context, indices=range(first, last))
        except (ChunksLostError, NotFoundError, StoredContentError, ProtocolError):
            self._begun.pop(file_id, None)
            self._left.add(file_id)
            return False
        return last in held

    def _begin(self, file_id: str) -> Begun:
        with self._context.database.reading() as session:
            file = load_file(self._context, session, file_id)
        self._begun[file_id] = Begun.of(file)
        return self._begun[file_id]
