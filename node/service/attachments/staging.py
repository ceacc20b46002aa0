"""Bringing a file in: announced, streamed to the disk encrypted, resumed where it broke off.

Each file has a key of its own, wrapped under the node key, and lies in segments that are encrypted
each by itself: nothing but what is on its way is ever in memory, and a file can be read from any
place. What counts as received is on the disk for good. A file is whole when all of it is there and
it was looked at: then a message may take it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from console.i18n import msg
from node.domain.files import NoRoomError
from node.service.attachments.recipient_limits import verify_fits
from node.service.attachments.sniffing import (
    RefusedFileError,
    SegmentedFile,
    look_at,
    match_name,
)
from node.service.context import NodeContext, NotFoundError, StaleError
from node.store.attachment_tables import StagedFileRow
from protocol.messages.attachments import FileName
from protocol.messages.fields import Sensitivity

SEGMENT_EXTRA: Final = 40
"""What encryption adds to a segment: nonce and tag."""
_MEGABYTE: Final = 1_000_000
_NO_FILE: Final = (
    "There is no such file: it was sent, removed, or kept too long. Bring it in again."
)


class FileDraft(BaseModel):
    """What is said of a file before it comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    #: Class of what is in the file (SPEC section 9.3).
    sensitivity: Sensitivity
    #: Bytes.
    size: Annotated[int, Field(ge=1)]
    #: Whatever tells one state of a file from another, such as when it was changed: a file that
    #: broke off goes on only if it is the same. Empty: not known.
    edition: Annotated[str, Field(max_length=64)] = ""
    #: Whom it is for, if that is known: what their node does not take is refused now.
    recipient: str | None = Field(default=None, max_length=8)


class Description(BaseModel):
    """What is kept of a file, sealed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    media_type: str
    sensitivity: Sensitivity
    edition: str = ""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that is being brought in."""

    file_id: str
    description: Description
    size: int
    #: Bytes that are on the disk for good: where to go on.
    received: int
    #: Whether a message may take it.
    complete: bool


class WrongOffsetError(StaleError):
    """A piece does not follow what is there. ``members`` says where to go on."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            msg(
                "This node has %(count)s bytes of the file: go on from there with what follows.",
                count=offset,
            )
        )
        self.members = {"offset": offset}


def handle_begin_file(
    context: NodeContext, draft: FileDraft, *, owner: str, draft_id: str | None = None
) -> StagedFile:
    """Make room for a file. Raises ``RefusedFileError`` or ``NoRoomError`` with what to do."""
    kind = match_name(draft.name)
    largest = context.file_rules.largest
    if draft.size > largest:
        raise RefusedFileError(
            msg(
                "A file has at most %(most)s MB, and this one has %(size)s MB: make "
                "it smaller, or split it.",
                most=f"{largest / _MEGABYTE:.1f}",
                size=f"{draft.size / _MEGABYTE:.1f}",
            )
        )
    verify_fits(context, recipient=draft.recipient, size=draft.size, media_type=kind.media_type)
    description = Description(
        name=draft.name,
        media_type=kind.media_type,
        sensitivity=draft.sensitivity,
        edition=draft.edition,
    )
    file_id, now = context.random(16).hex(), context.clock()
    row = StagedFileRow(
        file_id=file_id,
        owner=owner,
        draft_id=draft_id,
        description_sealed=context.keys.encrypt(
            description.model_dump_json().encode(), wrapped_key=None, context=_place(file_id)
        ),
        wrapped_key=context.keys.make_case_key(),
        size=draft.size,
        created_at=now,
        updated_at=now,
        expires_at=now + context.file_rules.staged_for,
    )

    def begin(session: Session) -> None:
        _verify_share(context, session, owner=owner, size=draft.size)
        session.add(row.model_copy())

    context.transact(begin)
    return StagedFile(file_id, description, draft.size, received=0, complete=False)


def _place(file_id: str) -> str:
    return f"file:{file_id}"


def _verify_share(context: NodeContext, session: Session, *, owner: str, size: int) -> None:
    """Refuse what would fill the disk, or one person's share of it."""
    rules = context.file_rules
    count, total = session.exec(
        select(func.count(), func.coalesce(func.sum(StagedFileRow.size), 0)).where(
            StagedFileRow.owner == owner
        )
    ).one()
    if count >= rules.staged_files_by_one or total + size > rules.staged_by_one:
        raise RefusedFileError(
            msg(
                "Too many of your files wait to be sent: send them or remove some, then bring "
                "this one "
                "in."
            )
        )
    everybody, announced = session.exec(
        select(
            func.coalesce(func.sum(StagedFileRow.size), 0),
            func.coalesce(func.sum(StagedFileRow.size - StagedFileRow.received), 0),
        )
    ).one()
    if everybody + size > rules.staged_by_all:
        raise NoRoomError(
            msg(
                "Too many files of this node wait to be sent: nothing was lost. Ask "
                "whoever brought files in to send or remove them, or wait: what nobody "
                "sends is removed after %(days)s days.",
                days=rules.staged_for.days,
            )
        )
    verify_room(context, needed=announced + size)


