"""Sealing files for one message: before it is signed, and outside any transaction.

The signed message lists the digest of every chunk, so all are made first, and lie on the disk for
good, as they will travel, before the transaction that signs and queues the message. Their key
exists in memory alone until that transaction is committed:

- killed before the commit, the chunks are waste without a key, and are swept; the next try draws
  new keys. Nothing of them ever left.
- killed after it, message, key and chunks are all there.

The chunks that leave, also those that are asked for again, are read from there and compared with
the manifest: no file is ever sealed twice under one key.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog
from sqlmodel import Session

from console.i18n import msg
from node.service.attachments.bitmaps import make_full
from node.service.attachments.chunk_sending import LEASE, ClaimedFile
from node.service.attachments.recipient_limits import RecipientLimits, find_recipient_limits
from node.service.attachments.sealed_files import chunk_offset, sealed_length
from node.service.attachments.sniffing import RefusedFileError
from node.service.attachments.staging import Description, read_staged, verify_room
from node.service.attachments.states import SentState
from node.service.borrowed_words import borrow_words
from node.service.context import NodeContext
from node.store.attachment_tables import SentFileRow, StagedFileRow
from node.store.tables import MessageRow
from protocol.attachment import AttachmentSealer, Chunk
from protocol.errors import LocalProtocolError
from protocol.identifiers import MessageId, ParticipantCode, make_message_id
from protocol.limits import LIMITS
from protocol.messages.attachments import AttachmentManifest, FileDescription
from protocol.padding import padme_length

log = structlog.get_logger(__name__)

_GONE: Final = msg(
    "A file of this message is not here any more: it was sent, removed, or kept too long. Bring it "
    "in again."
)


_CLEARED: Final = msg(
    "The sealed file was taken off the disk before it was sent: nothing left. Send it again."
)


#: Chunks that are written before they are made safe.
_SYNC_EVERY: Final = 32
#: A file with more of them is looked for when its message is gone, and read again: its manifest is
#: large, and the time that takes is nothing beside its own.
_CHUNKS_IN_MEMORY: Final = 256


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One file, sealed: where its chunks lie, and what the message says of it."""

    file_id: str
    staged_id: str
    manifest: AttachmentManifest


@dataclass(frozen=True, slots=True)
class SealedFiles:
    """The files of one message that is about to be queued under this identifier."""

    message_id: MessageId
    owner: str
    files: tuple[SealedFile, ...]

    @property
    def manifests(self) -> tuple[AttachmentManifest, ...]:
        """What the message says of them, in order."""
        return tuple(file.manifest for file in self.files)


def seal_files(
    context: NodeContext, staged_ids: Sequence[str], *, owner: str, recipient: str
) -> SealedFiles:
    """Seal whole files for one message. Blocking: about a second for a hundred megabytes.

    Raises ``RefusedFileError`` (one is not whole, not this owner's, or more than the recipient
    takes), ``NoRoomError``. What was written until then is deleted.
    """
    if len(staged_ids) > LIMITS.attachments or len(set(staged_ids)) != len(staged_ids):
        raise RefusedFileError(
            msg(
                "A message holds at most %(most)s files, each once: send the "
                "others with another message in the same case.",
                most=LIMITS.attachments,
            )
        )
    limits = find_recipient_limits(context.directory.current(), recipient)
    rows = [_load(context, staged_id, owner=owner) for staged_id in staged_ids]
    described = [_describe(context, row) for row in rows]
    for row, about in zip(rows, described, strict=True):
        limits.verify(size=row.size, media_type=about.media_type)
    verify_room(context, needed=sum(padme_length(row.size) for row in rows))
    message_id = make_message_id(context.random)
    sealed: list[SealedFile] = []
    names = [context.random(16).hex() for _ in rows]
    try:
        for name, row, about in zip(names, rows, described, strict=True):
            manifest = _seal(context, name, row, about=about, message_id=message_id, limits=limits)
            sealed.append(SealedFile(name, row.file_id, manifest))
    except BaseException:
        for name in names:
            context.blobs.delete(name)
        raise
    return SealedFiles(message_id, owner, tuple(sealed))


def _load(context: NodeContext, staged_id: str, *, owner: str) -> StagedFileRow:
    with context.database.reading() as session:
        row = session.get(StagedFileRow, staged_id)
    if row is None or row.owner != owner or row.expires_at <= context.clock():
        raise RefusedFileError(_GONE)
    if not row.complete:
        raise RefusedFileError(
            msg(
                "A file of this message is not here as a whole: wait until it was brought in, "
                "or go on "
                "from where it broke off."
            )
        )
    return row


def _describe(context: NodeContext, row: StagedFileRow) -> Description:
    return Description.model_validate_json(
        context.keys.decrypt(
            row.description_sealed, wrapped_key=None, context=f"file:{row.file_id}"
        )
    )


