"""Files between nodes of tests: brought in, sent, and their chunks carried as the test says."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sqlmodel import select

from node.domain.events import EventKind
from node.domain.scanning import ScanVerdict
from node.service.attachments.opening import OpenOutcome, list_complete, open_file
from node.service.attachments.receiving import ArrivedChunk, ChunkFate, ChunkTaker
from node.service.attachments.sealed_files import read_sealed_chunks, sealed_length
from node.service.attachments.sealing import SealedFile, SealedFiles
from node.service.attachments.staging import FileDraft, FileWriter, handle_begin_file
from node.service.composing import Along, handle_send, queue_message
from node.service.context import NodeContext
from node.service.reading import get_case
from node.service.records import load_signed
from node.store.attachment_tables import ReceivedFileRow, SentFileRow
from node.store.tables import CaseRow, MessageRow
from protocol.attachment import AttachmentSealer
from protocol.identifiers import MessageId, ParticipantCode, make_message_id
from protocol.messages.attachments import AttachmentManifest, FileDescription, count_chunks
from protocol.messages.catalogue import parse_payload
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from protocol.subjects import AccountId, parse_account_id
from tests.support.consent import on_consent
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

SMALL_CHUNK = 8192
OFFICER = "officer-1"


def take_small_objects(network: Network, code: str) -> None:
    """Let a node take envelopes of the least size alone, so that small files make many chunks."""
    directory = network.directory.directory
    document = directory.keys[ParticipantCode(code)]
    keys = {
        **directory.keys,
        ParticipantCode(code): document.model_copy(update={"max_envelope_bytes": 16_384}),
    }
    network.directory.directory = replace(directory, keys=keys)


def make_text(size: int) -> bytes:
    """Return a text of so many bytes, no two of its pieces the same."""
    lines = b"".join(b"line %08d of an invented statement\n" % n for n in range(size // 36 + 1))
    return lines[:size]


def bring_in(context: NodeContext, name: str, content: bytes, *, recipient: str = "XK") -> str:
    """Bring a file in; returns the name under which a draft takes it."""
    draft = FileDraft(
        name=name, sensitivity=Sensitivity.PROTECTION, size=len(content), recipient=recipient
    )
    begun = handle_begin_file(context, draft, owner=OFFICER)
    writer = FileWriter(context, begun.file_id, owner=OFFICER, offset=0)
    writer.write(content)
    assert writer.finish().complete
    return begun.file_id


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with files that a node has queued."""

    message_id: str
    case_id: str
    #: The chunks of all its files, in order, as they travel.
    chunks: tuple[bytes, ...]


def send_files(
    context: NodeContext, files: dict[str, bytes], *, recipient: str = "XK"
) -> SentMessage:
    """Queue a notification with these files."""
    staged = tuple(bring_in(context, n, c, recipient=recipient) for n, c in files.items())
    draft = make_draft(files=staged, recipient=recipient, **on_consent(recipient))
    sent = handle_send(context, draft, who=acting(OFFICER))
    return SentMessage(sent.message_id, sent.case_id, tuple(read_chunks(context, sent.message_id)))


def send_sealed(
    context: NodeContext,
    content: bytes,
    *,
    sealed_for: MessageId | None,
    stated_size: int | None = None,
) -> SentMessage:
    """Queue a message with a file as only faulty or malicious software makes it.

    Sealed for another message, or stated to have another size than its chunks have.
    """
    message_id = make_message_id(context.random)
    sealer = AttachmentSealer(
        FileDescription(
            name="statement.txt",
            media_type="text/plain",
            sensitivity=Sensitivity.PROTECTION,
            size=len(content),
        ),
        message_id=sealed_for or message_id,
        chunk_size=SMALL_CHUNK,
        random=context.random,
    )
    chunks = tuple(chunk.encode() for chunk in sealer.seal([content]))
    manifest = sealer.make_manifest()
    if stated_size is not None:
        digests = b"".join(manifest.chunk_digests)
        count = count_chunks(stated_size, chunk_size=SMALL_CHUNK)
        manifest = manifest.model_copy(
            update={
                "size": stated_size,
                "chunk_count": count,
                "chunk_sha256": base64.b64encode(digests[: 32 * count]).decode(),
            }
        )
    return replace(_queue(context, manifest, message_id=message_id), chunks=chunks)


