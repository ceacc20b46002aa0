"""Sealed chunks as they lie on the disk: one file for each attachment, as they travel, in a row.

Chunk i begins at ``i * (chunk_size + 17)``. The file's key is in the manifest in the signed
message, under the case's key: who erases that erases the file.
"""

import errno
from collections.abc import Iterable, Iterator
from typing import Final

from node.domain.files import BlobStore
from node.domain.ports import StoredContentError
from protocol.attachment import TAG_BYTES, AttachmentId, Chunk
from protocol.messages.attachments import AttachmentManifest
from protocol.padding import padme_length

#: The file, or a part of it, is not on the disk any more; anything else is about the whole disk.
_LOST: Final = frozenset({errno.ENOENT, errno.EIO})


def chunk_offset(index: int, *, chunk_size: int) -> int:
    """Return where chunk ``index`` begins."""
    return index * (chunk_size + TAG_BYTES)


def sealed_length(manifest: AttachmentManifest) -> int:
    """Return how many bytes all chunks have together."""
    return padme_length(manifest.size) + manifest.chunk_count * TAG_BYTES


def read_sealed_chunks(
    blobs: BlobStore,
    name: str,
    manifest: AttachmentManifest,
    *,
    indices: Iterable[int] | None = None,
) -> Iterator[Chunk]:
    """Yield chunks (all, in order, unless ``indices`` says which), each compared with the manifest.

    Raises ``StoredContentError`` at one that is gone or is not the announced one: it must not
    leave this node.
    """
    digests = manifest.chunk_digests
    for index in range(manifest.chunk_count) if indices is None else indices:
        try:
            ciphertext = blobs.read_at(
                name,
                chunk_offset(index, chunk_size=manifest.chunk_size),
                min(
                    manifest.chunk_size,
                    padme_length(manifest.size) - index * manifest.chunk_size,
                )
                + TAG_BYTES,
            )
        except OSError as error:
            if error.errno not in _LOST:
                raise
            raise StoredContentError(
                "The stored file is gone: restore the folder of files from a backup, or send it "
                "anew."
            ) from error
        chunk = Chunk(AttachmentId(manifest.attachment_id), index, ciphertext)
        if chunk.digest != digests[index]:
            raise StoredContentError(
                "The stored file was damaged: restore the folder of files from a backup, or send "
                "it anew."
            )
        yield chunk