def _seal(  # noqa: PLR0913 - what one sealing needs
    context: NodeContext,
    name: str,
    row: StagedFileRow,
    *,
    about: Description,
    message_id: MessageId,
    limits: RecipientLimits,
) -> AttachmentManifest:
    try:
        sealer = AttachmentSealer(
            FileDescription(
                name=about.name,
                media_type=about.media_type,
                sensitivity=about.sensitivity,
                size=row.size,
            ),
            message_id=message_id,
            chunk_size=limits.chunk_size,
            random=context.random,
        )
        content = read_staged(context, row.file_id, wrapped_key=row.wrapped_key, size=row.size)
        _write_sealed(context, name, sealer, content, chunk_size=limits.chunk_size)
    except FileNotFoundError as error:
        raise RefusedFileError(_GONE) from error
    except LocalProtocolError as error:
        raise RefusedFileError(borrow_words(error)) from error
    context.blobs.sync(name)
    return sealer.make_manifest()


def _write_sealed(
    context: NodeContext,
    name: str,
    sealer: AttachmentSealer,
    content: Iterator[bytes],
    *,
    chunk_size: int,
) -> None:
    """Seal, with reading and writing beside it: a chunk of each is in memory besides."""

    def write(chunk: Chunk) -> None:
        offset = chunk_offset(chunk.index, chunk_size=chunk_size)
        context.blobs.write_at(name, offset, chunk.ciphertext)
        if chunk.index % _SYNC_EVERY == _SYNC_EVERY - 1:
            context.blobs.sync(name)  # so that little is left to wait for at the end

    with ThreadPoolExecutor(max_workers=2) as beside:
        writing = None
        for chunk in sealer.seal(_read_beside(beside, content)):
            if writing is not None:
                writing.result()
            writing = beside.submit(write, chunk)
        if writing is not None:
            writing.result()


def _read_beside(beside: ThreadPoolExecutor, content: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what ``content`` gives; the next piece is being made meanwhile."""
    coming = beside.submit(next, content, b"")
    while piece := coming.result():
        coming = beside.submit(next, content, b"")
        yield piece


def keep_sealed(  # noqa: PLR0913 - what one message's files are noted with
    context: NodeContext,
    session: Session,
    sealed: SealedFiles,
    *,
    row: MessageRow,
    priority: int,
    may_claim: bool = False,
) -> ClaimedFile | None:
    """Note sealed files beside their message, in its transaction, and let go of what was staged.

    ``may_claim``: the message is claimed for the relay of this process. Then its first file, unless
    it is large, is claimed for the chunk relay of this process and returned: for after the commit,
    once the broker has the message.

    Raises ``RefusedFileError`` if another message took one meanwhile, or if its chunks are gone.
    """
    now = context.clock()
    claimed: ClaimedFile | None = None
    for place, file in enumerate(sealed.files):
        staged = session.get(StagedFileRow, file.staged_id, with_for_update=True)
        if staged is None or staged.owner != sealed.owner:
            raise RefusedFileError(_GONE)
        session.delete(staged)
        manifest = file.manifest
        if context.blobs.size(file.file_id) != sealed_length(manifest):
            raise RefusedFileError(_CLEARED)
        sent = SentFileRow(
            file_id=file.file_id,
            message_id=row.message_id,
            place=place,
            attachment_id=manifest.attachment_id,
            peer=row.peer,
            size=manifest.size,
            chunk_size=manifest.chunk_size,
            chunk_count=manifest.chunk_count,
            state=SentState.WAITING,
            owed_map=make_full(manifest.chunk_count),
            owed=manifest.chunk_count,
            priority=priority,
            transport_id=context.random(16).hex(),
            next_attempt_at=now,
        )
        if may_claim and place == 0 and manifest.chunk_count <= _CHUNKS_IN_MEMORY:
            sent.claimed_until = now + LEASE
            claimed = _claim(sent, manifest)
        session.add(sent)
    session.flush()
    return claimed


def _claim(row: SentFileRow, manifest: AttachmentManifest) -> ClaimedFile:
    return ClaimedFile(
        file_id=row.file_id,
        message_id=row.message_id,
        peer=ParticipantCode(row.peer),
        # Without its key, which nobody needs for chunks that are sealed.
        manifest=manifest.model_copy(update={"key": "", "header": ""}),
        indices=tuple(range(row.chunk_count)),
        transport_id=row.transport_id,
        priority=row.priority,
    )


def drop_staged(context: NodeContext, sealed: SealedFiles) -> None:
    """Delete what was brought in, after the commit of the message that took it."""
    for file in sealed.files:
        context.blobs.delete(file.staged_id)


def drop_sealed(context: NodeContext, sealed: SealedFiles) -> None:
    """Delete sealed chunks of which nothing was committed."""
    for file in sealed.files:
        context.blobs.delete(file.file_id)
