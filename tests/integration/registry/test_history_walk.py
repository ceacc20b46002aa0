"""A walk through the past that goes on from the last one finds what a new walk would."""

import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from typing_extensions import override

from contact_registry.history.archive import RegistryHistory
from contact_registry.history.indexing import HistoryWalk
from contact_registry.trust.storage import RepositoryFiles, write_durably
from protocol.identifiers import ParticipantCode
from tests.support.registry import AL, MK, RegistryWorld
from tests.support.registry_past import rotate_online_key


class KilledError(Exception):
    """The process was killed."""


class MortalWriter:
    """Writes files, and dies before the write that ``lives`` counts down to."""

    lives: int | None = None

    def __call__(self, path: Path, data: bytes) -> None:
        """Write durably, or die."""
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise KilledError
        write_durably(path, data)


class CountingFiles(RepositoryFiles):
    """Counts what is read, by role."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: Counter[str] = Counter()

    @override
    def read_metadata(self, role: str, version: int | None) -> bytes | None:
        """Count, and return a metadata file."""
        self.read[role] += 1
        return super().read_metadata(role, version)


@pytest.mark.parametrize("seed", range(4))
def test_same_as_a_new_walk(tmp_path: Path, seed: int) -> None:
    """Through publications, renewals, crashes at any write and a new key, both say the same."""
    random, writer = Random(seed), MortalWriter()
    world = RegistryWorld(tmp_path / "repository", write_file=writer)
    world.create()
    walk = HistoryWalk(RepositoryFiles(world.folder))
    for step in range(14):
        writer.lives = random.randrange(6) if step % 2 else None
        act = random.choice(("contacts", "contacts", "renewal", "weeks"))
        try:
            if act == "renewal":
                world.repository.refresh_timestamp(world.online)
            elif act == "weeks":
                world.clock.move(timedelta(hours=90))
                world.repository.refresh_timestamp(world.online)
            else:
                code = random.choice((AL, MK))
                world.publish(world.contacts_submission(code, note=f"step {step}"))
        except KilledError:
            world.repository = world.open()
        writer.lives = None
        world.clock.move(timedelta(minutes=10))
        if step % 3 == 0:
            continue  # several may have come since the last walk
        assert walk.look() == HistoryWalk(RepositoryFiles(world.folder)).look()
    rotate_online_key(world)
    assert walk.look() == HistoryWalk(RepositoryFiles(world.folder)).look()
    shared = RegistryHistory(world.folder, walk=walk)
    assert shared.list_versions() == RegistryHistory(world.folder).list_versions()


def test_only_what_came_since_is_read(tmp_path: Path) -> None:
    """A walk after one publication reads one snapshot more, and three timestamps."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    files = CountingFiles(world.folder)
    walk = HistoryWalk(files)
    walk.look()
    files.read.clear()
    walk.look()
    assert files.read == {"timestamp": 1}
    world.publish(world.contacts_submission(AL, note="new"))
    files.read.clear()
    assert max(walk.look().in_force) == 6
    assert files.read == {"timestamp": 3, "snapshot": 1}


@pytest.mark.parametrize("later", [AL, MK])
def test_a_restored_folder_is_walked_anew(tmp_path: Path, later: ParticipantCode) -> None:
    """After a backup was restored, and others published, nothing of the lost versions is told."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    shutil.copytree(world.folder, tmp_path / "backup")
    walk = HistoryWalk(RepositoryFiles(world.folder))
    for note in ("lost", "lost too"):
        world.publish(world.contacts_submission(AL, note=note))
    lost = walk.look().in_force[6].sha256
    shutil.rmtree(world.folder)
    shutil.copytree(tmp_path / "backup", world.folder)
    world.repository = world.open()
    world.clock.move(timedelta(hours=1))
    for number in range(3):
        world.publish(world.contacts_submission(later, note=f"new {number}"))
    found = walk.look()
    assert found == HistoryWalk(RepositoryFiles(world.folder)).look()
    assert found.in_force[6].sha256 != lost