def verify_room(context: NodeContext, *, needed: int) -> None:
    """Raise ``NoRoomError`` unless the disk takes so many bytes and keeps its reserve."""
    if context.blobs.free_bytes() - needed < context.file_rules.reserve:
        raise NoRoomError(
            msg(
                "The disk of this node has too little room for this file: nothing was lost. "
                "Tell its "
                "administrator to make room, then try again."
            )
        )


def load_staged(context: NodeContext, file_id: str, *, owner: str) -> StagedFile:
    """Return a file of this owner; raises ``NotFoundError``."""
    with context.database.reading() as session:
        return _describe(context, _get(context, session, file_id, owner=owner))


def list_staged(
    context: NodeContext, *, owner: str | None = None, draft_id: str | None = None
) -> list[StagedFile]:
    """List files of an owner, of a draft, or both, the oldest first."""
    query = select(StagedFileRow).where(col(StagedFileRow.expires_at) > context.clock())
    if owner is not None:
        query = query.where(StagedFileRow.owner == owner)
    if draft_id is not None:
        query = query.where(StagedFileRow.draft_id == draft_id)
    with context.database.reading() as session:
        rows = session.exec(
            query.order_by(col(StagedFileRow.created_at), col(StagedFileRow.file_id))
        ).all()
    return [_describe(context, row) for row in rows]


def handle_discard_file(context: NodeContext, file_id: str, *, owner: str) -> None:
    """Delete a file that no message took; nothing happens if it is gone or another's."""

    def discard(session: Session) -> bool:
        row = session.get(StagedFileRow, file_id, with_for_update=True)
        if row is None or row.owner != owner:
            return False
        session.delete(row)
        return True

    if context.transact(discard):
        context.blobs.delete(file_id)


def _get(
    context: NodeContext, session: Session, file_id: str, *, owner: str, lock: bool = False
) -> StagedFileRow:
    row = session.get(StagedFileRow, file_id, with_for_update=lock)
    if row is None or row.owner != owner or row.expires_at <= context.clock():
        raise NotFoundError(_NO_FILE)
    return row


def _describe(context: NodeContext, row: StagedFileRow) -> StagedFile:
    return StagedFile(
        file_id=row.file_id,
        description=Description.model_validate_json(
            context.keys.decrypt(
                row.description_sealed, wrapped_key=None, context=_place(row.file_id)
            )
        ),
        size=row.size,
        received=row.received,
        complete=row.complete,
    )


