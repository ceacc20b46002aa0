"""A crash at any write of a publication loses no version, and adds none that was not in force."""

from datetime import timedelta
from pathlib import Path

import pytest

from contact_registry.history.archive import RegistryHistory
from contact_registry.history.errors import OtherVersionError, VersionNotKeptError
from contact_registry.trust.storage import write_durably
from tests.support.registry import AL, RegistryWorld

#: Document, role, snapshot, numbered timestamp, timestamp.
WRITES = 5
#: After this many writes, a numbered timestamp names a snapshot that is not in force.
ALL_BUT_THE_LAST = 4


class KilledError(Exception):
    """The process was killed."""


class MortalWriter:
    """Writes files, and dies before write number ``dies_at``, leaving half of it aside."""

    dies_at: int | None = None
    writes: int = 0

    def __call__(self, path: Path, data: bytes) -> None:
        """Write durably, or die."""
        if self.writes == self.dies_at:
            (path.parent / ".new-torn").write_bytes(data[: len(data) // 2])
            raise KilledError
        self.writes += 1
        write_durably(path, data)


def read_all(folder: Path) -> dict[int, tuple[str, str]]:
    """Return the hash and the note of AL's desk of every version; all of them verify."""
    history = RegistryHistory(folder)
    return {
        version.version: (
            version.sha256,
            history.load_as_of(version.version).contacts[AL].authorities[0].note
            if AL in history.load_as_of(version.version).contacts
            else "",
        )
        for version in history.list_versions()
    }


@pytest.mark.parametrize("dies_at", range(WRITES), ids=[f"write_{n}" for n in range(WRITES)])
@pytest.mark.parametrize("retries_same", [True, False], ids=["same_again", "something_else"])
def test_kill_at_each_write(tmp_path: Path, dies_at: int, *, retries_same: bool) -> None:
    """After the kill the past is as it was; after the next publication it is one version longer."""
    writer = MortalWriter()
    world = RegistryWorld(tmp_path / "repository", write_file=writer)
    world.publish_all()
    world.publish(world.contacts_submission(AL, note="first"))
    before = read_all(world.folder)
    writer.writes, writer.dies_at = 0, dies_at
    with pytest.raises(KilledError):
        world.publish(world.contacts_submission(AL, note="killed"))
    assert read_all(world.folder) == before
    writer.dies_at = None
    world.repository = world.open()
    world.clock.move(timedelta(minutes=10))
    note = "killed" if retries_same else "other"
    published = world.publish(world.contacts_submission(AL, note=note))
    after = read_all(world.folder)
    assert after == before | {published.version: (published.sha256, note)}


def test_what_a_kill_left_is_told_and_never_answers(tmp_path: Path) -> None:
    """A version that was signed whole and never in force is named apart; no pin opens it."""
    writer = MortalWriter()
    world = RegistryWorld(tmp_path / "repository", write_file=writer)
    before = world.publish_all().version
    writer.writes, writer.dies_at = 0, ALL_BUT_THE_LAST
    with pytest.raises(KilledError):
        world.publish(world.contacts_submission(AL, note="killed"))
    writer.dies_at = None
    assert RegistryHistory(world.folder).list_interrupted() == ()
    world.repository = world.open()
    world.clock.move(timedelta(minutes=10))
    published = world.publish(world.contacts_submission(AL, note="other"))
    history = RegistryHistory(world.folder)
    (lost,) = history.list_interrupted()
    assert (before, lost.version, published.version) == (lost.version - 1, before + 1, before + 2)
    with pytest.raises(OtherVersionError, match="never in force"):
        history.load_pinned(lost.version, lost.sha256)
    with pytest.raises(VersionNotKeptError, match="was never in force"):
        history.load_as_of(lost.version)


def test_kill_while_renewing(tmp_path: Path) -> None:
    """A renewal that was cut off leaves the past as it was, and so does its repetition."""
    writer = MortalWriter()
    world = RegistryWorld(tmp_path / "repository", write_file=writer)
    world.publish_all()
    before = read_all(world.folder)
    for dies_at in range(2):
        writer.writes, writer.dies_at = 0, dies_at
        with pytest.raises(KilledError):
            world.repository.refresh_timestamp(world.online)
        assert read_all(world.folder) == before
        writer.dies_at = None
        world.repository.refresh_timestamp(world.online)
        assert read_all(world.folder) == before
