"""A broker grows from one server to three under load, and loses nothing.

The way back is a part of ``make cluster`` (tests/cluster/losses.py).
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hub.broker.moving import open_mover
from hub.broker.saved_mailboxes import MovingError, SavedMailboxes, finish_folder
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import TrafficClass
from tests.support.broker import SMALL_MAILBOX, LinkedNode, connected_hub, make_directory
from tests.support.broker import TestParticipant as Participant
from tests.support.cluster import NAMES, ClusterPlace, admit, cluster_place, wait_for_copies
from tests.support.cluster_scene import Record, Transcript
from tests.support.ledger import Ledger, ledger_of

ALONE = "broker-1"
#: What no compression makes smaller.
LARGE = [hashlib.shake_256(bytes([number])).digest(500_000) for number in range(4)]


async def test_growing_loses_nothing(tmp_path: Path, record_property: Record) -> None:
    """Every message accepted before, during and after the move arrives exactly once.

    Nothing is sent a second time in this test: what the broker had taken, it must have kept, also
    for MK, whose node is away all the while.
    """
    with cluster_place(tmp_path) as place:
        place.start(ALONE, clustered=False)
        async with (
            ledger_of(
                ("AL", "XK", "MK"), folder=tmp_path, servers=place.urls, tls=place.tls()
            ) as ledger,
            AsyncExitStack() as stack,
        ):
            async with connected_hub(place.access(ALONE)) as hub:
                await admit(hub, ledger.directory)
            for code in ("AL", "XK"):
                await stack.enter_async_context(ledger.nodes[code])
            async with ledger.under_load(("AL", "XK"), ("XK", "AL"), ("AL", "MK")):
                await ledger.see_progress("AL", 3)
                transcript = Transcript(record_property, ledger)
                transcript.note("load runs: AL -> XK, XK -> AL, AL -> MK (away)")

                await grow(place, tmp_path / "saved", transcript)

                async with connected_hub(
                    place.access(), limits=replace(SMALL_MAILBOX, replicas=3), servers=3
                ) as hub:
                    await admit(hub, ledger.directory)
                    transcript.note("admission has asked for three copies of each")
                    await wait_for_copies(hub, 3)
                    transcript.note("every copy is up to date")
                    await assert_each_server_lets_in(place, ledger)
                transcript.note("MK's account gets in at each of the three")
            waiting = len(ledger.accepted["MK"])
            assert ledger.count_receipted("AL") < ledger.count_accepted()  # MK's still wait
            await stack.enter_async_context(ledger.nodes["MK"])
            await ledger.settle("AL", "XK", "MK")

            assert waiting > 0
            faults = ledger.find_faults("AL", "XK", "MK")
            transcript.note(f"MK's node is back, all receipts came; lost or twice: {len(faults)}")
            assert faults == []


async def grow(place: ClusterPlace, saved: Path, transcript: Transcript) -> None:
    """Do what docs/broker-cluster.md says."""
    place.stop(ALONE)
    place.start(ALONE, clustered=False, closed=True)
    async with open_mover(place.access(ALONE)) as mover:
        transcript.note("the old server runs closed")
        kept = await mover.save(saved)
    transcript.note(f"{len(kept)} mailboxes saved")
    place.stop(ALONE)
    place.start(*NAMES, closed=True)
    transcript.note("three servers run closed")
    async with open_mover(place.access()) as mover:
        put_back = await mover.restore(saved)
        again = await mover.restore(saved)  # as after an interruption
    assert [one.messages for one in put_back] == [one.messages for one in kept]
    assert all(one.already_there for one in again)
    transcript.note("put back, compared, compared again")
    for name in NAMES:
        place.stop(name)
        place.start(name)
    transcript.note("each was restarted open")


async def assert_each_server_lets_in(place: ClusterPlace, ledger: Ledger) -> None:
    """Show that the accounts came to the new servers: MK gets in at each, by that one alone."""
    store = ledger.nodes["MK"].store
    member = Participant(store.participant, store.account_key, store.account_signing_key)
    for name in NAMES:
        async with LinkedNode(place.access(name), member) as node:
            await node.wait_until_up()


def open_to_others(folder: Path) -> None:
    """Let everybody look into it."""
    folder.chmod(0o755)


def lose_snapshot(folder: Path) -> None:
    """Forget a file, as a copy that was cut off does."""
    next(folder.glob("*.snapshot")).unlink()


def lose_list(folder: Path) -> None:
    """Forget what belongs to it."""
    (folder / "mailboxes.json").unlink()


def lengthen_snapshot(folder: Path) -> None:
    """Alter a snapshot."""
    with next(folder.glob("*.snapshot")).open("ab") as file:
        file.write(b"x")


def forge_list(folder: Path) -> None:
    """Say something else of a mailbox, under the same signature."""
    listed = folder / "mailboxes.json"
    listed.write_text(listed.read_text().replace('"last_seq": 0', '"last_seq": 7', 1))


def sign_anew(folder: Path) -> None:
    """Sign it with the keys of somebody else's broker."""
    contents = SavedMailboxes.model_validate_json((folder / "mailboxes.json").read_bytes())
    for name in ("mailboxes.json", "mailboxes.signature"):
        (folder / name).unlink()
    draft = folder.rename(folder.with_name("draft"))
    finish_folder(draft, folder, contents, key=Nkey.generate(NkeyKind.ACCOUNT))


