"""Files of a message: sealed before it is signed, handed over after it, sent again when asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from node.domain.files import FileRules
from node.domain.ports import StoredContentError
from node.domain.states import Dispatch
from node.service import composing
from node.service.attachments import chunk_sending, sealing
from node.service.attachments.sealing import seal_files
from node.service.attachments.sniffing import RefusedFileError
from node.service.attachments.staging import handle_discard_file, list_staged
from node.service.attachments.states import SentState
from node.service.attachments.sweeping import forget_files_of_case, sweep_files
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext, RefusedDraftError
from node.service.records import load_message
from node.store.attachment_tables import SentFileRow
from node.store.tables import MessageRow
from protocol.attachment import Assembly, Chunk, open_attachment
from protocol.identifiers import MessageId
from protocol.messages.attachments import AttachmentManifest
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from protocol.messages.link_repair import (
    AttachmentGone,
    AttachmentGoneReason,
    ChunkRangeField,
    ChunksWanted,
)
from tests.support.files_sent import (
    OWNER,
    begin_file,
    bring_in,
    hand_over,
    make_file_draft,
    make_picture,
    send_file,
)
from tests.support.node import Network, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

CONTENT = make_picture(1_200_000)  # three chunks


def manifests_of(node: NodeContext, sent: Sent) -> tuple[AttachmentManifest, ...]:
    """Return what the stored, signed message says of its files."""
    with node.database.reading() as session:
        message = load_message(node, session, sent.message_id, who=STAFF).message
    assert isinstance(message, CaseMessage)
    return message.attachments


def row_of(node: NodeContext, sent: Sent) -> SentFileRow:
    """Return the row of a message's one file."""
    with node.database.reading() as session:
        return session.exec(
            select(SentFileRow).where(SentFileRow.message_id == sent.message_id)
        ).one()


def leave(node: NodeContext, sent: Sent, state: Dispatch = Dispatch.ON_ITS_WAY) -> None:
    """Put a message into a state, as the relay or a receipt does."""

    def change(session: Session) -> None:
        session.get_one(MessageRow, sent.message_id).dispatch = state

    node.transact(change)


def open_all(manifest: AttachmentManifest, chunks: list[Chunk], sent: Sent) -> bytes:
    """Take chunks in as a recipient does and open the file."""
    assembly = Assembly(manifest)
    for chunk in chunks:
        assembly.accept(chunk)
    assert assembly.is_complete
    ordered = sorted(chunks, key=lambda chunk: chunk.index)
    return b"".join(open_attachment(manifest, ordered, message_id=MessageId(sent.message_id)))


def ask(
    node: NodeContext, sent: Sent, *ranges: tuple[int, int], peer: str = "XK"
) -> tuple[AttachmentGone, ...]:
    """Ask for chunks as the recipient does."""
    wanted = ChunksWanted(
        message_id=sent.message_id,
        attachment_id=row_of(node, sent).attachment_id,
        ranges=tuple(ChunkRangeField(first=first, last=last) for first, last in ranges),
    )
    return node.transact(
        lambda session: chunk_sending.owe_again(
            node, session, peer=peer, wanted=(wanted,), now=node.clock()
        )
    )


def test_a_file_travels_whole(node: NodeContext) -> None:
    """What was brought in opens at the other end, out of the signed message and its chunks."""
    sent = send_file(node, CONTENT)
    (manifest,) = manifests_of(node, sent)
    assert (manifest.name, manifest.media_type, manifest.chunk_count) == ("map.png", "image/png", 3)
    assert list(hand_over(node)) == []  # nothing leaves before the broker has the message
    leave(node, sent)
    chunks = [chunk for _, chunk in hand_over(node)]
    assert open_all(manifest, chunks, sent) == CONTENT
    row = row_of(node, sent)
    assert (row.state, row.owed, row.next_attempt_at) == (SentState.HANDED_OVER, 0, None)
    assert list_staged(node, owner=OWNER) == []
    assert [name for name, _ in node.blobs.list_names()] == [row.file_id]


def test_each_message_has_its_own_key(node: NodeContext) -> None:
    """The same content sent twice is encrypted under two keys, and no chunk is like another."""
    one, other = (manifests_of(node, send_file(node, CONTENT))[0] for _ in range(2))
    assert one.key != other.key
    assert one.header != other.header
    assert not set(one.chunk_digests) & set(other.chunk_digests)


class KilledError(BaseException):
    """The process ends here."""