def send_manifest_again(context: NodeContext, sent: SentMessage) -> str:
    """Queue another message that names the files of one that was sent; returns its identifier."""
    manifest = _read_message(context, sent.message_id).attachments[0]
    return _queue(context, manifest, message_id=make_message_id(context.random)).message_id


def _queue(
    context: NodeContext, manifest: AttachmentManifest, *, message_id: MessageId
) -> SentMessage:
    staged, file_id = bring_in(context, "statement.txt", b"in its place"), context.random(16).hex()
    context.blobs.write_at(file_id, 0, bytes(sealed_length(manifest)))
    sealed = SealedFiles(
        message_id=message_id,
        owner=OFFICER,
        files=(SealedFile(file_id, staged, manifest),),
    )
    draft = make_draft(files=(staged,), **on_consent("XK"))
    queued = context.transact(
        lambda session: queue_message(
            context, session, draft, who=acting(OFFICER), along=Along(sealed=sealed)
        )
    )
    return SentMessage(queued.message_id, queued.case_id, ())


def _read_message(context: NodeContext, message_id: str) -> CaseMessage:
    with context.database.reading() as session:
        row = session.get_one(MessageRow, message_id)
        case = session.get_one(CaseRow, row.case_id)
        message = parse_payload(load_signed(context, row, case).payload)
    assert isinstance(message, CaseMessage)
    return message


def read_chunks(context: NodeContext, message_id: str) -> list[bytes]:
    """Return the chunks of a message that a node has sent, as they travel."""
    message = _read_message(context, message_id)
    with context.database.reading() as session:
        files = session.exec(select(SentFileRow).where(SentFileRow.message_id == message_id)).all()
    return [
        chunk.encode()
        for row in sorted(files, key=lambda each: each.place)
        for chunk in read_sealed_chunks(context.blobs, row.file_id, message.attachments[row.place])
    ]


def account_of(network: Network, code: str) -> AccountId:
    """Return the broker account of a Participant."""
    account = network.directory.directory.keys[ParticipantCode(code)].broker.account
    return parse_account_id(account)


def carry_chunks(
    network: Network,
    chunks: Iterable[bytes],
    *,
    sender: str = "AL",
    to: str = "XK",
    taker: ChunkTaker | None = None,
) -> list[ChunkFate]:
    """Let a node take in chunks; a new taker is a node that was started anew."""
    account = account_of(network, sender)
    taker = taker or ChunkTaker(network.node(to))
    return taker.take_in([ArrivedChunk(account, chunk) for chunk in chunks])


def list_received(context: NodeContext) -> list[ReceivedFileRow]:
    """Return the rows of all received files, in the order of their places."""
    with context.database.reading() as session:
        rows = session.exec(select(ReceivedFileRow)).all()
    return sorted(rows, key=lambda row: (row.message_id, row.place))


STATEMENT = make_text(60_000)
"""Eight chunks of the least size."""


def announce(network: Network, files: dict[str, bytes] | None = None) -> SentMessage:
    """Let AL send files to XK, and their message arrive."""
    sent = send_files(network.node("AL"), files or {"statement.txt": STATEMENT})
    network.settle()
    return sent


def open_all(network: Network, *, has_scanner: bool = False) -> list[OpenOutcome]:
    """Let XK open what is complete."""
    xk = network.node("XK")
    return [open_file(xk, each, has_scanner=has_scanner) for each in list_complete(xk, limit=100)]


def list_kinds(network: Network, sent: SentMessage) -> list[EventKind]:
    """Return what XK's timeline says of the message, the newest first."""
    with network.node("XK").database.reading() as session:
        row = session.get_one(MessageRow, sent.message_id)
    assert row.case_id is not None
    return [entry.kind for entry in get_case(network.node("XK"), row.case_id, who=STAFF).timeline]


@dataclass(slots=True)
class ScriptedScanner:
    """Says what the test says, and remembers how much it was given."""

    says: list[ScanVerdict | Exception] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    def scan(self, content: Iterable[bytes], *, size: int) -> ScanVerdict:
        """Read all of it and answer."""
        total = sum(map(len, content))
        assert total == size
        self.seen.append(total)
        verdict = self.says.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict
