"""Files for tests: brought in, sent with a message, and their chunks as the broker gets them."""

from collections.abc import Iterator
from random import Random
from typing import Any

from node.service.attachments import chunk_sending
from node.service.attachments.chunk_sending import ClaimedFile
from node.service.attachments.staging import FileDraft, FileWriter, StagedFile, handle_begin_file
from node.service.building import Draft
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from protocol.attachment import Chunk
from protocol.messages.fields import Sensitivity
from tests.support.consent import on_consent
from tests.support.node import make_draft
from tests.support.people import acting

OWNER = "api:case system"
PNG = b"\x89PNG\r\n\x1a\n"


def make_picture(size: int, *, seed: int = 7) -> bytes:
    """Return bytes that begin like a picture; nothing else of it is one."""
    return PNG + Random(seed).randbytes(size - len(PNG))


def begin_file(context: NodeContext, size: int, **changes: Any) -> StagedFile:
    """Announce a picture of the class protection."""
    fields: dict[str, Any] = {
        "name": "map.png",
        "sensitivity": Sensitivity.PROTECTION,
        "size": size,
    }
    return handle_begin_file(context, FileDraft(**(fields | changes)), owner=OWNER)


def bring_in(context: NodeContext, content: bytes, **changes: Any) -> StagedFile:
    """Bring a whole file in."""
    begun = begin_file(context, len(content), **changes)
    writer = FileWriter(context, begun.file_id, owner=OWNER, offset=0)
    writer.write(content)
    return writer.finish()


def make_file_draft(*files: StagedFile, **changes: Any) -> Draft:
    """Return a draft of AL to XK that holds these files."""
    covered = on_consent(changes.get("recipient", "XK"))
    return make_draft(**covered | {"files": tuple(file.file_id for file in files)} | changes)


def send_file(context: NodeContext, content: bytes, **changes: Any) -> Sent:
    """Bring a file in and send it with a message."""
    return handle_send(
        context, make_file_draft(bring_in(context, content), **changes), who=acting(OWNER)
    )


def hand_over(context: NodeContext, *, at_a_time: int = 8) -> Iterator[tuple[ClaimedFile, Chunk]]:
    """Hand over every chunk that is due, as the chunk relay does when all goes well."""
    while files := chunk_sending.claim_files(context, limit=4):
        for file in files:
            for at in range(0, len(file.indices), at_a_time):
                indices = file.indices[at : at + at_a_time]
                for chunk in chunk_sending.read_chunks(context, file, indices):
                    yield file, chunk
                chunk_sending.record_chunks(context, file, indices)