def test_a_node_killed_before_the_commit_sends_nothing_and_begins_anew(
    node: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks without a message never leave, and the next try draws another key (SPEC 13)."""
    draft = make_file_draft(bring_in(node, CONTENT))
    made: list[sealing.SealedFiles] = []

    def die(
        context: NodeContext, session: Session, sealed: sealing.SealedFiles, **_: object
    ) -> None:
        made.append(sealed)
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("node.service.composing.keep_sealed", die)
        with pytest.raises(KilledError):
            handle_send(node, draft, who=acting(OWNER), submission_key="the same click")
    assert list(hand_over(node)) == []
    assert node.blobs.size(made[0].files[0].file_id) is not None  # waste, until it is swept
    sent = handle_send(node, draft, who=acting(OWNER), submission_key="the same click")
    (manifest,) = manifests_of(node, sent)
    assert manifest.key != made[0].files[0].manifest.key
    leave(node, sent)
    assert open_all(manifest, [chunk for _, chunk in hand_over(node)], sent) == CONTENT


def test_a_message_whose_chunks_are_gone_is_not_accepted(
    node: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed chunks that somebody deletes before the commit: refused now, never lost later."""
    file = bring_in(node, CONTENT)

    def seal_and_lose(*said: Any, **more: Any) -> sealing.SealedFiles:
        sealed = seal_files(*said, **more)
        sealing.drop_sealed(node, sealed)
        return sealed

    with monkeypatch.context() as patched:
        patched.setattr(composing, "seal_files", seal_and_lose)
        with pytest.raises(RefusedFileError, match="Send it again"):
            handle_send(node, make_file_draft(file), who=acting(OWNER))
    handle_send(node, make_file_draft(file), who=acting(OWNER))


def test_a_node_killed_while_it_hands_over_goes_on(network: Network, node: NodeContext) -> None:
    """What was not noted is handed over again: same bytes, same transport ids, nothing else."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    (file,) = chunk_sending.claim_files(node, limit=4)
    first = chunk_sending.read_chunks(node, file, [0, 1])
    chunk_sending.record_chunks(node, file, [0])  # killed before the second was noted
    assert chunk_sending.claim_files(node, limit=4) == []  # it belongs to the dead for its lease
    network.clock.advance(seconds=91)
    (again,) = chunk_sending.claim_files(node, limit=4)
    assert again.indices == (1, 2)
    assert again.name_chunk(1) == file.name_chunk(1)
    assert chunk_sending.read_chunks(node, again, [1]) == first[1:]


def test_a_repeated_click_sends_its_file_once(node: NodeContext) -> None:
    """The same submission comes back with the same message, and seals nothing again."""
    draft = make_file_draft(bring_in(node, CONTENT))
    one = handle_send(node, draft, who=acting(OWNER), submission_key="one click")
    assert handle_send(node, draft, who=acting(OWNER), submission_key="one click") == one
    assert len(list(node.blobs.list_names())) == 1
    with pytest.raises(RefusedDraftError, match="was sent, removed"):
        handle_send(node, draft, who=acting(OWNER), submission_key="another click")


def test_two_messages_cannot_take_one_file(node: NodeContext) -> None:
    """Of two that sealed one file at the same time one is sent; the other's chunks are deleted."""
    draft = make_file_draft(bring_in(node, CONTENT))
    sealed = seal_files(node, draft.files, owner=OWNER, recipient="XK")
    handle_send(node, draft, who=acting(OWNER))
    with pytest.raises(RefusedFileError, match="was sent, removed"):
        node.transact(
            lambda session: sealing.keep_sealed(
                node,
                session,
                sealed,
                row=session.exec(select(MessageRow)).one(),
                priority=2,
            )
        )


def test_a_refused_message_keeps_its_file_for_the_next_try(node: NodeContext) -> None:
    """What was sealed for it is deleted, what was brought in stays."""
    file = bring_in(node, CONTENT, sensitivity=Sensitivity.HEALTH)
    with pytest.raises(RefusedDraftError, match="attachments"):  # no consent covers the class
        handle_send(node, make_file_draft(file), who=acting(OWNER))
    assert [name for name, _ in node.blobs.list_names()] == [file.file_id]


def test_what_is_not_whole_is_not_sent(node: NodeContext) -> None:
    """A file that broke off, is somebody else's, or stands twice is refused with what to do."""
    begun, whole = begin_file(node, 5000), bring_in(node, make_picture(100))
    with pytest.raises(RefusedFileError, match="not here as a whole"):
        handle_send(node, make_file_draft(begun), who=acting(OWNER))
    with pytest.raises(RefusedFileError, match="Bring it in again"):
        handle_send(node, make_file_draft(whole), who=acting("api:other"))
    with pytest.raises(RefusedFileError, match="at most 16 files, each once"):
        handle_send(node, make_file_draft(whole, whole), who=acting(OWNER))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_attachment_bytes": 999}, "Kosovo.* takes files of at most 0.0 MB"),
        ({"attachment_types": ("application/pdf",)}, "takes no files of this kind .image/png."),
    ],
)
def test_what_the_recipient_does_not_take_is_refused_before_it_comes(
    network: Network, node: NodeContext, limits: dict[str, object], message: str
) -> None:
    """Their key document says so; the announcement is refused, and so is the message."""
    file = bring_in(node, make_picture(1000))
    directory = network.directory.directory
    code = next(code for code in directory.keys if code == "XK")
    stricter = directory.keys[code].model_copy(update=limits)
    network.directory.directory = replace(directory, keys={**directory.keys, code: stricter})
    with pytest.raises(RefusedFileError, match=message):
        begin_file(node, 1000, recipient="XK")
    with pytest.raises(RefusedFileError, match=message):
        handle_send(node, make_file_draft(file), who=acting(OWNER))
    assert [each.file_id for each in list_staged(node, owner=OWNER)] == [file.file_id]


