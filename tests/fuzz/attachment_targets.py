"""Targets: chunks of attachments, and manifests that a peer made up."""

import json
from collections.abc import Iterable
from functools import cache
from random import Random
from typing import Final

from pydantic import ValidationError

from protocol.attachment import Assembly, AttachmentSealer, Chunk, open_attachment
from protocol.errors import MalformedError, RemoteProtocolError
from protocol.messages.attachments import SMALLEST_CHUNK, AttachmentManifest, FileDescription
from protocol.messages.catalogue import describe_errors
from protocol.messages.fields import Sensitivity
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.messages import MESSAGE_ID

CONTENT: Final = Random(7).randbytes(2 * SMALLEST_CHUNK + 11)
_SMALL: Final = b"a file of one chunk"


@cache
def seal_file(content: bytes) -> tuple[AttachmentManifest, tuple[Chunk, ...]]:
    """Seal a file, always with the same random numbers."""
    sealer = AttachmentSealer(
        FileDescription(
            name="report.pdf",
            media_type="application/pdf",
            sensitivity=Sensitivity.HEALTH,
            size=len(content),
        ),
        message_id=MESSAGE_ID,
        chunk_size=SMALLEST_CHUNK,
        random=Random(8).randbytes,
    )
    chunks = tuple(sealer.seal([content]))
    return sealer.make_manifest(), chunks


def check_chunk(data: bytes) -> None:
    """Read a chunk: it is written as the same bytes, and only an announced one is accepted."""
    chunk = Chunk.parse(data)
    require(held=chunk.encode() == data, what="it has a second encoding")
    manifest, chunks = seal_file(_SMALL)
    Assembly(manifest).accept(chunk)
    require(held=chunk in chunks, what="a chunk that was never made is accepted")


def check_manifest(data: bytes) -> None:
    """Open real chunks by a manifest that a peer made up: it is the file or refused."""
    try:
        manifest = AttachmentManifest.model_validate_json(data)
    except ValidationError as error:
        raise MalformedError(describe_errors(error)) from error
    _, chunks = seal_file(CONTENT)
    opened = b"".join(open_attachment(manifest, chunks, message_id=MESSAGE_ID))
    require(held=opened == CONTENT, what="another file comes out")


def _manifest_seeds() -> Iterable[bytes]:
    return [seal_file(content)[0].model_dump_json().encode() for content in (CONTENT, _SMALL)]


_REFUSALS: Final = (RemoteProtocolError,)
ATTACHMENT_TARGETS: Final = (
    Target(
        "chunk", check_chunk, lambda: [each.encode() for each in seal_file(_SMALL)[1]], _REFUSALS
    ),
    Target(
        "attachment_manifest",
        check_manifest,
        _manifest_seeds,
        _REFUSALS,
        mutate=TreeMutator(
            words=list_words(AttachmentManifest),
            donors=[json.loads(seed) for seed in _manifest_seeds()],
        ),
        longest=8_192,
    ),
)
