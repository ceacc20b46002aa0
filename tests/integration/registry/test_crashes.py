"""A crash at any write of a publication leaves the old version or the new one, never a mixture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from contact_registry.trust.repository import RegistryRepository
from contact_registry.trust.storage import write_durably
from tests.support.registry import AL, RegistryWorld


class PowerCutError(Exception):
    """The machine stopped."""


@dataclass
class FailingWriter:
    """Writes files until the power is cut at write number ``cut_at`` (before, or in the middle)."""

    cut_at: int | None = None
    is_torn: bool = False
    writes: int = 0

    def __call__(self, path: Path, data: bytes) -> None:
        """Write, or leave what a power cut leaves: nothing, or a torn temporary file."""
        if self.writes == self.cut_at:
            if self.is_torn:
                (path.parent / ".new-torn").write_bytes(data[: len(data) // 2])
            raise PowerCutError
        self.writes += 1
        write_durably(path, data)


Change = Callable[[RegistryWorld, RegistryRepository], object]


def publish_contacts(world: RegistryWorld, repository: RegistryRepository) -> object:
    """Publish new contacts: document, role, snapshot, timestamp twice."""
    return repository.accept(world.contacts_submission(AL, note="new"), world.online)


def renew(world: RegistryWorld, repository: RegistryRepository) -> object:
    """Sign the timestamp again: twice one file."""
    return repository.refresh_timestamp(world.online)


@pytest.mark.parametrize("is_torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize(
    ("change", "writes"), [(publish_contacts, 5), (renew, 2)], ids=["publish", "renew"]
)
def test_crash_at_each_write(tmp_path: Path, change: Change, writes: int, *, is_torn: bool) -> None:
    """After a crash the old version is served whole, and the same change then goes through."""
    for cut_at in range(writes + 1):
        writer = FailingWriter()
        world = RegistryWorld(tmp_path / str(cut_at), write_file=writer)
        world.publish_all()
        old = world.repository.load_directory()
        writer.writes, writer.cut_at, writer.is_torn = 0, cut_at, is_torn
        if cut_at < writes:
            with pytest.raises(PowerCutError):
                change(world, world.repository)
            survivor = world.open().load_directory()
            assert (survivor.version, survivor.sha256) == (old.version, old.sha256)
            assert survivor.contacts == old.contacts
            assert_nothing_unpublished_is_served(world, old.version)
            writer.cut_at = None
        else:
            writer.cut_at = None
        change(world, world.open())
        world.open().load_directory()


def assert_nothing_unpublished_is_served(world: RegistryWorld, version: int) -> None:
    """Check that what the crash left behind is shown to nobody."""
    repository = world.open()
    assert repository.read_metadata("2.AL.json") is None
    assert repository.read_metadata(f"{version + 1}.snapshot.json") is None


def test_number_of_writes(tmp_path: Path) -> None:
    """The crash test above cuts at every write there is."""
    writer = FailingWriter()
    world = RegistryWorld(tmp_path / "repository", write_file=writer)
    world.publish_all()
    for change, writes in ((publish_contacts, 5), (renew, 2)):
        writer.writes = 0
        change(world, world.repository)
        assert writer.writes == writes


def test_crash_while_creating(tmp_path: Path) -> None:
    """A creation that was cut off can be done again."""
    for cut_at in range(6):
        writer = FailingWriter(cut_at=cut_at)
        world = RegistryWorld(tmp_path / str(cut_at), write_file=writer)
        with pytest.raises(PowerCutError):
            world.create()
        writer.cut_at = None
        world.create()
        assert len(world.open().load_directory().participants) == 2


def test_published_files_stay(tmp_path: Path) -> None:
    """Every version is kept: later changes touch the unnumbered timestamp only."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    before = {p: p.read_bytes() for p in world.folder.rglob("*.json")}
    world.publish(world.contacts_submission(AL, note="new"))
    world.repository.refresh_timestamp(world.online)
    changed = {p.name for p, data in before.items() if p.read_bytes() != data}
    assert changed == {"timestamp.json"}