def test_chunks_are_cut_for_the_recipient(network: Network, node: NodeContext) -> None:
    """A recipient of small envelopes gets small chunks."""
    directory = network.directory.directory
    code = next(code for code in directory.keys if code == "XK")
    small = directory.keys[code].model_copy(update={"max_envelope_bytes": 16_384})
    network.directory.directory = replace(directory, keys={**directory.keys, code: small})
    sent = send_file(node, make_picture(30_000))
    leave(node, sent)
    chunks = [chunk for _, chunk in hand_over(node)]
    assert max(len(chunk.encode()) for chunk in chunks) <= 16_384
    assert open_all(manifests_of(node, sent)[0], chunks, sent) == make_picture(30_000)


def test_chunks_that_are_asked_for_come_again(network: Network, node: NodeContext) -> None:
    """Exactly those, as they were, under new transport ids, as often as an honest peer asks."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    before = {chunk.index: (file, chunk) for file, chunk in hand_over(node)}
    leave(node, sent, Dispatch.DELIVERED)  # its recipient was restored from a backup since
    assert ask(node, sent, (1, 1)) == ()
    ((file, chunk),) = hand_over(node)
    assert chunk == before[1][1]
    assert file.name_chunk(1) != before[1][0].name_chunk(1)
    ask(node, sent, (0, 2))  # a moment later
    assert list(hand_over(node)) == []
    network.clock.advance(minutes=6)
    ask(node, sent, (0, 900))
    assert sorted(chunk.index for _, chunk in hand_over(node)) == [0, 1, 2]
    for _ in range(node.file_rules.asked_at_most + 5):
        network.clock.advance(minutes=6)
        ask(node, sent, (0, 0))
    assert row_of(node, sent).asked == node.file_rules.asked_at_most


def test_nobody_else_gets_chunks_by_asking(node: NodeContext) -> None:
    """A request names a message to its sender; another Participant learns nothing."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    list(hand_over(node))
    (gone,) = ask(node, sent, (0, 2), peer="MK")
    assert gone.reason is AttachmentGoneReason.UNKNOWN
    assert list(hand_over(node)) == []


@pytest.mark.parametrize(
    "state",
    [Dispatch.DELIVERED, Dispatch.READ, Dispatch.REJECTED, Dispatch.EXPIRED, Dispatch.CANCELLED],
)
def test_a_message_that_ended_takes_its_chunks_with_it(node: NodeContext, state: Dispatch) -> None:
    """No chunk leaves any more, and none is tried for ever."""
    sent = send_file(node, CONTENT)
    leave(node, sent, state)
    assert list(hand_over(node)) == []
    row = row_of(node, sent)
    assert (row.state, row.next_attempt_at) == (SentState.ENDED, None)
    assert chunk_sending.next_chunks_in(node) is None


@pytest.mark.parametrize(
    ("state", "gone"), [(Dispatch.CANCELLED, True), (Dispatch.GIVEN_UP, False)]
)
def test_only_what_was_taken_back_is_kept_from_whoever_asks(
    node: NodeContext,
    state: Dispatch,
    gone: bool,
) -> None:
    """Given up is no secret: a recipient that has the message, and asks, gets its file whole."""
    sent = send_file(node, CONTENT)
    leave(node, sent, state)
    assert list(hand_over(node)) == []
    assert bool(ask(node, sent, (0, 2))) is gone
    assert len(list(hand_over(node))) == (0 if gone else 3)


