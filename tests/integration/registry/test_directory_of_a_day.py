"""A node answers for a past day from the signed files that it kept, and verifies them again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from console.storage.database import Database
from contact_registry.errors import RegistryRefusedError
from contact_registry.trust.client import RegistryClient
from node.adapters.registry import RegistryDirectory
from node.service.registry_archive import RegistryArchive
from node.service.registry_as_of import NotKeptError, PastDirectories
from node.store import account_tables, tables
from node.store.tables import RegistryFileRow
from tests.support.registry import AL, MK, RegistryWorld
from tests.support.tables import create_tables

REGISTERED = (account_tables, tables)


@pytest.fixture
def archive(world: RegistryWorld, node_url_of: Callable[[str], str]) -> Iterator[RegistryArchive]:
    """Make an empty archive."""
    database = Database(node_url_of("AL"))
    create_tables(database, SQLModel.metadata)
    yield RegistryArchive(database, trusted_root=world.repository.read_root(), clock=world.clock)
    database.close()


def test_each_day_as_it_was(
    world: RegistryWorld, client: RegistryClient, archive: RegistryArchive
) -> None:
    """Of every moment the node tells what it had verified last by then, whole and verified."""
    past = PastDirectories(archive)
    directory = RegistryDirectory(client, archive=archive)
    with pytest.raises(NotKeptError, match="nothing yet"):
        past.load_as_of(world.clock())
    began, seen = world.clock(), []
    for note in ("first", "second", "third"):
        world.publish(world.contacts_submission(AL, note=note))
        directory.refresh()
        seen.append((world.clock(), note, directory.current()))
        world.clock.move(timedelta(hours=1))
    with pytest.raises(NotKeptError, match="later day"):
        past.load_as_of(began - timedelta(seconds=1))
    for moment, note, view in [*seen, *reversed(seen)]:
        for at in (moment, moment + timedelta(minutes=59)):
            then = past.load_as_of(at)
            assert then.contacts[AL].authorities[0].note == note
            assert (then.version, then.sha256) == (view.version, view.sha256)
            assert then.contacts == view.contacts
            assert then.keys == view.keys
            assert then.verified_at == moment


def test_only_what_is_new_is_read_for_the_archive(
    world: RegistryWorld, client: RegistryClient, archive: RegistryArchive
) -> None:
    """After one change the archive has the files that changed besides those it had."""
    directory = RegistryDirectory(client, archive=archive)
    directory.refresh()
    assert len(_names(archive)) == 11
    world.publish(world.contacts_submission(MK, note="new"))
    directory.refresh()
    assert len(_names(archive)) == 14


def test_what_was_altered_in_the_archive_is_refused(
    world: RegistryWorld, client: RegistryClient, archive: RegistryArchive
) -> None:
    """A kept file that was altered does not become the directory of a day."""
    RegistryDirectory(client, archive=archive).refresh()
    with archive.database.transaction() as session:
        for row in session.exec(select(RegistryFileRow)):
            row.content = row.content.replace(b"Desk desk", b"Dusk desk")
            session.add(row)
    with pytest.raises(RegistryRefusedError):
        PastDirectories(archive).load_as_of(world.clock())


def test_a_version_that_is_not_whole_is_passed_over(
    world: RegistryWorld, client: RegistryClient, archive: RegistryArchive
) -> None:
    """Of a version that was only fetched for its keys nothing is told: an earlier one answers."""
    directory = RegistryDirectory(client, archive=archive)
    directory.refresh()
    first = directory.current()
    world.publish(world.contacts_submission(AL, note="lost"))
    directory.refresh()
    with archive.database.transaction() as session:
        for row in session.exec(select(RegistryFileRow)):
            if b'"note": "lost"' in row.content:
                session.delete(row)
    assert PastDirectories(archive).load_as_of(world.clock()).sha256 == first.sha256


def _names(archive: RegistryArchive) -> set[str]:
    with archive.database.reading() as session:
        return set(session.exec(select(RegistryFileRow.sha256)))


def test_a_node_with_a_damaged_cache_starts(
    world: RegistryWorld,
    client: RegistryClient,
    archive: RegistryArchive,
    restarted: RegistryClient,
    tmp_path: Path,
) -> None:
    """What no longer verifies after a restart is as if nothing were there, and is read again."""
    before = client.refresh()
    path = tmp_path / "cache" / "verified.sqlite"
    path.write_bytes(path.read_bytes().replace(b"Desk desk", b"Dusk desk"))
    directory = RegistryDirectory(restarted, archive=archive)
    assert directory.loaded is None
    directory.refresh()
    assert directory.current() == before
    assert archive.has(world.repository.published_version().sha256)