SPOILED: Sequence[tuple[Callable[[Path], None], str]] = (
    (open_to_others, "chmod 700"),
    (lose_snapshot, "cannot be read"),
    (lose_list, "no complete folder"),
    (lengthen_snapshot, "snapshot is damaged"),
    (forge_list, "json is damaged"),
    (sign_anew, "not saved with the broker keys of this hub"),
)


def replace_state(saved: Path, folder: Path, place: ClusterPlace) -> Path:
    """Make a well-signed folder whose mailboxes are further than those of the broker."""
    contents = SavedMailboxes.model_validate_json((saved / "mailboxes.json").read_bytes())
    further = tuple(
        one.model_copy(update={"state": one.state | {"last_seq": 7}}) for one in contents.mailboxes
    )
    draft = Path(shutil.copytree(saved, folder.with_name("draft")))
    for name in ("mailboxes.json", "mailboxes.signature"):
        (draft / name).unlink()
    finish_folder(
        draft,
        folder,
        contents.model_copy(update={"mailboxes": further}),
        key=place.material.hub_account,
    )
    return folder


async def test_mailboxes_move_only_where_nothing_can_be_lost(tmp_path: Path) -> None:
    """An open broker, an existing folder, a damaged file and another mailbox are refused."""
    member = Participant(ParticipantCode("AA"))
    saved = tmp_path / "saved"
    with cluster_place(tmp_path) as place:
        place.start(ALONE, clustered=False)
        async with connected_hub(place.access(ALONE)) as hub:
            await hub.admission.reconcile(make_directory([member]))
        async with open_mover(place.access(ALONE)) as mover:
            with pytest.raises(MovingError, match="--closed"):
                await mover.save(saved)
        place.stop(ALONE)
        place.start(ALONE, clustered=False, closed=True)
        async with open_mover(place.access(ALONE)) as mover:
            await mover.save(saved)
            with pytest.raises(MovingError, match="left as it is"):
                await mover.save(saved)
        async with LinkedNode(place.access(ALONE), member) as node:
            await node.wait_for(lambda link: link.state.last_error is not None)
            assert "authorization" in str(node.link.state.last_error).lower()

        async with open_mover(place.access(ALONE)) as mover:
            for spoil, hint in SPOILED:
                copy = Path(shutil.copytree(saved, tmp_path / "copy"))
                spoil(copy)
                with pytest.raises(MovingError, match=hint):
                    await mover.restore(copy)
                shutil.rmtree(copy)
            (tmp_path / "other.unfinished").mkdir()
            with pytest.raises(MovingError, match="left of a try that was cut off"):
                await mover.save(tmp_path / "other")
            lying = replace_state(saved, tmp_path / "lying", place)
            with pytest.raises(MovingError, match="not the one that was saved"):
                await mover.restore(lying)
        assert [path for path in (saved, *saved.iterdir()) if path.stat().st_mode & 0o077] == []
    with pytest.raises(MovingError, match="No connection"):
        async with open_mover(place.access(ALONE)):
            pass


class _CutOffError(Exception):
    """The machine of the command was switched off."""


async def test_putting_back_begins_anew_after_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker keeps the half that came; the next try removes it, and nothing is missing."""
    member, saved = Participant(ParticipantCode("AA")), tmp_path / "saved"
    with cluster_place(tmp_path) as place:
        place.start(ALONE, clustered=False)
        async with connected_hub(place.access(ALONE)) as hub:
            await hub.admission.reconcile(make_directory([member]))
        async with LinkedNode(place.access(ALONE), member) as node:
            for envelope in LARGE:
                await node.put(member, envelope)
        place.stop(ALONE)
        place.start(ALONE, clustered=False, closed=True)
        async with open_mover(place.access(ALONE)) as mover:
            await mover.save(saved)
        place.start("broker-2", clustered=False, closed=True)
        async with open_mover(place.access("broker-2")) as mover:
            hand_over, sent = mover._hand_over, 0

            async def hand_some_over(subject: str, data: bytes) -> None:
                nonlocal sent
                sent += len(data)
                if sent > 1_500_000:
                    raise _CutOffError
                await hand_over(subject, data)

            monkeypatch.setattr(mover, "_hand_over", hand_some_over)
            with pytest.raises(_CutOffError):
                await mover.restore(saved)
        assert (saved / "unfinished").stat().st_mode & 0o077 == 0
        async with open_mover(place.access("broker-2")) as mover:
            put_back = await mover.restore(saved)
        assert sum(one.messages for one in put_back) == len(LARGE)
        place.stop("broker-2")
        place.start("broker-2", clustered=False)
        async with connected_hub(place.access("broker-2")) as hub:
            await hub.admission.reconcile(make_directory([member]))
        async with LinkedNode(place.access("broker-2"), member) as node:
            taken = await node.take(len(LARGE), traffic=TrafficClass.LARGE)
    assert [one.envelope for one in taken] == LARGE