def test_a_message_that_is_sent_again_owes_its_chunks_again(node: NodeContext) -> None:
    """An administrator may retry what had come to its end."""
    sent = send_file(node, CONTENT)
    leave(node, sent, Dispatch.EXPIRED)
    assert list(hand_over(node)) == []
    leave(node, sent)
    node.transact(lambda session: chunk_sending.owe_whole(node, session, sent.message_id))
    assert len(list(hand_over(node))) == 3


def damage(node: NodeContext, name: str) -> None:
    """Change a byte of the second chunk."""
    node.blobs.write_at(name, 524_305 + 9, b"\x00\x01")


def lose(node: NodeContext, name: str) -> None:
    """Lose the file, as a restore without the folder of files does."""
    node.blobs.delete(name)


@pytest.mark.parametrize("harm", [damage, lose])
def test_another_content_never_leaves_under_the_key(
    node: NodeContext, harm: Callable[[NodeContext, str], None]
) -> None:
    """A chunk that is not the announced one stops the file, which is said to whoever asks."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    harm(node, row_of(node, sent).file_id)
    (file,) = chunk_sending.claim_files(node, limit=4)
    with pytest.raises(StoredContentError, match=r"damaged|gone"):
        chunk_sending.read_chunks(node, file, [1])
    chunk_sending.record_lost(node, file, problem="damaged")
    assert row_of(node, sent).state == SentState.GONE
    (gone,) = ask(node, sent, (0, 2))
    assert gone.reason is AttachmentGoneReason.ERASED
    assert list(hand_over(node)) == []


def test_an_erased_case_takes_its_files(node: NodeContext) -> None:
    """Rows say that they are gone, blobs are deleted after the commit, and a peer is told."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    names = node.transact(lambda session: forget_files_of_case(session, sent.case_id))
    for name in names:
        node.blobs.delete(name)
    assert list(node.blobs.list_names()) == []
    assert list(hand_over(node)) == []
    (gone,) = ask(node, sent, (0, 2))
    assert gone.reason is AttachmentGoneReason.ERASED


def test_a_full_mailbox_is_waited_for(network: Network, node: NodeContext) -> None:
    """Pauses grow while the broker takes nothing, and begin anew with the first chunk it takes."""
    sent = send_file(node, CONTENT)
    leave(node, sent)
    waited = []
    for _ in range(4):
        (file,) = chunk_sending.claim_files(node, limit=4)
        chunk_sending.record_chunks(node, file, [], error="full")
        span = chunk_sending.next_chunks_in(node)
        assert span is not None
        waited.append(span)
        network.clock.advance(seconds=span.total_seconds())
    assert waited == sorted(waited)
    (file,) = chunk_sending.claim_files(node, limit=4)
    chunk_sending.record_chunks(node, file, [0], error="full")
    assert chunk_sending.next_chunks_in(node) == timedelta(seconds=0.2)


def test_the_urgent_message_s_file_goes_first(node: NodeContext) -> None:
    """One file for each recipient at a time: that of the most urgent message."""
    standard = send_file(node, CONTENT)
    immediate = send_file(node, CONTENT, urgency="immediate")
    for sent in (standard, immediate):
        leave(node, sent)
    (file,) = chunk_sending.claim_files(node, limit=4)
    assert file.message_id == immediate.message_id
    assert chunk_sending.claim_files(node, limit=4, busy=["XK"]) == []


def test_a_file_can_be_removed_before_it_is_sent(node: NodeContext) -> None:
    """Removing takes row and content; once sent, there is nothing to remove."""
    file = bring_in(node, CONTENT)
    handle_discard_file(node, file.file_id, owner=OWNER)
    assert list(node.blobs.list_names()) == []
    sent = send_file(node, CONTENT)
    handle_discard_file(node, row_of(node, sent).file_id, owner=OWNER)
    assert len(list(node.blobs.list_names())) == 1


def test_claims_hold_on_postgresql(postgres_cluster: PostgresCluster, tmp_path: Path) -> None:
    """Rows are locked there: a file is claimed once, noted, asked for again, and swept around."""
    with postgres_cluster.schemas() as urls:
        network = make_network(["AL", "XK"], url_of=urls, files=tmp_path)
        node = replace(network.node("AL"), file_rules=FileRules(reserve=0))
        sent = send_file(node, CONTENT)
        leave(node, sent)
        (file,) = chunk_sending.claim_files(node, limit=4)
        assert chunk_sending.claim_files(node, limit=4) == []
        assert chunk_sending.record_chunks(node, file, [0])
        network.clock.advance(seconds=91)
        assert [chunk.index for _, chunk in hand_over(node)] == [1, 2]
        assert ask(node, sent, (2, 2)) == ()
        assert [chunk.index for _, chunk in hand_over(node)] == [2]
        assert sweep_files(node, suspected=frozenset()).count == 0
        network.close()