class FileWriter:
    """Takes the bytes of one file from ``offset`` on. Blocking; for one thread at a time.

    What is written is made safe every few megabytes and counted then; :meth:`finish` makes the rest
    safe. A connection that breaks costs what was not counted. Whole segments count, and the end.
    """

    def __init__(self, context: NodeContext, file_id: str, *, owner: str, offset: int) -> None:
        """Raise ``NotFoundError``, or :class:`WrongOffsetError` with where to go on."""
        self._context, self._file_id, self._owner = context, file_id, owner
        with context.database.reading() as session:
            row = _get(context, session, file_id, owner=owner)
        if row.received != offset:
            raise WrongOffsetError(row.received)
        self._wrapped_key, self._size = row.wrapped_key, row.size
        self._offset, self._waiting = offset, bytearray()

    def write(self, piece: bytes) -> None:
        """Take what follows. Raises ``RefusedFileError``, ``NoRoomError``, ``StaleError``."""
        if self._offset + len(self._waiting) + len(piece) > self._size:
            raise RefusedFileError(
                msg(
                    "The file is longer than the %(size)s bytes that were announced: "
                    "announce it anew with its size of now.",
                    size=self._size,
                )
            )
        self._waiting += piece
        stride = self._context.file_rules.stride
        try:
            while len(self._waiting) >= stride:
                self._keep(stride)
        except FileNotFoundError as error:  # removed between two of its bytes
            raise NotFoundError(_NO_FILE) from error

    def finish(self, *, is_rest: bool = False) -> StagedFile:
        """Make safe what was written, and look at the file if it is whole.

        ``is_rest``: it ends here, although more was announced. A file that is refused
        (``RefusedFileError``) is deleted. ``NotFoundError`` if it was removed meanwhile.
        """
        try:
            return self._finish(is_rest=is_rest)
        except FileNotFoundError as error:
            raise NotFoundError(_NO_FILE) from error

    def _finish(self, *, is_rest: bool) -> StagedFile:
        whole = len(self._waiting)
        if is_rest:
            self._size = self._offset + whole
            self._context.transact(self._shorten)
        if self._offset + whole < self._size:
            whole -= whole % self._context.file_rules.segment
        if whole:
            self._keep(whole)
        if self._offset == self._size:
            _complete(self._context, self._file_id, owner=self._owner)
        return load_staged(self._context, self._file_id, owner=self._owner)

    def _keep(self, length: int) -> None:
        """Write segments, make them safe, and count them, unless somebody else went on meanwhile.

        The lock keeps two writers from mixing their bytes in one file.
        """
        context, segment = self._context, self._context.file_rules.segment
        with context.blobs.locked(self._file_id):
            with context.database.reading() as session:
                row = _get(context, session, self._file_id, owner=self._owner)
            if row.received != self._offset:
                raise WrongOffsetError(row.received)
            for at in range(0, length, segment):
                index = (self._offset + at) // segment
                context.blobs.write_at(
                    self._file_id,
                    index * (segment + SEGMENT_EXTRA),
                    context.keys.encrypt(
                        bytes(self._waiting[at : min(at + segment, length)]),
                        wrapped_key=self._wrapped_key,
                        context=f"{_place(self._file_id)}:{index}",
                    ),
                )
            context.blobs.sync(self._file_id)
            context.transact(partial(self._count, length=length))
        self._offset += length
        del self._waiting[:length]

    def _shorten(self, session: Session) -> None:
        if not self._size:
            raise RefusedFileError(msg("The file is empty: choose another one."))
        row = _get(self._context, session, self._file_id, owner=self._owner, lock=True)
        row.size = self._size

    def _count(self, session: Session, *, length: int) -> None:
        row = _get(self._context, session, self._file_id, owner=self._owner, lock=True)
        row.received = self._offset + length
        row.updated_at = self._context.clock()
        row.expires_at = row.updated_at + self._context.file_rules.staged_for


def read_staged(
    context: NodeContext, file_id: str, *, wrapped_key: bytes, size: int
) -> Iterator[bytes]:
    """Yield the content of a file, segment by segment; raises ``StoredContentError``."""
    segment = context.file_rules.segment
    for index in range(-(-size // segment)):
        yield _read_segment(context, file_id, index=index, wrapped_key=wrapped_key)


def _read_segment(context: NodeContext, file_id: str, *, index: int, wrapped_key: bytes) -> bytes:
    stride = context.file_rules.segment + SEGMENT_EXTRA
    return context.keys.decrypt(
        context.blobs.read_at(file_id, index * stride, stride),
        wrapped_key=wrapped_key,
        context=f"{_place(file_id)}:{index}",
    )


def _complete(context: NodeContext, file_id: str, *, owner: str) -> None:
    """Look at a file whose last byte is here; delete it if it is refused."""
    with context.database.reading() as session:
        row = _get(context, session, file_id, owner=owner)
    if row.complete:
        return
    wrapped_key, segment = row.wrapped_key, context.file_rules.segment

    def read(at: int, length: int) -> bytes:
        parts = []
        while length > 0:
            index, skip = divmod(at, segment)
            content = _read_segment(context, file_id, index=index, wrapped_key=wrapped_key)
            part = content[skip : skip + length]
            if not part:
                break
            parts.append(part)
            at, length = at + len(part), length - len(part)
        return b"".join(parts)

    promised = match_name(_describe(context, row).description.name)
    try:
        look_at(SegmentedFile(read, size=row.size), promised=promised)
    except RefusedFileError:
        handle_discard_file(context, file_id, owner=owner)
        raise

    def complete(session: Session) -> None:
        _get(context, session, file_id, owner=owner, lock=True).complete = True

    context.transact(complete)
